//! Approximate numbers of distinct values.

use datasketches::error::Error;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IntoColumn, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::hash::hash_rows;
use quokka_engine::physical::column_to_physical;

use super::sketches::{Weight, each_image, images};
use super::{Accumulator, Counted, Rows};

/// Binary logarithm of the number of registers: a standard error of 1.04 / sqrt(2^14) = 0.8 %, as Polars' own has.
const LOG_REGISTERS: u8 = 14;

/// HyperLogLog sketches of each group's values (Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a
/// near-optimal cardinality estimation algorithm", 2007), sparse while there are few (Heule, Nunkesser and Hall,
/// "HyperLogLog in practice", 2013). Null is a value. State: the image of the sketch, in the format of Apache DataSketches.
pub(crate) struct DistinctSketches {
    /// Whether values come with what a filter says of them.
    filtered: bool,
    empty: HllUnion,
    sketches: Vec<HllUnion>,
    weight: Weight,
}

impl DistinctSketches {
    pub fn new(filtered: bool) -> Result<Self, OperatorError> {
        let empty = HllUnion::new(LOG_REGISTERS).map_err(failed)?;
        Ok(Self { filtered, empty, sketches: Vec::new(), weight: Weight::default() })
    }

    fn weigh(&mut self, rows: usize) {
        self.weight.add(rows, &self.sketches, |sketch| size_of::<HllUnion>() + sketch.estimated_size());
    }
}

/// Whether values of a type can be hashed.
pub(crate) fn has_hash(dtype: &DataType) -> bool {
    match dtype {
        DataType::Struct(fields) => fields.iter().all(|field| has_hash(&field.dtype)),
        DataType::List(inner) | DataType::Array(inner, _) => has_hash(inner),
        DataType::Boolean | DataType::String | DataType::Binary | DataType::Decimal(..) => true,
        DataType::Categorical(..) | DataType::Enum(..) => true,
        other => {
            let number = other.is_primitive_numeric() || other.is_temporal();
            number && *other != DataType::Float16
        },
    }
}

/// The number of distinct values that each image of a column tells. It follows from the set of hashes alone: the more exact
/// estimates of a sketch that was never merged would depend on how rows came.
pub(crate) fn estimates(images: &Column) -> Result<Vec<u64>, OperatorError> {
    let mut estimates = Vec::with_capacity(images.len());
    each_image(images, |_, image| {
        estimates.push(HllSketch::deserialize(image).map_err(failed)?.composite_estimate().round() as u64);
        Ok(())
    })?;
    Ok(estimates)
}

/// Images of sketches of one value each, or of none where it is filtered out.
pub(crate) fn single_values(input: &Column, filtered: bool) -> Result<Series, OperatorError> {
    let (hashes, kept) = hashes(input, filtered)?;
    let single = |(row, hash): (usize, u64)| {
        let mut sketch = HllSketch::new(LOG_REGISTERS, HllType::Hll8).map_err(failed)?;
        if kept.as_ref().is_none_or(|kept| kept.get_bit(row)) {
            sketch.update(hash);
        }
        Ok(sketch.serialize())
    };
    let all: Vec<Vec<u8>> = hashes.into_iter().enumerate().map(single).collect::<Result<_, OperatorError>>()?;
    images(all.into_iter())
}

/// The estimate for the values of a column, as they lie in batches.
pub(crate) fn approximate_n_unique(values: &Column) -> Result<u64, OperatorError> {
    let mut sketches = DistinctSketches::new(false)?;
    sketches.resize(1);
    let rows = Rows { len: values.len(), groups: None, counts: None, founders: &[], origin: 0 };
    sketches.update(rows, std::slice::from_ref(values))?;
    let images = sketches.take()?.into_iter().map(IntoColumn::into_column);
    Ok(images.map(|image| estimates(&image)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().sum())
}

/// A hash of each value, and which of them count if not all do.
fn hashes(input: &Column, filtered: bool) -> Result<(Vec<u64>, Option<Bitmap>), OperatorError> {
    let fields = if filtered { input.as_materialized_series().struct_()?.fields_as_series() } else { Vec::new() };
    let (values, kept) = match fields.as_slice() {
        [kept, values] => {
            // The value is hashed alike with and without a filter.
            let values = column_to_physical(values.clone().into_column())?;
            (values, Counted::True.select(&kept.clone().into_column())?)
        },
        _ => (input.clone(), None),
    };
    let name = PlSmallStr::from_static("value");
    let frame = DataFrame::new(values.len(), vec![values.with_name(name.clone())])?;
    Ok((hash_rows(&frame, &[name])?, kept))
}

fn failed(error: Error) -> OperatorError {
    OperatorError::new(ErrorKind::Internal, error)
}

impl Accumulator for DistinctSketches {
    fn resize(&mut self, groups: usize) {
        self.sketches.resize(groups, self.empty.clone());
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let (hashes, kept) = hashes(input, self.filtered)?;
            let mut note = |row: usize| {
                let group = rows.groups.map_or(0, |groups| groups[row] as usize);
                self.sketches[group].update_value(hashes[row]);
            };
            match kept {
                None => (0..hashes.len()).for_each(&mut note),
                Some(kept) => kept.true_idx_iter().for_each(note),
            }
        }
        self.weigh(rows.len);
        Ok(())
    }

    fn merge(&mut self, rows: Rows<'_>, state: &[Column]) -> Result<(), OperatorError> {
        for state in state {
            each_image(state, |row, image| {
                let other = HllSketch::deserialize(image).map_err(failed)?;
                self.sketches[rows.groups.map_or(0, |groups| groups[row] as usize)].update(&other);
                Ok(())
            })?;
        }
        self.weigh(rows.len);
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let sketches = std::mem::take(&mut self.sketches);
        self.weight = Weight::default();
        Ok(vec![images(sketches.into_iter().map(|sketch| sketch.to_sketch(HllType::Hll8).serialize()))?])
    }

    fn bytes(&self) -> usize {
        self.weight.bytes()
    }
}
