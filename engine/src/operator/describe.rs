//! What an operator says of itself.

use std::fmt;

/// Whether an operator sends rows while it still receives some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Output follows input batch by batch.
    Streams,
    /// Output starts when the input is complete.
    Blocks,
}

/// Name, parameters and properties of an operator, shown by `explain`, metrics and errors alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Kebab-case name, such as `hash-join`.
    pub name: String,
    /// Parameters in display order, such as `("on", "a = b")`.
    pub fields: Vec<(String, String)>,
    /// Whether it streams or blocks.
    pub behaviour: Behaviour,
}

impl Description {
    /// An operator that streams.
    pub fn streams(name: impl Into<String>) -> Self {
        Self { name: name.into(), fields: Vec::new(), behaviour: Behaviour::Streams }
    }

    /// An operator that blocks.
    pub fn blocks(name: impl Into<String>) -> Self {
        Self { name: name.into(), fields: Vec::new(), behaviour: Behaviour::Blocks }
    }

    /// Adds a parameter.
    pub fn with(mut self, key: impl Into<String>, value: impl fmt::Display) -> Self {
        self.fields.push((key.into(), value.to_string()));
        self
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (key, value) in &self.fields {
            write!(f, " {key}=[{value}]")?;
        }
        Ok(())
    }
}
