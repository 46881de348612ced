//! Where each key column lies in a packed key.

use polars_arrow::array::{Array, BinaryViewArray, BooleanArray, PrimitiveArray, Utf8ViewArray, View};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::prelude::{DataType, Series};

use super::word::{KeyBits, Word};

/// The bits that each key column takes in a [`Word`].
///
/// The layout follows the data: a column gets a bit for "null" when its first null is seen, and a string column room for
/// the longest string seen. Keys that were packed by a narrower layout are packed again, which happens a few times at
/// most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedLayout {
    fields: Vec<PackedField>,
    bits: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PackedField {
    content: Content,
    nullable: bool,
    shift: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// A value of so many bits.
    Fixed(u32),
    /// Up to so many bytes behind their length.
    Text(u32),
}

/// Bits for the length of a string.
const LENGTH_BITS: u32 = 4;
/// Bytes of a string at the start of a view.
const PREFIX_BYTES: u32 = 4;
/// Room for strings, in bytes; the last is what an array keeps inside a view.
const CAPACITIES: [u32; 3] = [3, 7, View::MAX_INLINE_SIZE];

impl Content {
    /// What also has room for everything that fits `known`.
    fn covering(self, known: Content) -> Self {
        match (self, known) {
            (Content::Text(now), Content::Text(before)) => Content::Text(now.max(before)),
            (Content::Fixed(now), Content::Fixed(before)) => Content::Fixed(now.max(before)),
            // The column has become one of numbers.
            (now, _) => now,
        }
    }

    fn bits(self) -> u32 {
        match self {
            Content::Fixed(bits) => bits,
            Content::Text(capacity) => LENGTH_BITS + 8 * capacity,
        }
    }
}

impl PackedLayout {
    /// The narrowest layout for these key columns (in their physical types) and for everything that fits `known`. `None`
    /// if some key does not fit into a [`Word`].
    pub fn covering(keys: &[Series], known: Option<&PackedLayout>) -> Option<Self> {
        let mut bits = 0;
        let mut fields = Vec::with_capacity(keys.len());
        for (i, key) in keys.iter().enumerate() {
            let mut content = Content::of(key)?;
            let mut nullable = key.null_count() > 0;
            if let Some(known) = known.and_then(|known| known.fields.get(i)) {
                nullable |= known.nullable;
                content = content.covering(known.content);
            }
            fields.push(PackedField { content, nullable, shift: bits });
            bits += content.bits() + u32::from(nullable);
        }
        (bits <= u128::BITS).then_some(Self { fields, bits })
    }

    /// Whether all keys would fit into a [`Word`] if strings were numbers.
    pub fn fits_numbered(keys: &[Series]) -> bool {
        let bits = |key: &Series| match key.dtype() {
            DataType::String | DataType::Binary => Some(u32::BITS),
            _ => Some(Content::of(key)?.bits() + u32::from(key.null_count() > 0)),
        };
        keys.iter().map(bits).sum::<Option<u32>>().is_some_and(|bits| bits <= u128::BITS)
    }

    /// Bits of a whole key.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Packs the keys of all rows into `words`. `false` if some key does not fit: `words` is then useless, and a wider
    /// layout is needed.
    pub fn pack<W: Word>(&self, keys: &[Series], words: &mut Vec<W>) -> bool {
        debug_assert!(self.bits <= W::BITS);
        words.clear();
        self.fields.iter().zip(keys).all(|(field, key)| field.pack(key, words))
    }
}

impl PackedField {
    /// Adds the field to `words`, which the first field makes.
    fn pack<W: Word>(&self, key: &Series, words: &mut Vec<W>) -> bool {
        let array = key.chunks()[0].as_ref();
        let validity = array.validity().filter(|validity| validity.unset_bits() > 0);
        if validity.is_some() && !self.nullable {
            return false;
        }
        match key.dtype() {
            DataType::Boolean => self.place_bits(array, validity, words),
            DataType::Int8 => self.place_numbers::<i8, _>(array, validity, words),
            DataType::Int16 => self.place_numbers::<i16, _>(array, validity, words),
            DataType::Int32 => self.place_numbers::<i32, _>(array, validity, words),
            DataType::Int64 => self.place_numbers::<i64, _>(array, validity, words),
            DataType::Int128 if self.content == Content::Fixed(64) => self.place_narrowed(array, validity, words),
            DataType::Int128 => self.place_numbers::<i128, _>(array, validity, words),
            DataType::UInt8 => self.place_numbers::<u8, _>(array, validity, words),
            DataType::UInt16 => self.place_numbers::<u16, _>(array, validity, words),
            DataType::UInt32 => self.place_numbers::<u32, _>(array, validity, words),
            DataType::UInt64 => self.place_numbers::<u64, _>(array, validity, words),
            DataType::Float32 => self.place_numbers::<f32, _>(array, validity, words),
            DataType::Float64 => self.place_numbers::<f64, _>(array, validity, words),
            DataType::String => {
                downcast::<Utf8ViewArray>(array).is_some_and(|array| self.place_text(array.views(), validity, words))
            },
            DataType::Binary => {
                downcast::<BinaryViewArray>(array).is_some_and(|array| self.place_text(array.views(), validity, words))
            },
            _ => false,
        }
    }

