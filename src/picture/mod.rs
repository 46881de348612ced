//! Plans as pictures: what is to be seen ([`Picture`]), as Graphviz' DOT or as SVG.
//!
//! Rows flow upwards: sources are at the bottom, the result is at the top, and so are operators inside a card. The same
//! plan gives the same picture, letter for letter.

mod dot;
mod layout;
mod order;
mod positions;
mod svg;
mod text;

pub(crate) use text::cut;

/// Cards and arrows between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// Lines above it.
    pub(crate) title: Vec<String>,
    pub(crate) cards: Vec<Card>,
    pub(crate) arrows: Vec<Arrow>,
}

/// A node of a physical plan.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) kind: Kind,
    /// The head, then what is fused behind it.
    pub(crate) operators: Vec<Operator>,
    /// What holds for all of it.
    pub(crate) notes: Vec<String>,
    /// Its share of all the time, if that was measured.
    pub(crate) share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Source,
    Operator,
    Sink,
}

/// A part of a card.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) name: String,
    /// A word beside the name.
    pub(crate) remark: String,
    pub(crate) fields: Vec<(String, String)>,
    /// A line of figures.
    pub(crate) figures: String,
    /// Its share of all the time, if that was measured.
    pub(crate) share: f64,
}

/// Where the rows of a card go.
#[derive(Clone, Debug)]
pub(crate) struct Arrow {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) end: End,
    /// A few lines.
    pub(crate) label: Vec<String>,
    /// All that is known of it.
    pub(crate) details: String,
    /// How much goes there, between 0 and 1.
    pub(crate) weight: f64,
}

/// What an arrow leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The input of the card with this index.
    Input(usize),
    /// This operator of the card reads, in memory, what was made before.
    Memory(usize),
}

impl Operator {
    /// Name, parameters and figures, each on a line.
    fn details(&self) -> String {
        let mut text = format!("{} {}", self.name, self.remark).trim_end().to_string();
        self.fields.iter().for_each(|(key, value)| text.push_str(&format!("\n{key}: {value}")));
        if !self.figures.is_empty() {
            text.push('\n');
            text.push_str(&self.figures);
        }
        text
    }
}

#[cfg(test)]
mod tests;
