//! Columns and types from the first rows of a file.

use polars_core::datatypes::{DataType, Field};
use polars_core::prelude::PlIndexMap;
use polars_utils::pl_str::PlSmallStr;

use super::syntax::{Wrong, behind_colon, byte, skip_blanks, string, unescape, value};
use crate::text::temporal::temporal_type;

/// What values of one place have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Nothing but nulls so far.
    Null,
    /// Values of one type.
    One(DataType),
    /// Integers of which some have more than 64 bits.
    LongInteger,
    List(Box<Shape>),
    Object(Fields),
    /// Values of different kinds.
    Mixed,
}

/// Keys in the order in which they came first.
pub(super) type Fields = PlIndexMap<PlSmallStr, Shape>;

impl Shape {
    /// That of the value that starts at `at`, and where the value ends. The text up to there is right.
    fn of(bytes: &[u8], at: usize, try_parse_dates: bool) -> Result<(Self, usize), Wrong> {
        match byte(bytes, at) {
            b'{' => {
                let (fields, end) = fields(bytes, at, try_parse_dates)?;
                return Ok((Self::Object(fields), end));
            },
            b'[' => return list(bytes, at, try_parse_dates),
            _ => {},
        }
        let end = value(bytes, at)?;
        let text = bytes.get(at..end.at).unwrap_or_default();
        let shape = match byte(bytes, at) {
            b'"' if try_parse_dates => {
                let within = text.get(1..text.len() - 1).unwrap_or_default();
                Self::One(temporal_type(within).unwrap_or(DataType::String))
            },
            b'"' => Self::One(DataType::String),
            b't' | b'f' => Self::One(DataType::Boolean),
            b'n' => Self::Null,
            _ if text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => Self::One(DataType::Float64),
            _ => match std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()) {
                Some(_) => Self::One(DataType::Int64),
                None => Self::LongInteger,
            },
        };
        Ok((shape, end.at))
    }

    /// What has the values of both.
    fn merge(self, other: Self) -> Self {
        use DataType::{Float64, Int64};
        match (self, other) {
            (Self::Null, shape) | (shape, Self::Null) => shape,
            (one, other) if one == other => one,
            (Self::One(Int64 | Float64) | Self::LongInteger, Self::One(Float64))
            | (Self::One(Float64), Self::One(Int64) | Self::LongInteger) => Self::One(Float64),
            (Self::One(Int64), Self::LongInteger) | (Self::LongInteger, Self::One(Int64)) => Self::LongInteger,
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.merge(*other))),
            (Self::Object(mut one), Self::Object(other)) => {
                merge(&mut one, other);
                Self::Object(one)
            },
            _ => Self::Mixed,
        }
    }

    fn dtype(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::One(dtype) => dtype,
            Self::List(inner) => DataType::List(Box::new(inner.dtype())),
            Self::Object(fields) if !fields.is_empty() => {
                DataType::Struct(fields.into_iter().map(|(name, shape)| Field::new(name, shape.dtype())).collect())
            },
            // The text as it stands; a struct without fields would say nothing.
            Self::LongInteger | Self::Mixed | Self::Object(_) => DataType::String,
        }
    }
}

/// Adds the keys and shapes of one more object.
pub(super) fn merge(fields: &mut Fields, other: Fields) {
    for (name, shape) in other {
        match fields.get_mut(&name) {
            Some(known) => *known = std::mem::replace(known, Shape::Null).merge(shape),
            None => {
                fields.insert(name, shape);
            },
        }
    }
}

/// The columns of rows with these keys.
pub(super) fn columns(fields: Fields) -> impl Iterator<Item = Field> {
    fields.into_iter().map(|(name, shape)| Field::new(name, shape.dtype()))
}

fn list(bytes: &[u8], at: usize, try_parse_dates: bool) -> Result<(Shape, usize), Wrong> {
    let mut inner = Shape::Null;
    let mut at = skip_blanks(bytes, at + 1);
    while byte(bytes, at) != b']' {
        let (shape, end) = Shape::of(bytes, at, try_parse_dates)?;
        inner = inner.merge(shape);
        at = skip_blanks(bytes, end);
        if byte(bytes, at) == b',' {
            at = skip_blanks(bytes, at + 1);
        }
    }
    Ok((Shape::List(Box::new(inner)), at + 1))
}

/// The keys of the object that starts at `at`, which is right, and where it ends. Of a key that is there twice the last value
/// counts.
pub(super) fn fields(bytes: &[u8], at: usize, try_parse_dates: bool) -> Result<(Fields, usize), Wrong> {
    let mut fields = Fields::default();
    let mut at = skip_blanks(bytes, at + 1);
    while byte(bytes, at) != b'}' {
        let end = string(bytes, at)?;
        let mut name = Vec::new();
        unescape(bytes.get(at + 1..end.at - 1).unwrap_or_default(), &mut name);
        let name = PlSmallStr::from_str(&String::from_utf8_lossy(&name));
        let (shape, end) = Shape::of(bytes, behind_colon(bytes, end.at)?, try_parse_dates)?;
        fields.insert(name, shape);
        at = skip_blanks(bytes, end);
        if byte(bytes, at) == b',' {
            at = skip_blanks(bytes, at + 1);
        }
    }
    Ok((fields, at + 1))
}
