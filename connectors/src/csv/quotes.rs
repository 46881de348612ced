//! Fields in quotes.

use std::borrow::Cow;

use crate::text::masks::{BLOCK, find};
use crate::text::number::Field;
use crate::text::texts::Texts;

impl Texts {
    /// Adds what a field in quotes says; `None` if its quotes are wrong.
    #[inline(always)]
    pub(super) fn push_quoted_field(&mut self, field: Field<'_>, quote: Option<u8>) -> Option<()> {
        let length = field.len().checked_sub(2)?;
        let within = field.skip(1);
        if let (Some(block), Some(quote)) = (within.word::<BLOCK>(), quote)
            && length < BLOCK
        {
            // The first quote behind the one that opens is the last byte: nothing has to be resolved.
            if find(block, quote).trailing_zeros() as usize == length {
                self.push_field(within.shorten(length));
                return Some(());
            }
        }
        self.push_bytes(&unquote(field.bytes(), quote)?);
        Some(())
    }
}

/// What a field in quotes says; `None` if no quote closes it or text stands behind that.
pub(super) fn unquote(field: &[u8], quote: Option<u8>) -> Option<Cow<'_, [u8]>> {
    let quote = quote?;
    let within = field.strip_prefix(&[quote])?.strip_suffix(&[quote])?;
    if !within.contains(&quote) {
        return Some(Cow::Borrowed(within));
    }
    let mut text = Vec::with_capacity(within.len());
    let mut bytes = within.iter();
    while let Some(byte) = bytes.next() {
        if *byte == quote && bytes.next() != Some(&quote) {
            return None;
        }
        text.push(*byte);
    }
    Some(Cow::Owned(text))
}
