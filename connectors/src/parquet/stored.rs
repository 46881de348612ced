//! Types that an Arrow schema names and a Parquet file does not have.

use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field, TimeUnit};
use polars_parquet::parquet::metadata::ColumnDescriptor;
use polars_parquet::read::{FileMetadata, ParquetTimeUnit, PrimitiveConvertedType, PrimitiveLogicalType};

/// Makes the types of `fields` those of the values in the file. Extension types are read as what they are stored as. Times in
/// seconds, which Parquet has not, are stored in milliseconds by most writers, whatever the Arrow schema says.
pub(super) fn as_stored(fields: &mut ArrowSchema, metadata: &FileMetadata) {
    for field in fields.iter_values_mut().filter(|field| is_other(&field.dtype)) {
        let mut leaves = metadata.schema_descr.columns().iter();
        let in_milliseconds = leaves.any(|leaf| leaf.path_in_schema.first() == Some(&field.name) && is_time(leaf));
        convert(field, in_milliseconds);
    }
}

/// Whether a column holds times in milliseconds.
fn is_time(leaf: &ColumnDescriptor) -> bool {
    let stored = &leaf.descriptor.primitive_type;
    let is_logical =
        |logical| matches!(logical, PrimitiveLogicalType::Time { unit: ParquetTimeUnit::Milliseconds, .. });
    stored.converted_type == Some(PrimitiveConvertedType::TimeMillis) || stored.logical_type.is_some_and(is_logical)
}

fn is_other(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match dtype {
        A::Time32(TimeUnit::Second) | A::Extension(_) => true,
        A::List(inner) | A::LargeList(inner) | A::FixedSizeList(inner, _) | A::Map(inner, _) => is_other(&inner.dtype),
        A::Struct(fields) => fields.iter().any(|field| is_other(&field.dtype)),
        _ => false,
    }
}

fn convert(field: &mut Field, in_milliseconds: bool) {
    use ArrowDataType as A;
    while let A::Extension(extension) = &field.dtype {
        field.dtype = extension.inner.clone();
    }
    match &mut field.dtype {
        A::Time32(unit @ TimeUnit::Second) if in_milliseconds => *unit = TimeUnit::Millisecond,
        A::List(inner) | A::LargeList(inner) | A::FixedSizeList(inner, _) | A::Map(inner, _) => {
            convert(inner, in_milliseconds);
        },
        A::Struct(fields) => fields.iter_mut().for_each(|field| convert(field, in_milliseconds)),
        _ => {},
    }
}
