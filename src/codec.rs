//! Encodes changes and the values of keys, for the disk and the history, and reads them back.
//!
//! A change is one byte for what it does, then its key and its values, each with its length in
//! front. Lengths are in base 128, lowest digits first, as in LEB128. The revision of a change is
//! not written: changes stand in their order, and what they stand in says where they begin.

use crate::protocol::notice::{Change, Held, Op};
use std::borrow::Cow;

const PUT: u8 = 1;
const UPDATE: u8 = 2;
const REMOVE: u8 = 3;
const DELETE: u8 = 4;

/// The bytes that a number of 64 bits takes at most.
const NUMBER_BYTES_MAX: usize = 10;

/// The most that a change takes beside its key and its values.
pub const OVERHEAD_BYTES_MAX: usize = 1 + 3 * NUMBER_BYTES_MAX;

/// Appends a change.
pub fn put_change(change: &Change<'_>, out: &mut Vec<u8>) {
    put_change_of(change, out, |value, out| put_bytes(value.bytes(), out));
}

/// Appends a change whose values `put` writes.
#[inline]
pub fn put_change_of(
    change: &Change<'_>,
    out: &mut Vec<u8>,
    mut put: impl FnMut(&Held<'_>, &mut Vec<u8>),
) {
    out.push(match change.op {
        Op::Put => PUT,
        Op::Update => UPDATE,
        Op::Remove => REMOVE,
        Op::Delete => DELETE,
    });
    put_bytes(&change.key, out);
    for value in change.values() {
        put(value, out);
    }
}

/// Appends bytes with their length in front.
pub fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends a number.
pub fn put_number(number: u64, out: &mut Vec<u8>) {
    let mut left = number;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// Takes bytes apart. Every method gives nothing if what it looks for is not there whole.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// This many bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of four bytes.
    pub fn fixed32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    /// A number of eight bytes.
    pub fn fixed64(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    /// A number as [`put_number`] writes it.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let digits = u64::from(byte & 0x7f);
            if shift == 63 && digits > 1 {
                return None;
            }
            number |= digits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Bytes as [`put_bytes`] writes them.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    /// A change as [`put_change`] writes it, which makes this revision.
    pub fn change(&mut self, revision: u64) -> Option<Change<'a>> {
        self.change_of(revision, |parts| parts.bytes().map(Held::from))
    }

    /// A change as [`put_change_of`] writes it, whose values `value` reads.
    pub fn change_of(
        &mut self,
        revision: u64,
        mut value: impl FnMut(&mut Parts<'a>) -> Option<Held<'a>>,
    ) -> Option<Change<'a>> {
        let op = match self.byte()? {
            PUT => Op::Put,
            UPDATE => Op::Update,
            REMOVE => Op::Remove,
            DELETE => Op::Delete,
            _ => return None,
        };
        let key = Cow::from(self.bytes()?);
        let old = match op {
            Op::Update | Op::Remove => Some(value(self)?),
            Op::Put | Op::Delete => None,
        };
        let new = match op {
            Op::Put | Op::Update => Some(value(self)?),
            Op::Remove | Op::Delete => None,
        };
        Some(Change {
            revision,
            op,
            key,
            old,
            new,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry<'a>(op: Op, key: &'a [u8], old: &'a [u8], new: &'a [u8]) -> Change<'a> {
        let (old, new) = (Some(Held::from(old)), Some(Held::from(new)));
        Change {
            revision: 7,
            op,
            key: key.into(),
            old: old.filter(|_| matches!(op, Op::Update | Op::Remove)),
            new: new.filter(|_| matches!(op, Op::Put | Op::Update)),
        }
    }

    fn said(entry: &Change<'_>) -> (u64, Op, Vec<u8>, Vec<Vec<u8>>) {
        let values = entry.values().map(|value| value.bytes().to_vec()).collect();
        (entry.revision, entry.op, entry.key.to_vec(), values)
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_as_they_were(
            op in prop::sample::select(vec![Op::Put, Op::Update, Op::Remove, Op::Delete]),
            key: Vec<u8>, old: Vec<u8>, new: Vec<u8>,
        ) {
            let change = entry(op, &key, &old, &new);
            let mut bytes = Vec::new();
            put_change(&change, &mut bytes);
            let values: usize = change.values().map(|value| value.len()).sum();
            prop_assert!(bytes.len() <= key.len() + values + OVERHEAD_BYTES_MAX);
            let mut parts = Parts(&bytes);
            prop_assert_eq!(said(&parts.change(7).unwrap()), said(&change));
            prop_assert!(parts.is_empty());
            for len in 0..bytes.len() {
                prop_assert!(Parts(&bytes[..len]).change(7).is_none());
            }
        }

        #[test]
        fn any_number_comes_back_as_it_was(number: u64) {
            let mut bytes = Vec::new();
            put_number(number, &mut bytes);
            prop_assert!(bytes.len() <= NUMBER_BYTES_MAX);
            prop_assert_eq!(Parts(&bytes).number(), Some(number));
        }

        #[test]
        fn rubbish_is_no_change_or_one_within_it(bytes: Vec<u8>) {
            let mut parts = Parts(&bytes);
            while parts.change(7).is_some() {}
        }
    }

    #[test]
    fn a_number_too_long_for_64_bits_is_none() {
        assert_eq!(Parts(&[0xff; 11]).number(), None);
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(Parts(&largest).number(), Some(u64::MAX));
        largest[9] = 2;
        assert_eq!(Parts(&largest).number(), None);
    }
}
