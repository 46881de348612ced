//! As text for Graphviz and the many tools that read its language.

use super::text::{cut, dot};
use super::{Arrow, Card, End, Kind, Picture};

/// Columns of a line; tooltips have all of it.
const COLUMNS: usize = 60;

impl Picture {
    /// A directed graph, whose nodes are `n0`, `n1`, …
    pub(crate) fn to_dot(&self) -> String {
        let mut text = String::from(
            "digraph plan {\n  rankdir=BT;\n  graph [fontname=\"monospace\", labelloc=t, labeljust=l];\n  \
             node [shape=box, style=\"rounded,filled\", fontname=\"monospace\", fontsize=11];\n  \
             edge [fontname=\"monospace\", fontsize=10];\n",
        );
        let mut push = |line: String| text.push_str(&format!("  {line};\n"));
        if !self.title.is_empty() {
            push(format!("label={}", dot(self.title.iter().map(String::as_str))));
        }
        for (index, card) in self.cards.iter().enumerate() {
            push(format!("n{index} [{}]", node(index, card)));
        }
        for arrow in &self.arrows {
            push(format!("n{} -> n{} [{}]", arrow.from, arrow.to, edge(arrow, self)));
        }
        text.push_str("}\n");
        text
    }
}

fn node(index: usize, card: &Card) -> String {
    let mut lines = Vec::new();
    let mut details = Vec::new();
    for (level, operator) in card.operators.iter().enumerate().rev() {
        let number = if level == 0 { format!(" #{index}") } else { String::new() };
        lines.push(format!("{}{number}  {}", cut(&operator.name, COLUMNS), operator.remark).trim_end().to_string());
        for (key, value) in &operator.fields {
            lines.push(cut(&format!("  {key} {value}"), COLUMNS));
        }
        if !operator.figures.is_empty() {
            lines.push(format!("  {}", operator.figures));
        }
        details.push(operator.details());
    }
    lines.extend(card.notes.iter().map(|note| cut(note, COLUMNS)));
    let details = details.join("\n");
    let hue = match card.kind {
        Kind::Source => 0.38,
        Kind::Operator => 0.58,
        Kind::Sink => 0.75,
    };
    // The more time, the nearer to orange.
    let (hue, strength) = if card.share > 0.0 { (0.07, 0.1 + 0.6 * card.share.min(1.0)) } else { (hue, 0.08) };
    format!(
        "label={}, tooltip={}, fillcolor=\"{hue:.3} {strength:.3} 1.000\"",
        dot(lines.iter().map(String::as_str)),
        dot(details.lines())
    )
}

fn edge(arrow: &Arrow, picture: &Picture) -> String {
    let mut label = arrow.label.clone();
    if let (End::Memory(operator), Some(what)) = (arrow.end, label.first_mut()) {
        let name = picture.cards.get(arrow.to).and_then(|card| card.operators.get(operator));
        what.push_str(&name.map_or(String::new(), |operator| format!(" → {}", operator.name)));
    }
    // Graphviz writes labels right beside lines, and on them if they are thick.
    let lines: Vec<String> = label.iter().map(|line| format!("  {}", cut(line, COLUMNS))).collect();
    let mut text = format!(
        "label={}, tooltip={}, penwidth={:.1}",
        dot(lines.iter().map(String::as_str)),
        dot(arrow.details.lines()),
        1.0 + 4.0 * arrow.weight.clamp(0.0, 1.0).sqrt(),
    );
    if matches!(arrow.end, End::Memory(_)) {
        text.push_str(", style=dashed");
    }
    text
}
