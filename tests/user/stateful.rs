//! Operators with state.

mod channels;
mod failures;
mod totals;

use polars_lazy::frame::IntoLazy;
use quokka::prelude::*;

use self::totals::{Totals, totals_of_numbers};
use crate::support::{Rows, assert_same, check, check_against, context, numbers, orders, setting, settings};

#[test]
fn by_key_and_on_one_worker() {
    for partitioning in [InputPartitioning::keys(["key"]), InputPartitioning::Single] {
        let query = |[stream]: [DataStream; 1]| stream.stateful(Totals::by([partitioning.clone()]));
        check_against([&numbers()], Rows::AnyOrder, query, &totals_of_numbers());
    }
}

#[test]
fn nothing_moves_past_an_operator() {
    let query = |[stream]: [DataStream; 1]| {
        let totals = stream.filter(col("id").gt(lit(20))).stateful(Totals::by([InputPartitioning::keys(["key"])]));
        totals.filter(col("sum").gt(lit(0))).sort(["key"], Default::default()).limit(4).select([col("sum"), col("key")])
    };
    check([&numbers()], Rows::Ordered, query, |[frame]| {
        let sums = [col("value").cast(DataType::Int64).sum().alias("sum")];
        let totals = frame.filter(col("id").gt(lit(20))).group_by([col("key")]).agg(sums);
        let first = totals.filter(col("sum").gt(lit(0))).sort(["key"], Default::default()).limit(4);
        first.select([col("sum"), col("key")])
    });
}

#[test]
fn several_inputs_meet_by_key() {
    let expected = {
        let counted = |frame: DataFrame, input: usize| {
            let rows = (0..2).map(|i| lit(u64::from(i == input)).cast(DataType::UInt64).alias(format!("rows_{i}")));
            frame.lazy().select([col("key"), col("value")]).with_columns(rows.collect::<Vec<_>>()).collect().unwrap()
        };
        let both = counted(numbers(), 0).vstack(&counted(orders(), 1)).unwrap();
        let sums = [col("value").cast(DataType::Int64).sum().alias("sum"), col("rows_0").sum(), col("rows_1").sum()];
        both.lazy().group_by([col("key")]).agg(sums).collect().unwrap()
    };
    let by_key = || InputPartitioning::keys(["key"]);
    let query = |[left, right]: [DataStream; 2]| left.stateful_with(&[right], Totals::by([by_key(), by_key()]));
    check_against([&numbers(), &orders()], Rows::AnyOrder, query, &expected);
    let single = || InputPartitioning::Single;
    let query = |[left, right]: [DataStream; 2]| left.stateful_with(&[right], Totals::by([single(), single()]));
    check_against([&numbers(), &orders()], Rows::AnyOrder, query, &expected);
}

/// The rows of input 0 whose `key` is one of input 1, which all channels get, and the worker on which they are.
struct Lookup;

impl StatefulOperator for Lookup {
    fn describe(&self) -> Description {
        Description::streams("lookup")
    }

    fn partitioning(&self, input: usize) -> InputPartitioning {
        if input == 0 { InputPartitioning::AsItComes } else { InputPartitioning::Broadcast }
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(inputs[0].clone())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(LookupChannel::default()))
    }
}

#[derive(Default)]
struct LookupChannel {
    waiting: Vec<DataFrame>,
    keys: Vec<Option<i64>>,
    is_complete: bool,
}

impl LookupChannel {
    fn look_up(&self, batch: &DataFrame) -> Result<DataFrame, UserError> {
        let keys = batch.column("key")?.i64()?;
        let mask = keys.iter().map(|key| key.is_some() && self.keys.contains(&key)).collect();
        Ok(batch.filter(&mask)?)
    }
}

impl StatefulChannel for LookupChannel {
    fn on_batch(&mut self, input: usize, batch: DataFrame, output: &mut Output) -> Result<(), UserError> {
        match (input, self.is_complete) {
            (1, _) => self.keys.extend(batch.column("key")?.i64()?.iter()),
            (_, true) => output.push(self.look_up(&batch)?),
            (_, false) => self.waiting.push(batch),
        }
        Ok(())
    }

    fn on_input_end(&mut self, input: usize, output: &mut Output) -> Result<(), UserError> {
        if input == 1 {
            self.is_complete = true;
            for batch in std::mem::take(&mut self.waiting) {
                output.push(self.look_up(&batch)?);
            }
        }
        Ok(())
    }
}

#[test]
fn every_channel_gets_a_broadcast() {
    let query = |[left, right]: [DataStream; 2]| left.stateful_with(&[right], Lookup);
    check([&numbers(), &orders()], Rows::AnyOrder, query, |[left, right]| {
        left.join(right, [col("key")], [col("key")], JoinArgs::new(JoinType::Semi))
    });
}

/// Numbers the rows as they come.
struct Numbered;

impl StatefulOperator for Numbered {
    fn describe(&self) -> Description {
        Description::streams("numbered")
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::Single
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        let mut schema = Schema::clone(&inputs[0]);
        schema.insert("number".into(), DataType::UInt64);
        Ok(schema.into())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(NumberedChannel(0)))
    }
}

