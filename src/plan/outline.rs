//! What is shown of a physical plan, also after its run: the plan itself would keep what its operators hold.

use quokka_engine::operator::Description;
use quokka_engine::plan::{Channels, Head, Node};

use super::physical::{Handover, Place, Trace};

/// A physical plan without what runs.
pub(crate) struct Outline {
    pub(crate) nodes: Vec<OutlineNode>,
    /// Ways of rows that are no edges.
    pub(crate) handovers: Vec<Handover>,
}

/// A node of the plan.
pub(crate) struct OutlineNode {
    pub(crate) place: NodePlace,
    /// The head, then what is fused behind it.
    pub(crate) operators: Vec<OutlineOperator>,
    /// Nodes that it reads from, and how their rows are distributed.
    pub(crate) inputs: Vec<(usize, String)>,
    /// Nodes that read from it, in plan order, and how its rows are distributed.
    pub(crate) readers: Vec<(usize, String)>,
    /// Where it runs, unless that is on all workers.
    pub(crate) channels: Option<String>,
    /// The columns that leave it.
    pub(crate) columns: String,
}

/// Where a node stands in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodePlace {
    Source,
    Inside,
    Sink,
}

pub(crate) struct OutlineOperator {
    pub(crate) description: Description,
    /// About how many rows come out of it, if that was estimated.
    pub(crate) rows: Option<f64>,
}

impl Outline {
    /// Of a plan of `nodes`; `traces` have their estimates.
    pub(crate) fn new(nodes: &[Node], traces: &[Trace], handovers: Vec<Handover>) -> Self {
        let mut outlined: Vec<OutlineNode> = nodes.iter().map(OutlineNode::new).collect();
        for (index, node) in nodes.iter().enumerate() {
            for input in &node.inputs {
                if let Some(from) = outlined.get_mut(input.from) {
                    from.readers.push((index, input.partitioning.to_string()));
                }
            }
        }
        let mut outline = Self { nodes: outlined, handovers };
        traces.iter().for_each(|trace| outline.estimate(trace));
        outline
    }

    fn estimate(&mut self, trace: &Trace) {
        let Place { node, level } = trace.output;
        if let Some(operator) = self.nodes.get_mut(node).and_then(|node| node.operators.get_mut(level)) {
            operator.rows = trace.rows;
        }
        trace.inputs.iter().for_each(|input| self.estimate(input));
    }
}

impl OutlineNode {
    fn new(node: &Node) -> Self {
        let columns = node.schema.iter().map(|(name, dtype)| format!("{name}: {dtype}"));
        Self {
            place: match node.head {
                Head::Source(_) => NodePlace::Source,
                Head::Operator(_) => NodePlace::Inside,
                Head::Sink(_) => NodePlace::Sink,
            },
            operators: node.operators().map(|description| OutlineOperator { description, rows: None }).collect(),
            inputs: node.inputs.iter().map(|input| (input.from, input.partitioning.to_string())).collect(),
            readers: Vec::new(),
            channels: (node.channels != Channels::All).then(|| node.channels.to_string()),
            columns: columns.collect::<Vec<_>>().join(", "),
        }
    }

    /// About how many rows leave it.
    pub(crate) fn rows(&self) -> Option<f64> {
        self.operators.last()?.rows
    }
}
