//! Keys that are packed into one or two machine words.

use polars_utils::total_ord::{canonical_f32, canonical_f64};

// Other numbers than in the hash of the exchange, whose owners would otherwise get keys that share bits of theirs.
const SEED_LOW: u64 = 0xa076_1d64_78bd_642f;
const SEED_HIGH: u64 = 0xe703_7ed1_a0b4_28db;

/// All key columns of a row, packed.
pub(super) trait Word: Copy + Eq + Default + Send + 'static {
    /// Bits that fit.
    const BITS: u32;

    /// `self` with `bits` put at `shift`, where it was zero.
    fn with(self, bits: u128, shift: u32) -> Self;

    /// A hash whose high bits are the best.
    fn hash(self) -> u64;
}

impl Word for u64 {
    const BITS: u32 = 64;

    #[inline(always)]
    fn with(self, bits: u128, shift: u32) -> Self {
        self | ((bits as u64) << shift)
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        folded_multiply(self ^ SEED_LOW, SEED_HIGH)
    }
}

impl Word for u128 {
    const BITS: u32 = 128;

    #[inline(always)]
    fn with(self, bits: u128, shift: u32) -> Self {
        self | (bits << shift)
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        let low = folded_multiply(self as u64 ^ SEED_LOW, SEED_HIGH);
        folded_multiply(low ^ (self >> 64) as u64, SEED_LOW)
    }
}

/// High and low half of the full product, mixed: every input bit reaches every output bit.
#[inline(always)]
fn folded_multiply(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// The bits of a key value. Values that are equal as keys have equal bits.
pub(super) trait KeyBits: Copy {
    fn bits(self) -> u128;
}

macro_rules! integer_bits {
    ($($native:ty => $unsigned:ty),*) => {$(
        impl KeyBits for $native {
            #[inline(always)]
            fn bits(self) -> u128 {
                self as $unsigned as u128
            }
        }
    )*};
}

integer_bits!(i8 => u8, i16 => u16, i32 => u32, i64 => u64, i128 => u128, u8 => u8, u16 => u16, u32 => u32, u64 => u64);

impl KeyBits for f32 {
    #[inline(always)]
    fn bits(self) -> u128 {
        u128::from(canonical_f32(self).to_bits())
    }
}

impl KeyBits for f64 {
    #[inline(always)]
    fn bits(self) -> u128 {
        u128::from(canonical_f64(self).to_bits())
    }
}
