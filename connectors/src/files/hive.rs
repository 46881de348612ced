//! Columns that stand in the names of folders: `year=2024/month=1/part.parquet`.
//!
//! Values are percent-decoded, `__HIVE_DEFAULT_PARTITION__` is null. A key that is also a column of the files takes the
//! type of that column, and the folder's value wins, as in Polars. The type of another key is inferred from the values
//! of all files: integer, float, boolean, date (`2024-01-31`), else string.

use std::path::Path;

use polars_core::datatypes::DataType;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, NamedFrom};
use polars_core::scalar::Scalar;
use polars_core::schema::Schema;
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;

use super::error::FilesError;
use super::input_file::InputFile;

/// The value of null.
pub(crate) const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// Keys and values; `None` is null.
type Pairs = Vec<(String, Option<String>)>;

/// The partition columns, one row a file; without columns if there are none or `enabled` says no.
pub(crate) fn partitions(
    files: &[InputFile],
    file_schema: &Schema,
    enabled: Option<bool>,
) -> Result<DataFrame, FilesError> {
    let none = DataFrame::empty_with_height(files.len());
    let pairs: Vec<Pairs> = files.iter().map(|file| pairs(file.below_root())).collect();
    let (Some(first_file), Some(first_pairs)) = (files.first(), pairs.first()) else { return Ok(none) };
    let keys = keys(first_pairs);
    if !enabled.unwrap_or(!keys.is_empty()) {
        return Ok(none);
    }
    if let Some((file, other)) = files.iter().zip(&pairs).find(|(_, other)| self::keys(other) != keys) {
        return Err(FilesError::PartitionKeys {
            first: first_file.path(),
            first_keys: keys,
            path: file.path(),
            keys: self::keys(other),
        });
    }
    let columns = keys.iter().enumerate().map(|(index, key)| {
        let values: Vec<Option<&str>> =
            pairs.iter().map(|pairs| pairs.get(index).and_then(|(_, value)| value.as_deref())).collect();
        column(key, &values, file_schema.get(key), files)
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    // Every column has one value a file, and equal keys were merged: this cannot fail.
    Ok(DataFrame::new(files.len(), columns).unwrap_or(none))
}

/// The value of the column `name` of partitions in the row of a file.
pub(crate) fn partition_value(partitions: &DataFrame, name: &str, file: usize) -> Option<Scalar> {
    let partition = partitions.column(name).ok()?;
    let value = partition.get(file).ok()?.into_static();
    Some(Scalar::new(partition.dtype().clone(), value))
}

fn keys(pairs: &[(String, Option<String>)]) -> Vec<String> {
    pairs.iter().map(|(key, _)| key.clone()).collect()
}

/// The `key=value` folders of a path, outermost first. The inner of two equal keys counts.
fn pairs(path: &Path) -> Pairs {
    let mut pairs = Pairs::new();
    for folder in path.parent().into_iter().flat_map(Path::components) {
        let Some((key, value)) = folder.as_os_str().to_str().and_then(pair) else { continue };
        match pairs.iter_mut().find(|(other, _)| *other == key) {
            Some((_, other)) => *other = value,
            None => pairs.push((key, value)),
        }
    }
    pairs
}

fn pair(folder: &str) -> Option<(String, Option<String>)> {
    let (key, value) = folder.split_once('=')?;
    if key.is_empty() || value.contains('=') {
        return None;
    }
    // A text that happens to be that name is written with an escape.
    let value = match value == NULL_FOLDER {
        true => None,
        false => Some(percent_decode(value)?),
    };
    Some((percent_decode(key)?, value))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        let hex = rest.first_chunk::<2>().filter(|hex| byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let code = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                decoded.push(code);
                bytes = rest.get(2..).unwrap_or_default();
            },
            None => {
                decoded.push(byte);
                bytes = rest;
            },
        }
    }
    String::from_utf8(decoded).ok()
}

fn column(
    key: &str,
    values: &[Option<&str>],
    file_dtype: Option<&DataType>,
    files: &[InputFile],
) -> Result<Column, FilesError> {
    let dtype = file_dtype.cloned().unwrap_or_else(|| infer(values));
    if let Some(column) = parse(values, &dtype) {
        return Ok(column.with_name(PlSmallStr::from_str(key)).into());
    }
    // Only a type that the files dictate can fail. Name the first file that does not obey.
    let (file, value) = (files.iter().zip(values))
        .find(|(_, value)| parse(&[**value], &dtype).is_none())
        .map_or((None, ""), |(file, value)| (Some(file), value.unwrap_or_default()));
    Err(FilesError::PartitionValue {
        path: file.map(InputFile::path).unwrap_or_default(),
        key: key.to_owned(),
        value: value.to_owned(),
        dtype: Box::new(dtype),
    })
}

