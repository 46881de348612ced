//! The columns of a file, as its schema message or its footer tells them.

use std::sync::Arc;

use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField, IntegerType, Metadata, TimeUnit as ArrowTimeUnit};
use polars_arrow::io::ipc::IpcField;
use polars_arrow::io::ipc::format::ipc::{self, FieldRef, TypeRef};
use polars_core::datatypes::DataType;
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;

use super::error::Damage;
use super::message::Refused;
use crate::guard::guarded;

/// Levels of fields within fields: each is a call within a call, and a file of a few kilobytes could have thousands.
const LEVELS: usize = 64;
/// Bytes that a field takes in a message at least. Damaged messages can list one field many times.
const FIELD_BYTES: usize = 8;
/// Bytes of names and other text, of which one can stand for many as well.
const TEXT_BYTES: usize = 1 << 28;

/// A column of a file.
#[derive(Clone, Debug)]
pub(super) struct IpcColumn {
    /// Its name and the type that it has in the file.
    pub(super) field: ArrowField,
    /// Its dictionary, and those of the fields inside of it.
    pub(super) ids: IpcField,
    /// The type that it is read as.
    pub(super) dtype: DataType,
}

/// The columns of a file, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct IpcColumns {
    pub(super) columns: Vec<IpcColumn>,
    pub(super) schema: Schema,
}

/// The columns of `schema`, a part of a message of so many bytes.
pub(super) fn read_columns(schema: ipc::SchemaRef<'_>, message_bytes: usize) -> Result<IpcColumns, Refused> {
    if schema.endianness()? != ipc::Endianness::Little {
        return Err(Damage::BigEndian.into());
    }
    let mut fields = Fields { left: message_bytes / FIELD_BYTES, text_left: TEXT_BYTES };
    let mut found = IpcColumns::default();
    for field in schema.fields()?.into_iter().flatten() {
        let (field, ids) = fields.field(field?, 0)?;
        // Categories and time zones are text, which Polars parses with panics.
        let dtype = guarded::<_, Damage>(|| Ok(DataType::from_arrow_field(&field)));
        let dtype = dtype.map_err(|_| Refused::Type(field.name.to_string(), format!("{:?}", field.dtype)))?;
        if found.schema.insert(field.name.clone(), dtype.clone()).is_some() {
            return Err(Damage::DuplicateColumn(field.name.to_string()).into());
        }
        found.columns.push(IpcColumn { field, ids, dtype });
    }
    Ok(found)
}

impl IpcColumns {
    /// The type of the values of a dictionary, and the dictionaries of fields inside of them.
    pub(super) fn dictionary(&self, id: i64) -> Option<(&ArrowDataType, &IpcField)> {
        self.columns.iter().find_map(|column| find_dictionary(id, &column.field.dtype, &column.ids))
    }

    /// The types that the columns have in the file.
    pub(super) fn dtypes(&self) -> impl Iterator<Item = &ArrowDataType> {
        self.columns.iter().map(|column| &column.field.dtype)
    }

    /// The place of a column.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.schema.index_of(name)
    }
}

fn find_dictionary<'a>(
    id: i64,
    dtype: &'a ArrowDataType,
    ids: &'a IpcField,
) -> Option<(&'a ArrowDataType, &'a IpcField)> {
    if let ArrowDataType::Dictionary(_, values, _) = dtype {
        return (ids.dictionary_id == Some(id)).then_some((values, ids));
    }
    children(dtype).iter().zip(&ids.fields).find_map(|(child, ids)| find_dictionary(id, &child.dtype, ids))
}

/// The fields inside of a type.
pub(super) fn children(dtype: &ArrowDataType) -> &[ArrowField] {
    match dtype {
        ArrowDataType::List(child)
        | ArrowDataType::LargeList(child)
        | ArrowDataType::FixedSizeList(child, _)
        | ArrowDataType::Map(child, _) => std::slice::from_ref(child),
        ArrowDataType::Struct(fields) => fields,
        _ => &[],
    }
}

/// Fields while they are read, and how many more there may be.
struct Fields {
    left: usize,
    text_left: usize,
}

