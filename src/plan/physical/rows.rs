//! Operations on rows that no expression says.

use std::sync::Arc;

use polars_core::prelude::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::OperatorFactory;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Head, Input};
use quokka_engine::source::{Scan, ScanRequest};
use quokka_operators::distinct::Distinct;
use quokka_operators::explode::Explode;
use quokka_operators::row_index::{IndexRanges, RowCount, RowIndex, RowIndexSource, RowNumber};
use quokka_operators::sample::AtLeast;

use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

impl Lowering<'_> {
    pub(super) fn rows(&mut self, input: &LogicalPlan, operation: &RowOperation, order: Order) -> Lowered {
        let operator: Arc<dyn OperatorFactory> = match operation {
            RowOperation::Distinct { keys, in_order } => return self.distinct(input, keys, *in_order),
            RowOperation::Index { number, offset } => return self.row_index(input, number, *offset, order),
            RowOperation::Explode { columns, options } => Arc::new(Explode::new(columns.iter().cloned(), *options)),
            RowOperation::Draw(draw) => Arc::new(draw.clone()),
            RowOperation::AtLeast(rows) => return self.at_least(input, *rows, order),
        };
        // They run where their rows are.
        let stream = self.lower(input, order)?;
        let schema = operation.schema(&stream.schema);
        Ok(self.fuse(stream, operator, schema))
    }

    /// Rows are counted by the worker that has all of them.
    fn at_least(&mut self, input: &LogicalPlan, rows: usize, order: Order) -> Lowered {
        let stream = self.lower(input, order)?;
        let schema = stream.schema.clone();
        if stream.placement == Placement::One {
            let operator = AtLeast::new(rows, stream.channels.first());
            return Ok(self.fuse(stream, Arc::new(operator), schema));
        }
        let way = self.to_one(&stream, None);
        let operator = AtLeast::new(rows, way.1.first());
        let mut stream = self.exchange(stream, way, Arc::new(operator), schema);
        stream.placement = Placement::One;
        Ok(stream)
    }

    /// Rows with equal keys meet on one worker; few of them are sent there. All meet where their order counts.
    fn distinct(&mut self, input: &LogicalPlan, keys: &[PlSmallStr], in_order: bool) -> Lowered {
        let wanted = self.take_wanted();
        let mut stream = self.lower(input, if in_order { Order::Needed } else { Order::Ignored })?;
        if in_order {
            stream = self.restore_order(stream, wanted.as_ref());
        }
        let schema = stream.schema.clone();
        let distinct = Distinct::new(keys, &schema)?;
        let way = match wanted {
            None if in_order && stream.placement == Placement::One => self.stay(&stream),
            None if self.workers == 1 || self.is_small(input) => self.to_one(&stream, None),
            Some(one) if one.count(self.workers) == 1 || in_order => self.to_one(&stream, Some(&one)),
            wanted => (Partitioning::Hash(keys.to_vec()), wanted.unwrap_or(Channels::All)),
        };
        if stream.placement == Placement::One && matches!(way.0, Partitioning::PassThrough) {
            return Ok(self.fuse(stream, Arc::new(distinct), schema));
        }
        let stream = self.fuse(stream, Arc::new(distinct.clone().partial()), schema.clone());
        Ok(self.exchange(stream, way, Arc::new(distinct), schema))
    }

    /// Numbers rows in the order of a sort or, if there is none, of the table: where a table is read that knows how many
    /// rows its splits have; on all workers if each has a range of the order; else on one worker, as the rows come.
    fn row_index(&mut self, input: &LogicalPlan, number: &RowNumber, offset: u64, order: Order) -> Lowered {
        if let Node::Scan { scan, request } = input.node()
            && let Some(stream) = self.indexed_scan(input, scan.as_ref(), request, (number, offset), order)?
        {
            return Ok(stream);
        }
        let wanted = self.take_wanted();
        let stream = self.lower(input, Order::Needed)?;
        let schema = RowOperation::Index { number: number.clone(), offset }.schema(&stream.schema);
        match stream.placement {
            Placement::One => Ok(self.fuse(stream, Arc::new(RowIndex::new(number.clone(), offset)), schema)),
            Placement::Ranges => {
                let counts = vec![Input { from: stream.node, partitioning: Partitioning::PassThrough }];
                let counts = self.operator(Arc::new(RowCount), counts, RowCount::schema(), stream.channels.clone());
                let inputs = vec![
                    Input { from: stream.node, partitioning: Partitioning::PassThrough },
                    Input { from: counts, partitioning: Partitioning::Broadcast },
                ];
                let index = IndexRanges::new(number.clone(), offset);
                let node = self.operator(Arc::new(index), inputs, schema.clone(), stream.channels.clone());
                Ok(Stream { node, schema, ..stream })
            },
            Placement::Spread => {
                let index = Arc::new(RowIndex::new(number.clone(), offset));
                let way = self.to_one(&stream, wanted.as_ref());
                let mut stream = self.exchange(stream, way, index, schema);
                stream.placement = Placement::One;
                Ok(stream)
            },
        }
    }

    /// The scan `input` with row numbers, if its source knows them.
    fn indexed_scan(
        &mut self,
        input: &LogicalPlan,
        scan: &dyn Scan,
        request: &ScanRequest,
        (number, offset): (&RowNumber, u64),
        order: Order,
    ) -> Result<Option<Stream>, OperatorError> {
        // Whatever drops rows changes the numbers of the others.
        if request.predicate.is_some() || scan.parts().is_some() || self.shared_result(scan).is_some() {
            return Ok(None);
        }
        let Some(source) = RowIndexSource::new(scan.source(request)?, number.clone(), offset)? else { return Ok(None) };
        let mut stream = self.lower(input, order)?;
        if let Some(node) = self.plan.nodes.get_mut(stream.node) {
            node.schema = RowOperation::Index { number: number.clone(), offset }.schema(&node.schema);
            node.head = Head::Source(Arc::new(source));
            stream.schema = node.schema.clone();
        }
        Ok(Some(stream))
    }
}
