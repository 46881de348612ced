//! Where timely's data ends: the one message of its wire format that the mesh must recognise.

/// Timely's message header: six big-endian words, of which the fifth is the length of what follows.
const HEADER: usize = 48;
const LENGTH: std::ops::Range<usize> = 32..40;

/// Follows the messages of a stream and finds the last one, an empty message.
#[derive(Default)]
pub(super) struct EndMarker {
    /// What has arrived of the next header.
    header: Vec<u8>,
    /// What is missing of the current message.
    missing: u64,
}

impl EndMarker {
    /// Takes in what was read. If it ends with the end marker: how many of these bytes belong to it.
    pub(super) fn find(&mut self, mut read: &[u8]) -> Option<usize> {
        while !read.is_empty() {
            let body = usize::try_from(self.missing).unwrap_or(usize::MAX).min(read.len());
            let (body, rest) = read.split_at(body);
            self.missing -= body.len() as u64;
            let (head, rest) = rest.split_at((HEADER - self.header.len()).min(rest.len()));
            self.header.extend_from_slice(head);
            read = rest;
            if let (HEADER, Some(length)) = (self.header.len(), self.header.get(LENGTH)) {
                self.missing = length.iter().fold(0, |length, byte| (length << 8) | u64::from(*byte));
                self.header.clear();
                if self.missing == 0 && read.is_empty() {
                    return Some(head.len());
                }
            }
        }
        None
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use timely::communication::networking::MessageHeader;

    use super::*;

    /// A stream of messages with zeros as bodies, and its end.
    fn stream(lengths: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for length in lengths.iter().copied().chain([0]) {
            let header = MessageHeader { channel: 0, source: 0, target_lower: 0, target_upper: 0, length, seqno: 0 };
            header.write_to(&mut bytes).unwrap();
            bytes.resize(bytes.len() + length, 0);
        }
        bytes
    }

    #[test]
    fn only_the_end_is_found_however_the_stream_is_cut() {
        let bytes = stream(&[8, 1, 48, 300, 96]);
        for size in 1..=bytes.len() {
            let mut marker = EndMarker::default();
            let mut chunks = bytes.chunks(size).peekable();
            while let Some(chunk) = chunks.next() {
                let found = marker.find(chunk);
                let expected = chunks.peek().is_none().then_some(chunk.len().min(HEADER));
                assert_eq!(found, expected, "chunks of {size}");
            }
        }
    }

    #[test]
    fn a_stream_without_messages_ends_at_once() {
        assert_eq!(EndMarker::default().find(&stream(&[])), Some(HEADER));
    }
}
