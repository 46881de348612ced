//! A cursor over Thrift's compact protocol, for the checks that come before Polars decodes a footer or a page.
//!
//! Polars allocates what a list header or a page header announces before it looks at the bytes behind it. A flipped bit
//! there asks for terabytes, and a refused allocation aborts the process. So the announced sizes are read here first,
//! and held against the bytes that there are.
//!
//! Source: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

use super::error::Damage;

/// Nested structs that are followed before the bytes are given up as damaged; Parquet's own nest 7 deep.
const MAX_DEPTH: usize = 32;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Stop,
    True,
    False,
    Byte,
    /// 16, 32 and 64 bit integers look alike.
    Integer,
    Double,
    Binary,
    List,
    Struct,
}

/// The next field of a struct.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) id: i16,
    pub(super) wire: Wire,
}

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Bytes not read yet.
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Damage> {
        self.bytes(bytes).map(|_| ())
    }

    /// The next so many bytes.
    pub(super) fn bytes(&mut self, bytes: u64) -> Result<&'a [u8], Damage> {
        let bytes = usize::try_from(bytes).map_err(|_| Damage::Ends)?;
        let (read, rest) = self.bytes.split_at_checked(bytes).ok_or(Damage::Ends)?;
        self.bytes = rest;
        Ok(read)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        let (byte, rest) = self.bytes.split_first().ok_or(Damage::Ends)?;
        self.bytes = rest;
        Ok(*byte)
    }

    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage::Thrift("an integer of more than 64 bits"))
    }

    /// An integer of at most 64 bits.
    pub(super) fn integer(&mut self) -> Result<i64, Damage> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a struct whose last field was `previous`.
    pub(super) fn field(&mut self, previous: i16) -> Result<Field, Damage> {
        let header = self.byte()?;
        let wire = wire(header & 0x0f)?;
        if wire == Wire::Stop {
            return Ok(Field { id: 0, wire });
        }
        let id = match header >> 4 {
            0 => i16::try_from(self.integer()?).ok(),
            delta => previous.checked_add(i16::from(delta)),
        };
        Ok(Field { id: id.ok_or(Damage::Thrift("a field number out of range"))?, wire })
    }

    /// The wire type and the number of elements of a list. Every element takes at least one byte, so more elements than
    /// bytes are left cannot be.
    fn list(&mut self) -> Result<(Wire, u64), Damage> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        if count > self.remaining() as u64 {
            return Err(Damage::Thrift("a list that is longer than the bytes behind it"));
        }
        // Some writers leave the type of an empty list out.
        let element = if count == 0 { Wire::Byte } else { wire(header & 0x0f)? };
        Ok((element, count))
    }

    /// Steps over the value of a field.
    pub(super) fn skip_value(&mut self, wire: Wire) -> Result<(), Damage> {
        self.skip_nested(wire, 0)
    }

    fn skip_nested(&mut self, wire: Wire, depth: usize) -> Result<(), Damage> {
        if depth > MAX_DEPTH {
            return Err(Damage::Thrift("structs nested too deep"));
        }
        match wire {
            Wire::Stop | Wire::True | Wire::False => Ok(()),
            Wire::Byte => self.skip(1),
            Wire::Integer => self.varint().map(|_| ()),
            Wire::Double => self.skip(8),
            Wire::Binary => {
                let length = self.varint()?;
                self.skip(length)
            },
            Wire::List => {
                let (element, count) = self.list()?;
                for _ in 0..count {
                    self.skip_element(element, depth)?;
                }
                Ok(())
            },
            Wire::Struct => {
                let mut previous = 0;
                loop {
                    let field = self.field(previous)?;
                    if field.wire == Wire::Stop {
                        return Ok(());
                    }
                    self.skip_nested(field.wire, depth + 1)?;
                    previous = field.id;
                }
            },
        }
    }

    fn skip_element(&mut self, element: Wire, depth: usize) -> Result<(), Damage> {
        match element {
            // A boolean has its value in the header of a field, but a byte of its own in a list.
            Wire::True | Wire::False => self.skip(1),
            element => self.skip_nested(element, depth + 1),
        }
    }

    /// Steps over a struct and checks that every field of `shape` is written as it says, at every depth.
    pub(super) fn check(&mut self, shape: &[(i16, Shape)]) -> Result<(), Damage> {
        let mut previous = 0;
        loop {
            let field = self.field(previous)?;
            if field.wire == Wire::Stop {
                return Ok(());
            }
            match shape.iter().find(|(id, _)| *id == field.id) {
                Some((_, shape)) => self.check_value(field.wire, shape)?,
                None => self.skip_value(field.wire)?,
            }
            previous = field.id;
        }
    }

    fn check_value(&mut self, wire: Wire, shape: &Shape) -> Result<(), Damage> {
        match (shape, wire) {
            (Shape::Integer, Wire::Integer)
            | (Shape::Byte, Wire::Byte)
            | (Shape::Binary, Wire::Binary)
            | (Shape::Boolean, Wire::True | Wire::False) => self.skip_value(wire),
            (Shape::Struct(fields), Wire::Struct) => self.check(fields),
            (Shape::List(shape), Wire::List) => {
                let (element, count) = self.list()?;
                (0..count).try_for_each(|_| self.check_value(element, shape))
            },
            _ => Err(Damage::Thrift("a field of the wrong type")),
        }
    }
}

