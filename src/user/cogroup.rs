//! Groups of two streams, side by side.

use std::collections::VecDeque;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, GroupsIndicator, IdxSize, PlSmallStr, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, Output, Progress, State, WorkerContext};

use super::UserError;
use super::stateful::{InputPartitioning, StatefulChannel, StatefulOperator};

/// What a function of groups gets: the key as a frame of one row, and the rows of both sides.
type Function = dyn Fn(DataFrame, DataFrame, DataFrame) -> Result<DataFrame, UserError> + Send + Sync;

/// One input: where its keys are, and which of its columns are rows.
#[derive(Clone)]
pub(crate) struct CoGroupSide {
    pub(crate) keys: Vec<PlSmallStr>,
    /// Columns that the function sees.
    pub(crate) rows: SchemaRef,
}

/// Calls a function once for each key of two inputs. Blocks, and holds all rows of both, spread over the workers by key.
#[derive(Clone)]
pub(crate) struct CoGroup {
    /// Key columns as the function sees them.
    keys: SchemaRef,
    sides: [CoGroupSide; 2],
    schema: SchemaRef,
    function: Arc<Function>,
}

impl CoGroup {
    /// `function` makes columns of `schema`.
    pub(crate) fn new<F, E>(keys: SchemaRef, sides: [CoGroupSide; 2], schema: SchemaRef, function: F) -> Self
    where
        F: Fn(DataFrame, DataFrame, DataFrame) -> Result<DataFrame, E> + Send + Sync + 'static,
        E: Into<UserError>,
    {
        let function = move |keys, left, right| function(keys, left, right).map_err(Into::into);
        Self { keys, sides, schema, function: Arc::new(function) }
    }
}

impl StatefulOperator for CoGroup {
    fn describe(&self) -> Description {
        let names: Vec<&str> = self.schema.iter_names().map(PlSmallStr::as_str).collect();
        Description::blocks("cogroup").with("columns", names.join(", "))
    }

    fn partitioning(&self, input: usize) -> InputPartitioning {
        InputPartitioning::Keys(self.sides.get(input).map(|side| side.keys.clone()).unwrap_or_default())
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(self.schema.clone())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(CoGroupChannel {
            operator: self.clone(),
            batch_rows: context.batch_rows,
            held: Default::default(),
            held_bytes: 0,
            ended: 0,
            groups: None,
        }))
    }
}

struct CoGroupChannel {
    operator: CoGroup,
    batch_rows: usize,
    held: [Vec<DataFrame>; 2],
    held_bytes: usize,
    /// Inputs that are complete.
    ended: usize,
    groups: Option<Groups>,
}

impl CoGroupChannel {
    fn hold(&mut self, input: usize, batch: DataFrame) {
        self.held_bytes += batch.estimated_size();
        self.held[input].push(batch);
    }

    /// All rows of a side, and its keys with their names in the result.
    fn take_side(&mut self, input: usize) -> Result<(DataFrame, DataFrame), OperatorError> {
        let side = &self.operator.sides[input];
        let batches = std::mem::take(&mut self.held[input]);
        let mut rows = DataFrame::empty_with_schema(&side.rows);
        let mut keys = DataFrame::empty_with_schema(&self.operator.keys);
        for batch in batches {
            let named = side.keys.iter().zip(self.operator.keys.iter_names());
            let named = named.map(|(key, name)| Ok(batch.column(key)?.clone().with_name(name.clone())));
            let named = named.collect::<Result<Vec<Column>, OperatorError>>()?;
            keys.vstack_mut_owned(DataFrame::new(batch.height(), named)?)?;
            rows.vstack_mut_owned(batch.select(side.rows.iter_names_cloned())?)?;
        }
        rows.rechunk_mut();
        Ok((rows, keys))
    }
}

