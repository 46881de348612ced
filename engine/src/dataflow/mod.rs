//! Physical plans as timely dataflows. Together with the transport in [`cluster`](crate::cluster), the only place that
//! names timely.
//!
//! Each plan node becomes one timely operator: it receives parcels, runs the head and the operators fused behind it, and
//! ships the result along each outgoing edge. An edge is two channels: parcels forward, credits back.
//!
//! ```text
//!        ┌──────────────── node ────────────────┐            ┌──── node ────
//!  ──▶ Receive ─▶ head ─▶ fused … ─▶ Ship ══ parcels ══▶ Receive ─▶ head …
//!        └─ credits ◀─                  ◀══ credits ══════════ ┘
//! ```
//!
//! | file | part |
//! |---|---|
//! | `parcel.rs` | the timely container: a batch in memory, or its frame on the wire |
//! | `ship.rs` | partitions, coalesces and sends within credit |
//! | `receive.rs` | collects parcels, decodes them, owes credit for them |
//! | `chain.rs` | runs fused operators in bounded steps |
//! | `channel.rs` | one node on one worker, free of timely types: source, operator or sink with its ships and receives |
//! | `build.rs` | wires the nodes of a plan |
//! | `watch.rs` | spans and events of a node |
//! | `worker.rs`, `bus.rs` | the main loop of a worker and the commands it obeys |

mod build;
mod bus;
mod chain;
mod channel;
mod parcel;
mod receive;
mod ship;
mod size;
mod watch;
mod worker;

pub(crate) use worker::{Workers, spawn};
