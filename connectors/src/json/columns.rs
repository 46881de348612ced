//! Columns while they are read.
//!
//! A column of single values takes them from where they stand ([`ColumnTokens`]), one column after the other. A nested one
//! goes over the text of each of its values once more, which is known to be right, and hands the parts to the columns in it.

use polars_arrow::array::{Array, BooleanArray, NullArray, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;
use polars_core::datatypes::{DataType, TimeUnit, TimeZone};
use polars_core::error::PolarsResult;
use polars_core::prelude::{CompatLevel, Field as PolarsField, PlSmallStr};
use polars_core::series::Series;
use quokka_engine::physical::is_narrow;

use super::nested::{ListColumn, StructColumn};
use super::rows::{ColumnTokens, Token};
use super::syntax::{byte, unescape, value};
use crate::survivors::Chosen;
use crate::text::BadRows;
use crate::text::number::{Field, decimal64, decimal128, float32, float64, integer, integer128};
use crate::text::temporal::{date, datetime, time};
use crate::text::texts::{Texts, forget, validity};

/// Where a column goes on in text that is right.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    /// Takes the value here; `None` is null.
    pub(super) fn token(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let end = value(self.bytes, start).ok()?;
        self.at = end.at;
        let text = Field::new(self.bytes.get(start..)?, end.at - start);
        (text.first() != b'n').then_some(Token { text, is_escaped: end.is_escaped })
    }

    /// Takes a null, if there is one here.
    pub(super) fn take_null(&mut self) -> bool {
        let is_null = self.byte() == b'n';
        self.at += if is_null { 4 } else { 0 };
        is_null
    }

    pub(super) fn byte(&self) -> u8 {
        byte(self.bytes, self.at)
    }
}

/// What becomes of rows that hold no value of a column's type.
pub(super) struct Bad<'a> {
    pub(super) policy: BadRows,
    /// Those that are to be left out.
    pub(super) rows: &'a mut Vec<u32>,
}

impl Bad<'_> {
    /// Hears of such a row, in which the value is null then; an error if it stops the reading.
    pub(super) fn note(&mut self, row: usize) -> Result<(), usize> {
        match self.policy {
            BadRows::Fail => return Err(row),
            BadRows::Null => {},
            BadRows::Skip => self.rows.push(row as u32),
        }
        Ok(())
    }
}

/// A column of any type while it is read.
pub(super) trait ColumnBuilder {
    /// Takes the values of some rows. The error is a row that stops the reading.
    fn read(&mut self, tokens: ColumnTokens<'_>, rows: Chosen<'_>, bad: &mut Bad<'_>) -> Result<(), usize>;

    /// Takes the value at the cursor and goes behind it. If it is none of the type, which is said by `false`, the cursor and
    /// the column are anywhere between.
    fn push(&mut self, cursor: &mut Cursor<'_>) -> bool;

    fn push_null(&mut self);

    fn len(&self) -> usize;

    /// Forgets all but the first `length` values.
    fn truncate(&mut self, length: usize);

    /// The values.
    fn finish(self: Box<Self>) -> PolarsResult<Box<dyn Array>>;
}

/// A column of single values.
trait Leaf {
    /// Takes a value; whether it is one of the type.
    fn take(&mut self, token: Token<'_>) -> bool;
    fn take_null(&mut self);
    fn reserve(&mut self, rows: usize);
    fn count(&self) -> usize;
    fn forget(&mut self, length: usize);
    fn array(self) -> PolarsResult<Box<dyn Array>>;
}

impl<L: Leaf> ColumnBuilder for L {
    fn read(&mut self, tokens: ColumnTokens<'_>, rows: Chosen<'_>, bad: &mut Bad<'_>) -> Result<(), usize> {
        self.reserve(rows.len());
        match rows {
            Chosen::All(start, end) => take_all(self, tokens.tokens(start..end), rows, bad),
            Chosen::Some(chosen) => take_all(self, chosen.iter().map(|row| tokens.token(*row as usize)), rows, bad),
        }
    }

    fn push(&mut self, cursor: &mut Cursor<'_>) -> bool {
        match cursor.token() {
            Some(token) => self.take(token),
            None => {
                self.take_null();
                true
            },
        }
    }

    fn push_null(&mut self) {
        self.take_null();
    }

    fn len(&self) -> usize {
        self.count()
    }

    fn truncate(&mut self, length: usize) {
        self.forget(length);
    }

    fn finish(self: Box<Self>) -> PolarsResult<Box<dyn Array>> {
        self.array()
    }
}

#[inline(always)]
fn take_all<'a, L: Leaf>(
    leaf: &mut L,
    tokens: impl Iterator<Item = Option<Token<'a>>>,
    rows: Chosen<'_>,
    bad: &mut Bad<'_>,
) -> Result<(), usize> {
    for (index, token) in tokens.enumerate() {
        match token {
            Some(token) if leaf.take(token) => {},
            Some(_) => {
                leaf.take_null();
                bad.note(rows.row(index))?;
            },
            None => leaf.take_null(),
        }
    }
    Ok(())
}

/// Makes an array of values of which some are null.
type Finish<T> = fn(ArrowDataType, Vec<T>, Option<Bitmap>) -> PolarsResult<Box<dyn Array>>;

/// Values of a fixed size.
struct Fixed<T, P> {
    values: Vec<T>,
    nulls: Vec<u32>,
    parse: P,
    finish: Finish<T>,
    dtype: ArrowDataType,
}

impl<T: Default, P: Fn(Token<'_>) -> Option<T>> Leaf for Fixed<T, P> {
    #[inline(always)]
    fn take(&mut self, token: Token<'_>) -> bool {
        let value = (self.parse)(token);
        let is_value = value.is_some();
        self.values.extend(value);
        is_value
    }

    fn take_null(&mut self) {
        self.nulls.push(self.values.len() as u32);
        self.values.push(T::default());
    }

    fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
    }

    fn count(&self) -> usize {
        self.values.len()
    }

    fn forget(&mut self, length: usize) {
        self.values.truncate(length);
        forget(&mut self.nulls, length);
    }

    fn array(self) -> PolarsResult<Box<dyn Array>> {
        let validity = validity(self.values.len(), &self.nulls);
        (self.finish)(self.dtype, self.values, validity)
    }
}

impl Leaf for Texts {
    #[inline(always)]
    fn take(&mut self, token: Token<'_>) -> bool {
        match token.within() {
            Some(within) if !token.is_escaped => self.push_field(within),
            Some(within) => {
                let mut text = Vec::with_capacity(within.len());
                unescape(within.bytes(), &mut text);
                self.push_bytes(&text);
            },
            // What is no string is kept as it stands.
            None => self.push_field(token.text),
        }
        true
    }