struct NumberedChannel(u64);

impl StatefulChannel for NumberedChannel {
    fn on_batch(&mut self, _input: usize, mut batch: DataFrame, output: &mut Output) -> Result<(), UserError> {
        let end = self.0 + batch.height() as u64;
        batch.with_column(Series::new("number".into(), (self.0..end).collect::<Vec<_>>()).into_column())?;
        self.0 = end;
        output.push(batch);
        Ok(())
    }
}

#[test]
fn one_channel_gets_rows_in_order() {
    let down = || SortMultipleOptions::default().with_order_descending(true);
    let query = |[stream]: [DataStream; 1]| stream.select([col("id")]).sort(["id"], down()).stateful(Numbered);
    let ids: Vec<i64> = (0..200).rev().collect();
    let expected = df!("id" => ids, "number" => (0..200u64).collect::<Vec<_>>()).unwrap();
    check_against([&numbers()], Rows::AnyOrder, query, &expected);
}

#[test]
fn rows_of_nothing() {
    let none = numbers().clear();
    let query = |[stream]: [DataStream; 1]| stream.stateful(Totals::by([InputPartitioning::keys(["key"])]));
    check_against([&none], Rows::AnyOrder, query, &totals_of_numbers().clear());
    let query = |[stream]: [DataStream; 1]| stream.stateful(Ended);
    check_against([&none], Rows::AnyOrder, query, &df!("inputs" => [1u64]).unwrap());
}

/// One row when its input has ended, from its only channel.
struct Ended;

impl StatefulOperator for Ended {
    fn describe(&self) -> Description {
        Description::blocks("ended")
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::Single
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(Schema::from_iter([Field::new("inputs".into(), DataType::UInt64)]).into())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        struct Channel;
        impl StatefulChannel for Channel {
            fn on_batch(&mut self, _: usize, _: DataFrame, _: &mut Output) -> Result<(), UserError> {
                Ok(())
            }

            fn on_input_end(&mut self, _: usize, output: &mut Output) -> Result<(), UserError> {
                output.push(df!("inputs" => [1u64])?);
                Ok(())
            }
        }
        Ok(Box::new(Channel))
    }
}

#[test]
fn an_operator_that_is_read_twice() {
    let expected = totals_of_numbers().vstack(&totals_of_numbers()).unwrap();
    for index in 0..settings() {
        let (setting, context) = setting(index);
        let totals = context.from_df(numbers()).stateful(Totals::by([InputPartitioning::keys(["key"])]));
        let both = totals.clone().union(totals).collect().unwrap();
        assert_same(&both, &expected, Rows::AnyOrder, &|| setting.to_string());
    }
}

#[test]
fn explain_shows_an_operator() {
    let totals = context().from_df(numbers()).stateful(Totals::by([InputPartitioning::keys(["key"])]));
    let plan = totals.explain().unwrap();
    assert!(plan.contains("totals of=[value] inputs=[by key]"), "{plan}");
}

/// Passes the rows of input 1 on, and fails if one comes before input 0 is complete.
struct InOrder(usize);

struct Ordered {
    first: usize,
    ended: bool,
}

impl StatefulOperator for InOrder {
    fn describe(&self) -> Description {
        Description::streams("in-order")
    }

    fn partitioning(&self, input: usize) -> InputPartitioning {
        if input == self.0 { InputPartitioning::Broadcast } else { InputPartitioning::AsItComes }
    }

    fn first_input(&self) -> Option<usize> {
        Some(self.0)
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(inputs[1 - self.0].clone())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Ordered { first: self.0, ended: false }))
    }
}

impl StatefulChannel for Ordered {
    fn on_batch(&mut self, input: usize, batch: DataFrame, output: &mut Output) -> Result<(), UserError> {
        if input == self.first {
            return Ok(());
        }
        output.push(batch);
        if self.ended { Ok(()) } else { Err("a row of the other input came too early".into()) }
    }

    fn on_input_end(&mut self, input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.ended |= input == self.first;
        Ok(())
    }
}

#[test]
fn other_inputs_wait_for_the_first() {
    for first in [0, 1] {
        // The other input goes through an exchange, or is the same stream.
        let query = |[one, other]: [DataStream; 2]| {
            let other = other.group_by([col("id")]).agg([col("value").sum()]);
            let inputs = if first == 0 { [one, other] } else { [other, one] };
            let [left, right] = inputs;
            left.stateful_with(&[right], InOrder(first))
        };
        let expected = numbers().lazy().group_by([col("id")]).agg([col("value").sum()]).collect().unwrap();
        check_against([&numbers(), &numbers()], Rows::AnyOrder, query, &expected);
        let with_itself = |[one]: [DataStream; 1]| one.clone().stateful_with(&[one], InOrder(first));
        check_against([&numbers()], Rows::AnyOrder, with_itself, &numbers());
        let on_one = |[one]: [DataStream; 1]| one.clone().stateful_with(&[one], InOrder(first)).channels(1);
        check_against([&numbers()], Rows::AnyOrder, on_one, &numbers());
    }
}
