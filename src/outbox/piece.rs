//! Holds one piece of what waits for a client.

use super::PIECE_BYTES;
use crate::list::Value;
use crate::protocol::values::Values;
use crate::spare::{self, Spare};

/// Bytes, or what they are made of when they are written.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Value(Value),
    Values(Box<Values>),
}

impl Piece {
    /// The next slice of a long reply: bytes, perhaps a long value as it is stored, and its end.
    pub(super) fn next_of(values: &mut Values) -> [Option<Piece>; 3] {
        let (mut slice, mut end) = (spare::BYTES.with(Spare::take), Vec::new());
        let long = values.fill(&mut slice, PIECE_BYTES);
        if long.is_some() {
            values.fill(&mut end, 0);
        }
        let bytes = |bytes: Vec<u8>| (!bytes.is_empty()).then_some(Piece::Bytes(bytes));
        [bytes(slice), long.map(Piece::Value), bytes(end)]
    }

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
