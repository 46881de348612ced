//! Where each column of the result comes from.

use polars_core::datatypes::DataType;
use polars_core::schema::Schema;
use polars_plan::utils::expr_to_leaf_column_names;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::physical::physical_dtype;

use super::JoinInput;
use super::error::JoinError;
use super::options::{JoinOptions, Side};
use super::schema::{OutputColumn, condition_columns};

/// A column of a pair: an index into the columns that are kept of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Probe(usize),
    Build(usize),
}

/// A column that is gathered.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) name: PlSmallStr,
    pub(super) source: Source,
}

/// A column of a build row that leaves without a probe row; null where the build side has nothing to give.
#[derive(Clone, Debug)]
pub(super) struct Lone {
    pub(super) name: PlSmallStr,
    pub(super) dtype: DataType,
    pub(super) build: Option<usize>,
}

/// The columns that are kept of each side, and how they become the result.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Names of the columns that are kept of a probe batch.
    pub(super) probe: Vec<PlSmallStr>,
    /// Names of the columns that are kept of the build side. The keys are among them: a restored build side needs them.
    pub(super) build: Vec<PlSmallStr>,
    /// The result for a pair, or for a probe row alone.
    pub(super) pairs: Vec<Gathered>,
    /// The result for a build row alone.
    pub(super) lone: Vec<Lone>,
    /// What the condition reads of a pair.
    pub(super) condition: Vec<Gathered>,
    /// Types of these columns.
    pub(super) condition_schema: Schema,
}

impl Layout {
    pub(super) fn new(
        left: &JoinInput,
        right: &JoinInput,
        columns: &[OutputColumn],
        options: &JoinOptions,
    ) -> Result<Self, JoinError> {
        let (build, probe) = match options.build {
            Side::Left => (left, right),
            Side::Right => (right, left),
        };
        let keys: Vec<_> = build.on.iter().zip(&probe.on).collect();
        let mut layout = Self {
            probe: Vec::new(),
            build: Vec::new(),
            pairs: Vec::new(),
            lone: Vec::new(),
            condition: Vec::new(),
            condition_schema: Schema::default(),
        };
        keys.iter().for_each(|(key, _)| _ = place(&mut layout.build, key));
        // Semi and anti joins return rows of one side alone, so they never gather pairs.
        let pairs = !(options.how.filters() && options.emits_build_rows());
        for column in columns {
            if pairs && let Some(source) = layout.source(column, &keys, options.how.preserves(options.probe()), options)
            {
                layout.pairs.push(Gathered { name: column.name.clone(), source });
            }
            if options.emits_build_rows() {
                let build = column.of(options.build).map(|name| place(&mut layout.build, name));
                layout.lone.push(Lone { name: column.name.clone(), dtype: physical_dtype(&column.dtype), build });
            }
        }
        if let Some(condition) = &options.condition {
            let names = expr_to_leaf_column_names(condition);
            let mut columns = condition_columns(&left.schema, &right.schema, &options.suffix)?;
            columns.retain(|column| names.contains(&column.name));
            for column in columns {
                if let Some(source) = layout.source(&column, &keys, false, options) {
                    layout.condition_schema.with_column(column.name.clone(), column.dtype);
                    layout.condition.push(Gathered { name: column.name, source });
                }
            }
        }
        Ok(layout)
    }

    /// Where a column of a pair is taken from. The keys of a pair are equal, and probe rows lie together in memory, so a
    /// key is taken from the probe row where it can: if it is coalesced, or if every row has a pair (no probe row is `alone`)
    /// and equal means the same to the last bit.
    fn source(
        &mut self,
        column: &OutputColumn,
        keys: &[(&PlSmallStr, &PlSmallStr)],
        alone: bool,
        options: &JoinOptions,
    ) -> Option<Source> {
        if let Some(name) = column.of(options.probe()) {
            return Some(Source::Probe(place(&mut self.probe, name)));
        }
        let name = column.of(options.build)?;
        let partner = keys.iter().find(|(build, _)| *build == name).filter(|_| !alone && is_exact(&column.dtype));
        Some(match partner {
            Some((_, probe)) => Source::Probe(place(&mut self.probe, probe)),
            None => Source::Build(place(&mut self.build, name)),
        })
    }
}

/// Whether equal values are identical: not zeros of both signs, nor NaNs.
fn is_exact(dtype: &DataType) -> bool {
    !dtype.is_float() && !dtype.is_nested()
}

/// The index of a name in a list to which it is added if it is not there.
fn place(names: &mut Vec<PlSmallStr>, name: &PlSmallStr) -> usize {
    names.iter().position(|other| other == name).unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    })
}

/// The names and types of the build rows that are kept.
pub(super) fn kept_schema(schema: &Schema, names: &[PlSmallStr]) -> Schema {
    names.iter().filter_map(|name| Some((name.clone(), schema.get(name)?.clone()))).collect()
}
