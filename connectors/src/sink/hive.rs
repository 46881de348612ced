//! Rows by the values of partition columns, and the folders that name these values, as Hive and Spark have them.

use polars_core::datatypes::{DataType, IdxCa};
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, GroupsIndicator, InitHashMaps, NewChunkedArray, PlHashSet};
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;

use super::error::WriteError;
use crate::files::NULL_FOLDER;

/// Checks that rows can be partitioned by columns of these names.
pub(super) fn check(partition_by: &[PlSmallStr], schema: &Schema) -> Result<(), WriteError> {
    let mut seen = PlHashSet::new();
    for column in partition_by {
        let Some(dtype) = schema.get(column).filter(|_| seen.insert(column)) else {
            let columns = schema.iter_names().map(|name| name.to_string()).collect();
            return Err(WriteError::PartitionColumn { column: column.to_string(), columns });
        };
        let is_name = match dtype {
            DataType::Boolean | DataType::String | DataType::Date => true,
            dtype => dtype.is_integer() && !matches!(dtype, DataType::Int128 | DataType::UInt128),
        };
        if !is_name {
            return Err(WriteError::PartitionType { column: column.to_string(), dtype: Box::new(dtype.clone()) });
        }
    }
    Ok(())
}

/// The rows of each partition that `frame` has rows of, in their order, with the folder of the partition.
pub(super) fn split(frame: &DataFrame, partition_by: &[PlSmallStr]) -> PolarsResult<Vec<(String, DataFrame)>> {
    let keys = partition_by.iter().map(|name| frame.column(name).cloned()).collect::<PolarsResult<Vec<_>>>()?;
    let grouped = frame.group_by_with_series(keys.clone(), false, true)?;
    let groups = grouped.get_groups();
    let first: Vec<_> = groups.iter().map(|group| group.first()).collect();
    let first = IdxCa::from_vec(PlSmallStr::EMPTY, first);
    let names = keys.iter().map(|key| texts(&key.take(&first)?)).collect::<PolarsResult<Vec<_>>>()?;
    let mut parts = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let rows = match group {
            _ if groups.len() == 1 => frame.clone(),
            GroupsIndicator::Idx((_, rows)) => frame.take(&IdxCa::from_slice(PlSmallStr::EMPTY, rows.as_slice()))?,
            GroupsIndicator::Slice([offset, length]) => frame.slice(i64::from(offset), length as usize),
        };
        let values = names.iter().map(|values| values.get(index).and_then(Option::as_deref));
        parts.push((folder(partition_by, values), rows));
    }
    Ok(parts)
}

/// The folder of the partition in which all keys are null.
pub(super) fn null_folder(partition_by: &[PlSmallStr]) -> String {
    folder(partition_by, partition_by.iter().map(|_| None))
}

fn texts(values: &Column) -> PolarsResult<Vec<Option<String>>> {
    let text = values.cast(&DataType::String)?;
    Ok(text.str()?.iter().map(|value| value.map(str::to_owned)).collect())
}

fn folder<'a>(keys: &[PlSmallStr], values: impl Iterator<Item = Option<&'a str>>) -> String {
    let pairs = keys.iter().zip(values).map(|(key, value)| {
        let value = match value {
            // A word that looks like null is none.
            Some(value) if value == NULL_FOLDER => value.replace('_', "%5F"),
            Some(value) => escape(value),
            None => NULL_FOLDER.to_owned(),
        };
        format!("{}={value}", escape(key))
    });
    pairs.collect::<Vec<_>>().join("/")
}

/// Percent-encodes what file systems, shells or globs take for something else, as Hive and Spark do, and a dot in front,
/// which would hide the folder.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        let special = c.is_ascii_control() || "\"#%'*/:=?\\{}[]^|<> ".contains(c);
        if special || (index == 0 && c == '.') {
            escaped.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;

    use super::*;

    #[test]
    fn rows_keep_their_order_and_folders_name_the_values() {
        let frame =
            df!("n" => [1i64, 2, 1, 2], "s" => [Some("a/b="), None, Some("a/b="), Some("")], "v" => [1, 2, 3, 4])
                .unwrap();
        let mut parts = split(&frame, &["n".into(), "s".into()]).unwrap();
        parts.sort_by(|one, other| one.0.cmp(&other.0));
        let found: Vec<_> =
            parts.iter().map(|(folder, rows)| (folder.as_str(), rows.column("v").unwrap().clone())).collect();
        let column = |values: &[i32]| df!("v" => values).unwrap().column("v").unwrap().clone();
        let expected = [
            ("n=1/s=a%2Fb%3D", column(&[1, 3])),
            ("n=2/s=", column(&[4])),
            ("n=2/s=__HIVE_DEFAULT_PARTITION__", column(&[2])),
        ];
        assert_eq!(found, expected);
        assert_eq!(null_folder(&["a".into(), ".b c".into()]), format!("a={NULL_FOLDER}/%2Eb%20c={NULL_FOLDER}"));
    }

    #[test]
    fn columns_that_cannot_name_folders() {
        let frame = df!("x" => [1.5], "n" => [1]).unwrap();
        let check =
            |names: &[&str]| check(&names.iter().map(|name| (*name).into()).collect::<Vec<_>>(), frame.schema());
        assert!(check(&["n"]).is_ok());
        assert!(matches!(check(&["x"]), Err(WriteError::PartitionType { .. })));
        assert!(matches!(check(&["y"]), Err(WriteError::PartitionColumn { .. })));
        assert!(matches!(check(&["n", "n"]), Err(WriteError::PartitionColumn { .. })));
    }
}
