//! Operations on rows that no expression says: each makes some rows of every row of its input.

use std::fmt;
use std::sync::Arc;

use polars_core::prelude::{DataType, PlIndexSet, PlSmallStr, Schema, SchemaRef};
use quokka_engine::expr::prelude::ExplodeOptions;
use quokka_operators::row_index::RowNumber;
use quokka_operators::sample::{Draw, DrawSize};

/// What is done to rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RowOperation {
    /// A row for each element of lists.
    Explode { columns: Vec<PlSmallStr>, options: ExplodeOptions },
    /// One row of each set of rows that agree on `keys`: the first one, if the order counts.
    Distinct { keys: Vec<PlSmallStr>, in_order: bool },
    /// The number of the row, counted from `offset` on, as the first column.
    Index { number: RowNumber, offset: u64 },
    /// Rows drawn by chance.
    Draw(Draw),
    /// All rows; fewer than that are an error.
    AtLeast(usize),
}

impl RowOperation {
    /// The columns that are made of columns of `input`.
    pub(crate) fn schema(&self, input: &Schema) -> SchemaRef {
        let mut schema = Schema::with_capacity(input.len() + 1);
        if let Self::Index { number, .. } = self {
            schema.insert(number.name.clone(), number.dtype());
        }
        schema.merge(input.clone());
        match self {
            Self::Explode { columns, .. } => {
                for name in columns {
                    if let Some(DataType::List(inner) | DataType::Array(inner, _)) = input.get(name) {
                        schema.insert(name.clone(), inner.as_ref().clone());
                    }
                }
            },
            Self::Draw(draw) => {
                if let Some(rank) = draw.rank() {
                    schema.insert(rank.clone(), DataType::Float64);
                }
            },
            Self::Distinct { .. } | Self::Index { .. } | Self::AtLeast(_) => {},
        }
        Arc::new(schema)
    }

    /// Whether a row has the value in column `name` that the row had that it was made of.
    pub(crate) fn keeps(&self, name: &PlSmallStr) -> bool {
        match self {
            Self::Explode { columns, .. } => !columns.contains(name),
            Self::Index { number, .. } => number.name != *name,
            Self::Draw(draw) => draw.rank() != Some(name),
            Self::Distinct { .. } | Self::AtLeast(_) => true,
        }
    }

    /// Whether rows that a filter on column `name` drops may as well be dropped before.
    pub(crate) fn passes_filters_on(&self, name: &PlSmallStr) -> bool {
        match self {
            Self::Explode { .. } => self.keeps(name),
            // All rows of a set agree; but equal floats may differ in their sign, and then it matters which is the first.
            Self::Distinct { keys, in_order } => !in_order && keys.contains(name),
            Self::Index { .. } | Self::Draw(_) | Self::AtLeast(_) => false,
        }
    }

    /// Whether rows stay in their order.
    pub(crate) fn keeps_order(&self) -> bool {
        !matches!(self, Self::Distinct { in_order: false, .. })
    }

    /// Whether there is a row at least for each row of the input.
    pub(crate) fn keeps_all_rows(&self) -> bool {
        match self {
            Self::Explode { options, .. } => options.empty_as_null && options.keep_nulls,
            Self::Index { .. } => true,
            // A limit below would be all that is counted.
            Self::AtLeast(_) => false,
            Self::Distinct { .. } | Self::Draw(_) => false,
        }
    }

    /// Whether no row is made of nothing, and nothing else happens.
    pub(crate) fn is_nothing_of_nothing(&self) -> bool {
        !matches!(self, Self::AtLeast(rows) if *rows > 0)
    }

    /// Whether it makes the same rows of the same rows whenever it runs.
    pub(crate) fn is_deterministic(&self) -> bool {
        !matches!(self, Self::Draw(draw) if draw.number().is_none())
    }

    /// Whether it is of use to a reader of the columns `required`.
    pub(crate) fn is_needed(&self, required: &PlIndexSet<PlSmallStr>) -> bool {
        !matches!(self, Self::Index { number, .. } if !required.contains(&number.name))
    }

    /// The columns of the input that it takes to deliver the columns `required`.
    pub(crate) fn reads(&self, required: &PlIndexSet<PlSmallStr>) -> PlIndexSet<PlSmallStr> {
        let mut read: PlIndexSet<PlSmallStr> = required.iter().filter(|name| self.keeps(name)).cloned().collect();
        match self {
            // All of them must have the same lengths.
            Self::Explode { columns, .. } => read.extend(columns.iter().cloned()),
            Self::Distinct { keys, .. } => read.extend(keys.iter().cloned()),
            Self::Draw(draw) => read.extend(draw.number().cloned()),
            Self::Index { .. } | Self::AtLeast(_) => {},
        }
        read
    }

    /// About how many rows are made of so many, if that can be said.
    pub(crate) fn rows(&self, input: Option<f64>) -> Option<f64> {
        match self {
            Self::Explode { .. } | Self::Distinct { .. } => None,
            Self::Index { .. } => input,
            Self::Draw(draw) => match draw.size() {
                DrawSize::Rows(_) => input,
                DrawSize::Share(share) => Some(input? * share),
            },
            Self::AtLeast(rows) => Some(*rows as f64),
        }
    }
}

impl fmt::Display for RowOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use quokka_engine::operator::OperatorFactory;
        match self {
            Self::Explode { columns, options } => {
                let explode = quokka_operators::explode::Explode::new(columns.iter().cloned(), *options);
                write!(f, "{}", explode.describe())
            },
            Self::Distinct { keys, in_order } => {
                write!(f, "distinct keys=[{}]{}", keys.join(", "), if *in_order { " keep=[first]" } else { "" })
            },
            Self::Index { number, offset: 0 } => write!(f, "row-index name=[{}]", number.name),
            Self::Index { number, offset } => write!(f, "row-index name=[{}] offset=[{offset}]", number.name),
            Self::Draw(draw) => write!(f, "{}", draw.describe()),
            Self::AtLeast(rows) => write!(f, "at-least rows=[{rows}]"),
        }
    }
}
