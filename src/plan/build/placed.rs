//! On which workers rows are made.

use quokka_engine::plan::Channels;

use crate::placement::Placement;
use crate::plan::logical::{LogicalPlan, Node};

impl LogicalPlan {
    /// The same rows, made on the workers of `channels`, which are those of `placement`.
    pub(crate) fn placed(self, placement: Placement, channels: Channels) -> Self {
        let schema = self.schema().clone();
        Self::new(Node::Placed { input: self, placement, channels }, schema)
    }
}