/// The values as `dtype`, `None` if one of them is no such value.
fn parse(values: &[Option<&str>], dtype: &DataType) -> Option<Series> {
    // Nothing is the empty string only where strings are meant.
    let present = values.iter().map(|value| value.filter(|value| *dtype == DataType::String || !value.is_empty()));
    if *dtype == DataType::Boolean {
        let parsed = present.map(|value| value.map(str::parse::<bool>).transpose());
        return Some(Series::new(PlSmallStr::EMPTY, parsed.collect::<Result<Vec<_>, _>>().ok()?));
    }
    let text = Series::new(PlSmallStr::EMPTY, present.collect::<Vec<_>>());
    text.cast(dtype).ok().filter(|parsed| parsed.null_count() == text.null_count())
}

fn infer(values: &[Option<&str>]) -> DataType {
    let all = |test: fn(&str) -> bool| {
        let mut present = values.iter().flatten().filter(|value| !value.is_empty()).peekable();
        present.peek().is_some() && present.all(|value| test(value))
    };
    if all(|value| value.parse::<i64>().is_ok()) {
        DataType::Int64
    } else if all(is_float) {
        DataType::Float64
    } else if all(|value| value.parse::<bool>().is_ok()) {
        DataType::Boolean
    } else if all(is_date) {
        DataType::Date
    } else {
        DataType::String
    }
}

/// Rust also reads `inf` and `nan` as floats; as the name of a folder they are words.
fn is_float(text: &str) -> bool {
    text.parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit())
}

fn is_date(text: &str) -> bool {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    shape && parse(&[Some(text)], &DataType::Date).is_some()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::prelude::{Field, TimeUnit};

    use super::*;

    fn files(paths: &[&str]) -> Vec<InputFile> {
        paths.iter().map(|path| InputFile::named(path)).collect()
    }

    fn parse(paths: &[&str], schema: &Schema) -> DataFrame {
        partitions(&files(paths), schema, None).unwrap()
    }

    #[test]
    fn types_are_inferred_over_all_files() {
        let found = parse(
            &[
                "i=1/f=1/b=true/d=2024-02-29/s=1/e=2024-01-31/f.parquet",
                "i=-2/f=2.5/b=false/d=2023-01-01/s=x/e=2024-02-30/f.parquet",
            ],
            &Schema::default(),
        );
        let dates = Series::new("d".into(), ["2024-02-29", "2023-01-01"]).strict_cast(&DataType::Date).unwrap();
        let expected = df!("i" => [1i64, -2], "f" => [1.0, 2.5], "b" => [true, false], "d" => dates, "s" => ["1", "x"],
            "e" => ["2024-01-31", "2024-02-30"])
        .unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_decoded_and_the_default_partition_is_null() {
        let found = parse(
            &["k=a%2Fb%20c%3d/n=1/f", "k=100%/n=__HIVE_DEFAULT_PARTITION__/f", "k=%C3%A4/n=/f", "k=/n=3/f"],
            &Schema::default(),
        );
        let expected = df!("k" => ["a/b c=", "100%", "ä", ""], "n" => [Some(1i64), None, None, Some(3)]).unwrap();
        assert!(found.equals_missing(&expected), "{found}");

        let found = parse(&["k=%5F_HIVE_DEFAULT_PARTITION__/f", "k=__HIVE_DEFAULT_PARTITION__/f"], &Schema::default());
        assert!(found.equals_missing(&df!("k" => [Some(NULL_FOLDER), None]).unwrap()), "{found}");
    }

    #[test]
    fn a_column_of_the_files_gives_its_type() {
        let schema = Schema::from_iter([
            Field::new("n".into(), DataType::Int8),
            Field::new("s".into(), DataType::String),
            Field::new("t".into(), DataType::Datetime(TimeUnit::Microseconds, None)),
        ]);
        let found = parse(&["n=1/s=2/f", "n=__HIVE_DEFAULT_PARTITION__/s=3/f"], &schema);
        assert!(found.equals_missing(&df!("n" => [Some(1i8), None], "s" => ["2", "3"]).unwrap()), "{found}");

        let error = partitions(&files(&["n=1/f", "n=1000/f"]), &schema, None).unwrap_err();
        let FilesError::PartitionValue { path, value, dtype, .. } = error else { unreachable!("{error}") };
        assert_eq!((path.to_str().unwrap(), value.as_str(), *dtype), ("n=1000/f", "1000", DataType::Int8));
    }

    #[test]
    fn only_folders_of_one_key_and_one_value_count() {
        let found = parse(&["a=1/b/c=2=3/=4/a=5/d=6.parquet"], &Schema::default());
        assert_eq!(found, df!("a" => [5i64]).unwrap());
        assert_eq!(parse(&["x/y.parquet"], &Schema::default()).width(), 0);
        assert_eq!(partitions(&files(&["a=1/f"]), &Schema::default(), Some(false)).unwrap().width(), 0);
    }

    #[test]
    fn files_under_other_keys_are_refused() {
        let error = partitions(&files(&["a=1/b=2/f", "a=1/f"]), &Schema::default(), None).unwrap_err();
        let FilesError::PartitionKeys { path, keys, .. } = error else { unreachable!("{error}") };
        assert_eq!((path.to_str().unwrap(), keys), ("a=1/f", vec!["a".to_owned()]));
    }
}
