//! Sources.

use quokka_engine::plan::{Channels, Head, Node};
use quokka_engine::source::{Scan, ScanRequest};

use super::dynamic_filter::Doomed;
use super::{Lowered, Lowering, Order, Placement, Stream};

impl Lowering<'_> {
    pub(super) fn scan(
        &mut self,
        scan: &dyn Scan,
        request: &ScanRequest,
        order: Order,
        doomed: Vec<Doomed>,
    ) -> Lowered {
        let mut request = request.clone();
        request.filters.extend(self.filters.of_scan(doomed));
        if let Some(index) = self.shared_result(scan) {
            return self.shared_scan(index, &request, order);
        }
        if let Some(parts) = scan.parts() {
            return self.scan_parts(scan, parts, request, order);
        }
        let source = scan.source(&request)?;
        let schema = source.schema();
        let (channels, placement) = match order {
            Order::Needed => (Channels::One, Placement::One),
            // One worker reads its splits in their order anyway.
            Order::Ignored | Order::Kept if self.workers == 1 => (Channels::All, Placement::One),
            Order::Ignored | Order::Kept => (Channels::All, Placement::Spread),
        };
        let node = self.plan.add(Node {
            head: Head::Source(source),
            fused: Vec::new(),
            inputs: Vec::new(),
            schema: schema.clone(),
            gates: Vec::new(),
            channels,
        });
        Ok(Stream { node, schema, placement, sources: vec![node] })
    }
}
