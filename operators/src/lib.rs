//! The built-in operators of quokka: one file each, a folder for a family.

pub mod join;
