//! Types of columns from their first values, by Polars' rules.

use polars_core::datatypes::DataType;
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;

use super::head::Head;
use super::options::CsvOptions;
use super::quotes::unquote;
use crate::text::temporal::temporal_type;

/// The columns of a file that starts with `head`.
pub(super) fn infer(head: &Head, options: &CsvOptions) -> Vec<(PlSmallStr, DataType)> {
    let columns = (0..head.fields).map(|column| {
        let name = match head.names.as_ref().and_then(|names| names.get(column)) {
            Some(name) => name.clone(),
            None => PlSmallStr::from_string(format!("column_{}", column + 1)),
        };
        let dtype = match options.schema_overrides.as_deref().and_then(|overrides: &Schema| overrides.get(&name)) {
            Some(dtype) => dtype.clone(),
            None => column_type(head.rows.iter().filter_map(|row| row.get(column)), options),
        };
        (name, dtype)
    });
    columns.collect()
}

fn column_type<'a>(fields: impl Iterator<Item = &'a Vec<u8>>, options: &CsvOptions) -> DataType {
    let mut common: Option<DataType> = None;
    for field in fields {
        if options.null_values.iter().any(|null| null.as_bytes() == field.as_slice()) {
            continue;
        }
        let text = unquote(field, options.quote_char).unwrap_or(std::borrow::Cow::Borrowed(field));
        if text.is_empty() {
            continue;
        }
        let dtype = value_type(&text, options.try_parse_dates);
        common = Some(match common {
            None => dtype,
            Some(common) if common == dtype => common,
            Some(DataType::Int64 | DataType::Float64) if matches!(dtype, DataType::Int64 | DataType::Float64) => {
                DataType::Float64
            },
            Some(_) => return DataType::String,
        });
    }
    common.unwrap_or(DataType::String)
}

fn value_type(text: &[u8], try_parse_dates: bool) -> DataType {
    if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") {
        DataType::Boolean
    } else if is_integer(text) {
        // Digits of a longer number are kept as they are.
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        if number.is_some() { DataType::Int64 } else { DataType::String }
    } else if is_float(text) {
        DataType::Float64
    } else if try_parse_dates {
        temporal_type(text).unwrap_or(DataType::String)
    } else {
        DataType::String
    }
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// `1.5`, `.5`, `1.`, `1e5`, `1.5e-5`, `inf`, `NaN`, all perhaps with a sign.
fn is_float(text: &[u8]) -> bool {
    let text = match text {
        [b'-' | b'+', rest @ ..] => rest,
        _ => text,
    };
    if text == b"inf" || text == b"NaN" {
        return true;
    }
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let (rest, behind) = match text.get(whole..) {
        Some([b'.', rest @ ..]) => (rest.get(digits(rest)..).unwrap_or_default(), Some(digits(rest))),
        Some(rest) => (rest, None),
        None => return false,
    };
    let exponent = match rest {
        [] => None,
        [b'e' | b'E', b'-' | b'+', rest @ ..] | [b'e' | b'E', rest @ ..] => Some(rest),
        _ => return false,
    };
    match (behind, exponent) {
        (Some(behind), None) => whole + behind > 0,
        (None | Some(1..), Some(exponent)) => {
            whole + behind.unwrap_or(0) > 0 && !exponent.is_empty() && digits(exponent) == exponent.len()
        },
        _ => false,
    }
}
