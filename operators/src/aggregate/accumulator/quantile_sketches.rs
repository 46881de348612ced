//! Approximate quantiles.

use polars_core::prelude::{Column, Series};
use quokka_engine::error::OperatorError;

use super::sketches::{Weight, damaged, each_image, images};
use super::{Accumulator, Rows, nulls};
use crate::sketch::{Key, Ranks};

/// Sketches of the ranks of each group's values. State: the image of the sketch.
pub(crate) struct QuantileSketches<T> {
    k: usize,
    sketches: Vec<Ranks<T>>,
    weight: Weight,
}

impl<T: Key> QuantileSketches<T> {
    pub fn new(k: u16) -> Self {
        Self { k: usize::from(k), sketches: Vec::new(), weight: Weight::default() }
    }

    fn weigh(&mut self, rows: usize) {
        self.weight.add(rows, &self.sketches, |sketch| size_of::<Ranks<T>>() + sketch.bytes());
    }
}

/// The sketch of an image that [`QuantileSketches`] made.
pub(crate) fn read_ranks<T: Key>(k: u16, image: &[u8]) -> Result<Ranks<T>, OperatorError> {
    Ranks::read(usize::from(k), image).ok_or_else(damaged)
}

/// Images of sketches of one value each.
pub(crate) fn single_ranks<T: Key>(k: u16, input: &Column) -> Result<Series, OperatorError> {
    let keys = T::of(input)?;
    let mut image = Vec::new();
    let mut all = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        let mut sketch = Ranks::new(usize::from(k));
        if let Some(key) = key {
            sketch.insert(*key);
        }
        image.clear();
        sketch.write(&mut image);
        all.push(image.clone());
    }
    images(all.into_iter())
}

impl<T: Key> Accumulator for QuantileSketches<T> {
    fn resize(&mut self, groups: usize) {
        self.sketches.resize_with(groups, || Ranks::new(self.k));
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let keys = T::of(input)?;
            let values = keys.values().as_slice();
            match (rows.groups, nulls(&keys)) {
                (None, None) => self.sketches.iter_mut().take(1).for_each(|sketch| sketch.insert_all(values)),
                (None, Some(_)) => {
                    if let Some(sketch) = self.sketches.first_mut() {
                        keys.non_null_values_iter().for_each(|key| sketch.insert(key));
                    }
                },
                (Some(groups), None) => {
                    groups.iter().zip(values).for_each(|(&group, &key)| self.sketches[group as usize].insert(key));
                },
                (Some(groups), Some(validity)) => {
                    validity.true_idx_iter().for_each(|row| self.sketches[groups[row] as usize].insert(values[row]));
                },
            }
        }
        self.weigh(rows.len);
        Ok(())
    }

    fn merge(&mut self, rows: Rows<'_>, state: &[Column]) -> Result<(), OperatorError> {
        for state in state {
            each_image(state, |row, image| {
                let other = Ranks::read(self.k, image).ok_or_else(damaged)?;
                self.sketches[rows.groups.map_or(0, |groups| groups[row] as usize)].merge(&other);
                Ok(())
            })?;
        }
        self.weigh(rows.len);
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let sketches = std::mem::take(&mut self.sketches);
        self.weight = Weight::default();
        Ok(vec![images(sketches.into_iter().map(|sketch| {
            let mut image = Vec::new();
            sketch.write(&mut image);
            image
        }))?])
    }

    fn bytes(&self) -> usize {
        self.weight.bytes()
    }
}
