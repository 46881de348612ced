//! Queries whose rows stay in the memory of the workers, and scans of such rows.

use std::sync::Arc;

use quokka_engine::dataset::parts_schema;
use quokka_engine::materialized::Materialized;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Head, Node};
use quokka_engine::source::{Parts, Scan, ScanRequest};
use quokka_operators::dataset::{KeepDataset, NumberDataset};

use super::{Lowered, Lowering, Order, Placement, Stream};

impl Lowering<'_> {
    /// Keeps the rows of `stream` where they are, in `rows`; what is left is what is known of them.
    pub(super) fn keep(&mut self, stream: Stream, rows: &Arc<Materialized>) -> Stream {
        let kept = stream.schema.clone();
        let told = parts_schema(&kept);
        let stream = self.fuse(stream, Arc::new(KeepDataset::new(rows.clone())), told.clone());
        // Also on one worker of a cluster, so that only worker 0 gives a number.
        let way = (Partitioning::Gather, self.one(0));
        let numbered = self.exchange(stream, way, Arc::new(NumberDataset::new(kept)), told);
        self.trace_rest();
        numbered
    }

    /// Reads rows of which each worker holds a part. If their order counts, each reads its own part and no other.
    pub(super) fn scan_parts(
        &mut self,
        scan: &dyn Scan,
        parts: Parts,
        mut request: ScanRequest,
        order: Order,
        wanted: Option<Channels>,
    ) -> Lowered {
        request.in_order = match order {
            Order::Ignored => false,
            Order::Kept => parts == Parts::Sorted,
            Order::Needed => true,
        };
        let placement = match request.in_order {
            _ if self.workers == 1 => Placement::One,
            true => Placement::Ranges,
            false => Placement::Spread,
        };
        let in_order = request.in_order;
        let source = scan.source(&request)?;
        let schema = source.schema();
        let node = self.plan.add(Node {
            head: Head::Source(source),
            fused: Vec::new(),
            inputs: Vec::new(),
            schema: schema.clone(),
            gates: Vec::new(),
            channels: Channels::All,
        });
        let stream = Stream { node, schema, placement, channels: Channels::All, sources: vec![node] };
        Ok(match wanted {
            None => stream,
            Some(wanted) if !in_order => self.spread(stream, Some(wanted)),
            Some(one) if one.count(self.workers) == 1 => self.restore_order(stream, Some(&one)),
            // To move parts of an order would mean to hold them.
            Some(_) => stream,
        })
    }
}
