//! Plans and what was measured of them as pictures.

use std::time::Duration;

use quokka_engine::metrics::{NodeReport, OperatorReport};
use quokka_engine::operator::Behaviour;

use super::profile::workers;
use super::{DataStream, Profile};
use crate::error::Result;
use crate::figures::{bytes, count, milliseconds};
use crate::picture::{Arrow, Card, End, Kind, Operator, Picture};
use crate::plan::cardinality::Estimates;
use crate::plan::outline::{NodePlace, Outline, OutlineNode, OutlineOperator};
use crate::plan::physical::{Collected, Ending};

impl DataStream {
    /// What the workers will do, as a picture: an SVG document, which browsers show in their light or dark colours.
    ///
    /// A card is a node of the physical plan: a source, operator or sink at its bottom, with those that run right behind it on
    /// the same worker above; `blocks` stands beside those that wait for all their rows. Rows flow upwards. An
    /// arrow tells how they are distributed over the workers; a dashed one leads to an operator that finds them in the memory
    /// of its process. `≈` is about how many rows the optimizer thinks there are. Pointing at something shows all of it.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("k" => [1, 2], "v" => [3, 4]).unwrap());
    /// let svg = stream.group_by([col("k")]).agg([col("v").sum()]).to_svg()?;
    /// assert!(svg.starts_with("<svg") && svg.contains("final-aggregate"));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn to_svg(&self) -> Result<String> {
        Ok(self.picture()?.to_svg())
    }

    /// The picture of [`to_svg`](Self::to_svg) as a graph in the DOT language of Graphviz.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dot = context.from_df(df!("a" => [1, 2]).unwrap()).to_dot()?;
    /// assert!(dot.starts_with("digraph") && dot.contains("memory-scan"));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn to_dot(&self) -> Result<String> {
        Ok(self.picture()?.to_dot())
    }

    fn picture(&self) -> Result<Picture> {
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let mut physical = self.lower(&query, &estimates, Ending::Collect(&Collected::default()))?;
        physical.traces.iter_mut().for_each(|trace| trace.estimate(&estimates));
        let outline = Outline::new(&physical.plan.nodes, &physical.traces, physical.handovers);
        let on = self.context.on_workers();
        Ok(of_plan(&outline, format!("on {}", workers(on.workers, on.processes))))
    }
}

impl Profile {
    /// What was measured, as a picture: an SVG document, which browsers show in their light or dark colours.
    ///
    /// It is that of [`DataStream::to_svg`], with rows, time and memory of each operator, and rows and bytes on the arrows, which
    /// are the thicker the more bytes. Bars and shades are shares of the time of all operators.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let (_, profile) = context.from_df(df!("a" => [1, 2, 3]).unwrap()).profile()?;
    /// assert!(profile.to_svg().contains("3 rows"));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn to_svg(&self) -> String {
        self.picture().to_svg()
    }

    /// The picture of [`to_svg`](Self::to_svg) as a graph in the DOT language of Graphviz.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let (_, profile) = context.from_df(df!("a" => [1, 2, 3]).unwrap()).profile()?;
    /// assert!(profile.to_dot().contains("3 rows"));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn to_dot(&self) -> String {
        self.picture().to_dot()
    }

    fn picture(&self) -> Picture {
        let nodes = &self.report.nodes;
        let all = nodes.iter().map(time).sum();
        let mut picture = of_plan(&self.outline, self.times());
        for ((card, outline), node) in picture.cards.iter_mut().zip(&self.outline.nodes).zip(nodes) {
            card.share = share(time(node), all);
            if node.shipping > Duration::ZERO && !outline.readers.is_empty() {
                card.notes.push(format!("handing on {}", milliseconds(node.shipping)));
            }
            for (level, (shown, operator)) in card.operators.iter_mut().zip(&node.operators).enumerate() {
                shown.share = share(operator.busy, all);
                shown.remark = milliseconds(operator.busy);
                if shown.share >= 0.01 {
                    shown.remark.push_str(&format!(" {:.0} %", 100.0 * shown.share));
                }
                if level == 0 && node.splits > 0 {
                    shown.fields.push(("splits".into(), count(node.splits)));
                }
                if level == 0 && node.dropped > 0 {
                    shown.fields.push(("dropped".into(), count(node.dropped)));
                }
                let estimate = outline.operators.get(level).and_then(|operator| operator.rows);
                shown.figures = figures(operator, outline.place == NodePlace::Source && level == 0, estimate);
            }
        }
        let most = nodes.iter().map(|node| node.bytes_out).max().unwrap_or(0);
        for arrow in &mut picture.arrows {
            let Some(node) = nodes.get(arrow.from) else { continue };
            let (rows, size) = match arrow.end {
                End::Input(_) => (node.rows_out(), node.bytes_out),
                // What was made holds its rows as state.
                End::Memory(_) => node.operators.last().map_or((0, 0), |last| (last.rows_in, last.state_bytes)),
            };
            let mut line = format!("{} rows", count(rows));
            if size > 0 {
                line.push_str(&format!(", {}", bytes(size)));
            }
            if matches!(arrow.end, End::Input(_)) && most > 0 {
                arrow.weight = size as f64 / most as f64;
            }
            arrow.details.push('\n');
            arrow.details.push_str(&line);
            arrow.label.truncate(1);
            arrow.label.push(line);
        }
        picture
    }
}

