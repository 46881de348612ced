//! Batches in the order that a stream has.

use std::collections::BTreeMap;

use polars_core::frame::DataFrame;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::State;

use crate::state::foreign;

const PREFIX: &str = "origin ";

/// Collects batches; gives them back by origin, and in the order of arrival inside an origin.
///
/// After a sort, worker `i` holds the `i`-th range: this is the order of the rows. Without one, it is an order that does
/// not depend on which worker was faster.
#[derive(Default)]
pub(crate) struct OrderedBatches {
    origins: BTreeMap<usize, Origin>,
    bytes: usize,
}

#[derive(Default)]
struct Origin {
    frames: Vec<DataFrame>,
    rows: usize,
}

impl OrderedBatches {
    /// Adds a batch.
    pub(crate) fn push(&mut self, batch: Batch) {
        let origin = batch.origin();
        self.push_frame(origin, batch.into_frame());
    }

    fn push_frame(&mut self, origin: usize, frame: DataFrame) {
        self.bytes += frame.estimated_size();
        let origin = self.origins.entry(origin).or_default();
        origin.rows += frame.height();
        origin.frames.push(frame);
    }

    /// Estimated bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Rows held of one origin.
    pub(crate) fn rows_of(&self, origin: usize) -> usize {
        self.origins.get(&origin).map_or(0, |origin| origin.rows)
    }

    /// Rows held.
    pub(crate) fn rows(&self) -> usize {
        self.origins.values().map(|origin| origin.rows).sum()
    }

    /// Takes out all batches, in order.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = DataFrame> + use<> {
        self.take_with_origins().map(|(_, frame)| frame)
    }

    /// Takes out all batches, in order, with their origins.
    pub(crate) fn take_with_origins(&mut self) -> impl Iterator<Item = (usize, DataFrame)> + use<> {
        self.bytes = 0;
        let origins = std::mem::take(&mut self.origins).into_iter();
        origins.flat_map(|(index, origin)| origin.frames.into_iter().map(move |frame| (index, frame)))
    }

    /// All batches, as entries of a state.
    pub(crate) fn snapshot(&self) -> State {
        let mut state = State::new();
        for (index, origin) in &self.origins {
            state.extend(origin.frames.iter().map(|frame| (format!("{PREFIX}{index}"), frame.clone())));
        }
        state
    }

    /// Takes up one entry that [`snapshot`](Self::snapshot) made.
    pub(crate) fn restore(&mut self, name: &str, frame: DataFrame) -> Result<(), OperatorError> {
        let origin = name.strip_prefix(PREFIX).and_then(|origin| origin.parse().ok());
        self.push_frame(origin.ok_or_else(|| foreign(name))?, frame);
        Ok(())
    }
}

/// One frame with the rows of all `batches`; `None` if there are none.
pub(crate) fn concatenate(batches: impl Iterator<Item = DataFrame>) -> Result<Option<DataFrame>, OperatorError> {
    let mut whole: Option<DataFrame> = None;
    for batch in batches {
        match &mut whole {
            None => whole = Some(batch),
            Some(whole) => {
                whole.vstack_mut_owned(batch)?;
            },
        }
    }
    Ok(whole)
}