impl Fields {
    fn field(&mut self, field: FieldRef<'_>, level: usize) -> Result<(ArrowField, IpcField), Refused> {
        self.left = self.left.checked_sub(1).filter(|_| level < LEVELS).ok_or(Damage::TooDeep(LEVELS))?;
        let name = self.text(field.name()?.unwrap_or_default())?;
        let metadata = self.metadata(&field)?;
        let refused = |dtype: &str| Refused::Type(name.to_string(), dtype.to_owned());
        let mut ids = IpcField::default();
        let Some(values) = field.type_()? else { return Err(Damage::Schema("a field without a type").into()) };
        let mut dtype = match flat(&values)? {
            Some(dtype) => dtype,
            None => {
                let mut inner = Vec::new();
                for child in field.children()?.into_iter().flatten() {
                    let (child, child_ids) = self.field(child?, level + 1)?;
                    inner.push(child);
                    ids.fields.push(child_ids);
                }
                nested(&values, inner)?.ok_or_else(|| refused(name_of(&values)))?
            },
        };
        if let Some(dictionary) = field.dictionary()? {
            if !ids.fields.is_empty() {
                return Err(refused("dictionary of nested values"));
            }
            // Keys are of 32 bits, with a sign, if the file does not say.
            let keys = match dictionary.index_type()? {
                Some(keys) => integer(keys.bit_width()?, keys.is_signed()?),
                None => Some(IntegerType::Int32),
            };
            let keys = keys.filter(|keys| !matches!(keys, IntegerType::Int128 | IntegerType::UInt128));
            let keys = keys.ok_or(Damage::Schema("a dictionary with keys of an unknown type"))?;
            ids.dictionary_id = Some(dictionary.id()?);
            dtype = ArrowDataType::Dictionary(keys, Box::new(dtype), dictionary.is_ordered()?);
        }
        Ok((ArrowField { name, dtype, is_nullable: field.nullable()?, metadata }, ids))
    }

    fn text(&mut self, text: &str) -> Result<PlSmallStr, Damage> {
        self.text_left = self.text_left.checked_sub(text.len()).ok_or(Damage::TooDeep(LEVELS))?;
        Ok(PlSmallStr::from_str(text))
    }

    fn metadata(&mut self, field: &FieldRef<'_>) -> Result<Option<Arc<Metadata>>, Damage> {
        let mut metadata = Metadata::new();
        for entry in field.custom_metadata()?.into_iter().flatten() {
            let entry = entry?;
            if let (Some(key), Some(value)) = (entry.key()?, entry.value()?) {
                metadata.insert(self.text(key)?, self.text(value)?);
            }
        }
        Ok((!metadata.is_empty()).then(|| Arc::new(metadata)))
    }
}

fn integer(bits: i32, is_signed: bool) -> Option<IntegerType> {
    Some(match (bits, is_signed) {
        (8, true) => IntegerType::Int8,
        (16, true) => IntegerType::Int16,
        (32, true) => IntegerType::Int32,
        (64, true) => IntegerType::Int64,
        (128, true) => IntegerType::Int128,
        (8, false) => IntegerType::UInt8,
        (16, false) => IntegerType::UInt16,
        (32, false) => IntegerType::UInt32,
        (64, false) => IntegerType::UInt64,
        (128, false) => IntegerType::UInt128,
        _ => return None,
    })
}

fn time_unit(unit: ipc::TimeUnit) -> ArrowTimeUnit {
    match unit {
        ipc::TimeUnit::Second => ArrowTimeUnit::Second,
        ipc::TimeUnit::Millisecond => ArrowTimeUnit::Millisecond,
        ipc::TimeUnit::Microsecond => ArrowTimeUnit::Microsecond,
        ipc::TimeUnit::Nanosecond => ArrowTimeUnit::Nanosecond,
    }
}

