//! Record batches of one file.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use polars_arrow::array::{Array, DictionaryArray, new_empty_array};
use polars_arrow::datatypes::ArrowSchemaRef;
use polars_arrow::io::ipc::IpcField;
use polars_arrow::io::ipc::write::{
    DictionaryTracker, EncodedData, FileWriter, StreamWriter, WriteOptions, default_ipc_fields, dictionaries_to_encode,
    encode_dictionary_values, encode_record_batch,
};
use polars_arrow::record_batch::RecordBatchT;
use polars_core::datatypes::DataType;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{CompatLevel, PlHashMap, SchemaExt};
use polars_core::schema::SchemaRef;
use polars_core::series::arrow_export::ToArrowConverter;
use polars_core::series::arrow_export::categorical::CategoricalToArrowConverter;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;
use quokka_engine::physical::to_logical;

use super::options::{IpcLayout, IpcWriteOptions};
use crate::sink::{FileEncoder, FileFormat, is_single_file};

/// A record batch ends when it has so many bytes, however few rows these are.
const MOST_BYTES: usize = 256 << 20;

/// What names of single files end in; the first is that of files in directories.
const EXTENSIONS: [&str; 4] = ["arrow", "ipc", "feather", "arrows"];

/// Arrow IPC, as a format of files that a query writes.
pub struct IpcFormat {
    options: IpcWriteOptions,
    extension: &'static str,
}

impl IpcFormat {
    /// Files with these options at `path`.
    pub fn new(options: IpcWriteOptions, path: &Path) -> Self {
        let name = path.to_string_lossy();
        let named = EXTENSIONS.into_iter().find(|extension| is_single_file(&name, extension));
        Self { options, extension: named.unwrap_or(EXTENSIONS[0]) }
    }
}

impl FileFormat for IpcFormat {
    fn describe(&self) -> Description {
        let description = Description::blocks("ipc").with("compression", format!("{:?}", self.options.compression));
        let description = description.with("record_batch_rows", self.options.record_batch_rows);
        match self.options.layout {
            IpcLayout::File => description,
            IpcLayout::Stream => description.with("layout", "stream"),
        }
    }

    fn extension(&self) -> &'static str {
        self.extension
    }

    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError> {
        let compat = if self.options.string_views { CompatLevel::newest() } else { CompatLevel::oldest() };
        let arrow: ArrowSchemaRef = Arc::new(schema.to_arrow(compat));
        let options = self.options.compression.options()?;
        let writer = match self.options.layout {
            IpcLayout::File => Writer::file(file, arrow.clone(), options)?,
            IpcLayout::Stream => {
                let mut writer = StreamWriter::new(file, options);
                writer.start(&arrow, None)?;
                Writer::Stream(writer)
            },
        };
        let converters = schema.iter_values().map(converter).collect();
        let (schema, batch_rows) = (schema.clone(), self.options.record_batch_rows.max(1));
        Ok(Box::new(IpcEncoder { writer, schema, arrow, converters, batch_rows, held: None, held_bytes: 0 }))
    }
}

/// Makes arrays of columns of a type. Categories have the numbers in which they came first to this file.
fn converter(dtype: &DataType) -> ToArrowConverter {
    let mut categorical_converter = CategoricalToArrowConverter { converters: Default::default(), persist_remap: true };
    categorical_converter.initialize(dtype);
    ToArrowConverter { skip_attach_pl_metadata: true, categorical_converter }
}

struct IpcEncoder {
    writer: Writer,
    schema: SchemaRef,
    arrow: ArrowSchemaRef,
    /// One a column.
    converters: Vec<ToArrowConverter>,
    batch_rows: usize,
    /// Rows of the next record batch, in the chunks in which they came.
    held: Option<DataFrame>,
    held_bytes: usize,
}

