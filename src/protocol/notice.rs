//! Names what clients are told without asking, and holds it encoded for all who are told.

use crate::list::Value;

/// A value longer than this is handed on as it is stored; a shorter one is copied, which costs
/// less than keeping track of it.
pub const INLINE_BYTES_MAX: usize = 4096;

/// One change of the store, whole: what it did and the revision that it made.
#[derive(Debug, Clone)]
pub struct Change {
    /// The server's revision after the change.
    pub revision: u64,
    /// The key that it concerns.
    pub key: Value,
    /// What happened to it.
    pub what: What,
}

/// What a change did to its key.
#[derive(Debug, Clone)]
pub enum What {
    /// A value was appended.
    Put(Value),
    /// The first value equal to `old` was replaced.
    Update {
        /// The value that went.
        old: Value,
        /// The value that took its place.
        new: Value,
    },
    /// The first value equal to this was removed.
    Remove(Value),
    /// The key and all its values were removed.
    Delete,
}

impl Change {
    /// The verb of the request that made it.
    pub fn verb(&self) -> &'static str {
        match self.what {
            What::Put(_) => "PUT",
            What::Update { .. } => "UPDATE",
            What::Remove(_) => "REMOVE",
            What::Delete => "DELETE",
        }
    }

    /// The values that a notice of it carries, in their order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let (first, second) = match &self.what {
            What::Put(value) | What::Remove(value) => (Some(value), None),
            What::Update { old, new } => (Some(old), Some(new)),
            What::Delete => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// What a client is told without asking.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// Something changed.
    Change(&'a Change),
    /// Changes that concern the client lie in this range of revisions and could not be kept.
    Lost {
        /// The first revision of the range.
        first: u64,
        /// The last revision of the range.
        last: u64,
    },
    /// The server is stopping and closes within this time.
    Drain {
        /// The time, in seconds.
        seconds: u64,
    },
}

/// A piece of an encoded notice.
#[derive(Debug, Clone)]
pub enum Part {
    /// Bytes made for it.
    Bytes(Vec<u8>),
    /// A long value, as it is stored.
    Value(Value),
}

/// A notice as bytes, made once however many clients are told.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    parts: Vec<Part>,
}

impl Encoded {
    /// Its pieces in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its length in bytes, long values included.
    pub fn bytes_len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Where the next bytes go.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        if !matches!(self.parts.last(), Some(Part::Bytes(_))) {
            self.parts.push(Part::Bytes(Vec::with_capacity(128)));
        }
        match self.parts.last_mut() {
            Some(Part::Bytes(bytes)) => bytes,
            _ => unreachable!("the last part was just made of bytes"),
        }
    }

    /// Appends a value, copied if it is short.
    pub(super) fn value(&mut self, value: &Value) {
        if value.len() > INLINE_BYTES_MAX {
            self.parts.push(Part::Value(value.clone()));
        } else {
            self.bytes().extend_from_slice(value);
        }
    }
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Bytes(bytes) => bytes.len(),
            Part::Value(value) => value.len(),
        }
    }
}