impl StatefulChannel for CoGroupChannel {
    fn on_batch(&mut self, input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        self.hold(input, batch);
        Ok(())
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.ended += 1;
        if self.ended == self.held.len() {
            let (left, mut keys) = self.take_side(0)?;
            let (right, right_keys) = self.take_side(1)?;
            keys.vstack_mut_owned(right_keys)?;
            self.groups = Some(Groups::new(keys, left, right)?);
            self.held_bytes = 0;
        }
        Ok(())
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, UserError> {
        let Some(groups) = &mut self.groups else { return Ok(Progress::Done) };
        for (keys, left, right) in groups.next(self.batch_rows)? {
            output.push((self.operator.function)(keys, left, right)?);
        }
        if !groups.is_done() {
            return Ok(Progress::More);
        }
        self.groups = None;
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        let batches = |(side, name): (&Vec<DataFrame>, &str)| {
            side.iter().map(|batch| (name.to_string(), batch.clone())).collect::<State>()
        };
        let ended = (0..self.ended).map(|_| ("ended".to_string(), DataFrame::empty()));
        Ok(Some(self.held.iter().zip(["left", "right"]).flat_map(batches).chain(ended).collect()))
    }

    fn restore(&mut self, state: State) -> Result<(), UserError> {
        for (name, frame) in state {
            match name.as_str() {
                "left" => self.hold(0, frame),
                "right" => self.hold(1, frame),
                "ended" => self.ended += 1,
                name => {
                    let message = format!("a cogroup has no state named `{name}`");
                    return Err(OperatorError::message(ErrorKind::InvalidData, message).into());
                },
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.held_bytes + self.groups.as_ref().map_or(0, Groups::bytes)
    }
}

/// The rows of both sides in the order of their groups.
struct Groups {
    keys: DataFrame,
    left: DataFrame,
    right: DataFrame,
    /// Rows of each side, group after group.
    left_order: Vec<IdxSize>,
    right_order: Vec<IdxSize>,
    /// Of the groups that are left.
    groups: VecDeque<Group>,
    bytes: usize,
}

/// A row of the keys, and where its rows end in the orders.
struct Group {
    key: IdxSize,
    left_end: usize,
    right_end: usize,
    /// Where they start.
    left: usize,
    right: usize,
}

type Piece = (DataFrame, DataFrame, DataFrame);

impl Groups {
    /// `keys` are those of all rows of `left`, then those of `right`.
    fn new(mut keys: DataFrame, left: DataFrame, right: DataFrame) -> Result<Self, OperatorError> {
        if IdxSize::try_from(keys.height()).is_err() {
            let message = format!("a worker holds {} rows, more than it can group: use more workers", keys.height());
            return Err(OperatorError::message(ErrorKind::Overflow, message));
        }
        keys.rechunk_mut();
        let mut left_order = Vec::with_capacity(left.height());
        let mut right_order = Vec::with_capacity(right.height());
        let mut groups = VecDeque::new();
        if keys.height() > 0 {
            let first_right = left.height() as IdxSize;
            let grouped = keys.group_by_with_series(keys.columns().to_vec(), false, false)?;
            for rows in grouped.get_groups().iter() {
                let (left, right) = (left_order.len(), right_order.len());
                let mut put = |row: IdxSize| match row.checked_sub(first_right) {
                    None => left_order.push(row),
                    Some(row) => right_order.push(row),
                };
                let key = match rows {
                    GroupsIndicator::Idx((first, all)) => {
                        all.iter().for_each(|row| put(*row));
                        first
                    },
                    GroupsIndicator::Slice([first, length]) => {
                        (first..first + length).for_each(put);
                        first
                    },
                };
                let (left_end, right_end) = (left_order.len(), right_order.len());
                groups.push_back(Group { key, left_end, right_end, left, right });
            }
        }
        let bytes = [&keys, &left, &right].into_iter().map(DataFrame::estimated_size).sum();
        Ok(Self { keys, left, right, left_order, right_order, groups, bytes })
    }

    fn is_done(&self) -> bool {
        self.groups.is_empty()
    }

    fn bytes(&self) -> usize {
        self.bytes + (self.left_order.len() + self.right_order.len()) * size_of::<IdxSize>()
    }

    /// The next groups, of about `rows` rows together. They are gathered at once, and cut into slices.
    fn next(&mut self, rows: usize) -> Result<Vec<Piece>, OperatorError> {
        let mut taken = Vec::new();
        let mut sum = 0;
        while sum < rows.max(1)
            && let Some(group) = self.groups.pop_front()
        {
            sum += group.left_end - group.left + group.right_end - group.right;
            taken.push(group);
        }
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return Ok(Vec::new()) };
        let (left_start, right_start) = (first.left, first.right);
        let keys: Vec<IdxSize> = taken.iter().map(|group| group.key).collect();
        let keys = gather(&self.keys, &keys)?;
        let left = gather(&self.left, &self.left_order[left_start..last.left_end])?;
        let right = gather(&self.right, &self.right_order[right_start..last.right_end])?;
        let piece = |(index, group): (usize, &Group)| {
            let left = left.slice((group.left - left_start) as i64, group.left_end - group.left);
            let right = right.slice((group.right - right_start) as i64, group.right_end - group.right);
            (keys.slice(index as i64, 1), left, right)
        };
        Ok(taken.iter().enumerate().map(piece).collect())
    }
}

fn gather(frame: &DataFrame, rows: &[IdxSize]) -> Result<DataFrame, OperatorError> {
    let columns = frame.columns().iter().map(|column| column.take_slice(rows));
    Ok(DataFrame::new(rows.len(), columns.collect::<Result<Vec<_>, _>>()?)?)
}