/// Writes an integer as [`Cursor::integer`] reads it.
pub(super) fn push_integer(value: i64, to: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

fn wire(code: u8) -> Result<Wire, Damage> {
    Ok(match code {
        0 => Wire::Stop,
        1 => Wire::True,
        2 => Wire::False,
        3 => Wire::Byte,
        4..=6 => Wire::Integer,
        7 => Wire::Double,
        8 => Wire::Binary,
        9 => Wire::List,
        12 => Wire::Struct,
        // Sets and maps do not occur in Parquet.
        _ => return Err(Damage::Thrift("an unknown type")),
    })
}

/// What a field must look like.
pub(super) enum Shape {
    Boolean,
    Byte,
    Integer,
    Binary,
    List(&'static Shape),
    Struct(&'static [(i16, Shape)]),
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const PAIR: &[(i16, Shape)] = &[(1, Shape::Integer), (2, Shape::List(&Shape::Binary))];

    #[test]
    fn a_well_formed_struct_passes() {
        // field 1: integer -2; field 2: list of 2 binaries "a" and ""; field 20: true; stop
        let mut cursor = Cursor::new(&[0x16, 0x03, 0x19, 0x28, 1, b'a', 0, 0x01, 40, 0]);
        cursor.check(PAIR).unwrap();
        assert_eq!(cursor.remaining(), 0);
    }

    #[test]
    fn announced_sizes_are_held_against_the_bytes() {
        // a list of 2^28 binaries, in 3 bytes
        let list = Cursor::new(&[0x29, 0xf8, 0x80, 0x80, 0x80, 0x80, 0x01, 0, 0, 0]).check(PAIR);
        assert!(matches!(list, Err(Damage::Thrift(_))), "{list:?}");
        // the same in a field that nobody reads
        let unknown = Cursor::new(&[0x79, 0xf1, 0x80, 0x80, 0x80, 0x80, 0x01, 0, 0, 0]).check(PAIR);
        assert!(matches!(unknown, Err(Damage::Thrift(_))), "{unknown:?}");
        // a binary of 100 bytes, in 1
        assert!(matches!(Cursor::new(&[0x29, 0x18, 100, 0]).check(PAIR), Err(Damage::Ends)));
    }

    #[test]
    fn a_field_of_another_type_is_refused() {
        assert!(matches!(Cursor::new(&[0x18, 0, 0]).check(PAIR), Err(Damage::Thrift(_))));
    }

    #[test]
    fn endless_nesting_is_refused() {
        assert!(matches!(Cursor::new(&[0x7c; 100]).check(PAIR), Err(Damage::Thrift(_))));
    }

    #[test]
    fn integers_are_read_as_they_were_written() {
        for value in [0, 1, -1, 63, 64, -64, -65, 300, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 40] {
            let mut bytes = Vec::new();
            push_integer(value, &mut bytes);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!((cursor.integer().unwrap(), cursor.remaining()), (value, 0));
        }
    }

    #[test]
    fn integers_of_more_than_64_bits_are_refused() {
        assert!(matches!(Cursor::new(&[0xff; 12]).integer(), Err(Damage::Thrift(_))));
        assert_eq!(
            Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).integer().unwrap(),
            i64::MIN
        );
    }
}
