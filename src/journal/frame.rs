//! Frames what is written together, so that it is found whole or not at all.
//!
//! ```text
//! file    header, frames, zeros
//! frame   magic 3, check of the length 1, length of the body 4, CRC-32C 4, body
//! body    kind 1, what the kind asks for, mark 1
//! ```
//!
//! Numbers are little-endian. The CRC is of the length and the body, and begins with the salt of
//! the file, a random number: a client that stores the bytes of a frame does not make one. The mark
//! is not zero: without it the writing of the frame did not come to its end.

use crate::codec::{Parts, put_bytes, put_change, put_number};
use crate::protocol::notice::Change;

/// What every frame begins with.
pub const MAGIC: [u8; 3] = *b"\xf5kv";

/// What stands before the body.
pub const HEAD_BYTES: usize = 12;

/// What every frame ends with.
const MARK: u8 = 0xa5;

/// The longest body.
pub const BODY_BYTES_MAX: usize = u32::MAX as usize;

/// Changes: the first revision, the last one that was synced before, the changes.
pub const CHANGES: u8 = 1;
/// The end of a journal that was closed with nothing left to write: the revision.
pub const CLOSED: u8 = 2;
/// Values of keys: the revision at which they were so, then the entries.
pub const HELD: u8 = 3;
/// The end of a snapshot: the last revision that is in it, and how many entries it has.
pub const COMPLETE: u8 = 4;

/// Where the changes begin in the body of a frame of them.
const CHANGES_AT: usize = HEAD_BYTES + 1 + 8 + 8;

/// The length of the frame that ends a journal.
pub const CLOSED_BYTES: usize = HEAD_BYTES + 1 + 8 + 1;

/// The CRC of a frame's length and its body.
pub fn crc(salt: u64, len: u32, body: &[u8]) -> u32 {
    let seed = crc32c::crc32c(&salt.to_le_bytes());
    let seed = crc32c::crc32c_append(seed, &len.to_le_bytes());
    crc32c::crc32c_append(seed, body)
}

/// What tells whether a length is what was written, when the rest of the frame is not there.
fn check(len: u32) -> u8 {
    crc32c::crc32c(&len.to_le_bytes()) as u8
}

/// The length of the body and the CRC that the head of a frame holds; nothing if it is no head.
pub fn head(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut parts = Parts(bytes.strip_prefix(&MAGIC)?);
    let (checked, len, crc) = (parts.byte()?, parts.fixed32()?, parts.fixed32()?);
    Some((len, crc)).filter(|_| checked == check(len))
}

/// A frame being made.
#[derive(Debug, Clone, Default)]
struct Frame {
    bytes: Vec<u8>,
    has_mark: bool,
}

impl Frame {
    fn new(kind: u8) -> Frame {
        let mut bytes = vec![0; HEAD_BYTES];
        bytes.push(kind);
        let has_mark = false;
        Frame { bytes, has_mark }
    }

    /// Where more goes.
    fn out(&mut self) -> &mut Vec<u8> {
        if std::mem::take(&mut self.has_mark) {
            self.bytes.pop();
        }
        &mut self.bytes
    }

    /// Its length, whole.
    fn bytes_len(&self) -> usize {
        self.bytes.len() + usize::from(!self.has_mark)
    }

    /// Writes the head, now that the body is all there.
    fn seal(&mut self, salt: u64) -> &[u8] {
        if !std::mem::replace(&mut self.has_mark, true) {
            self.bytes.push(MARK);
        }
        let (head, body) = self.bytes.split_at_mut(HEAD_BYTES);
        // Whoever makes the body keeps it within the limit.
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        head[..3].copy_from_slice(&MAGIC);
        head[3] = check(len);
        head[4..8].copy_from_slice(&len.to_le_bytes());
        head[8..].copy_from_slice(&crc(salt, len, body).to_le_bytes());
        &self.bytes
    }
}

/// Changes to be written together: all of them are found after a crash, or none.
#[derive(Debug, Clone)]
pub struct Batch {
    frame: Frame,
    first: u64,
    next: u64,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch::new()
    }
}

