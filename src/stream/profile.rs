//! What a query did, as figures and as text.

use std::fmt;
use std::time::Duration;

use quokka_engine::metrics::NodeReport;
use quokka_engine::pool::QueryReport;

use crate::context::Context;
use crate::figures::{bytes, count, milliseconds};
use crate::plan::Line;
use crate::plan::logical::LogicalPlan;
use crate::plan::outline::Outline;
use crate::plan::physical::{Place, Trace};

/// What was measured while a query ran: see [`DataStream::profile`](crate::DataStream::profile).
///
/// As text it shows the optimized plan and the physical plan, with these figures to the left of each line:
///
/// * `rows` that came out of a node, or went in and out of an operator, and in how many `batches` they left it; `rows≈`
///   is how many the optimizer thought there would be;
/// * `bytes` of the rows that left the last operator of a node for other workers or nodes, as they are held in memory;
/// * `time` that workers spent there, summed over the workers: with two workers it can be twice the time that passes. Of
///   a source it is what opening its splits and decoding them took, without the operators that run right behind it. A line
///   `⇒` is what partitioning and handing the rows on took;
/// * `state`: the most memory that each worker held for it, summed.
///
/// The time of a node of the optimized plan is that of all operators that were made for it, without its inputs.
///
/// In a cluster, the figures are those of all processes, summed, and every process gets the same. What collects the result takes
/// all of its rows in each process.
pub struct Profile {
    traces: Vec<Trace>,
    pub(super) outline: Outline,
    processes: usize,
    /// Of all processes.
    workers: usize,
    planned: Duration,
    pub(super) report: QueryReport,
}

impl Profile {
    /// Of a query that was planned as `traces` and `outline` in the time `planned`, and did what `report` says.
    pub(super) fn new(
        traces: Vec<Trace>,
        outline: Outline,
        context: &Context,
        planned: Duration,
        report: QueryReport,
    ) -> Self {
        let (processes, workers) = (context.processes(), context.workers());
        Self { traces, outline, processes, workers, planned, report }
    }

    /// All figures, node by node in the order of the physical plan.
    pub fn report(&self) -> &QueryReport {
        &self.report
    }

    /// What the time of the run was spent on.
    pub(super) fn times(&self) -> String {
        let sum = |part: fn(&NodeReport) -> Duration| -> Duration { self.report.nodes.iter().map(part).sum() };
        let operators = sum(|node| node.operators.iter().map(|operator| operator.busy).sum());
        let (busy, shipping) = (sum(|node| node.busy), sum(|node| node.shipping));
        let all = self.report.elapsed * self.workers as u32;
        format!(
            "{} on {}: operators {}, shipping {}, other work {}, idle {}",
            milliseconds(self.report.elapsed),
            workers(self.workers, self.processes),
            milliseconds(operators),
            milliseconds(shipping),
            milliseconds(busy.saturating_sub(operators + shipping)),
            milliseconds(all.saturating_sub(busy)),
        )
    }

    /// What was measured of an operator: rows, time, and state.
    fn operator(&self, place: Place) -> (u64, Duration, u64) {
        let node = self.report.nodes.get(place.node);
        let operator = node.and_then(|node| node.operators.get(place.level));
        operator.map_or_else(Default::default, |operator| (operator.rows_out, operator.busy, operator.state_bytes))
    }

    /// What partitioning and handing on the rows of an operator took: nothing, unless it is the last of its node.
    fn shipping(&self, place: Place) -> Duration {
        match self.report.nodes.get(place.node) {
            Some(node) if node.operators.len() == place.level + 1 => node.shipping,
            _ => Duration::ZERO,
        }
    }

