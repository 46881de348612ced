//! Vectors of a column as rows of numbers.

use polars_arrow::array::{Array, FixedSizeListArray, ListArray, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{Column, DataType};
use quokka_engine::error::{ErrorKind, OperatorError};

/// Vectors that do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// Vectors have different numbers of components.
    #[error(
        "the vector of row {row} of a batch in column `{column}` has {found} components, not {expected} as others: filter \
         such rows"
    )]
    Length {
        /// The column.
        column: String,
        /// The row in its batch.
        row: usize,
        /// Components it has.
        found: usize,
        /// Components other vectors have.
        expected: usize,
    },
    /// A column does not hold vectors.
    #[error("column `{column}` holds `{dtype}`, not vectors: cast it to an array or a list of 32-bit or 64-bit floats")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        dtype: String,
    },
}

/// Whether a column of a type holds vectors.
pub fn holds_vectors(dtype: &DataType) -> bool {
    match dtype {
        DataType::Array(inner, _) | DataType::List(inner) => {
            matches!(inner.as_ref(), DataType::Float32 | DataType::Float64)
        },
        _ => false,
    }
}

/// The vectors of some rows that have a length and, where it is asked for, a direction.
pub(super) struct Vectors {
    pub dimension: usize,
    /// The row of each vector in its batch.
    pub rows: Vec<usize>,
    /// The components, vector by vector.
    pub values: Vec<f64>,
    /// The length of each vector.
    pub norms: Vec<f64>,
}

impl Vectors {
    /// The components of a vector.
    pub fn of(&self, vector: usize) -> &[f64] {
        &self.values[vector * self.dimension..(vector + 1) * self.dimension]
    }
}

/// A column of vectors, to be read in pieces.
pub(super) struct VectorColumn {
    name: String,
    components: Components,
    valid: Option<Bitmap>,
    /// Where the components of each vector end and the next ones start.
    bounds: Bounds,
}

enum Components {
    Single(PrimitiveArray<f32>),
    Double(PrimitiveArray<f64>),
}

enum Bounds {
    Fixed(usize),
    Offsets(Vec<usize>),
}

impl VectorColumn {
    pub fn new(column: &Column) -> Result<Self, OperatorError> {
        let wrong = || {
            let error = VectorError::Type { column: column.name().to_string(), dtype: column.dtype().to_string() };
            OperatorError::new(ErrorKind::InvalidQuery, error)
        };
        let series = column.as_materialized_series().rechunk();
        let array = series.chunks()[0].as_any();
        let (values, valid, bounds) = if let Some(array) = array.downcast_ref::<FixedSizeListArray>() {
            (array.values(), array.validity(), Bounds::Fixed(array.size()))
        } else if let Some(array) = array.downcast_ref::<ListArray<i64>>() {
            let offsets = array.offsets().as_slice().iter().map(|offset| *offset as usize).collect();
            (array.values(), array.validity(), Bounds::Offsets(offsets))
        } else {
            return Err(wrong());
        };
        let values = values.as_any();
        let components = if let Some(values) = values.downcast_ref::<PrimitiveArray<f32>>() {
            Components::Single(values.clone())
        } else if let Some(values) = values.downcast_ref::<PrimitiveArray<f64>>() {
            Components::Double(values.clone())
        } else {
            return Err(wrong());
        };
        Ok(Self { name: column.name().to_string(), components, valid: valid.cloned(), bounds })
    }

    /// The vectors of the given rows; all have `dimension` components, or as many as the first if it is not known yet. Left
    /// out are those that are null, that have a null, NaN or infinite component or a length that is no finite number and,
    /// if they need a direction, those of length zero.
    pub fn read(
        &self,
        rows: std::ops::Range<usize>,
        dimension: &mut Option<usize>,
        directed: bool,
    ) -> Result<Vectors, OperatorError> {
        let mut vectors = Vectors { dimension: 0, rows: Vec::new(), values: Vec::new(), norms: Vec::new() };
        for row in rows {
            if self.valid.as_ref().is_some_and(|valid| valid.get(row) != Some(true)) {
                continue;
            }
            let (start, end) = match &self.bounds {
                Bounds::Fixed(width) => (row * width, (row + 1) * width),
                Bounds::Offsets(offsets) => (offsets[row], offsets[row + 1]),
            };
            let expected = *dimension.get_or_insert(end - start);
            if end - start != expected {
                let error = VectorError::Length { column: self.name.clone(), row, found: end - start, expected };
                return Err(OperatorError::new(ErrorKind::InvalidData, error));
            }
            let from = vectors.values.len();
            let has_null = match &self.components {
                Components::Single(array) => {
                    vectors.values.extend(array.values()[start..end].iter().map(|value| f64::from(*value)));
                    nulls(array, start, end)
                },
                Components::Double(array) => {
                    vectors.values.extend_from_slice(&array.values()[start..end]);
                    nulls(array, start, end)
                },
            };
            let vector = &vectors.values[from..];
            // Infinite and NaN if a component is.
            let norm = super::search::dot(vector, vector).sqrt();
            if has_null || !norm.is_finite() || (directed && norm == 0.0) {
                vectors.values.truncate(from);
                continue;
            }
            vectors.rows.push(row);
            vectors.norms.push(norm);
        }
        vectors.dimension = dimension.unwrap_or(0);
        Ok(vectors)
    }
}

fn nulls(array: &dyn Array, start: usize, end: usize) -> bool {
    array.validity().is_some_and(|validity| validity.clone().sliced(start, end - start).unset_bits() > 0)
}