impl Batch {
    /// No changes.
    pub fn new() -> Batch {
        let mut frame = Frame::new(CHANGES);
        frame.bytes.resize(CHANGES_AT, 0);
        Batch {
            frame,
            first: 0,
            next: 0,
        }
    }

    /// Whether a change that takes so many bytes, overhead included, can still be added.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.frame.bytes_len() - HEAD_BYTES + bytes <= BODY_BYTES_MAX
    }

    /// Adds a change, whose revision follows that of the one before.
    pub fn push(&mut self, change: &Change<'_>) {
        if self.is_empty() {
            self.first = change.revision;
        } else {
            debug_assert_eq!(change.revision, self.next);
        }
        self.next = change.revision + 1;
        put_change(change, self.frame.out());
    }

    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.frame.bytes_len() == CHANGES_AT + 1
    }

    /// How much it takes in the journal, in bytes.
    pub fn bytes_len(&self) -> usize {
        self.frame.bytes_len()
    }

    /// The revision of the first change.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The revision of the last change.
    pub fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Forgets the changes, and keeps up to so many bytes of memory for others.
    pub fn clear(&mut self, bytes_kept: usize) {
        let out = self.frame.out();
        out.truncate(CHANGES_AT);
        out.shrink_to(bytes_kept);
    }

    /// The frame, for a file with this salt, when changes up to `synced` are on the disk.
    pub(super) fn seal(&mut self, salt: u64, synced: u64) -> &[u8] {
        let body = &mut self.frame.bytes[HEAD_BYTES..];
        body[1..9].copy_from_slice(&self.first.to_le_bytes());
        body[9..17].copy_from_slice(&synced.to_le_bytes());
        self.frame.seal(salt)
    }
}

/// A part of a snapshot: the values of some keys, all as they were at one revision.
#[derive(Debug, Clone)]
pub struct Slice {
    frame: Frame,
    revision: u64,
    entries: u64,
}

impl Slice {
    /// No keys, as they were at this revision.
    pub fn new(revision: u64) -> Slice {
        let mut frame = Frame::new(HELD);
        frame.bytes.extend_from_slice(&revision.to_le_bytes());
        Slice {
            frame,
            revision,
            entries: 0,
        }
    }

    /// Adds a key and values of it: all of them, or the first, or, with `more`, those that follow
    /// what was added before.
    pub fn push<'a>(&mut self, key: &[u8], values: impl Iterator<Item = &'a [u8]>, more: bool) {
        let out = self.frame.out();
        out.push(u8::from(more));
        put_bytes(key, out);
        for value in values {
            out.push(1);
            put_bytes(value, out);
        }
        out.push(0);
        self.entries += 1;
    }

    /// How much it takes in the snapshot, in bytes.
    pub fn bytes_len(&self) -> usize {
        self.frame.bytes_len()
    }

    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The revision at which the keys held these values.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The frame, for a file with this salt.
    pub(super) fn seal(&mut self, salt: u64) -> &[u8] {
        self.frame.seal(salt)
    }
}

/// The frame that ends a journal.
pub fn closed(revision: u64, salt: u64) -> Vec<u8> {
    let mut frame = Frame::new(CLOSED);
    frame.bytes.extend_from_slice(&revision.to_le_bytes());
    frame.seal(salt);
    frame.bytes
}

/// The frame that ends a snapshot.
pub fn complete(revision: u64, entries: u64, salt: u64) -> Vec<u8> {
    let mut frame = Frame::new(COMPLETE);
    frame.bytes.extend_from_slice(&revision.to_le_bytes());
    put_number(entries, &mut frame.bytes);
    frame.seal(salt);
    frame.bytes
}

/// The values of one entry of a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a>(Parts<'a>);

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self.0.byte()? {
            0 => None,
            _ => self.0.bytes(),
        }
    }
}

/// The next entry of a slice: whether it goes on with what came before, its key and its values;
/// nothing if that is not there whole.
pub fn entry<'a>(parts: &mut Parts<'a>) -> Option<(bool, &'a [u8], Values<'a>)> {
    let more = match parts.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let key = parts.bytes()?;
    let values = Values(*parts);
    loop {
        match parts.byte()? {
            0 => return Some((more, key, values)),
            1 => _ = parts.bytes()?,
            _ => return None,
        }
    }
}
