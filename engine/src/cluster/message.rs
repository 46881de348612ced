//! What processes tell each other on control connections.

use std::io::{self, ErrorKind, Read, Write};

/// A control message. On the wire: tag (1 byte), length of the body (4 bytes, little-endian), body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A sign of life.
    Beat,
    /// The sender has all its connections, and these tags.
    Ready { tags: Vec<String> },
    /// The sender gives up before the mesh is complete.
    Abort { reason: String },
    /// A process of the mesh is lost.
    Lost { process: usize, reason: String },
    /// The sender begins no more queries; it has finished this many.
    Goodbye { finished: u64 },
    /// What the sender has to tell of its queries: see [`Correspondent`](super::Correspondent).
    News(Vec<u8>),
}

/// Longer messages are cut, or refused where they arrive: a wrong length must not take all memory.
const MOST_BODY_BYTES: usize = 1 << 24;

/// Between tags, which have no control characters.
const SEPARATOR: &str = "\n";

const BEAT: u8 = 0;
const READY: u8 = 1;
const ABORT: u8 = 2;
const LOST: u8 = 3;
const GOODBYE: u8 = 4;
const NEWS: u8 = 5;

impl Message {
    /// Sends the message with a single write.
    pub(super) fn send(&self, mut to: impl Write) -> io::Result<()> {
        let (tag, mut body) = match self {
            Message::Beat => (BEAT, Vec::new()),
            Message::Ready { tags } => (READY, tags.join(SEPARATOR).into_bytes()),
            Message::Abort { reason } => (ABORT, reason.as_bytes().to_vec()),
            Message::Lost { process, reason } => (LOST, [&(*process as u64).to_le_bytes(), reason.as_bytes()].concat()),
            Message::Goodbye { finished } => (GOODBYE, finished.to_le_bytes().to_vec()),
            Message::News(news) => (NEWS, news.clone()),
        };
        body.truncate(MOST_BODY_BYTES);
        let length = (body.len() as u32).to_le_bytes();
        to.write_all(&[&[tag], length.as_slice(), &body].concat())
    }

    /// Receives the next message.
    pub(super) fn receive(mut from: impl Read) -> io::Result<Self> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let [tag, length @ ..] = head;
        let unknown = || io::Error::new(ErrorKind::InvalidData, "unknown control message");
        let length = u32::from_le_bytes(length) as usize;
        if tag > NEWS || length > MOST_BODY_BYTES {
            return Err(unknown());
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Self::decode(tag, &body).ok_or_else(unknown)
    }

    fn decode(tag: u8, body: &[u8]) -> Option<Self> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Some(match tag {
            BEAT => Message::Beat,
            READY if body.is_empty() => Message::Ready { tags: Vec::new() },
            READY => Message::Ready { tags: text(body).split(SEPARATOR).map(str::to_owned).collect() },
            ABORT => Message::Abort { reason: text(body) },
            LOST => {
                let (process, reason) = body.split_first_chunk()?;
                Message::Lost { process: usize::try_from(u64::from_le_bytes(*process)).ok()?, reason: text(reason) }
            },
            GOODBYE => Message::Goodbye { finished: u64::from_le_bytes(*body.first_chunk()?) },
            NEWS => Message::News(body.to_vec()),
            _ => return None,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        let messages = [
            Message::Beat,
            Message::Ready { tags: Vec::new() },
            Message::Ready { tags: vec!["gpu".into(), "große platte".into()] },
            Message::Abort { reason: "port in use".into() },
            Message::Lost { process: 3, reason: "no sign of life for 5s".into() },
            Message::Goodbye { finished: u64::MAX },
            Message::News((0..100_000u32).map(|byte| byte as u8).collect()),
        ];
        let mut wire = Vec::new();
        for message in &messages {
            message.send(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        for message in messages {
            assert_eq!(Message::receive(&mut rest).unwrap(), message);
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn an_endless_reason_is_cut_but_stays_one_message() {
        let mut wire = Vec::new();
        Message::Abort { reason: "ä".repeat(10_000_000) }.send(&mut wire).unwrap();
        Message::Ready { tags: Vec::new() }.send(&mut wire).unwrap();
        let mut rest = wire.as_slice();
        assert!(matches!(Message::receive(&mut rest).unwrap(), Message::Abort { reason } if reason.starts_with("ää")));
        assert_eq!(Message::receive(&mut rest).unwrap(), Message::Ready { tags: Vec::new() });
    }

    #[test]
    fn rubbish_is_an_error() {
        for wire in [&[9, 0, 0, 0, 0][..], &[3, 2, 0, 0, 0, 1, 1], &[4, 0, 0, 0, 0], &[5, 0, 0, 0, 255]] {
            assert_eq!(Message::receive(wire).unwrap_err().kind(), ErrorKind::InvalidData, "{wire:?}");
        }
        assert_eq!(Message::receive(&[1, 5, 0, 0, 0][..]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
