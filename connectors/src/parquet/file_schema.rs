//! What files say of their columns, kept once for all files of a table that say the same.

use std::sync::Arc;

use parking_lot::Mutex;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field as ArrowField};
use polars_core::datatypes::{DataType, Field};
use polars_core::prelude::PlHashMap;
use polars_core::schema::{Schema, SchemaRef};
use polars_parquet::parquet::metadata::{ColumnDescriptor, SchemaDescriptor};
use polars_parquet::read::{FileMetadata, infer_schema};
use polars_utils::pl_str::PlSmallStr;

use super::error::ParquetError;
use super::guard::guarded;
use super::stored::as_stored;
use crate::files::InputFile;

/// Under this key Arrow's own description of the columns stands in a footer.
const ARROW_SCHEMA: &str = "ARROW:schema";
/// Different schemas of a table that files are compared with. The files of a table differ in the order of columns, in what
/// may be null and in who wrote them, hardly in more.
const COMPARED: usize = 16;

/// The columns of a file.
pub(super) struct FileSchema {
    /// Their types in Polars.
    pub(super) columns: SchemaRef,
    /// Their types in Arrow, to which they are decoded.
    pub(super) fields: ArrowSchema,
    descriptor: SchemaDescriptor,
    /// Arrow's own description of the columns, as the first file with this schema has it.
    arrow_schema: Option<String>,
    /// Of each column, the places of its leaves among all leaves.
    leaves: PlHashMap<PlSmallStr, Vec<usize>>,
}

impl FileSchema {
    fn new(metadata: &FileMetadata, fields: ArrowSchema, input: &InputFile) -> Result<Self, ParquetError> {
        let columns = fields.iter_values().map(|field| match dtype(field) {
            Some(dtype) => Ok(Field::new(field.name.clone(), dtype)),
            None => Err(ParquetError::UnsupportedType {
                path: input.path(),
                column: field.name.to_string(),
                dtype: format!("{:?}", field.dtype),
            }),
        });
        let columns = Arc::new(columns.collect::<Result<Schema, _>>()?);
        let descriptor = metadata.schema().clone();
        let mut leaves = PlHashMap::<PlSmallStr, Vec<usize>>::default();
        for (place, leaf) in descriptor.columns().iter().enumerate() {
            if let Some(column) = leaf.path_in_schema.first() {
                leaves.entry(column.clone()).or_default().push(place);
            }
        }
        let arrow_schema = arrow_schema(metadata).map(str::to_owned);
        Ok(Self { columns, fields, descriptor, arrow_schema, leaves })
    }

    /// The places of the leaves of a column, among all leaves.
    pub(super) fn leaves(&self, column: &str) -> Option<&[usize]> {
        self.leaves.get(column).map(Vec::as_slice)
    }

    /// The leaf at a place.
    pub(super) fn leaf(&self, place: usize) -> Option<&ColumnDescriptor> {
        self.descriptor.columns().get(place)
    }
}

/// The different schemas of the files of a table that were opened so far.
#[derive(Default)]
pub(super) struct FileSchemas(Mutex<Vec<Arc<FileSchema>>>);

impl FileSchemas {
    /// The schema of a file.
    ///
    /// # Errors
    /// A schema that is damaged, and a column of an unsupported type.
    pub(super) fn of(&self, metadata: &FileMetadata, input: &InputFile) -> Result<Arc<FileSchema>, ParquetError> {
        let types = metadata.schema().fields();
        let mut known = self.0.lock().clone();
        known.retain(|known| known.descriptor.fields() == types);
        // Most often the text is the same, too, and need not be parsed.
        let text = arrow_schema(metadata);
        if let Some(same) = known.iter().find(|known| known.arrow_schema.as_deref() == text) {
            return Ok(same.clone());
        }
        let fields = guarded(|| infer_schema(metadata));
        let mut fields = fields.map_err(|source| ParquetError::Footer { path: input.path(), source })?;
        as_stored(&mut fields, metadata);
        // Some writers note in it how many rows there are.
        if let Some(same) = known.iter().find(|known| known.fields == fields) {
            return Ok(same.clone());
        }
        let new = Arc::new(FileSchema::new(metadata, fields, input)?);
        let mut known = self.0.lock();
        let is_same = |known: &&Arc<FileSchema>| known.fields == new.fields && known.descriptor.fields() == types;
        if let Some(same) = known.iter().find(is_same) {
            return Ok(same.clone());
        }
        if known.len() < COMPARED {
            known.push(new.clone());
        }
        Ok(new)
    }
}

/// Arrow's own description of the columns. Of several, the last counts.
fn arrow_schema(metadata: &FileMetadata) -> Option<&str> {
    let pairs = metadata.key_value_metadata().iter().flatten().rev();
    pairs.filter(|pair| pair.key == ARROW_SCHEMA).find_map(|pair| pair.value.as_deref())
}

/// The Polars type of a column, `None` if there is none.
fn dtype(field: &ArrowField) -> Option<DataType> {
    // Categories and time zones are text in the footer, which Polars parses with panics.
    is_supported(&field.dtype).then(|| guarded(|| Ok(DataType::from_arrow_field(field))).ok()).flatten()
}

fn is_supported(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match dtype {
        List(inner) | LargeList(inner) | FixedSizeList(inner, _) | Map(inner, _) => is_supported(&inner.dtype),
        Struct(fields) => fields.iter().all(|field| is_supported(&field.dtype)),
        Dictionary(_, values, _) => is_supported(values),
        Int128 | UInt128 | Float16 | Interval(_) | Extension(_) | Union(_) | Unknown => false,
        _ => true,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::frame::DataFrame;

    use super::*;
    use crate::parquet::footer::read_footer;
    use crate::parquet::tests::{Layout, encode};

    fn metadata(df: &DataFrame) -> FileMetadata {
        read_footer(&encode(df, &Layout::default())).unwrap()
    }

    #[test]
    fn files_that_say_the_same_share_it() {
        let schemas = FileSchemas::default();
        let input = InputFile::named("f");
        let of = |metadata: &FileMetadata| schemas.of(metadata, &input).unwrap();
        let first = metadata(&df!("a" => [1], "b" => ["x"]).unwrap());
        let shared = of(&first);
        assert!(Arc::ptr_eq(&shared, &of(&metadata(&df!("a" => [7, 8], "b" => ["y", "z"]).unwrap()))));
        // A writer that adds no description of Arrow's.
        let mut silent = metadata(&df!("a" => [1], "b" => ["x"]).unwrap());
        silent.key_value_metadata = None;
        assert!(Arc::ptr_eq(&shared, &of(&silent)));

        let other = of(&metadata(&df!("b" => ["x"], "a" => [1]).unwrap()));
        assert!(!Arc::ptr_eq(&shared, &other));
        assert_eq!(other.columns.iter_names().map(|name| name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((shared.leaves("b"), other.leaves("b"), other.leaves("c")), (Some(&[1][..]), Some(&[0][..]), None));
        assert_eq!(shared.leaf(1).unwrap().path_in_schema[0], "b");
        assert!(shared.leaf(2).is_none());

        // More schemas than are compared are told apart all the same.
        for number in 0..2 * COMPARED as i32 {
            let name = format!("column {number}");
            let schema = of(&metadata(&df!(name.as_str() => [number]).unwrap()));
            assert!(schema.columns.contains(&name));
        }
        assert!(Arc::ptr_eq(&shared, &of(&first)));
    }
}
