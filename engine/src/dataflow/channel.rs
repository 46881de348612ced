//! One node on one worker, free of timely types.

use std::sync::Arc;
use std::time::{Duration, Instant};

use polars_core::frame::DataFrame;

use super::chain::{Advance, Chain};
use super::receive::Receive;
use super::ship::Ship;
use super::size::batch_bytes;
use super::watch::Tally;
use crate::batch::Batch;
use crate::error::{Error, ErrorKind, OperatorError};
use crate::gate::Gate;
use crate::metrics::NodeMetrics;
use crate::operator::WorkerContext;
use crate::physical::to_physical;
use crate::pool::SplitQueue;
use crate::sink::Sink;
use crate::source::{Source, SplitReader};

/// A node gives way to the other operators of its worker after this time.
const QUANTUM: Duration = Duration::from_millis(2);

/// What a node is at heart.
pub(super) enum Core {
    Source(Reading),
    Operator,
    Sink { sink: Box<dyn Sink>, finished: bool, on_finish: Box<dyn FnOnce()> },
}

/// A source that works its way through the splits of its process.
pub(super) struct Reading {
    source: Arc<dyn Source>,
    splits: Arc<SplitQueue>,
    /// The split that is being opened or read.
    split: Option<usize>,
    reader: Option<Box<dyn SplitReader>>,
    exhausted: bool,
}

/// One channel of a node.
pub(super) struct NodeChannel {
    pub(super) name: String,
    pub(super) context: WorkerContext,
    pub(super) core: Core,
    pub(super) chain: Chain,
    pub(super) receives: Vec<Receive>,
    pub(super) ships: Vec<Ship>,
    pub(super) gates: Vec<Arc<Gate>>,
    pub(super) metrics: Arc<NodeMetrics>,
    pub(super) tally: Tally,
}

/// What a node wants after it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is more to do: run again soon.
    Yielded,
    /// Nothing to do until a parcel, credit or gate comes.
    Waiting,
    /// Everything was done and sent.
    Finished,
}

impl NodeChannel {
    /// Works until there is nothing to do, no room for output, or the quantum is over.
    pub(super) fn run(&mut self) -> Result<Outcome, Error> {
        let outcome = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work())) {
            Ok(outcome) => outcome,
            Err(panic) => Err(panic_error(panic.as_ref())),
        };
        outcome.map_err(|source| self.locate(source))
    }

    /// An error with this node's name, worker and split.
    fn locate(&self, source: OperatorError) -> Error {
        let split = match &self.core {
            Core::Source(reading) => reading.split_name(),
            _ => None,
        };
        Error::Operator { operator: self.name.clone(), worker: self.context.worker, split, source }
    }

    fn work(&mut self) -> Result<Outcome, OperatorError> {
        let start = Instant::now();
        loop {
            if self.is_finished() {
                let flush = Instant::now();
                self.ships.iter_mut().try_for_each(Ship::flush)?;
                self.metrics.shipped(flush.elapsed());
                return Ok(if self.ships.iter().all(Ship::is_empty) { Outcome::Finished } else { Outcome::Waiting });
            }
            if !self.ships.iter().all(Ship::has_room) {
                return Ok(Outcome::Waiting);
            }
            match self.advance()? {
                Advance::Worked => {},
                Advance::Stalled => return Ok(Outcome::Yielded),
                Advance::Idle if self.feed()? => {},
                Advance::Idle => return Ok(Outcome::Waiting),
            }
            if start.elapsed() > QUANTUM {
                return Ok(Outcome::Yielded);
            }
        }
    }

    fn is_finished(&self) -> bool {
        match &self.core {
            Core::Sink { finished, .. } => *finished,
            _ => self.chain.is_finished(),
        }
    }

    fn advance(&mut self) -> Result<Advance, OperatorError> {
        let mut emit = emit(&mut self.ships, &self.metrics, &mut self.tally.rows_out);
        self.chain.advance(&mut emit)
    }

    /// Brings one more batch, or the end of an input; `false` if there is none.
    fn feed(&mut self) -> Result<bool, OperatorError> {
        let NodeChannel { core, chain, receives, ships, gates, metrics, context, tally, .. } = self;
        let mut emit = emit(ships, metrics, &mut tally.rows_out);
        match core {
            Core::Source(reading) => {
                if !gates.iter().all(|gate| gate.is_open()) {
                    return Ok(false);
                }
                if reading.exhausted {
                    return Ok(false);
                }
                if chain.is_satisfied() {
                    reading.stop();
                    chain.end(0, &mut emit)?;
                    return Ok(true);
                }
                let start = Instant::now();
                let next = reading.next(context, metrics)?;
                metrics.operator(0).worked(start.elapsed());
                match next {
                    Some(frame) if frame.height() == 0 => {},
                    Some(frame) => {
                        metrics.operator(0).gave(frame.height());
                        tally.rows_in += frame.height() as u64;
                        chain.give(0, Batch::new(frame, context.worker), &mut emit)?;
                    },
                    None => {
                        reading.stop();
                        chain.end(0, &mut emit)?;
                    },
                }
                Ok(true)
            },
            Core::Operator => {
                for (input, receive) in receives.iter_mut().enumerate() {
                    if chain.is_satisfied() {
                        receive.discard();
                    }
                    if !receive.is_empty() && chain.is_ready(input) {
                        if let Some(batch) = receive.next()? {
                            tally.rows_in += batch.height() as u64;
                            chain.give(input, batch, &mut emit)?;
                        }
                        return Ok(true);
                    }
                    if chain.is_ready(input) && receive.take_end() {
                        chain.end(input, &mut emit)?;
                        return Ok(true);
                    }
                }
                Ok(false)
            },
            Core::Sink { sink, finished, on_finish } => {
                let Some(receive) = receives.first_mut() else { return Ok(false) };
                if let Some(batch) = receive.next()? {
                    metrics.operator(0).took(batch.height());
                    tally.rows_in += batch.height() as u64;
                    let start = Instant::now();
                    sink.on_batch(batch)?;
                    metrics.operator(0).worked(start.elapsed());
                    return Ok(true);
                }
                if receive.take_end() {
                    sink.finish()?;
                    *finished = true;
                    std::mem::replace(on_finish, Box::new(|| ()))();
                    return Ok(true);
                }
                Ok(false)
            },
        }
    }
}

