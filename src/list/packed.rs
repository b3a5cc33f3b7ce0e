//! Packs a key and its values into one allocation, while they are few and short.
//!
//! ```text
//! values (1) | key length (2) | key | length (1 or 2), value | length (1 or 2), value | ...
//! ```
//!
//! A key with one short value takes what they are long and a handful of bytes; a handle for each
//! would take more than the bytes that it stands for. To change one is to write all of it anew, so
//! what is packed is kept short.

use std::ops::Range;

/// How long the values may be together, with their lengths.
const VALUES_BYTES_MAX: usize = 2048;

/// How many values there may be: their number is one byte.
const VALUES_MAX: usize = 255;

/// What stands before the key.
const HEAD_BYTES: usize = 3;

/// A length below this is one byte; others are two, the first with its highest bit set.
const SHORT: usize = 0x80;

/// A key with its values, at least one.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a key with its first value; nothing if that is too long, or the key longer than its
    /// length can say.
    pub fn new(key: &[u8], value: &[u8]) -> Option<Packed> {
        let key_len = u16::try_from(key.len()).ok()?.to_le_bytes();
        if encoded_len(value) > VALUES_BYTES_MAX {
            return None;
        }
        let mut bytes = Vec::with_capacity(HEAD_BYTES + key.len() + encoded_len(value));
        bytes.extend_from_slice(&[1, key_len[0], key_len[1]]);
        bytes.extend_from_slice(key);
        append(&mut bytes, value);
        Some(Packed(bytes.into_boxed_slice()))
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.0[HEAD_BYTES..self.values_at()]
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        usize::from(self.0[0])
    }

    /// What all of it takes, in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Never: a key without values does not exist.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values in order.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[self.values_at()..];
        std::iter::from_fn(move || {
            let (value, left) = split(rest)?;
            rest = left;
            Some(value)
        })
    }

    /// Where the first value equal to `wanted` lies, its length included.
    pub fn find(&self, wanted: &[u8]) -> Option<Range<usize>> {
        let mut at = self.values_at();
        while let Some((value, rest)) = split(&self.0[at..]) {
            let next = self.0.len() - rest.len();
            if value == wanted {
                return Some(at..next);
            }
            at = next;
        }
        None
    }

    /// Appends a value; false, and nothing done, if there is no room for it.
    pub fn push(&mut self, value: &[u8]) -> bool {
        let end = self.0.len();
        let fits = self.len() < VALUES_MAX && self.has_room(encoded_len(value));
        if fits {
            self.change(end..end, Some(value), 1);
        }
        fits
    }

    /// Puts a value in the place of another; false, and nothing done, if there is no room for it.
    pub fn replace(&mut self, place: Range<usize>, value: &[u8]) -> bool {
        let fits = self.has_room(encoded_len(value).saturating_sub(place.len()));
        if fits {
            self.change(place, Some(value), 0);
        }
        fits
    }

    /// Takes a value out. The caller drops the whole instead of emptying it.
    pub fn remove(&mut self, place: Range<usize>) {
        self.change(place, None, -1);
    }

    fn has_room(&self, added: usize) -> bool {
        self.0.len() - self.values_at() + added <= VALUES_BYTES_MAX
    }

    /// Puts what a value takes, or nothing, in the place of these bytes.
    fn change(&mut self, place: Range<usize>, value: Option<&[u8]>, more: i8) {
        let added = value.map_or(0, encoded_len);
        let held = &self.0;
        let mut bytes = Vec::with_capacity(held.len() - place.len() + added);
        bytes.extend_from_slice(&held[..place.start]);
        value
            .into_iter()
            .for_each(|value| append(&mut bytes, value));
        bytes.extend_from_slice(&held[place.end..]);
        bytes[0] = bytes[0].wrapping_add_signed(more);
        self.0 = bytes.into_boxed_slice();
    }

    fn values_at(&self) -> usize {
        HEAD_BYTES + usize::from(u16::from_le_bytes([self.0[1], self.0[2]]))
    }
}

/// What a value takes, its length included.
fn encoded_len(value: &[u8]) -> usize {
    value.len() + if value.len() < SHORT { 1 } else { 2 }
}

fn append(bytes: &mut Vec<u8>, value: &[u8]) {
    if value.len() < SHORT {
        bytes.push(value.len() as u8);
    } else {
        bytes.extend_from_slice(&[(value.len() >> 8 | SHORT) as u8, value.len() as u8]);
    }
    bytes.extend_from_slice(value);
}

/// The first value and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let first = usize::from(first);
    if first < SHORT {
        return Some(rest.split_at(first));
    }
    let (&second, rest) = rest.split_first()?;
    Some(rest.split_at((first - SHORT) << 8 | usize::from(second)))
}