    fn place_numbers<T: NativeType + KeyBits, W: Word>(
        &self,
        array: &dyn Array,
        validity: Option<&Bitmap>,
        words: &mut Vec<W>,
    ) -> bool {
        let Some(array) = downcast::<PrimitiveArray<T>>(array) else { return false };
        self.place(words, array.values().iter().map(|value| value.bits()), validity);
        true
    }

    /// Numbers of 128 bits, all of which fit 64.
    fn place_narrowed<W: Word>(&self, array: &dyn Array, validity: Option<&Bitmap>, words: &mut Vec<W>) -> bool {
        let Some(array) = downcast::<PrimitiveArray<i128>>(array) else { return false };
        let mut fit = true;
        let bits = array.values().iter().map(|&value| {
            fit &= is_narrow(value);
            u128::from(value as u64)
        });
        self.place(words, bits, validity);
        fit
    }

    fn place_bits<W: Word>(&self, array: &dyn Array, validity: Option<&Bitmap>, words: &mut Vec<W>) -> bool {
        let Some(array) = downcast::<BooleanArray>(array) else { return false };
        self.place(words, array.values().iter().map(u128::from), validity);
        true
    }

    fn place_text<W: Word>(&self, views: &[View], validity: Option<&Bitmap>, words: &mut Vec<W>) -> bool {
        let Content::Text(capacity) = self.content else { return false };
        // The view of a null may be anything; such a view at worst widens the layout.
        let mut longest = 0;
        if capacity <= PREFIX_BYTES {
            let bits = views.iter().map(|view| {
                longest = longest.max(view.length);
                u128::from(u64::from(view.length & 0xf) | u64::from(view.prefix) << LENGTH_BITS)
            });
            self.place(words, bits, validity);
        } else {
            let bits = views.iter().map(|view| {
                longest = longest.max(view.length);
                let view = view.as_u128();
                (view & 0xf) | (view >> u32::BITS << LENGTH_BITS)
            });
            self.place(words, bits, validity);
        }
        longest <= capacity
    }

    #[inline(always)]
    fn place<W: Word>(&self, words: &mut Vec<W>, bits: impl Iterator<Item = u128>, validity: Option<&Bitmap>) {
        let is_first = self.shift == 0;
        match validity {
            None if is_first => words.extend(bits.map(|bits| W::default().with(bits, 0))),
            None => {
                for (word, bits) in words.iter_mut().zip(bits) {
                    *word = word.with(bits, self.shift);
                }
            },
            Some(validity) => {
                if is_first {
                    words.resize(validity.len(), W::default());
                }
                let null = self.shift + self.content.bits();
                for ((word, bits), valid) in words.iter_mut().zip(bits).zip(validity.iter()) {
                    *word = if valid { word.with(bits, self.shift) } else { word.with(1, null) };
                }
            },
        }
    }
}

impl Content {
    /// What a column holds, with room for its longest string. `None` if it cannot be packed.
    fn of(key: &Series) -> Option<Self> {
        let views = |views: &[View]| {
            let longest = views.iter().fold(0, |longest, view| longest.max(view.length));
            CAPACITIES.into_iter().find(|&capacity| longest <= capacity).map(Content::Text)
        };
        let array = key.chunks()[0].as_ref();
        match key.dtype() {
            DataType::Boolean => Some(Content::Fixed(1)),
            DataType::Int8 | DataType::UInt8 => Some(Content::Fixed(8)),
            DataType::Int16 | DataType::UInt16 => Some(Content::Fixed(16)),
            DataType::Int32 | DataType::UInt32 | DataType::Float32 => Some(Content::Fixed(32)),
            DataType::Int64 | DataType::UInt64 | DataType::Float64 => Some(Content::Fixed(64)),
            // Decimals: nearly all of them need no more than 64 bits.
            DataType::Int128 => {
                let array = downcast::<PrimitiveArray<i128>>(array)?;
                Some(Content::Fixed(if array.values().iter().copied().all(is_narrow) { 64 } else { 128 }))
            },
            DataType::String => views(downcast::<Utf8ViewArray>(array)?.views()),
            DataType::Binary => views(downcast::<BinaryViewArray>(array)?.views()),
            _ => None,
        }
    }
}

/// Whether a number of 128 bits fits 64.
#[inline(always)]
fn is_narrow(value: i128) -> bool {
    i128::from(value as i64) == value
}

fn downcast<T: 'static>(array: &dyn Array) -> Option<&T> {
    array.as_any().downcast_ref()
}
