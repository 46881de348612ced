//! Approximate numbers of distinct values.

use datasketches::error::Error;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::hash::hash_rows;

use super::sketches::{Weight, each_image, images};
use super::{Accumulator, Rows};

/// Binary logarithm of the number of registers: a standard error of 1.04 / sqrt(2^14) = 0.8 %, as Polars' own has.
const LOG_REGISTERS: u8 = 14;

/// HyperLogLog sketches of each group's values (Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a
/// near-optimal cardinality estimation algorithm", 2007), sparse while there are few (Heule, Nunkesser and Hall,
/// "HyperLogLog in practice", 2013). Null is a value. State: the image of the sketch, in the format of Apache DataSketches.
pub(crate) struct DistinctSketches {
    empty: HllUnion,
    sketches: Vec<HllUnion>,
    weight: Weight,
}

impl DistinctSketches {
    pub fn new() -> Result<Self, OperatorError> {
        let empty = HllUnion::new(LOG_REGISTERS).map_err(failed)?;
        Ok(Self { empty, sketches: Vec::new(), weight: Weight::default() })
    }

    fn weigh(&mut self, rows: usize) {
        self.weight.add(rows, &self.sketches, |sketch| size_of::<HllUnion>() + sketch.estimated_size());
    }
}

/// Whether values of a type can be hashed.
pub(crate) fn has_hash(dtype: &DataType) -> bool {
    match dtype {
        DataType::Struct(fields) => fields.iter().all(|field| has_hash(&field.dtype)),
        DataType::List(inner) => has_hash(inner),
        DataType::Boolean | DataType::String | DataType::Binary | DataType::Decimal(..) => true,
        DataType::Categorical(..) | DataType::Enum(..) => true,
        other => {
            let number = other.is_primitive_numeric() || other.is_temporal();
            number && !matches!(other, DataType::UInt128 | DataType::Float16)
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

/// Images of sketches of one value each.
pub(crate) fn single_values(input: &Column) -> Result<Series, OperatorError> {
    let single = |hash: u64| {
        let mut sketch = HllSketch::new(LOG_REGISTERS, HllType::Hll8).map_err(failed)?;
        sketch.update(hash);
        Ok(sketch.serialize())
    };
    let all: Vec<Vec<u8>> = hashes(input)?.into_iter().map(single).collect::<Result<_, OperatorError>>()?;
    images(all.into_iter())
}

fn hashes(input: &Column) -> Result<Vec<u64>, OperatorError> {
    let name = PlSmallStr::from_static("value");
    let frame = DataFrame::new(input.len(), vec![input.clone().with_name(name.clone())])?;
    hash_rows(&frame, &[name])
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
            let hashes = hashes(input)?;
            match rows.groups {
                None => {
                    if let Some(sketch) = self.sketches.first_mut() {
                        hashes.iter().for_each(|hash| sketch.update_value(hash));
                    }
                },
                Some(groups) => {
                    groups.iter().zip(&hashes).for_each(|(&group, hash)| {
                        self.sketches[group as usize].update_value(hash);
                    });
                },
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
