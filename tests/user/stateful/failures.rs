use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use super::totals::Totals;
use crate::support::{context, numbers, orders};

#[test]
fn inputs_that_do_not_fit() {
    let context = context();
    let [left, right] = [numbers(), orders()].map(|frame| context.from_df(frame));
    let by = |names: [&str; 2]| Totals::by(names.map(|name| InputPartitioning::keys([name])));
    let cases = [
        (left.clone().stateful(by(["key", "key"])), "operator `totals` refuses its inputs"),
        (
            left.clone().stateful_with(std::slice::from_ref(&right), by(["key", "kay"])),
            "unknown column `kay` in `stateful`",
        ),
        (
            left.clone().stateful_with(std::slice::from_ref(&right), by(["key", "name"])),
            "input 1 of `totals` is partitioned by keys of types str, input 0 by i64: cast them",
        ),
        (
            left.clone().stateful(Totals::by([InputPartitioning::Keys(Vec::new())])),
            "input 0 of `totals` is partitioned by no key",
        ),
        (left.stateful_with(&[right.filter(col("nothing"))], by(["key", "key"])), "unknown column `nothing`"),
    ];
    for (stream, message) in cases {
        let error = stream.collect().unwrap_err();
        assert!(error.report().contains(message), "{}", error.report());
    }
}

/// Fails where it is told to.
#[derive(Clone, Copy)]
struct Failing(&'static str);

impl StatefulOperator for Failing {
    fn describe(&self) -> Description {
        Description::streams("failing").with("at", self.0)
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::keys(["key"])
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(inputs[0].clone())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        self.at("create")?;
        Ok(Box::new(*self))
    }
}

impl Failing {
    fn at(&self, place: &str) -> Result<(), UserError> {
        match self.0 {
            panics if panics == format!("{place} panic") => panic!("a mistake in {place}"),
            fails if fails == place => Err(format!("a failure of {place}").into()),
            _ => Ok(()),
        }
    }
}

impl StatefulChannel for Failing {
    fn on_batch(&mut self, _input: usize, batch: DataFrame, output: &mut Output) -> Result<(), UserError> {
        output.push(if self.0 == "columns" { batch.select(["id"])? } else { batch });
        self.at("on_batch")
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.at("on_input_end")
    }

    fn resume(&mut self, _output: &mut Output) -> Result<Progress, UserError> {
        self.at("resume")?;
        Ok(Progress::Done)
    }
}

#[test]
fn operators_that_fail() {
    let context = Context::builder().workers(2).build().unwrap();
    for place in ["create", "on_batch", "on_input_end", "resume"] {
        for (suffix, kind) in [("", ErrorKind::User), (" panic", ErrorKind::Panic)] {
            let at: &'static str = format!("{place}{suffix}").leak();
            let error = context.from_df(numbers()).stateful(Failing(at)).collect().unwrap_err();
            let report = error.report();
            assert_eq!(error.kind(), kind, "{at}: {report}");
            assert!(report.contains("`failing`") && report.ends_with(place), "{at}: {report}");
        }
    }
    let error = context.from_df(numbers()).stateful(Failing("columns")).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.report().contains("column `key` (i64) is missing"), "{}", error.report());
    assert_eq!(context.from_df(numbers()).stateful(Failing("nowhere")).collect().unwrap().height(), 200);
}
