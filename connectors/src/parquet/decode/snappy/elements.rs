//! The elements of compressed pages, as long as there is room to be careless: they are read and written in steps of up to
//! 64 bytes, of which only as many count as the element has.
//!
//! Where an element starts is known some 7 cycles after the start of the one before: its first byte has to be loaded for
//! that. This is what a page waits for most of the time, so two pages are decompressed in one loop, an element of each
//! in turn, in a third less time than one after the other. Elements that are frequent take few instructions and
//! branches; the others are left to a function of their own.

use super::element::Element;

/// The loop may read this many bytes from where an element starts, and write as many behind what is wanted.
pub(super) const SLOP: usize = 80;

/// By the first byte of a copy: its length, at most 64, and three high bits of its distance. Copies with a distance of four
/// bytes have a length that is none: compressors write them nearly never, as blocks are shorter.
static COPIES: [u32; 256] = {
    let mut copies = [0; 256];
    let mut tag = 0;
    while tag < 256 {
        copies[tag] = match tag & 3 {
            1 => (((tag >> 2) & 7) + 4) | (tag >> 5) << 8,
            2 => (tag >> 2) + 1,
            _ => LONG_DISTANCE,
        } as u32;
        tag += 1;
    }
    copies
};

const LONG_DISTANCE: usize = 255;

/// The bits of a number of so many bytes.
static MASKS: [u32; 5] = [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff];

/// Bytes that were read and written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A page while its elements are decompressed.
#[derive(Clone, Copy)]
pub(super) struct Lane<'a> {
    compressed: &'a [u8],
    /// `from` is less than this as long as `SLOP` bytes can be read.
    last: usize,
    out: *mut u8,
    wanted: usize,
    place: Place,
}

