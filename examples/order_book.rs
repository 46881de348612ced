//! An operator with two inputs: orders and cancellations meet by symbol, and what is left of a symbol is its order book, of
//! which the best prices are told.
//!
//! Run it with timely's flags: `-w 4` for four workers, and in two processes
//!
//! ```text
//! cargo run --release --example order_book -- -w 2 -n 2 -p 0 &
//! cargo run --release --example order_book -- -w 2 -n 2 -p 1
//! ```
//!
//! Each process prints the same table.

use std::collections::{BTreeMap, HashSet};

use quokka::prelude::*;

/// The best prices of each symbol when all orders and cancellations are in. Input 0: orders, with the columns `symbol`,
/// `order`, `side` (`buy` or `sell`), `price` and `quantity`. Input 1: cancellations, with `symbol` and `order`.
struct OrderBook;

impl StatefulOperator for OrderBook {
    fn describe(&self) -> Description {
        Description::blocks("order-book")
    }

    /// All that concerns a symbol meets on one channel; symbols are spread over the workers.
    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::keys(["symbol"])
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        let needed: [&[&str]; 2] = [&["symbol", "order", "side", "price", "quantity"], &["symbol", "order"]];
        if inputs.len() != needed.len() {
            return Err("an order book needs orders and cancellations".into());
        }
        for (input, names) in inputs.iter().zip(needed) {
            if let Some(missing) = names.iter().find(|name| !input.contains(name)) {
                return Err(format!("there is no column `{missing}`").into());
            }
        }
        let mut schema = Schema::from_iter([Field::new("symbol".into(), DataType::String)]);
        for name in ["bid", "bid_quantity", "ask", "ask_quantity"] {
            schema.insert(name.into(), DataType::Int64);
        }
        Ok(schema.into())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Books { batch_rows: context.batch_rows, ..Books::default() }))
    }
}

struct Order {
    id: i64,
    is_buy: bool,
    price: i64,
    quantity: i64,
}

/// The state of one channel: the orders of its symbols. Orders and cancellations come in any order, so nothing is
/// cancelled before all are in.
#[derive(Default)]
struct Books {
    orders: BTreeMap<String, Vec<Order>>,
    cancelled: HashSet<i64>,
    ended: usize,
    batch_rows: usize,
}

impl StatefulChannel for Books {
    fn on_batch(&mut self, input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        let ids = batch.column("order")?.i64()?;
        if input == 1 {
            self.cancelled.extend(ids.iter().flatten());
            return Ok(());
        }
        let (symbols, sides) = (batch.column("symbol")?.str()?, batch.column("side")?.str()?);
        let (prices, quantities) = (batch.column("price")?.i64()?, batch.column("quantity")?.i64()?);
        for row in 0..batch.height() {
            let (Some(symbol), Some(id), Some(side), Some(price), Some(quantity)) =
                (symbols.get(row), ids.get(row), sides.get(row), prices.get(row), quantities.get(row))
            else {
                return Err(format!("an order without symbol, number, side, price or quantity in\n{batch}").into());
            };
            let order = Order { id, is_buy: side == "buy", price, quantity };
            self.orders.entry(symbol.to_string()).or_default().push(order);
        }
        Ok(())
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.ended += 1;
        Ok(())
    }

    /// A batch of symbols at a time.
    fn resume(&mut self, output: &mut Output) -> Result<Progress, UserError> {
        if self.ended < 2 || self.orders.is_empty() {
            return Ok(Progress::Done);
        }
        let mut symbols = Vec::new();
        let mut columns: [Vec<Option<i64>>; 4] = Default::default();
        while symbols.len() < self.batch_rows
            && let Some((symbol, orders)) = self.orders.pop_first()
        {
            let open = || orders.iter().filter(|order| !self.cancelled.contains(&order.id));
            let bid = open().filter(|order| order.is_buy).map(|order| order.price).max();
            let ask = open().filter(|order| !order.is_buy).map(|order| order.price).min();
            let quantity = |is_buy: bool, price: Option<i64>| {
                let at = open().filter(|order| order.is_buy == is_buy && Some(order.price) == price);
                price.map(|_| at.map(|order| order.quantity).sum::<i64>())
            };
            symbols.push(symbol);
            let values = [bid, quantity(true, bid), ask, quantity(false, ask)];
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
        let [bid, bid_quantity, ask, ask_quantity] = columns;
        output.push(df!(
            "symbol" => symbols, "bid" => bid, "bid_quantity" => bid_quantity, "ask" => ask, "ask_quantity" => ask_quantity
        )?);
        Ok(Progress::More)
    }

    fn state_bytes(&self) -> usize {
        let orders: usize = self.orders.values().map(|orders| orders.len() * size_of::<Order>()).sum();
        orders + self.cancelled.len() * size_of::<i64>()
    }
}

/// A day of orders that looks like chance and is none.
pub fn orders(count: i64) -> Result<DataFrame, UserError> {
    let ids: Vec<i64> = (0..count).collect();
    let symbols: Vec<&str> =
        ids.iter().map(|id| ["AAPL", "IBM", "MSFT", "NVDA", "ORCL"][(id * 7 % 5) as usize]).collect();
    let sides: Vec<&str> = ids.iter().map(|id| if id * 11 % 3 == 0 { "buy" } else { "sell" }).collect();
    let price = |id: &i64| if id * 11 % 3 == 0 { 100 - id * 13 % 50 } else { 101 + id * 17 % 50 };
    let prices: Vec<i64> = ids.iter().map(price).collect();
    let quantities: Vec<i64> = ids.iter().map(|id| 1 + id * 29 % 20).collect();
    Ok(df!("symbol" => symbols, "order" => ids, "side" => sides, "price" => prices, "quantity" => quantities)?)
}

/// The books of a day on which three orders of four were cancelled.
pub fn books(context: &Context, orders: DataFrame) -> quokka::Result<DataFrame> {
    let orders = context.from_df(orders);
    let cancelled = orders.clone().filter((col("order") % lit(4)).neq(lit(1)));
    let cancellations = cancelled.select([col("symbol"), col("order")]);
    orders.stateful_with(&[cancellations], OrderBook).sort(["symbol"], Default::default()).collect()
}

fn main() -> Result<(), UserError> {
    let context = Context::from_args(std::env::args())?;
    println!("{}", books(&context, orders(2000)?)?);
    Ok(())
}
