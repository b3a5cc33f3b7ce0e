//! Packs a key and its values into one piece of bytes, while they are few and short.
//!
//! ```text
//! values (1) | key length (2) | length of all (2) | key | length (1 or 2), value | ...
//! ```
//!
//! A key with one short value takes what they are long and a handful of bytes; a handle for each
//! would take more than the bytes that it stands for. To change one is to move what is behind it,
//! so what is packed is kept short.

use std::ops::Range;

/// How long the values may be together, with their lengths.
const VALUES_BYTES_MAX: usize = 2048;

/// How long the key may be.
const KEY_BYTES_MAX: usize = 1024;

/// How many values there may be: their number is one byte.
const VALUES_MAX: usize = 255;

/// What stands before the key.
const HEAD_BYTES: usize = 5;

/// How long all of it may become, in bytes.
pub const PACKED_BYTES_MAX: usize = HEAD_BYTES + KEY_BYTES_MAX + VALUES_BYTES_MAX;

/// A length below this is one byte; others are two, the first with its highest bit set.
const SHORT: usize = 0x80;

/// A key with its values, at least one, to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    /// What lies at the beginning of these bytes, where [`Edit`]s have put it.
    pub fn of(bytes: &'a [u8]) -> Packed<'a> {
        let size = usize::from(u16::from_le_bytes([bytes[3], bytes[4]]));
        Packed(&bytes[..size])
    }

    /// The key.
    pub fn key(self) -> &'a [u8] {
        &self.0[HEAD_BYTES..self.values_at()]
    }

    /// The number of values.
    pub fn len(self) -> usize {
        usize::from(self.0[0])
    }

    /// What all of it takes, in bytes.
    pub fn size(self) -> usize {
        self.0.len()
    }

    /// Never: a key without values does not exist.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// All values in order.
    pub fn values(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = &self.0[self.values_at()..];
        std::iter::from_fn(move || {
            let (value, left) = split(rest)?;
            rest = left;
            Some(value)
        })
    }

    /// Where the first value equal to `wanted` lies, its length included.
    pub fn find(self, wanted: &[u8]) -> Option<Range<usize>> {
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

    /// To append a value; nothing if there is no room for it.
    pub fn push<'v>(self, value: &'v [u8]) -> Option<Edit<'v>> {
        let end = self.0.len();
        (self.len() < VALUES_MAX).then(|| self.edit(end..end, Some(value)))?
    }

    /// To put a value in the place of another; nothing if there is no room for it.
    pub fn replace<'v>(self, place: Range<usize>, value: &'v [u8]) -> Option<Edit<'v>> {
        self.edit(place, Some(value))
    }

    /// To take a value out, not the last one.
    pub fn remove(self, place: Range<usize>) -> Option<Edit<'static>> {
        self.edit(place, None)
    }

    fn edit<'v>(self, place: Range<usize>, value: Option<&'v [u8]>) -> Option<Edit<'v>> {
        let size = self.0.len() - place.len() + value.map_or(0, encoded_len);
        (size - self.values_at() <= VALUES_BYTES_MAX).then_some(Edit { place, value, size })
    }

    fn values_at(self) -> usize {
        HEAD_BYTES + usize::from(u16::from_le_bytes([self.0[1], self.0[2]]))
    }
}

/// A change to what is packed, to be made where there is room for it.
#[derive(Debug)]
pub struct Edit<'v> {
    /// What it replaces; nothing if it adds a value.
    place: Range<usize>,
    /// What it puts there; nothing if it removes a value.
    value: Option<&'v [u8]>,
    size: usize,
}

impl Edit<'_> {
    /// What all of it takes afterwards, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Makes the change at the beginning of these bytes, which hold what it was made for.
    pub fn make(&self, bytes: &mut [u8]) {
        let before = Packed::of(bytes).size();
        let behind = self.place.start + self.value.map_or(0, encoded_len);
        if self.place.end < before {
            bytes.copy_within(self.place.end..before, behind);
        }
        if let Some(value) = self.value {
            write(&mut bytes[self.place.start..behind], value);
        }
        let count = match (self.place.is_empty(), self.value) {
            (true, _) => bytes[0].wrapping_add(1),
            (false, None) => bytes[0].wrapping_sub(1),
            (false, Some(_)) => bytes[0],
        };
        bytes[0] = count;
        bytes[3..HEAD_BYTES].copy_from_slice(&(self.size as u16).to_le_bytes());
    }
}

/// A key with its first value, to be packed.
#[derive(Debug)]
pub struct First<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> First<'a> {
    /// Nothing if key or value is too long.
    pub fn new(key: &'a [u8], value: &'a [u8]) -> Option<First<'a>> {
        let fits = key.len() <= KEY_BYTES_MAX && encoded_len(value) <= VALUES_BYTES_MAX;
        fits.then_some(First { key, value })
    }

    /// What it takes, in bytes.
    pub fn size(&self) -> usize {
        HEAD_BYTES + self.key.len() + encoded_len(self.value)
    }

    /// Writes it to the beginning of these bytes.
    pub fn write(&self, bytes: &mut [u8]) {
        let (size, values_at) = (self.size(), HEAD_BYTES + self.key.len());
        bytes[0] = 1;
        bytes[1..3].copy_from_slice(&(self.key.len() as u16).to_le_bytes());
        bytes[3..HEAD_BYTES].copy_from_slice(&(size as u16).to_le_bytes());
        bytes[HEAD_BYTES..values_at].copy_from_slice(self.key);
        write(&mut bytes[values_at..size], self.value);
    }
}

/// What a value takes, its length included.
fn encoded_len(value: &[u8]) -> usize {
    value.len() + if value.len() < SHORT { 1 } else { 2 }
}

/// Writes a value into the place that it takes.
fn write(place: &mut [u8], value: &[u8]) {
    let (length, rest) = place.split_at_mut(place.len() - value.len());
    match length {
        [short] => *short = value.len() as u8,
        [high, low] => {
            (*high, *low) = ((value.len() >> 8 | SHORT) as u8, value.len() as u8);
        }
        _ => {}
    }
    rest.copy_from_slice(value);
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
