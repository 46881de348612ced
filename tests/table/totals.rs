//! Methods that make one row of all.

use quokka::prelude::*;

use super::check_tables;
use crate::support::Rows;

#[test]
fn one_row_of_all_rows() {
    check_tables(Rows::Ordered, |t| t.count(), |t| t.count());
    check_tables(Rows::Ordered, |t| t.null_count(), |t| t.null_count());
    check_tables(Rows::Ordered, |t| t.min(), |t| t.min());
    check_tables(Rows::Ordered, |t| t.max(), |t| t.max());
    check_tables(Rows::Ordered, |t| t.n_unique(), |t| t.select([all().as_expr().n_unique()]));
    check_tables(Rows::Ordered, |t| t.select([len()]), |t| t.select([len()]));
    let numeric = || cols(["id", "key", "value", "flag", "real"]);
    check_tables(Rows::Ordered, |t| t.select([numeric().as_expr()]).sum(), |t| t.select([numeric().as_expr()]).sum());
    check_tables(Rows::Ordered, |t| t.select([numeric().as_expr()]).mean(), |t| t.select([numeric().as_expr()]).mean());
    let numeric = || cols(["id", "key", "value", "real"]);
    let of = |t: DataStream| t.select([numeric().as_expr()]);
    check_tables(Rows::Ordered, |t| of(t).median(), |t| t.select([numeric().as_expr()]).median());
    check_tables(Rows::Ordered, |t| of(t).std(1), |t| t.select([numeric().as_expr()]).std(1));
    check_tables(Rows::Ordered, |t| of(t).var(0), |t| t.select([numeric().as_expr()]).var(0));
    for method in [QuantileMethod::Nearest, QuantileMethod::Linear, QuantileMethod::Lower] {
        check_tables(
            Rows::Ordered,
            |t| of(t).quantile(lit(0.3), method),
            |t| t.select([numeric().as_expr()]).quantile(lit(0.3), method),
        );
    }
}

#[test]
fn order_is_turned_and_moved() {
    check_tables(Rows::Ordered, |t| t.reverse(), |t| t.reverse());
    for n in [0, 1, -3, 500] {
        check_tables(Rows::Ordered, |t| t.shift(n), |t| t.shift(n));
    }
    check_tables(
        Rows::Ordered,
        |t| t.sort(["value", "id"], Default::default()).shift(2).reverse().limit(20),
        |t| t.sort(["value", "id"], Default::default()).shift(2).reverse().limit(20),
    );
}