/// What workers did in a node, summed over them.
fn time(node: &NodeReport) -> Duration {
    node.operators.iter().map(|operator| operator.busy).sum::<Duration>() + node.shipping
}

fn share(part: Duration, all: Duration) -> f64 {
    if all.is_zero() { 0.0 } else { part.as_secs_f64() / all.as_secs_f64() }
}

fn figures(operator: &OperatorReport, reads: bool, estimate: Option<f64>) -> String {
    let mut text = match (reads, operator.batches_out) {
        (true, _) => format!("{} rows", count(operator.rows_out)),
        // It sends nothing on: a sink, or what is held.
        (false, 0) => format!("{} rows", count(operator.rows_in)),
        (false, _) => format!("{} → {} rows", count(operator.rows_in), count(operator.rows_out)),
    };
    if let Some(rows) = estimate {
        text.push_str(&format!(" ≈{}", count(rows.round() as u64)));
    }
    if operator.state_bytes > 0 {
        text.push_str(&format!(", {} held", bytes(operator.state_bytes)));
    }
    text
}

/// A plan without what was measured; `about` is said of all of it.
fn of_plan(outline: &Outline, about: String) -> Picture {
    let mut arrows = Vec::new();
    for (to, node) in outline.nodes.iter().enumerate() {
        for (input, (from, partitioning)) in node.inputs.iter().enumerate() {
            let sender = outline.nodes.get(*from);
            let mut label = vec![partitioning.clone()];
            label.extend(sender.and_then(OutlineNode::rows).map(about_rows));
            let columns = sender.map_or("", |sender| sender.columns.as_str());
            let details = format!("from #{from} to #{to}: {partitioning}\ncolumns: {columns}");
            arrows.push(Arrow { from: *from, to, end: End::Input(input), label, details, weight: 0.0 });
        }
    }
    for handover in &outline.handovers {
        let (from, to) = (handover.from, handover.to.node);
        let details = format!("from #{from} to #{to}: {}, in memory", handover.what);
        let label = vec![handover.what.to_string()];
        arrows.push(Arrow { from, to, end: End::Memory(handover.to.level), label, details, weight: 0.0 });
    }
    Picture { title: vec!["physical plan".into(), about], cards: outline.nodes.iter().map(card).collect(), arrows }
}

fn card(node: &OutlineNode) -> Card {
    Card {
        kind: match node.place {
            NodePlace::Source => Kind::Source,
            NodePlace::Inside => Kind::Operator,
            NodePlace::Sink => Kind::Sink,
        },
        operators: node.operators.iter().map(operator).collect(),
        notes: node.channels.iter().map(|channels| on_workers(channels)).collect(),
        share: 0.0,
    }
}

fn operator(OutlineOperator { description, rows }: &OutlineOperator) -> Operator {
    Operator {
        name: description.name.clone(),
        remark: if description.behaviour == Behaviour::Blocks { "blocks".into() } else { String::new() },
        fields: description.fields.iter().filter(|(_, value)| !value.is_empty()).cloned().collect(),
        figures: rows.map(about_rows).unwrap_or_default(),
        share: 0.0,
    }
}

/// Where a node has channels, if not everywhere.
fn on_workers(channels: &str) -> String {
    let one = channels.bytes().all(|byte| byte.is_ascii_digit());
    format!("on worker{} {channels}", if one { "" } else { "s" })
}

fn about_rows(rows: f64) -> String {
    format!("≈{} rows", count(rows.round() as u64))
}
