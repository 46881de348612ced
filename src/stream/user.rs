//! Methods that run code of users.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::SchemaRef;
use quokka_engine::expr::prelude::Expr;

use super::DataStream;
use crate::plan::logical::LogicalPlan;
use crate::user::{BatchFunction, MapOptions, StatefulOperator, UserError};

impl DataStream {
    /// What `function` makes of each batch: any number of rows with the columns of `schema`.
    ///
    /// How rows are cut into batches is not determined, so the result must not depend on it. Streams and holds nothing:
    /// the function runs right behind what makes its input, on every worker. It sees all columns, and nothing of the query
    /// moves past it; [`map_batches_with`](Self::map_batches_with) tells which columns it needs.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("text" => ["a b", "c"]).unwrap());
    /// let schema = Schema::from_iter([Field::new("word".into(), DataType::String)]);
    /// let words = stream.map_batches(schema, |batch| -> Result<_, UserError> {
    ///     let texts = batch.column("text")?.str()?;
    ///     let words: Vec<&str> = texts.iter().flatten().flat_map(|text| text.split(' ')).collect();
    ///     Ok(df!("word" => words)?)
    /// });
    /// assert_eq!(words.sort(["word"], Default::default()).collect()?, df!("word" => ["a", "b", "c"]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// The query fails with what the function returns, if it panics, and if it makes other columns than those of `schema`.
    #[doc(alias = "transform")]
    pub fn map_batches<F, E>(self, schema: impl Into<SchemaRef>, function: F) -> Self
    where
        F: Fn(DataFrame) -> Result<DataFrame, E> + Send + Sync + 'static,
        E: Into<UserError>,
    {
        self.map_batches_with(schema, MapOptions::default(), function)
    }

    /// [`map_batches`](Self::map_batches) with a name, and the columns that the function needs: it gets these alone, and
    /// others are not read if nothing else needs them. This is what Quokka calls `transform`. For a function that adds one
    /// column, [`with_column_fn`](Self::with_column_fn) lets the optimizer know more.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2], "b" => ["x", "y"]).unwrap());
    /// let options = MapOptions::default().name("double").required_columns(["a"]);
    /// let schema = Schema::from_iter([Field::new("a".into(), DataType::Int32)]);
    /// let doubled = stream.map_batches_with(schema, options, |batch| batch.vstack(&batch));
    /// assert_eq!(doubled.collect()?.height(), 4);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    #[doc(alias = "transform")]
    pub fn map_batches_with<F, E>(self, schema: impl Into<SchemaRef>, options: MapOptions, function: F) -> Self
    where
        F: Fn(DataFrame) -> Result<DataFrame, E> + Send + Sync + 'static,
        E: Into<UserError>,
    {
        let function = BatchFunction::new(schema.into(), &options, function);
        self.then(|plan| plan.map_batches(function, options.columns()))
    }

    /// What an operator with state makes of this stream.
    ///
    /// A channel of it runs on each worker, or on one, and gets rows as its
    /// [`partitioning`](StatefulOperator::partitioning) says. It sees all columns, and nothing of the query moves past it.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// /// The number of rows of each key, told when all rows have come.
    /// struct Counter;
    ///
    /// impl StatefulOperator for Counter {
    ///     fn describe(&self) -> Description {
    ///         Description::blocks("counter")
    ///     }
    ///
    ///     fn partitioning(&self, _input: usize) -> InputPartitioning {
    ///         InputPartitioning::keys(["key"])
    ///     }
    ///
    ///     fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
    ///         let key = Field::new("key".into(), DataType::String);
    ///         Ok(Schema::from_iter([key, Field::new("rows".into(), DataType::UInt64)]).into())
    ///     }
    ///
    ///     fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
    ///         Ok(Box::new(Counts::default()))
    ///     }
    /// }
    ///
    /// #[derive(Default)]
    /// struct Counts(std::collections::BTreeMap<String, u64>);
    ///
    /// impl StatefulChannel for Counts {
    ///     fn on_batch(&mut self, _input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
    ///         for key in batch.column("key")?.str()?.iter().flatten() {
    ///             *self.0.entry(key.to_string()).or_default() += 1;
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<(), UserError> {
    ///         let (keys, rows): (Vec<String>, Vec<u64>) = std::mem::take(&mut self.0).into_iter().unzip();
    ///         output.push(df!("key" => keys, "rows" => rows)?);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("key" => ["a", "b", "a"]).unwrap());
    /// let counts = stream.stateful(Counter).sort(["key"], Default::default()).collect()?;
    /// assert_eq!(counts, df!("key" => ["a", "b"], "rows" => [2u64, 1]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the operator returns, before anything runs or when it does; a panic of it; other columns than it promised.
    pub fn stateful(self, operator: impl StatefulOperator) -> Self {
        self.stateful_with(&[], operator)
    }

    /// [`stateful`](Self::stateful) with several inputs: this stream is input 0, those of `others` follow. Rows of
    /// different inputs come in any order.
    pub fn stateful_with(self, others: &[DataStream], operator: impl StatefulOperator) -> Self {
        self.then(|plan| {
            let mut inputs = vec![plan];
            for other in others {
                inputs.push(other.plan.clone()?);
            }
            LogicalPlan::stateful(inputs, Arc::new(operator))
        })
    }

    /// Calls `function` once for each key that this stream or `other` has, with the rows of both that have it; it makes
    /// any number of rows with the columns of `schema`.
    ///
    /// The function gets the key as a frame of one row (columns have the names of `left_on`), the rows of this stream and
    /// those of `other`; one of them may have no rows. Keys are equal as in [`group_by`](Self::group_by): null equals
    /// null. Rows of a group, and groups, come in no particular order.
    ///
    /// Blocks, and holds all rows of both streams, spread over the workers by key.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let orders = context.from_df(df!("customer" => [1, 2, 1], "price" => [10, 20, 30]).unwrap());
    /// let visits = context.from_df(df!("id" => [1, 3], "page" => ["x", "y"]).unwrap());
    /// let columns = ["customer", "orders", "visits"].map(|name| Field::new(name.into(), DataType::Int32));
    /// let both = orders.cogroup(visits, [col("customer")], [col("id")], Schema::from_iter(columns), |key, orders, visits| {
    ///     let counts = df!("orders" => [orders.height() as i32], "visits" => [visits.height() as i32])?;
    ///     key.hstack(counts.columns())
    /// });
    /// let both = both.sort(["customer"], Default::default()).collect()?;
    /// assert_eq!(both, df!("customer" => [1, 2, 3], "orders" => [2, 1, 0], "visits" => [1, 0, 1]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// No keys, or keys whose types do not compare. The query fails with what the function returns, if it panics, and if
    /// it makes other columns than those of `schema`.
    pub fn cogroup<K, F, E>(
        self,
        other: DataStream,
        left_on: K,
        right_on: K,
        schema: impl Into<SchemaRef>,
        function: F,
    ) -> Self
    where
        K: AsRef<[Expr]>,
        F: Fn(DataFrame, DataFrame, DataFrame) -> Result<DataFrame, E> + Send + Sync + 'static,
        E: Into<UserError>,
    {
        let schema = schema.into();
        self.then(|plan| plan.cogroup(other.plan?, left_on.as_ref(), right_on.as_ref(), schema, function))
    }
}
