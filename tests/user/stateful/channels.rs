use quokka::prelude::*;

use super::totals::{Totals, totals_of_numbers};
use crate::support::{Rows, assert_same, numbers, setting, settings};

/// The worker of each channel, once a row.
struct Where(InputPartitioning);

impl StatefulOperator for Where {
    fn describe(&self) -> Description {
        Description::streams("where")
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        self.0.clone()
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        let fields = ["id", "worker"].map(|name| Field::new(name.into(), DataType::Int64));
        Ok(Schema::from_iter(fields).into())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(WhereChannel(context.worker as i64)))
    }
}

struct WhereChannel(i64);

impl StatefulChannel for WhereChannel {
    fn on_batch(&mut self, _input: usize, batch: DataFrame, output: &mut Output) -> Result<(), UserError> {
        let worker = Column::new("worker".into(), vec![self.0; batch.height()]);
        output.push(DataFrame::new(batch.height(), vec![batch.column("id")?.clone(), worker])?);
        Ok(())
    }
}

#[test]
fn channels_are_chosen() {
    for index in 0..settings() {
        let (setting, context) = setting(index);
        for channels in [1, 2, 3, 9] {
            let expected = channels.min(context.workers());
            let by_key = InputPartitioning::keys(["id"]);
            for (partitioning, copies) in
                [(by_key, 1), (InputPartitioning::AsItComes, 1), (InputPartitioning::Broadcast, expected)]
            {
                let stream = context.from_df(numbers()).stateful(Where(partitioning.clone())).channels(channels);
                let counted = stream.group_by([col("id")]).agg([len().alias("rows"), col("worker").max()]);
                let rows = counted.collect().unwrap();
                let setting = format!("{setting} {channels} {partitioning:?}");
                assert_eq!(rows.height(), 200, "{setting}");
                let counts: Vec<_> = rows.column("rows").unwrap().u32().unwrap().iter().flatten().collect();
                assert_eq!(counts, vec![copies as u32; 200], "{setting}");
                let last = rows.column("worker").unwrap().i64().unwrap().iter().flatten().max().unwrap();
                assert!(last < expected as i64, "{setting}");
                if partitioning != InputPartitioning::AsItComes {
                    assert_eq!(last, expected as i64 - 1, "{setting}");
                }
            }
        }
        let by_key = Totals::by([InputPartitioning::keys(["key"])]);
        let totals = context.from_df(numbers()).stateful(by_key).channels_per_process(2);
        assert!(totals.explain().unwrap().contains("channels on 2 per process"));
        assert_same(&totals.collect().unwrap(), &totals_of_numbers(), Rows::AnyOrder, &|| setting.to_string());
    }
}
