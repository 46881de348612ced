//! Makes a [`Partition`] of the rows of a build channel, in bounded steps: hash the keys batch by batch, concatenate the
//! columns one by one, build the table.

use std::ops::ControlFlow;

use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;

use super::compare::KeyColumns;
use super::error::JoinError;
use super::keys::{KeyFormat, Keys, Words};
use super::shared::Shared;
use super::side::{JoinTable, Partition};
use super::table::TableBuilder;

pub(super) struct Finish {
    height: usize,
    keys: AllKeys,
    stage: Stage,
}

enum Stage {
    Hash { batches: Vec<DataFrame>, hashed: usize },
    Concatenate { batches: Vec<std::vec::IntoIter<Column>>, done: Vec<Column> },
    Build { rows: DataFrame, builder: Box<Builder> },
}

enum Builder {
    Keyless,
    Narrow(TableBuilder<u64>),
    Wide(TableBuilder<u128>),
    Hashed(TableBuilder<u64>, KeyColumns),
}

/// The keys of all batches, one after the other.
#[derive(Default)]
struct AllKeys {
    hashes: Vec<u64>,
    narrow: Vec<u64>,
    wide: Vec<u128>,
    valid: Option<BitmapBuilder>,
}

impl AllKeys {
    fn extend(&mut self, keys: Keys) {
        let before = self.hashes.len();
        let added = keys.hashes.len();
        if let Some(valid) = &keys.valid {
            let all = self.valid.get_or_insert_with(|| {
                let mut all = BitmapBuilder::new();
                all.extend_constant(before, true);
                all
            });
            all.extend_from_bitmap(valid);
        } else if let Some(all) = &mut self.valid {
            all.extend_constant(added, true);
        }
        self.hashes.extend(keys.hashes);
        match keys.words {
            Words::Absent => {},
            Words::Narrow(words) => self.narrow.extend(words),
            Words::Wide(words) => self.wide.extend(words),
        }
    }

    fn take_valid(&mut self) -> Option<Bitmap> {
        self.valid.take().map(BitmapBuilder::freeze)
    }
}

impl Finish {
    pub(super) fn new(batches: Vec<DataFrame>, shared: &Shared) -> Result<Self, JoinError> {
        let height = batches.iter().map(DataFrame::height).sum();
        // The last number stands for "no row".
        if height >= u32::MAX as usize {
            return Err(JoinError::TooManyRows { rows: height });
        }
        let stage = match shared.format {
            KeyFormat::Keyless => concatenate(batches),
            _ => Stage::Hash { batches, hashed: 0 },
        };
        Ok(Self { height, keys: AllKeys::default(), stage })
    }

    pub(super) fn step(mut self, shared: &Shared) -> Result<ControlFlow<Partition, Self>, OperatorError> {
        self.stage = match self.stage {
            Stage::Hash { batches, hashed } => match batches.get(hashed) {
                Some(batch) => {
                    self.keys.extend(shared.keys(batch, &shared.build_keys)?);
                    Stage::Hash { batches, hashed: hashed + 1 }
                },
                None => concatenate(batches),
            },
            Stage::Concatenate { mut batches, mut done } => match shared.build_schema.get_at_index(done.len()) {
                Some((name, dtype)) => {
                    let mut whole = Series::new_empty(name.clone(), dtype);
                    for column in batches.iter_mut().filter_map(Iterator::next) {
                        whole.append_owned(column.take_materialized_series())?;
                    }
                    done.push(whole.rechunk().into_column());
                    Stage::Concatenate { batches, done }
                },
                None => {
                    let rows = DataFrame::new(self.height, done)?;
                    let builder = Box::new(self.keys.builder(&rows, shared)?);
                    Stage::Build { rows, builder }
                },
            },
            Stage::Build { rows, builder } => match builder.step() {
                ControlFlow::Continue(builder) => Stage::Build { rows, builder: Box::new(builder) },
                ControlFlow::Break(table) => {
                    return Ok(ControlFlow::Break(Partition::new(rows, table, shared.options.emits_build_rows())));
                },
            },
        };
        Ok(ControlFlow::Continue(self))
    }
}

fn concatenate(batches: Vec<DataFrame>) -> Stage {
    let batches = batches.into_iter().map(|batch| batch.into_columns().into_iter()).collect();
    Stage::Concatenate { batches, done: Vec::new() }
}

impl AllKeys {
    fn builder(&mut self, rows: &DataFrame, shared: &Shared) -> Result<Builder, OperatorError> {
        let hashes = std::mem::take(&mut self.hashes);
        let valid = self.take_valid();
        Ok(match shared.format {
            KeyFormat::Keyless => Builder::Keyless,
            KeyFormat::Narrow => Builder::Narrow(TableBuilder::new(hashes, std::mem::take(&mut self.narrow), valid)),
            KeyFormat::Wide => Builder::Wide(TableBuilder::new(hashes, std::mem::take(&mut self.wide), valid)),
            KeyFormat::Hashed => {
                let keys = KeyColumns::of(rows, &shared.build_keys)?;
                Builder::Hashed(TableBuilder::new(hashes.clone(), hashes, valid), keys)
            },
        })
    }
}

impl Builder {
    fn step(self) -> ControlFlow<JoinTable, Self> {
        match self {
            Builder::Keyless => ControlFlow::Break(JoinTable::Keyless),
            Builder::Narrow(builder) => match builder.step(None) {
                ControlFlow::Continue(builder) => ControlFlow::Continue(Builder::Narrow(builder)),
                ControlFlow::Break(table) => ControlFlow::Break(JoinTable::Narrow(table)),
            },
            Builder::Wide(builder) => match builder.step(None) {
                ControlFlow::Continue(builder) => ControlFlow::Continue(Builder::Wide(builder)),
                ControlFlow::Break(table) => ControlFlow::Break(JoinTable::Wide(table)),
            },
            Builder::Hashed(builder, keys) => match builder.step(Some(&keys)) {
                ControlFlow::Continue(builder) => ControlFlow::Continue(Builder::Hashed(builder, keys)),
                ControlFlow::Break(table) => ControlFlow::Break(JoinTable::Hashed(table, keys)),
            },
        }
    }
}