impl FileEncoder for IpcEncoder {
    fn append(&mut self, mut rows: DataFrame) -> Result<(), OperatorError> {
        while rows.height() > 0 {
            let held = self.held.as_ref().map_or(0, DataFrame::height);
            let taken = rows.height().min(self.batch_rows - held);
            let piece = rows.slice(0, taken);
            rows = rows.slice(taken as i64, usize::MAX);
            self.held_bytes += piece.estimated_size();
            match &mut self.held {
                Some(held) => {
                    held.vstack_mut_owned(piece)?;
                },
                none => *none = Some(piece),
            }
            if held + taken == self.batch_rows || self.held_bytes >= MOST_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn flush(&mut self) -> Result<(), OperatorError> {
        self.held_bytes = 0;
        let Some(rows) = self.held.take() else { return Ok(()) };
        let batch = self.batch(rows)?;
        Ok(self.writer.write(&batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), OperatorError> {
        self.flush()?;
        // The dictionaries of a file must be there also if nothing refers to them.
        let none = self.batch(DataFrame::empty_with_schema(&self.schema))?;
        Ok(self.writer.finish(&none)?)
    }
}

impl IpcEncoder {
    fn batch(&mut self, rows: DataFrame) -> Result<RecordBatchT<Box<dyn Array>>, OperatorError> {
        let height = rows.height();
        let columns = to_logical(rows, &self.schema)?.into_columns().into_iter();
        let fields = self.arrow.iter_values().zip(&mut self.converters);
        let arrays = columns.zip(fields).map(|(column, (field, converter))| {
            let series = column.take_materialized_series().rechunk();
            let Some(array) = series.chunks().first() else { return Ok(new_empty_array(field.dtype.clone())) };
            converter.array_to_arrow(&**array, series.dtype(), Cow::Borrowed(field))
        });
        let arrays = arrays.collect::<PolarsResult<Vec<_>>>()?;
        Ok(RecordBatchT::try_new(height, self.arrow.clone(), arrays)?)
    }
}

enum Writer {
    File(Box<FileWithDictionaries>),
    Stream(StreamWriter<Box<dyn Write>>),
}

/// A file whose dictionaries stand behind its record batches. There they are complete, whereas categories come with the rows,
/// and a file can have one dictionary a column only.
struct FileWithDictionaries {
    file: FileWriter<Box<dyn Write>>,
    fields: Vec<IpcField>,
    options: WriteOptions,
    /// The longest that there was of each: categories are only ever added.
    dictionaries: PlHashMap<i64, Box<dyn Array>>,
    encoded: EncodedData,
}

impl Writer {
    fn file(file: Box<dyn Write>, schema: ArrowSchemaRef, options: WriteOptions) -> PolarsResult<Self> {
        let fields = default_ipc_fields(schema.iter_values());
        let file = FileWriter::try_new(file, schema, Some(fields.clone()), options)?;
        let (dictionaries, encoded) = (PlHashMap::default(), EncodedData::default());
        Ok(Self::File(Box::new(FileWithDictionaries { file, fields, options, dictionaries, encoded })))
    }

    fn write(&mut self, batch: &RecordBatchT<Box<dyn Array>>) -> PolarsResult<()> {
        match self {
            Self::Stream(stream) => stream.write(batch, None),
            Self::File(file) => {
                file.note_dictionaries(batch)?;
                encode_record_batch(batch, &file.options, &mut file.encoded);
                file.file.write_encoded_record_batch(&file.encoded)
            },
        }
    }

    fn finish(mut self, none: &RecordBatchT<Box<dyn Array>>) -> PolarsResult<()> {
        match &mut self {
            Self::Stream(stream) => stream.finish(),
            Self::File(file) => {
                file.note_dictionaries(none)?;
                let mut dictionaries: Vec<_> = std::mem::take(&mut file.dictionaries).into_iter().collect();
                dictionaries.sort_unstable_by_key(|(id, _)| *id);
                for (id, values) in dictionaries {
                    let encoded = encode_dictionary_values(id, &*values, &file.options)?;
                    file.file.write_encoded_dictionaries(&[encoded])?;
                }
                file.file.finish()
            },
        }
    }
}

impl FileWithDictionaries {
    fn note_dictionaries(&mut self, batch: &RecordBatchT<Box<dyn Array>>) -> PolarsResult<()> {
        let mut found = Vec::new();
        let mut tracker = DictionaryTracker { dictionaries: Default::default(), cannot_replace: false };
        for (field, array) in self.fields.iter().zip(batch.arrays()) {
            dictionaries_to_encode(field, &**array, &mut tracker, &mut found)?;
        }
        for (id, array) in found {
            let Some(values) = values(&*array) else { continue };
            match self.dictionaries.get(&id) {
                Some(before) if before.len() >= values.len() => {},
                _ => {
                    self.dictionaries.insert(id, values);
                },
            }
        }
        Ok(())
    }
}

/// The values of an array of keys. Categories are numbered by unsigned integers.
fn values(array: &dyn Array) -> Option<Box<dyn Array>> {
    let array = array.as_any();
    let narrow = || Some(array.downcast_ref::<DictionaryArray<u8>>()?.values().clone());
    let middle = || Some(array.downcast_ref::<DictionaryArray<u16>>()?.values().clone());
    let wide = || Some(array.downcast_ref::<DictionaryArray<u32>>()?.values().clone());
    wide().or_else(middle).or_else(narrow)
}
