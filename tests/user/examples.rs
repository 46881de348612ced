//! The programs in `examples`.

use polars_lazy::frame::IntoLazy;
use quokka::prelude::*;

use crate::support::{Rows, assert_same, setting, settings};

#[path = "../../examples/order_book.rs"]
#[expect(dead_code, reason = "`main` is for the program")]
pub mod order_book;
#[path = "../../examples/tutorial.rs"]
#[expect(dead_code, reason = "`main` is for the program")]
pub mod tutorial;

#[test]
fn the_tutorial_makes_3160() {
    for index in 0..settings() {
        let (setting, context) = setting(index);
        assert_eq!(tutorial::sum(context).unwrap(), df!("n" => [3160i64]).unwrap(), "{setting}");
    }
}

#[test]
fn the_order_book_has_the_best_prices() {
    let orders = order_book::orders(2000).unwrap();
    let best = |side: &str, name: &str| {
        let of_side = col("side").eq(lit(side));
        let price = col("price").filter(of_side.clone());
        let price = if side == "buy" { price.max() } else { price.min() };
        let at = of_side.and(col("price").eq(price.clone()));
        [price.alias(name), col("quantity").filter(at).sum().alias(format!("{name}_quantity"))]
    };
    let open = orders.clone().lazy().filter((col("order") % lit(4)).eq(lit(1)));
    let books = open.group_by([col("symbol")]).agg([best("buy", "bid"), best("sell", "ask")].concat());
    let expected = books.sort(["symbol"], Default::default()).collect().unwrap();
    assert_eq!((expected.height(), expected.column("bid").unwrap().null_count()), (5, 0));
    for index in 0..settings() {
        let (setting, context) = setting(index);
        let books = order_book::books(context, orders.clone()).unwrap();
        assert_same(&books, &expected, Rows::Ordered, &|| setting.to_string());
    }
}
