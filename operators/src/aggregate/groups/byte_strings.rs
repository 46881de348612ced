//! Byte strings that are kept one behind the other.

/// Bytes of the first block.
const FIRST_BLOCK: usize = 1 << 12;
/// Bytes of the largest blocks, unless a string is longer.
const LARGEST_BLOCK: usize = 1 << 20;

/// A growing list of byte strings. They lie in blocks, so that none is copied again when the list grows.
#[derive(Default)]
pub(super) struct ByteStrings {
    blocks: Vec<Vec<u8>>,
    places: Vec<Place>,
    /// Bytes of all blocks.
    held: usize,
}

struct Place {
    block: u32,
    start: u32,
    len: u32,
}

impl ByteStrings {
    /// Number of strings.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.held + self.places.capacity() * size_of::<Place>()
    }

    /// Appends a string, of less than 4 GB.
    pub fn push(&mut self, string: &[u8]) {
        let is_full = self.blocks.last().is_none_or(|block| block.capacity() - block.len() < string.len());
        if is_full {
            let next = self.blocks.last().map_or(FIRST_BLOCK, |block| (2 * block.capacity()).min(LARGEST_BLOCK));
            let block = Vec::with_capacity(next.max(string.len()));
            self.held += block.capacity();
            self.blocks.push(block);
        }
        let at = self.blocks.len() - 1;
        let block = &mut self.blocks[at];
        self.places.push(Place { block: at as u32, start: block.len() as u32, len: string.len() as u32 });
        block.extend_from_slice(string);
    }

    /// The string number `index`.
    #[inline(always)]
    pub fn get(&self, index: usize) -> &[u8] {
        let place = &self.places[index];
        &self.blocks[place.block as usize][place.start as usize..][..place.len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteStrings, LARGEST_BLOCK};

    #[test]
    fn strings_stay_as_they_were() {
        let mut strings = ByteStrings::default();
        let string = |i: usize| vec![i as u8; if i == 700 { 2 * LARGEST_BLOCK } else { i * 37 % 9000 }];
        let all: usize = (0..1000).map(|i| string(i).len()).sum();
        (0..1000).for_each(|i| strings.push(&string(i)));
        assert_eq!(strings.len(), 1000);
        assert!((0..1000).all(|i| strings.get(i) == string(i)));
        assert!(strings.bytes() >= all && strings.bytes() < all + 3 * LARGEST_BLOCK, "{} for {all}", strings.bytes());
    }
}
