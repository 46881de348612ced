//! Sources.

use quokka_engine::plan::{Channels, Head, Node};
use quokka_engine::source::{Listing, Scan, ScanRequest};

use super::dynamic_filter::Doomed;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::placement::spread_evenly;

impl Lowering<'_> {
    pub(super) fn scan(
        &mut self,
        scan: &dyn Scan,
        request: &ScanRequest,
        order: Order,
        doomed: Vec<Doomed>,
    ) -> Lowered {
        let wanted = self.take_wanted();
        let mut request = request.clone();
        request.filters.extend(self.filters.of_scan(doomed));
        if let Some(index) = self.shared_result(scan) {
            return self.shared_scan(index, &request, order, wanted);
        }
        if let Some(parts) = scan.parts() {
            return self.scan_parts(scan, parts, request, order, wanted);
        }
        let source = scan.source(&request)?;
        let schema = source.schema();
        let (channels, wanted) = match wanted {
            // Split after split.
            Some(wanted) if order == Order::Needed => (self.one(wanted.first()), None),
            None if order == Order::Needed => (self.one(0), None),
            // Nobody else has the rows of a process.
            wanted if source.listing() == Listing::Process => (Channels::All, wanted),
            Some(wanted) => (wanted, None),
            // No more than there is to read.
            None => (spread_evenly(source.splits()?.len().max(1), self.workers, self.processes), None),
        };
        // One worker reads its splits in their order anyway.
        let placement = if channels.count(self.workers) == 1 { Placement::One } else { Placement::Spread };
        let node = self.plan.add(Node {
            head: Head::Source(source),
            fused: Vec::new(),
            inputs: Vec::new(),
            schema: schema.clone(),
            gates: Vec::new(),
            channels: channels.clone(),
        });
        Ok(self.spread(Stream { node, schema, placement, channels, sources: vec![node] }, wanted))
    }
}
