//! Holds the values of one key, in the order in which they were put.
//!
//! Few and short values lie packed behind their key, in one piece; more, or longer ones, are
//! held by handles, which replies that are still being sent share with the list. Those who only
//! look at the values see a [`List`], whichever it is.

mod value;
mod packed;
mod rubbish;
mod many;
#[cfg(test)]
mod tests;

pub use many::{Many, Place, Snapshot};
pub use packed::{Edit, First, PACKED_BYTES_MAX, Packed};
pub use rubbish::Rubbish;
pub use value::Value;

/// What begins every notice in the line protocol, and therefore no line of a reply.
pub const NOTICE_WORD: &[u8] = b"NOTIFY ";

/// Whether a line can carry this value: it holds no line end and cannot be taken for a notice.
pub fn is_typable(value: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', value).is_none() && !value.starts_with(NOTICE_WORD)
}

/// How many bytes a value takes as a RESP bulk string, `$<length>\r\n<value>\r\n`.
pub fn bulk_len(value: &[u8]) -> usize {
    let digits = value.len().checked_ilog10().unwrap_or(0) as usize + 1;
    1 + digits + 2 + value.len() + 2
}

/// The values of one key, at least one, to be looked at.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// Few and short ones.
    Packed(Packed<'a>),
    /// All others.
    Many(&'a Many),
}

impl<'a> List<'a> {
    /// The number of values.
    pub fn len(self) -> usize {
        match self {
            List::Packed(packed) => packed.len(),
            List::Many(many) => many.len(),
        }
    }

    /// Never: a key without values does not exist.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The length of all values together.
    pub fn bytes(self) -> usize {
        match self {
            List::Packed(packed) => packed.values().map(<[u8]>::len).sum(),
            List::Many(many) => many.bytes(),
        }
    }

    /// The length of all values together as RESP bulk strings.
    pub fn bulk_bytes(self) -> usize {
        match self {
            List::Packed(packed) => packed.values().map(bulk_len).sum(),
            List::Many(many) => many.bulk_bytes(),
        }
    }

    /// Whether lines can carry every value.
    pub fn is_typable(self) -> bool {
        match self {
            List::Packed(packed) => packed.values().all(is_typable),
            List::Many(many) => many.is_typable(),
        }
    }

    /// All values in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let (packed, many) = match self {
            List::Packed(packed) => (Some(packed), None),
            List::Many(many) => (None, Some(many)),
        };
        let packed = packed.into_iter().flat_map(Packed::values);
        packed.chain(many.into_iter().flat_map(Many::values))
    }
}