    fn take_null(&mut self) {
        self.push_null();
    }

    fn reserve(&mut self, rows: usize) {
        self.views.reserve(rows);
    }

    fn count(&self) -> usize {
        self.views.len()
    }

    fn forget(&mut self, length: usize) {
        self.truncate(length);
    }

    fn array(self) -> PolarsResult<Box<dyn Array>> {
        // SAFETY: rows that are not UTF-8 are never gone over. Values are cut out of them at quotes, which are ASCII, and an
        // escape is replaced by the bytes of a character.
        Ok(unsafe { self.finish() }.boxed())
    }
}

/// Nothing but nulls.
struct Nulls(usize);

impl Leaf for Nulls {
    fn take(&mut self, _token: Token<'_>) -> bool {
        false
    }

    fn take_null(&mut self) {
        self.0 += 1;
    }

    fn reserve(&mut self, _rows: usize) {}

    fn count(&self) -> usize {
        self.0
    }

    fn forget(&mut self, length: usize) {
        self.0 = length.min(self.0);
    }

    fn array(self) -> PolarsResult<Box<dyn Array>> {
        Ok(NullArray::try_new(ArrowDataType::Null, self.0)?.boxed())
    }
}

impl<'a> Token<'a> {
    /// What stands between the quotes of a string.
    #[inline(always)]
    pub(super) fn within(self) -> Option<Field<'a>> {
        (self.text.first() == b'"').then(|| self.text.skip(1).shorten(self.text.len().saturating_sub(2)))
    }