impl<'a> Lane<'a> {
    /// # Safety
    ///
    /// `out` has room for `wanted + SLOP` bytes, of which those before `place.to` are written. It must not be used before
    /// the lane is given up.
    pub(super) unsafe fn new(compressed: &'a [u8], out: *mut u8, wanted: usize, place: Place) -> Self {
        Self { compressed, last: compressed.len().saturating_sub(SLOP), out, wanted, place }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    #[inline(always)]
    fn has_room(&self) -> bool {
        self.place.from < self.last && self.place.to < self.wanted
    }

    /// Goes on as far as there is room, or to an element that has to be looked at more closely.
    pub(super) fn run(&mut self) {
        let mut lane = *self;
        // SAFETY: there is room.
        while lane.has_room() && (unsafe { lane.step() } || lane.step_rarely()) {}
        *self = lane;
    }

    /// Goes on with two pages until one of them has no room or needs a closer look. Tells whether that is the first.
    pub(super) fn run_both(first: &mut Lane<'_>, second: &mut Lane<'_>) -> bool {
        let (mut one, mut other) = (*first, *second);
        // Copies, so that they stay in registers.
        let ended = loop {
            if !one.has_room() {
                break true;
            }
            if !other.has_room() {
                break false;
            }
            // SAFETY: there is room.
            if !unsafe { one.step() } && !one.step_rarely() {
                break true;
            }
            // SAFETY: there is room.
            if !unsafe { other.step() } && !other.step_rarely() {
                break false;
            }
        };
        (*first, *second) = (one, other);
        ended
    }

    /// Decompresses the next element if it is a short literal or a copy of a usual distance.
    ///
    /// # Safety
    ///
    /// There is room.
    #[inline(always)]
    unsafe fn step(&mut self) -> bool {
        let Place { from, to } = self.place;
        // SAFETY: an element starts at `from`, behind which `SLOP` bytes can be read. Of `out`, `to` bytes are written and
        // at least `SLOP` can be written behind them. Elements have a header of at most 5 bytes and at most 64 bytes. A copy
        // reads what is written already, as its distance is held against `to`, and never less than the bytes that count.
        unsafe {
            let tag = *self.compressed.get_unchecked(from);
            let source = self.compressed.as_ptr().add(from + 1);
            let target = self.out.add(to);
            if tag & 3 == 0 {
                let length = usize::from(tag >> 2) + 1;
                if length > 16 {
                    if length > 60 {
                        return false;
                    }
                    copy::<16>(source.add(16), target.add(16));
                    copy::<16>(source.add(32), target.add(32));
                    copy::<16>(source.add(48), target.add(48));
                }
                copy::<16>(source, target);
                self.place = Place { from: from + 1 + length, to: to + length };
                return true;
            }
            let bytes = usize::from(tag & 3);
            let copied = COPIES[usize::from(tag)];
            let length = (copied & 0xff) as usize;
            let distance = ((read_u32(source) & MASKS[bytes]) + (copied & 0x700)) as usize;
            if distance < 8 || distance > to {
                return false;
            }
            let source = target.sub(distance).cast_const();
            if length > 16 {
                if distance < 16 || length == LONG_DISTANCE {
                    return false;
                }
                copy_64(source, target);
            } else {
                // Not 16 at once: what was just written in parts would have to reach the cache before it can be read.
                copy::<8>(source, target);
                copy::<8>(source.add(8), target.add(8));
            }
            self.place = Place { from: from + 1 + bytes, to: to + length };
            true
        }
    }

    /// Decompresses the next element of any kind, unless it has to be looked at more closely. There must be room.
    #[inline(always)]
    fn step_rarely(&mut self) -> bool {
        // Of a copy, as an address of `self` would keep it from registers.
        match any_element(*self) {
            Some(place) => {
                self.place = place;
                true
            },
            None => false,
        }
    }
}

/// Decompresses the next element of a page that has room. Its end, or `None` if it is damaged or a literal that goes on
/// behind what is wanted.
#[cold]
#[inline(never)]
fn any_element(lane: Lane<'_>) -> Option<Place> {
    let Lane { compressed, out, wanted, place: Place { from, to }, .. } = lane;
    let tag = *compressed.get(from)?;
    let bytes = Element::number_bytes(tag);
    let start = from + 1 + bytes;
    let number = u32::from_le_bytes(*compressed.get(from + 1..)?.first_chunk()?) & MASKS[bytes];
    match Element::new(tag, number) {
        Element::Literal(length) => {
            let end = start.checked_add(length)?;
            let literal = compressed.get(start..end)?;
            if length > wanted - to {
                return None;
            }
            // SAFETY: what is wanted has room behind `to`.
            unsafe { out.add(to).copy_from_nonoverlapping(literal.as_ptr(), length) };
            Some(Place { from: end, to: to + length })
        },
        Element::Copy { distance, .. } if distance == 0 || distance > to => None,
        Element::Copy { distance, length } => {
            // SAFETY: so many bytes before `to` are written, and `SLOP` can be written behind it.
            unsafe { repeat(out.add(to), distance, length) };
            Some(Place { from: start, to: to + length })
        },
    }
}

#[inline(always)]
unsafe fn read_u32(source: *const u8) -> u32 {
    // SAFETY: the caller's.
    u32::from_le_bytes(unsafe { source.cast::<[u8; 4]>().read_unaligned() })
}

#[inline(always)]
unsafe fn copy<const BYTES: usize>(source: *const u8, target: *mut u8) {
    // SAFETY: the caller's. All bytes are read before one is written, so the two may overlap.
    unsafe { source.copy_to(target, BYTES) }
}

#[inline(always)]
unsafe fn copy_64(source: *const u8, target: *mut u8) {
    // SAFETY: the caller's: 64 bytes at `target`, and as many at `source` when its turn has come.
    unsafe {
        copy::<16>(source, target);
        copy::<16>(source.add(16), target.add(16));
        copy::<16>(source.add(32), target.add(32));
        copy::<16>(source.add(48), target.add(48));
    }
}

/// Copies `length` bytes, at most 64, from `distance` bytes before `target`; what is written is read again if the distance is
/// less than the length.
unsafe fn repeat(target: *mut u8, distance: usize, length: usize) {
    // SAFETY: the caller's: `distance` bytes before `target` are written, and `SLOP` behind it are to be written to.
    // Each step reads bytes before the place that it writes to.
    unsafe {
        let source = target.sub(distance).cast_const();
        if distance >= 16 {
            return copy_64(source, target);
        }
        // Bytes that are written before the distance is a multiple of itself that steps of eight can keep.
        let (mut at, stride) = match distance {
            8.. => (0, distance),
            _ => {
                for index in 0..8 {
                    *target.add(index) = *source.add(index);
                }
                (8, 8usize.next_multiple_of(distance))
            },
        };
        while at < length {
            copy::<8>(target.add(at).sub(stride), target.add(at));
            at += 8;
        }
    }
}
