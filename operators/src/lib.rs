//! The built-in operators of quokka: see each module for what it does, what it keeps, and whether it streams or blocks.

pub mod aggregate;