    fn write_plan(
        &self,
        plan: &LogicalPlan,
        trace: Option<&Trace>,
        depth: usize,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let figures = match trace {
            Some(trace) => {
                let (rows, ..) = self.operator(trace.output);
                let made = trace.operators.iter().map(|place| (self.operator(*place), self.shipping(*place)));
                let (time, state) = made.fold((Duration::ZERO, 0), |(time, state), ((_, busy, held), shipping)| {
                    (time + busy + shipping, state + held)
                });
                [count(rows), milliseconds(time), bytes(state)]
            },
            None => Default::default(),
        };
        let [rows, time, state] = figures;
        let indent = 2 * depth;
        let about = trace.and_then(|trace| trace.rows).map_or("?".into(), |rows| count(rows.round() as u64));
        writeln!(f, "{rows:>13} {about:>13} {time:>11} {state:>9}  {:indent$}{}", "", Line(plan))?;
        let mut traces: Vec<&Trace> = trace.map(|trace| trace.inputs.iter().collect()).unwrap_or_default();
        plan.inputs().into_iter().try_for_each(|input| {
            let found = traces.iter().position(|trace| trace.plan.address() == input.address());
            let trace = found.map(|found| traces.remove(found));
            self.write_plan(input, trace, depth + 1, f)
        })
    }

    fn write_node(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(outline), Some(node)) = (self.outline.nodes.get(index), self.report.nodes.get(index)) else {
            return Ok(());
        };
        for (level, (operator, shown)) in node.operators.iter().zip(&outline.operators).enumerate() {
            let description = &shown.description;
            // What sends nothing at least takes something.
            let batches = if operator.batches_out > 0 { operator.batches_out } else { operator.batches_in };
            let [rows_in, rows_out, batches] = [operator.rows_in, operator.rows_out, batches].map(count);
            let (time, state) = (milliseconds(operator.busy), bytes(operator.state_bytes));
            write!(f, "{rows_in:>13} {rows_out:>13} {batches:>8} {:>9} {time:>11} {state:>9}  ", "")?;
            match level {
                0 => {
                    write!(f, "{index}: {description}")?;
                    let mut inputs = outline.inputs.iter();
                    inputs.try_for_each(|(from, partitioning)| write!(f, " ← {from} {partitioning}"))?;
                },
                _ => write!(f, "{:indent$}→ {description}", "", indent = index.to_string().len())?,
            }
            if level == 0 && node.splits > 0 {
                write!(f, " splits={}", node.splits)?;
            }
            if level == 0 && node.dropped > 0 {
                write!(f, " dropped={}", count(node.dropped))?;
            }
            writeln!(f)?;
        }
        if !outline.readers.is_empty() {
            let readers = outline.readers.iter().map(|(to, partitioning)| format!("{partitioning} to {to}"));
            let readers = readers.collect::<Vec<_>>().join(", ");
            let (sent, time) = (bytes(node.bytes_out), milliseconds(node.shipping));
            let indent = index.to_string().len();
            writeln!(f, "{:>13} {:>13} {:>8} {sent:>9} {time:>11} {:>9}  {:indent$}⇒ {readers}", "", "", "", "", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "planned in {}; {}", milliseconds(self.planned), self.times())?;
        writeln!(f, "\noptimized plan\n{:>13} {:>13} {:>11} {:>9}", "rows", "rows≈", "time", "state")?;
        for (index, trace) in self.traces.iter().enumerate() {
            if index > 0 {
                writeln!(f, "{:>50} shared plan {index}", "")?;
            }
            self.write_plan(&trace.plan, Some(trace), 0, f)?;
        }
        let names = ["rows in", "rows out", "batches", "bytes", "time", "state"];
        let [rows_in, rows_out, batches, bytes, time, state] = names;
        writeln!(f, "\nphysical plan\n{rows_in:>13} {rows_out:>13} {batches:>8} {bytes:>9} {time:>11} {state:>9}")?;
        (0..self.outline.nodes.len()).try_for_each(|index| self.write_node(index, f))
    }
}

/// How many workers there are, for titles.
pub(super) fn workers(workers: usize, processes: usize) -> String {
    let plural = if workers == 1 { "" } else { "s" };
    match processes {
        1 => format!("{workers} worker{plural}"),
        _ => format!("{workers} worker{plural} of {processes} processes"),
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("report", &self.report).finish_non_exhaustive()
    }
}