    /// What a parser makes of the text of a string.
    #[inline(always)]
    fn parse_within<T>(self, parse: impl Fn(Field<'_>) -> Option<T>) -> Option<T> {
        let within = self.within()?;
        if !self.is_escaped {
            return parse(within);
        }
        let mut text = Vec::new();
        unescape(within.bytes(), &mut text);
        let length = text.len();
        text.resize(length + 2 * size_of::<u128>(), 0);
        parse(Field::new(&text, length))
    }
}

/// A column of type `dtype`, `None` if there are no such values in JSON.
pub(super) fn nested_builder(dtype: &DataType) -> Option<Box<dyn ColumnBuilder>> {
    Some(match dtype {
        DataType::Int8 => numbers::<i8, _>(dtype, integer),
        DataType::Int16 => numbers::<i16, _>(dtype, integer),
        DataType::Int32 => numbers::<i32, _>(dtype, integer),
        DataType::Int64 => numbers::<i64, _>(dtype, integer),
        DataType::UInt8 => numbers::<u8, _>(dtype, integer),
        DataType::UInt16 => numbers::<u16, _>(dtype, integer),
        DataType::UInt32 => numbers::<u32, _>(dtype, integer),
        DataType::UInt64 => numbers::<u64, _>(dtype, integer),
        DataType::UInt128 => numbers::<u128, _>(dtype, integer128),
        // A number that is too large for the type is none of it.
        DataType::Float32 => numbers::<f32, _>(dtype, |text| float32(text).filter(|number| number.is_finite())),
        DataType::Float64 => numbers::<f64, _>(dtype, |text| float64(text).filter(|number| number.is_finite())),
        DataType::Boolean => Box::new(Fixed {
            values: Vec::new(),
            nulls: Vec::new(),
            parse: |token: Token<'_>| match token.text.first() {
                b't' => Some(true),
                b'f' => Some(false),
                _ => None,
            },
            finish: |dtype, values, validity| {
                Ok(BooleanArray::try_new(dtype, values.into_iter().collect::<Bitmap>(), validity)?.boxed())
            },
            dtype: ArrowDataType::Boolean,
        }),
        DataType::Date => fixed(dtype, |token| token.parse_within(date)),
        DataType::Time => fixed(dtype, |token| token.parse_within(time)),
        DataType::Datetime(unit, zone) => {
            // Texts without an offset would be the time of a clock in the zone, of which UTC alone never goes back.
            if zone.as_ref().is_some_and(|zone| *zone != TimeZone::UTC) {
                return None;
            }
            let (per_second, has_zone) = (per_second(*unit), zone.is_some());
            fixed(dtype, move |token| token.parse_within(|text| datetime(text, per_second, has_zone)))
        },
        DataType::Decimal(precision, scale) => {
            let (scale, limit) = (*scale, 10i128.checked_pow(u32::try_from(*precision).ok()?)?);
            fixed(dtype, move |token| number_or_text(token, |text| decimal128(text, scale, limit)))
        },
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Box::new(Texts::default()),
        DataType::Null => Box::new(Nulls(0)),
        DataType::List(inner) => Box::new(ListColumn::new(arrow(dtype), nested_builder(inner)?, None)),
        DataType::Array(inner, width) => Box::new(ListColumn::new(arrow(dtype), nested_builder(inner)?, Some(*width))),
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| nested_builder(&field.dtype)).collect::<Option<Vec<_>>>()?;
            let names = fields.iter().map(|field| field.name.as_str());
            Box::new(StructColumn::new(arrow(dtype), names, columns))
        },
        _ => return None,
    })
}

/// As [`nested_builder`], for a column of a table: decimals of few digits lie as in batches.
pub(super) fn builder(dtype: &DataType) -> Option<Box<dyn ColumnBuilder>> {
    match dtype {
        DataType::Decimal(precision, scale) if is_narrow(dtype) => {
            let (scale, limit) = (*scale, 10i64.checked_pow(u32::try_from(*precision).ok()?)?);
            let parse = move |token: Token<'_>| number_or_text(token, |text| decimal64(text, scale, limit));
            Some(fixed(&DataType::Int64, parse))
        },
        _ => nested_builder(dtype),
    }
}

/// The column that `builder` has read.
pub(super) fn finish(builder: Box<dyn ColumnBuilder>, name: &PlSmallStr, dtype: &DataType) -> PolarsResult<Series> {
    let series = Series::from_arrow(name.clone(), builder.finish()?)?;
    if *dtype == as_read(dtype) { Ok(series) } else { series.strict_cast(dtype) }
}

/// Units of a second.
fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Nanoseconds => 1_000_000_000,
        TimeUnit::Microseconds => 1_000_000,
        TimeUnit::Milliseconds => 1000,
    }
}

/// The type in which a column is read: categories are strings.
fn as_read(dtype: &DataType) -> DataType {
    match dtype {
        DataType::Categorical(..) | DataType::Enum(..) => DataType::String,
        DataType::List(inner) => DataType::List(Box::new(as_read(inner))),
        DataType::Array(inner, width) => DataType::Array(Box::new(as_read(inner)), *width),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| PolarsField::new(field.name.clone(), as_read(&field.dtype)));
            DataType::Struct(fields.collect())
        },
        _ => dtype.clone(),
    }
}

fn arrow(dtype: &DataType) -> ArrowDataType {
    as_read(dtype).to_arrow(CompatLevel::newest())
}

fn numbers<T, P>(dtype: &DataType, parse: P) -> Box<dyn ColumnBuilder>
where
    T: NativeType + Default,
    P: Fn(Field<'_>) -> Option<T> + 'static,
{
    // The parsers know numbers only, so strings, lists and words are none.
    fixed(dtype, move |token| parse(token.text))
}

fn fixed<T, P>(dtype: &DataType, parse: P) -> Box<dyn ColumnBuilder>
where
    T: NativeType + Default,
    P: Fn(Token<'_>) -> Option<T> + 'static,
{
    Box::new(Fixed {
        values: Vec::new(),
        nulls: Vec::new(),
        parse,
        finish: |dtype, values, validity| Ok(PrimitiveArray::try_new(dtype, values.into(), validity)?.boxed()),
        dtype: arrow(dtype),
    })
}

#[inline(always)]
fn number_or_text<T>(token: Token<'_>, parse: impl Fn(Field<'_>) -> Option<T>) -> Option<T> {
    match token.text.first() {
        b'"' => token.parse_within(parse),
        _ => parse(token.text),
    }
}