impl Reading {
    pub(super) fn new(source: Arc<dyn Source>, splits: Arc<SplitQueue>) -> Self {
        Self { source, splits, split: None, reader: None, exhausted: false }
    }

    fn next(&mut self, context: &WorkerContext, metrics: &NodeMetrics) -> Result<Option<DataFrame>, OperatorError> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(frame) = reader.next()? {
                    return to_physical(frame).map(Some);
                }
                metrics.finished_split(self.source.dropped());
                self.reader = None;
                tracing::trace!(split = self.split, name = self.split_name(), "split finished");
            }
            self.split = self.splits.pop(self.source.as_ref(), context.local_worker())?;
            let Some(split) = self.split else { return Ok(None) };
            tracing::trace!(split, name = self.split_name(), "split started");
            self.reader = Some(self.source.open(split, context)?);
            metrics.opened_split(self.source.bytes_read());
        }
    }

    /// Name of the split that is being read.
    fn split_name(&self) -> Option<String> {
        Some(self.splits.name(self.split?))
    }

    /// Reads no more.
    fn stop(&mut self) {
        self.reader = None;
        self.split = None;
        self.exhausted = true;
    }
}

fn emit<'a>(
    ships: &'a mut [Ship],
    metrics: &'a NodeMetrics,
    rows_out: &'a mut u64,
) -> impl FnMut(DataFrame) -> Result<(), OperatorError> + 'a {
    move |frame| {
        let start = Instant::now();
        let bytes = batch_bytes(&frame);
        metrics.sent(bytes);
        *rows_out += frame.height() as u64;
        match ships {
            [] => {},
            [first, rest @ ..] => {
                rest.iter_mut().try_for_each(|ship| ship.send(frame.clone(), bytes))?;
                first.send(frame, bytes)?;
            },
        }
        metrics.shipped(start.elapsed());
        Ok(())
    }
}

/// A caught panic as an error with the panic's text.
pub(super) fn panic_error(panic: &(dyn std::any::Any + Send)) -> OperatorError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    OperatorError::message(ErrorKind::Panic, format!("panicked: {text}"))
}
