//! One row of each set of rows with equal keys, as soon as the first of them comes.

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, SchemaExt};
use polars_core::schema::{Schema, SchemaRef};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};
use quokka_engine::physical::physical_schema;

use crate::aggregate::groups::{GroupTable, Groups};
use crate::gather::gather;
use crate::state::{foreign, number, read_number};

/// Keys that a [partial](Distinct::partial) operator holds at most: a few megabytes.
const MOST_KEYS: usize = 1 << 17;
/// Rows after which a partial operator steps aside if hardly a key has come back.
const JUDGED_ROWS: usize = 1 << 15;
/// It does so if more than so many of a hundred rows had new keys.
const MOST_NEW_PER_HUNDRED: usize = 80;

/// Passes the first row of each set of rows that agree on key columns, and drops the others. Nulls are equal to each other,
/// as are NaNs, and -0.0 and 0.0.
///
/// Streams; holds the keys. Over all workers, a [partial](Self::partial) one is fused to what feeds it, and another follows
/// behind an exchange by the keys.
///
/// ```
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::distinct::Distinct;
///
/// let rows = df!("a" => [1, 1, 2, 1], "b" => ["w", "x", "y", "z"]).unwrap();
/// let distinct = Distinct::new(["a"], rows.schema()).unwrap();
/// let sent = drive(&distinct, &single_worker(7), vec![batches(&rows, 2)], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => [1], "b" => ["w"]).unwrap(), df!("a" => [2], "b" => ["y"]).unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Distinct {
    /// The key columns, with Polars' types.
    keys: SchemaRef,
    is_partial: bool,
}

impl Distinct {
    /// Compares the columns `keys` of rows of `schema`.
    ///
    /// # Errors
    /// An unknown column.
    pub fn new<S: AsRef<str>>(keys: impl IntoIterator<Item = S>, schema: &Schema) -> Result<Self, OperatorError> {
        let field = |key: S| schema.try_get_field(key.as_ref());
        let keys: Schema = keys.into_iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { keys: keys.into(), is_partial: false })
    }

    /// The part to fuse to what feeds it: it drops most rows whose keys it has passed before, but holds few keys, and
    /// passes all rows where keys hardly come back.
    pub fn partial(mut self) -> Self {
        self.is_partial = true;
        self
    }
}

impl OperatorFactory for Distinct {
    fn describe(&self) -> Description {
        let names: Vec<&str> = self.keys.iter_names().map(PlSmallStr::as_str).collect();
        let name = if self.is_partial { "partial-distinct" } else { "distinct" };
        Description::streams(name).with("keys", names.join(", "))
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(DistinctChannel {
            keys: physical_schema(&self.keys),
            table: GroupTable::new(physical_schema(&self.keys)),
            groups: Groups::default(),
            is_partial: self.is_partial,
            rows: 0,
            is_aside: false,
        }))
    }
}

struct DistinctChannel {
    keys: SchemaRef,
    table: GroupTable,
    groups: Groups,
    is_partial: bool,
    /// Rows whose keys are in the table.
    rows: usize,
    /// Whether all rows pass.
    is_aside: bool,
}

impl DistinctChannel {
    /// The rows of a batch whose keys are new.
    fn first(&mut self, batch: DataFrame) -> Result<DataFrame, OperatorError> {
        let keys: Vec<Column> =
            self.keys.iter_names().map(|key| batch.column(key).cloned()).collect::<Result<_, _>>()?;
        self.table.lookup(&keys, &mut self.groups)?;
        self.rows += batch.height();
        match self.groups.founders.len() {
            all if all == batch.height() => Ok(batch),
            _ => gather(&batch, &self.groups.founders),
        }
    }

    /// Lets go of keys where they are too many to be worth it.
    fn judge(&mut self) {
        let is_full = self.table.len() >= MOST_KEYS;
        if is_full || self.rows >= JUDGED_ROWS {
            self.is_aside = self.table.len() * 100 > self.rows * MOST_NEW_PER_HUNDRED;
        }
        if self.is_aside {
            self.table = GroupTable::new(self.keys.clone());
        } else if is_full {
            self.rows = 0;
            self.table.take();
        }
    }
}

