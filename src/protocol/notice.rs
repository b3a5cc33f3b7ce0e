//! Names what clients are told without asking, and holds it encoded for all who are told.

use crate::list::Value;
use std::borrow::Cow;

/// A value longer than this is handed on as it is stored; a shorter one is copied, which costs
/// less than keeping track of it.
pub const INLINE_BYTES_MAX: usize = 4096;

/// What a request did that others are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A value was appended: the notice carries it.
    Put,
    /// A value was replaced: the notice carries the old one and the new one.
    Update,
    /// A value was removed: the notice carries it.
    Remove,
    /// A key was removed with all its values: the notice carries none.
    Delete,
}

impl Op {
    /// The verb, as it is written in requests and notices.
    pub fn word(self) -> &'static str {
        match self {
            Op::Put => "PUT",
            Op::Update => "UPDATE",
            Op::Remove => "REMOVE",
            Op::Delete => "DELETE",
        }
    }
}

/// One change of the store, whole, wherever it is kept: made just now, or in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// The server's revision after the change.
    pub revision: u64,
    /// What happened.
    pub op: Op,
    /// The key that it concerns.
    pub key: Cow<'a, [u8]>,
    /// The value that went.
    pub old: Option<Held<'a>>,
    /// The value that came.
    pub new: Option<Held<'a>>,
}

impl Change<'_> {
    /// The values that a notice of it carries, in their order.
    pub fn values(&self) -> impl Iterator<Item = &Held<'_>> {
        self.old.iter().chain(&self.new)
    }

    /// The same, independent of what it was made from; long values by handles.
    pub fn into_owned(self) -> Change<'static> {
        Change {
            revision: self.revision,
            op: self.op,
            key: self.key.into_owned().into(),
            old: self.old.map(Held::into_owned),
            new: self.new.map(Held::into_owned),
        }
    }
}

/// A value where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held<'a> {
    /// A long one, shared with whoever holds it.
    Shared(Value),
    /// A short one among other bytes.
    Copied(Cow<'a, [u8]>),
}

impl<'a> From<&'a [u8]> for Held<'a> {
    fn from(value: &'a [u8]) -> Held<'a> {
        Held::Copied(value.into())
    }
}

impl Held<'_> {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value itself, if it is so long that it is handed on and not copied.
    pub fn long(&self) -> Option<&Value> {
        match self {
            Held::Shared(value) if value.len() > INLINE_BYTES_MAX => Some(value),
            _ => None,
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Held::Shared(value) => value,
            Held::Copied(bytes) => bytes,
        }
    }

    fn into_owned(self) -> Held<'static> {
        match self {
            Held::Shared(value) => Held::Shared(value),
            Held::Copied(bytes) if bytes.len() > INLINE_BYTES_MAX => Held::Shared((*bytes).into()),
            Held::Copied(bytes) => Held::Copied(bytes.into_owned().into()),
        }
    }
}

/// What a client is told without asking.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// Something changed.
    Change(&'a Change<'a>),
    /// Changes that concern the client lie in this range of revisions and could not be kept.
    Lost {
        /// The first revision of the range.
        first: u64,
        /// The last revision of the range.
        last: u64,
    },
    /// Everything that concerns the client up to this revision has been told.
    Progress {
        /// The revision.
        revision: u64,
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
    pub(super) fn held(&mut self, value: &Held<'_>) {
        match value.long() {
            Some(long) => self.parts.push(Part::Value(long.clone())),
            None => self.bytes().extend_from_slice(value.bytes()),
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
