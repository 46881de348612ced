//! The sending end of an edge: partitions batches, coalesces small pieces, and sends within credit.
//!
//! A sender may have `window` bytes under way to each receiver; the receiver returns credit when its operator takes a
//! batch. What may not be sent yet is stashed; a node whose ships are full does no further work, so pressure reaches the
//! sources.

use std::collections::VecDeque;

use polars_buffer::Buffer;
use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;

use super::parcel::{Parcel, Payload};
use crate::error::OperatorError;
use crate::frame::{self, FrameEncoder, MAX_FRAME_BYTES};
use crate::hash::{hash_rows, part_of};
use crate::operator::WorkerContext;
use crate::partitioning::{Partitioning, range_targets};
use crate::plan::Channels;

/// Bytes under way and stashed that each worker and edge may hold, whatever the number of workers.
const WORKER_WINDOW: usize = 16 << 20;
/// Least window of one pair of workers: a few messages, so that a link never runs dry.
const LEAST_WINDOW: usize = 1 << 20;

/// One outgoing edge of a node on one worker.
pub(super) struct Ship {
    partitioning: Partitioning,
    /// Those of the node that receives.
    channels: Channels,
    context: WorkerContext,
    lanes: Vec<Lane>,
    window: usize,
    stashed: usize,
}

/// The worker of a process that gets what the worker of `context` sends to it, if it has a channel.
fn partner(channels: &Channels, process: usize, context: &WorkerContext) -> Option<usize> {
    let local = context.workers_per_process();
    let there: Vec<usize> =
        (process * local..(process + 1) * local).filter(|worker| channels.contains(*worker)).collect();
    there.get(context.local_worker() % there.len().max(1)).copied()
}

/// What goes to one receiver.
#[derive(Default)]
struct Lane {
    /// Pieces too small to be sent alone.
    pieces: Vec<DataFrame>,
    piece_rows: usize,
    piece_bytes: usize,
    ready: VecDeque<Parcel>,
    under_way: usize,
}

impl Ship {
    pub(super) fn new(partitioning: Partitioning, channels: Channels, context: WorkerContext) -> Self {
        Self {
            partitioning,
            channels,
            context,
            lanes: (0..context.workers).map(|_| Lane::default()).collect(),
            window: (WORKER_WINDOW / context.workers).max(LEAST_WINDOW),
            stashed: 0,
        }
    }

    /// Whether the node may produce more.
    pub(super) fn has_room(&self) -> bool {
        self.stashed < self.window
    }

