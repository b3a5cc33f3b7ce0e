//! Holds one piece of what waits for a client.

use crate::list::Value;
use crate::protocol::values::Values;

/// Bytes, or what they are made of when they are written.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Value(Value),
    Values(Box<Values>),
}

impl Piece {
    /// Its length, once that is known to be what will be written.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Piece::Bytes(bytes) => Some(bytes.len()),
            Piece::Value(value) => Some(value.len()),
            Piece::Values(_) => None,
        }
    }

    /// Frees a part of a long one; false when what is left can be dropped at once.
    pub(super) fn forget(&mut self) -> bool {
        match self {
            Piece::Values(values) => values.forget(),
            Piece::Bytes(_) | Piece::Value(_) => false,
        }
    }
}
