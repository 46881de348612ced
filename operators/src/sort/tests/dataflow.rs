//! The whole distributed sort, on a pool of workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use polars_core::schema::SchemaRef;
use quokka_engine::cluster::ClusterConfig;
use quokka_engine::operator::Description;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Head, Input, Node, PhysicalPlan};
use quokka_engine::pool::WorkerPool;
use quokka_engine::sink::{Sink, SinkFactory};
use quokka_engine::source::{Source, Split, SplitReader};

use super::*;

/// A frame, a split for every 500 rows.
struct Table(DataFrame);

struct Reader(std::vec::IntoIter<DataFrame>);

impl Source for Table {
    fn describe(&self) -> Description {
        Description::streams("table")
    }

    fn schema(&self) -> SchemaRef {
        self.0.schema().clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        Ok((0..self.0.height().div_ceil(500)).map(|i| Split { name: i.to_string(), rows: None }).collect())
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let rows = self.0.slice(split as i64 * 500, 500);
        Ok(Box::new(Reader(batches(&rows, context.batch_rows).into_iter())))
    }
}

impl SplitReader for Reader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        Ok(self.0.next())
    }
}

/// What each worker got.
#[derive(Clone, Default)]
struct Collect(Arc<Mutex<BTreeMap<usize, Vec<DataFrame>>>>);

struct CollectChannel(Collect, usize);

impl SinkFactory for Collect {
    fn describe(&self) -> Description {
        Description::blocks("collect")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Sink>, OperatorError> {
        Ok(Box::new(CollectChannel(self.clone(), context.worker)))
    }
}

impl Sink for CollectChannel {
    fn on_batch(&mut self, batch: Batch) -> Result<(), OperatorError> {
        self.0.0.lock().entry(self.1).or_default().push(batch.into_frame());
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }
}

fn node(head: Head, inputs: Vec<Input>, schema: &SchemaRef) -> Node {
    Node { head, fused: Vec::new(), inputs, schema: schema.clone(), gates: Vec::new(), channels: Channels::All }
}

#[test]
fn a_pool_sorts() {
    let some = |workers: &[usize]| Channels::new(workers.iter().copied(), 5);
    for (workers, channels) in
        [(1, Channels::All), (2, Channels::All), (5, Channels::All), (5, some(&[1, 2, 4])), (5, some(&[3]))]
    {
        let pool = WorkerPool::start(ClusterConfig::single(workers)).unwrap();
        for (count, distinct) in [(0, 1), (1, 1), (20_000, 4), (20_000, 1_000_000)] {
            for by in [["number", "text"], ["float", "constant"]] {
                let order = order(by, SortMultipleOptions::default().with_nulls_last(true));
                let input = rows(count, distinct);
                let schema = input.schema().clone();
                let mut plan = PhysicalPlan { batch_rows: 100, ..PhysicalPlan::default() };
                let table = plan.add(node(Head::Source(Arc::new(Table(input.clone()))), Vec::new(), &schema));
                let from = add_sort(&mut plan, table, &order, workers, &channels).unwrap();
                let ends = plan.nodes[from].channels.clone();
                let collect = Collect::default();
                let inputs = vec![Input { from, partitioning: Partitioning::PassThrough }];
                plan.add(node(Head::Sink(Arc::new(collect.clone())), inputs, &schema));
                pool.run(plan).unwrap().wait().unwrap();
                // Worker after worker, this is the order.
                let sent = std::mem::take(&mut *collect.0.lock());
                assert!(sent.keys().all(|worker| ends.contains(*worker)), "{ends} {:?}", sent.keys());
                let sent = sent.into_values().flatten().collect();
                assert_sorted(&whole(sent, &input), &input, &order, &format!("{workers} workers, {count} rows"));
            }
        }
    }
}

#[test]
fn a_plan_needs_its_columns() {
    let input = rows(1, 1);
    let mut plan = PhysicalPlan::default();
    let table = plan.add(node(Head::Source(Arc::new(Table(input.clone()))), Vec::new(), input.schema()));
    for workers in [1, 3] {
        let missing = order(["nowhere"], SortMultipleOptions::default());
        assert_eq!(
            add_sort(&mut plan, table, &missing, workers, &Channels::All).unwrap_err().kind(),
            ErrorKind::InvalidQuery
        );
    }
    let order = order(["row"], SortMultipleOptions::default());
    assert_eq!(add_sort(&mut plan, 7, &order, 3, &Channels::All).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(plan.nodes.len(), 1);
}