    /// Whether everything was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.stashed == 0 && self.lanes.iter().all(|lane| lane.pieces.is_empty())
    }

    /// Takes a batch of so many bytes and decides where its rows go.
    pub(super) fn send(&mut self, batch: DataFrame, bytes: usize) -> Result<(), OperatorError> {
        let (context, channels) = (self.context, self.channels.clone());
        let (me, count) = (context.worker, channels.count(context.workers));
        match &self.partitioning {
            Partitioning::PassThrough => self.post(me, batch, bytes),
            Partitioning::Gather => self.post(channels.first(), batch, bytes),
            Partitioning::Broadcast => {
                channels.workers(context.workers).try_for_each(|target| self.post(target, batch.clone(), bytes))
            },
            Partitioning::BroadcastToProcesses => {
                let mut targets = (0..context.processes).filter_map(|process| partner(&channels, process, &context));
                targets.try_for_each(|target| self.post(target, batch.clone(), bytes))
            },
            _ if count == 1 => self.post(channels.first(), batch, bytes),
            Partitioning::Hash(keys) => {
                let hashes = hash_rows(&batch, keys)?.into_iter();
                match &channels {
                    Channels::All => self.scatter(&batch, bytes, hashes.map(|hash| part_of(hash, count))),
                    some => self.scatter(&batch, bytes, hashes.map(|hash| some.worker(part_of(hash, count)))),
                }
            },
            Partitioning::HashToProcess(_) if context.processes == 1 && channels.contains(me) => {
                self.post(me, batch, bytes)
            },
            Partitioning::HashToProcess(keys) => {
                let may_stay = channels.contains(me);
                let targets = hash_rows(&batch, keys)?.into_iter().map(|hash| {
                    let owner = channels.worker(part_of(hash, count));
                    if may_stay && context.process_of(owner) == context.process { me } else { owner }
                });
                self.scatter(&batch, bytes, targets)
            },
            Partitioning::Range(range) => {
                let targets = range_targets(&batch, range)?.into_iter();
                self.scatter(&batch, bytes, targets.map(|target| channels.worker(target as usize)))
            },
            Partitioning::Function(function) => {
                let targets = function.clone().partition(&batch, count)?;
                if targets.len() != batch.height() {
                    return Err(OperatorError::message(
                        crate::error::ErrorKind::InvalidQuery,
                        format!("partition function returned {} targets for {} rows", targets.len(), batch.height()),
                    ));
                }
                let worker = |target: u64| channels.worker((target % count as u64) as usize);
                self.scatter(&batch, bytes, targets.into_iter().map(worker))
            },
        }
    }

    /// Makes the small pieces ready to be sent as well: nothing will follow.
    pub(super) fn flush(&mut self) -> Result<(), OperatorError> {
        (0..self.lanes.len()).try_for_each(|target| self.flush_lane(target))
    }

    /// The receiver `from` has taken `bytes`.
    pub(super) fn credit(&mut self, from: usize, bytes: u64) {
        if let Some(lane) = self.lanes.get_mut(from) {
            lane.under_way = lane.under_way.saturating_sub(bytes as usize);
        }
    }

    /// Hands every parcel that credit allows to `give`.
    pub(super) fn dispatch(&mut self, mut give: impl FnMut(Parcel)) {
        if self.stashed == 0 {
            return;
        }
        for lane in &mut self.lanes {
            while let Some(parcel) = lane.ready.front() {
                let credit = parcel.credit as usize;
                if lane.under_way > 0 && lane.under_way + credit > self.window {
                    break;
                }
                let Some(parcel) = lane.ready.pop_front() else { break };
                lane.under_way += credit;
                self.stashed -= credit;
                give(parcel);
            }
        }
    }

    /// Sends row `i` of `batch` to the `i`-th of `targets`. Each piece counts for its share of the bytes: to weigh it would
    /// mean to visit its strings once more.
    fn scatter(
        &mut self,
        batch: &DataFrame,
        bytes: usize,
        targets: impl Iterator<Item = usize>,
    ) -> Result<(), OperatorError> {
        let fair = batch.height() / self.lanes.len() * 5 / 4 + 8;
        let mut rows: Vec<Vec<IdxSize>> = (0..self.lanes.len()).map(|_| Vec::with_capacity(fair)).collect();
        for (row, target) in targets.enumerate() {
            rows[target].push(row as IdxSize);
        }
        for (target, rows) in rows.into_iter().enumerate() {
            if rows.len() == batch.height() {
                return self.post(target, batch.clone(), bytes);
            }
            if !rows.is_empty() {
                // SAFETY: every index is a row of `batch`.
                let piece = unsafe { batch.take_slice_unchecked_impl(&rows, false) };
                self.post(target, piece, bytes * rows.len() / batch.height())?;
            }
        }
        Ok(())
    }

    /// Queues a batch for `target`, together with earlier small pieces.
    fn post(&mut self, target: usize, piece: DataFrame, bytes: usize) -> Result<(), OperatorError> {
        let enough = (self.context.batch_rows / 4).max(1);
        let lane = &mut self.lanes[target];
        if lane.pieces.is_empty() && piece.height() >= enough {
            return self.enqueue(target, piece, bytes);
        }
        lane.piece_rows += piece.height();
        lane.piece_bytes += bytes;
        lane.pieces.push(piece);
        if lane.piece_rows >= enough { self.flush_lane(target) } else { Ok(()) }
    }

    fn flush_lane(&mut self, target: usize) -> Result<(), OperatorError> {
        let lane = &mut self.lanes[target];
        lane.piece_rows = 0;
        let bytes = std::mem::take(&mut lane.piece_bytes);
        let mut pieces = std::mem::take(&mut lane.pieces).into_iter();
        let Some(mut whole) = pieces.next() else { return Ok(()) };
        if pieces.len() > 0 {
            for piece in pieces {
                whole.vstack_mut_owned(piece)?;
            }
            whole.rechunk_mut();
        }
        self.enqueue(target, whole, bytes)
    }

    fn enqueue(&mut self, target: usize, batch: DataFrame, bytes: usize) -> Result<(), OperatorError> {
        let context = self.context;
        let mut push = |rows: usize, credit: usize, payload: Payload| {
            self.stashed += credit;
            self.lanes[target].ready.push_back(Parcel {
                target: target as u32,
                origin: context.worker as u32,
                rows: rows as u64,
                credit: credit as u64,
                payload,
            });
        };
        if context.process_of(target) == context.process {
            push(batch.height(), bytes.max(1), Payload::Frame(batch));
            return Ok(());
        }
        for part in frame::split(&batch, MAX_FRAME_BYTES)? {
            let rows = part.height();
            let encoder = FrameEncoder::new(&part)?;
            if encoder.len() <= MAX_FRAME_BYTES {
                push(rows, encoder.len(), Payload::Encoded(Box::new(encoder)));
                continue;
            }
            let bytes = Buffer::from(encoder.to_vec());
            for offset in (0..bytes.len()).step_by(MAX_FRAME_BYTES) {
                let len = MAX_FRAME_BYTES.min(bytes.len() - offset);
                let fragment = bytes.clone().sliced(offset..offset + len);
                push(1, len, Payload::Fragment { offset: offset as u64, total: bytes.len() as u64, bytes: fragment });
            }
        }
        Ok(())
    }
}
