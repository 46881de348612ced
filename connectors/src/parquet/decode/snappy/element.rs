//! What an element is, by its first byte and the number behind it.

pub(super) enum Element {
    /// So many bytes that stand behind the number.
    Literal(usize),
    /// What was written `distance` bytes before.
    Copy { distance: usize, length: usize },
}

impl Element {
    /// Bytes of the number behind the first byte.
    #[inline(always)]
    pub(super) fn number_bytes(first: u8) -> usize {
        match first & 3 {
            0 => usize::from(first >> 2).saturating_sub(59),
            3 => 4,
            bytes => usize::from(bytes),
        }
    }

    #[inline(always)]
    pub(super) fn new(first: u8, number: u32) -> Self {
        let (number, high) = (number as usize, usize::from(first >> 2));
        match first & 3 {
            0 if high < 60 => Self::Literal(high + 1),
            0 => Self::Literal(number + 1),
            1 => Self::Copy { distance: number + ((high >> 3) << 8), length: (high & 7) + 4 },
            _ => Self::Copy { distance: number, length: high + 1 },
        }
    }
}