impl Operator for DistinctChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        let batch = batch.into_frame();
        if self.is_aside {
            output.push(batch);
            return Ok(Progress::Done);
        }
        output.push(self.first(batch)?);
        if self.is_partial {
            self.judge();
        }
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let keys = self.table.take();
        if keys.height() > 0 {
            self.table.lookup(keys.columns(), &mut self.groups)?;
        }
        let rows = number("rows", self.rows as u64)?;
        Ok(Some(vec![("keys".into(), keys), rows, number("aside", self.is_aside.into())?]))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            match name.as_str() {
                "keys" if frame.height() == 0 => {},
                "keys" => self.table.lookup(frame.columns(), &mut self.groups)?,
                "rows" => self.rows = read_number(&frame)? as usize,
                "aside" => self.is_aside = read_number(&frame)? > 0,
                other => return Err(foreign(other)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.table.bytes()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    fn rows(count: i64) -> DataFrame {
        let key: Vec<Option<i64>> = (0..count).map(|n| (n % 11 != 3).then_some(n * 7 % 23)).collect();
        let text: Vec<Option<String>> = (0..count).map(|n| (n % 5 != 1).then(|| format!("text {}", n % 4))).collect();
        let real: Vec<f64> = (0..count).map(|n| [0.0, -0.0, f64::NAN, -f64::NAN, 1.5][n as usize % 5]).collect();
        df!("key" => key, "text" => text, "real" => real, "id" => (0..count).collect::<Vec<_>>()).unwrap()
    }

    fn run(distinct: &Distinct, input: &DataFrame, batch_rows: usize, restore: Restore) -> DataFrame {
        let given = vec![batches(input, batch_rows)];
        let sent = drive(distinct, &single_worker(batch_rows), given, restore).unwrap();
        concatenate(sent.into_iter()).unwrap().unwrap_or_else(|| input.clear())
    }

    #[test]
    fn the_first_row_of_each_set_passes() {
        use polars_core::frame::UniqueKeepStrategy;
        let input = rows(300);
        for keys in [&["key"][..], &["text", "key"], &["real"], &["key", "text", "real"], &["id"]] {
            let subset: Vec<String> = keys.iter().map(|key| key.to_string()).collect();
            let expected = input.unique_stable(Some(&subset), UniqueKeepStrategy::First, None).unwrap();
            let distinct = Distinct::new(keys, input.schema()).unwrap();
            for batch_rows in [1, 7, 65_536] {
                for restore in [Restore::Never, Restore::EveryBatch] {
                    let sent = run(&distinct, &input, batch_rows, restore);
                    assert!(sent.equals_missing(&expected), "{keys:?}\n{sent}\n{expected}");
                }
            }
        }
        let nothing = run(&Distinct::new(["key"], input.schema()).unwrap(), &input.clear(), 7, Restore::Never);
        assert_eq!(nothing.height(), 0);
        assert!(Distinct::new(["nowhere"], input.schema()).is_err());
    }

    #[test]
    fn a_partial_one_loses_no_key_and_steps_aside() {
        let count = (MOST_KEYS + 2 * JUDGED_ROWS) as i64;
        let all: Vec<i64> = (0..count).collect();
        let half: Vec<i64> = all.iter().map(|n| n / 2).collect();
        let few: Vec<i64> = all.iter().map(|n| n % 100).collect();
        for (keys, least, most) in [(&all, count, count), (&half, count / 2, count / 2), (&few, 100, 100)] {
            let input = df!("a" => keys).unwrap();
            let partial = Distinct::new(["a"], input.schema()).unwrap().partial();
            let sent = run(&partial, &input, 10_000, Restore::Never);
            assert!((least..=most).contains(&(sent.height() as i64)), "{} rows", sent.height());
            let distinct = Distinct::new(["a"], input.schema()).unwrap();
            let mut once = keys.clone();
            once.dedup();
            once.truncate(if most == 100 { 100 } else { once.len() });
            assert_eq!(run(&distinct, &sent, 10_000, Restore::Never), df!("a" => once).unwrap());
        }
        let input = df!("a" => &all).unwrap();
        let partial = Distinct::new(["a"], input.schema()).unwrap().partial();
        let mut channel = partial.create(&single_worker(65_536)).unwrap();
        let mut output = Output::default();
        for batch in batches(&input, 10_000) {
            assert_eq!(channel.on_batch(0, Batch::new(batch, 0), &mut output).unwrap(), Progress::Done);
        }
        assert!(channel.state_bytes() < 10_000, "{}", channel.state_bytes());
    }
}