/// A type that has no fields inside; `None` for others.
fn flat(dtype: &TypeRef<'_>) -> Result<Option<ArrowDataType>, Damage> {
    let positive = |number: i32| usize::try_from(number).map_err(|_| Damage::Schema("a negative width or scale"));
    Ok(Some(match dtype {
        TypeRef::Null(_) => ArrowDataType::Null,
        TypeRef::Bool(_) => ArrowDataType::Boolean,
        TypeRef::Int(int) => match integer(int.bit_width()?, int.is_signed()?) {
            Some(int) => int.into(),
            None => return Err(Damage::Schema("an integer of an unknown width")),
        },
        TypeRef::FloatingPoint(float) => match float.precision()? {
            ipc::Precision::Half => return Ok(None),
            ipc::Precision::Single => ArrowDataType::Float32,
            ipc::Precision::Double => ArrowDataType::Float64,
        },
        TypeRef::Binary(_) => ArrowDataType::Binary,
        TypeRef::LargeBinary(_) => ArrowDataType::LargeBinary,
        TypeRef::BinaryView(_) => ArrowDataType::BinaryView,
        TypeRef::Utf8(_) => ArrowDataType::Utf8,
        TypeRef::LargeUtf8(_) => ArrowDataType::LargeUtf8,
        TypeRef::Utf8View(_) => ArrowDataType::Utf8View,
        TypeRef::FixedSizeBinary(binary) => match positive(binary.byte_width()?)? {
            0 => return Err(Damage::Schema("values of no bytes")),
            width => ArrowDataType::FixedSizeBinary(width),
        },
        TypeRef::Decimal(decimal) => {
            let (precision, scale) = (positive(decimal.precision()?)?, positive(decimal.scale()?)?);
            if precision == 0 || precision > 38 || scale > precision {
                return Ok(None);
            }
            match decimal.bit_width()? {
                32 => ArrowDataType::Decimal32(precision, scale),
                64 => ArrowDataType::Decimal64(precision, scale),
                128 => ArrowDataType::Decimal(precision, scale),
                256 => ArrowDataType::Decimal256(precision, scale),
                _ => return Err(Damage::Schema("a decimal of an unknown width")),
            }
        },
        TypeRef::Date(date) => match date.unit()? {
            ipc::DateUnit::Day => ArrowDataType::Date32,
            ipc::DateUnit::Millisecond => ArrowDataType::Date64,
        },
        TypeRef::Time(time) => match (time.bit_width()?, time_unit(time.unit()?)) {
            (32, unit @ (ArrowTimeUnit::Second | ArrowTimeUnit::Millisecond)) => ArrowDataType::Time32(unit),
            (64, unit @ (ArrowTimeUnit::Microsecond | ArrowTimeUnit::Nanosecond)) => ArrowDataType::Time64(unit),
            _ => return Err(Damage::Schema("a time of an unknown width")),
        },
        TypeRef::Timestamp(timestamp) => {
            let zone = timestamp.timezone()?.filter(|zone| !zone.is_empty()).map(PlSmallStr::from_str);
            ArrowDataType::Timestamp(time_unit(timestamp.unit()?), zone)
        },
        TypeRef::Duration(duration) => ArrowDataType::Duration(time_unit(duration.unit()?)),
        _ => return Ok(None),
    }))
}

/// A type with fields inside; `None` if Polars does not have it.
fn nested(dtype: &TypeRef<'_>, mut children: Vec<ArrowField>) -> Result<Option<ArrowDataType>, Damage> {
    let mut only = || match (children.pop(), children.len()) {
        (Some(child), 0) => Ok(Box::new(child)),
        _ => Err(Damage::Schema("a list without one field of values")),
    };
    Ok(Some(match dtype {
        TypeRef::List(_) => ArrowDataType::List(only()?),
        TypeRef::LargeList(_) => ArrowDataType::LargeList(only()?),
        TypeRef::FixedSizeList(list) => match usize::try_from(list.list_size()?) {
            Ok(0) => return Ok(None),
            Ok(size) => ArrowDataType::FixedSizeList(only()?, size),
            Err(_) => return Err(Damage::Schema("a list of a negative size")),
        },
        TypeRef::Map(map) => {
            let entries = only()?;
            match &entries.dtype {
                ArrowDataType::Struct(fields) if fields.len() == 2 => ArrowDataType::Map(entries, map.keys_sorted()?),
                _ => return Err(Damage::Schema("a map that is not one of keys and values")),
            }
        },
        TypeRef::Struct(_) => {
            let mut names: Vec<&str> = children.iter().map(|child| child.name.as_str()).collect();
            names.sort_unstable();
            match names.windows(2).any(|pair| pair.first() == pair.last()) {
                true => return Err(Damage::Schema("a struct with two fields of one name")),
                false => ArrowDataType::Struct(children),
            }
        },
        _ => return Ok(None),
    }))
}

/// What Arrow calls a type.
fn name_of(dtype: &TypeRef<'_>) -> &'static str {
    match dtype {
        TypeRef::FloatingPoint(_) => "Float16",
        TypeRef::Decimal(_) => "Decimal of more than 38 digits",
        TypeRef::Interval(_) => "Interval",
        TypeRef::Union(_) => "Union",
        TypeRef::FixedSizeList(_) => "FixedSizeList of size 0",
        TypeRef::RunEndEncoded(_) => "RunEndEncoded",
        TypeRef::ListView(_) => "ListView",
        TypeRef::LargeListView(_) => "LargeListView",
        _ => "unknown",
    }
}
