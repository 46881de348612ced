//! Names and types of the columns of a join: Polars' rules for suffixes and coalesced keys.

use polars_core::datatypes::DataType;
use polars_core::schema::Schema;
use polars_utils::format_pl_smallstr;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::error::JoinError;
use super::options::{JoinOptions, JoinType, Side};

/// A column of the result and the input columns that it is made of. A coalesced key has both, any other column has one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OutputColumn {
    pub(super) name: PlSmallStr,
    pub(super) dtype: DataType,
    pub(super) left: Option<PlSmallStr>,
    pub(super) right: Option<PlSmallStr>,
}

impl OutputColumn {
    fn left(name: &PlSmallStr, dtype: &DataType, key: Option<PlSmallStr>) -> Self {
        Self { name: name.clone(), dtype: dtype.clone(), left: Some(name.clone()), right: key }
    }

    fn right(source: &PlSmallStr, name: PlSmallStr, dtype: &DataType, key: Option<PlSmallStr>) -> Self {
        Self { name, dtype: dtype.clone(), left: key, right: Some(source.clone()) }
    }

    pub(super) fn of(&self, side: Side) -> Option<&PlSmallStr> {
        match side {
            Side::Left => self.left.as_ref(),
            Side::Right => self.right.as_ref(),
        }
    }
}

/// The columns of a join, with the projection of `options` applied.
///
/// Left columns come first. A right column whose name the left input has gets the suffix. Where keys are coalesced, the
/// right key is left out (in a right join the left one, so that the right columns keep their place).
///
/// ```
/// use polars_core::prelude::*;
/// use quokka_operators::join::{JoinOptions, JoinType, output_schema};
///
/// let left = Schema::from_iter([Field::new("id".into(), DataType::Int64), Field::new("x".into(), DataType::String)]);
/// let right = Schema::from_iter([Field::new("key".into(), DataType::Int64), Field::new("x".into(), DataType::Date)]);
/// let schema =
///     output_schema(&left, &right, &["id".into()], &["key".into()], &JoinOptions::new(JoinType::Inner)).unwrap();
/// assert_eq!(schema.iter_names().map(|name| name.as_str()).collect::<Vec<_>>(), ["id", "x", "x_right"]);
/// ```
///
/// # Errors
/// Keys that do not exist or do not fit each other, two columns of one name, a projected name that does not exist.
pub fn output_schema(
    left: &Schema,
    right: &Schema,
    left_on: &[PlSmallStr],
    right_on: &[PlSmallStr],
    options: &JoinOptions,
) -> Result<Schema, OperatorError> {
    let columns = output_columns(left, right, left_on, right_on, options)?;
    Ok(columns.into_iter().map(|column| (column.name, column.dtype)).collect())
}

/// The columns that the condition of a join may use: all left ones, then all right ones, which get the suffix where the
/// left input has a column of the same name. No key is left out.
///
/// # Errors
/// Two columns of one name.
pub fn condition_schema(left: &Schema, right: &Schema, suffix: &str) -> Result<Schema, OperatorError> {
    Ok(condition_columns(left, right, suffix)?.into_iter().map(|column| (column.name, column.dtype)).collect())
}

pub(super) fn condition_columns(left: &Schema, right: &Schema, suffix: &str) -> Result<Vec<OutputColumn>, JoinError> {
    let mut columns: Vec<_> = left.iter().map(|(name, dtype)| OutputColumn::left(name, dtype, None)).collect();
    for (source, dtype) in right.iter() {
        columns.push(OutputColumn::right(source, suffixed(source, suffix, left.contains(source)), dtype, None));
    }
    check_names(&columns, suffix)?;
    Ok(columns)
}

pub(super) fn output_columns(
    left: &Schema,
    right: &Schema,
    left_on: &[PlSmallStr],
    right_on: &[PlSmallStr],
    options: &JoinOptions,
) -> Result<Vec<OutputColumn>, JoinError> {
    check_keys(left, right, left_on, right_on, options)?;
    let coalesces = options.how.coalesces(options.coalesce);
    let partner = |keys: &[PlSmallStr], partners: &[PlSmallStr], name: &PlSmallStr| {
        keys.iter().zip(partners).find(|(key, _)| coalesces && *key == name).map(|(_, partner)| partner.clone())
    };
    let drops_left_keys = coalesces && options.how == JoinType::Right;
    let mut columns = Vec::with_capacity(left.len() + right.len());
    for (name, dtype) in left.iter() {
        let key = partner(left_on, right_on, name);
        if !(drops_left_keys && key.is_some()) {
            columns.push(OutputColumn::left(name, dtype, key));
        }
    }
    if !options.how.filters() {
        for (source, dtype) in right.iter() {
            let key = partner(right_on, left_on, source);
            if coalesces && !drops_left_keys && key.is_some() {
                continue;
            }
            let clashes = left.contains(source) && !(drops_left_keys && left_on.contains(source));
            columns.push(OutputColumn::right(source, suffixed(source, &options.suffix, clashes), dtype, key));
        }
    }
    check_names(&columns, &options.suffix)?;
    match &options.projection {
        Some(names) => project(columns, names, &options.suffix),
        None => Ok(columns),
    }
}

fn project(
    columns: Vec<OutputColumn>,
    names: &[PlSmallStr],
    suffix: &PlSmallStr,
) -> Result<Vec<OutputColumn>, JoinError> {
    let mut projected = Vec::with_capacity(names.len());
    for name in names {
        let column = columns.iter().find(|column| column.name == *name);
        projected.push(column.cloned().ok_or_else(|| JoinError::ColumnNotFound {
            name: name.clone(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
        })?);
    }
    check_names(&projected, suffix)?;
    Ok(projected)
}

fn check_keys(
    left: &Schema,
    right: &Schema,
    left_on: &[PlSmallStr],
    right_on: &[PlSmallStr],
    options: &JoinOptions,
) -> Result<(), JoinError> {
    if left_on.len() != right_on.len() {
        return Err(JoinError::KeyCount { left: left_on.len(), right: right_on.len() });
    }
    match (options.how, left_on.is_empty()) {
        (JoinType::Cross, false) => return Err(JoinError::CrossWithKeys),
        (JoinType::Cross, true) => {},
        (how, true) if options.condition.is_none() => return Err(JoinError::NoKeys(how)),
        _ => {},
    }
    for (left_key, right_key) in left_on.iter().zip(right_on) {
        let missing = |side, name: &PlSmallStr| JoinError::KeyNotFound { side, name: name.clone() };
        let left_type = left.get(left_key).ok_or_else(|| missing(Side::Left, left_key))?;
        let right_type = right.get(right_key).ok_or_else(|| missing(Side::Right, right_key))?;
        if left_type != right_type {
            return Err(JoinError::KeyTypes {
                left: left_key.clone(),
                left_type: left_type.clone().into(),
                right: right_key.clone(),
                right_type: right_type.clone().into(),
            });
        }
    }
    if options.how == JoinType::Full
        && options.how.coalesces(options.coalesce)
        && let Some((_, key)) = left_on.iter().enumerate().find(|(i, key)| left_on[..*i].contains(key))
    {
        return Err(JoinError::RepeatedKey(key.clone()));
    }
    Ok(())
}

fn suffixed(name: &PlSmallStr, suffix: &str, clashes: bool) -> PlSmallStr {
    if clashes { format_pl_smallstr!("{name}{suffix}") } else { name.clone() }
}

fn check_names(columns: &[OutputColumn], suffix: &str) -> Result<(), JoinError> {
    let mut seen = hashbrown::HashSet::with_capacity(columns.len());
    match columns.iter().find(|column| !seen.insert(&column.name)) {
        Some(column) => Err(JoinError::DuplicateColumn { name: column.name.clone(), suffix: suffix.into() }),
        None => Ok(()),
    }
}
