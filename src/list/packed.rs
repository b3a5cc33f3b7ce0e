//! Packs a key and its values into one piece of bytes, while they are few and short.
//!
//! ```text
//! head (4) | key | value | value | ...               values of one length
//! head (4) | key | length (1 or 2), value | ...      where some had another
//! ```
//!
//! A key with one short value takes what they are long and four bytes; a handle for each would take
//! more than the bytes that it stands for. The values of a key are often of one kind, and so of one
//! length, which the head then tells for all. To change one is to move what is behind it, so what
//! is packed is kept short.

mod head;

use head::{HEAD_BYTES, Head, Layout, SHORT, VALUES_MAX};
use std::ops::Range;

/// How long the values may be together, with their lengths.
const VALUES_BYTES_MAX: usize = 2048;

/// How long the key may be.
const KEY_BYTES_MAX: usize = 1024;

const _: () = assert!(VALUES_BYTES_MAX <= head::NUMBER_MAX && KEY_BYTES_MAX <= head::KEY_MAX);

/// How long all of it may become, in bytes.
pub const PACKED_BYTES_MAX: usize = HEAD_BYTES + KEY_BYTES_MAX + VALUES_BYTES_MAX;

/// A key with its values, at least one, to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    /// What lies at the beginning of these bytes, where [`Edit`]s have put it.
    pub fn of(bytes: &'a [u8]) -> Packed<'a> {
        Packed(&bytes[..Head::read(bytes).size()])
    }

    /// The key.
    pub fn key(self) -> &'a [u8] {
        &self.0[HEAD_BYTES..self.head().values_at()]
    }

    /// The number of values.
    pub fn len(self) -> usize {
        self.head().values()
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
        let layout = self.head().layout();
        let mut rest = &self.0[self.head().values_at()..];
        (0..self.len()).map(move |_| {
            let (value, left) = match layout {
                Layout::Even(each) => rest.split_at(each),
                Layout::Apart(_) => split(rest),
            };
            rest = left;
            value
        })
    }

    /// Which of the values is the first that is equal to `wanted`.
    pub fn find(self, wanted: &[u8]) -> Option<usize> {
        self.values().position(|value| value == wanted)
    }

    /// To append a value; nothing if there is no room for it.
    pub fn push<'v>(self, value: &'v [u8]) -> Option<Edit<'v>> {
        (self.len() < VALUES_MAX).then(|| self.edit(self.len(), Some(value)))?
    }

    /// To put a value in the place of one; nothing if there is no room for it.
    pub fn replace<'v>(self, index: usize, value: &'v [u8]) -> Option<Edit<'v>> {
        self.edit(index, Some(value))
    }

    /// To take a value out, not the last one.
    pub fn remove(self, index: usize) -> Option<Edit<'static>> {
        self.edit(index, None)
    }

    fn edit<'v>(self, index: usize, value: Option<&'v [u8]>) -> Option<Edit<'v>> {
        let head = self.head();
        let others = self.len() - usize::from(index < self.len());
        let takes = |layout: Layout| value.map_or(0, |value| layout.takes(value.len()));
        let layout = match (head.layout(), value) {
            (_, Some(value)) if others == 0 => Layout::Even(value.len()),
            (Layout::Even(each), Some(value)) if each != value.len() => {
                let apart = Layout::Apart(0);
                Layout::Apart(others * apart.takes(each) + takes(apart))
            }
            (Layout::Even(each), _) => Layout::Even(each),
            (apart @ Layout::Apart(bytes), _) => {
                Layout::Apart(bytes - self.place(index).len() + takes(apart))
            }
        };
        let values = others + usize::from(value.is_some());
        let fits = layout.values_bytes(values) <= VALUES_BYTES_MAX;
        let head = fits.then(|| Head::new(values, head.key_bytes(), layout))?;
        Some(Edit {
            index,
            value,
            before: self.size(),
            head,
        })
    }

    /// Where a value lies, with its length if that stands before it; the end if it is to come.
    fn place(self, index: usize) -> Range<usize> {
        if index == self.len() {
            return self.size()..self.size();
        }
        let layout = self.head().layout();
        let mut takes = self.values().map(|value| layout.takes(value.len()));
        let start = self.head().values_at() + takes.by_ref().take(index).sum::<usize>();
        start..start + takes.next().unwrap_or_default()
    }

    fn head(self) -> Head {
        Head::read(self.0)
    }
}

/// A change to what is packed, to be made where there is room for it.
#[derive(Debug)]
pub struct Edit<'v> {
    /// Which value it replaces or removes; the number of values if it adds one.
    index: usize,
    /// What it puts there; nothing if it removes a value.
    value: Option<&'v [u8]>,
    /// How long all of it is so far.
    before: usize,
    /// What stands in front afterwards.
    head: Head,
}

impl Edit<'_> {
    /// What all of it takes so far, in bytes.
    pub fn before(&self) -> usize {
        self.before
    }

    /// What all of it takes afterwards, in bytes.
    pub fn size(&self) -> usize {
        self.head.size()
    }

    /// Makes the change at the beginning of these bytes, which hold what it was made for.
    pub fn make(&self, bytes: &mut [u8]) {
        let (packed, layout) = (Packed::of(bytes), self.head.layout());
        if let (Layout::Even(_), Layout::Apart(_), Some(value)) =
            (packed.head().layout(), layout, self.value)
        {
            let apart = self.taken_apart(packed, value);
            bytes[..apart.len()].copy_from_slice(&apart);
        } else {
            let place = packed.place(self.index);
            let takes = |value: &[u8]| layout.takes(value.len());
            let behind = place.start + self.value.map_or(0, takes);
            if place.end < self.before {
                bytes.copy_within(place.end..self.before, behind);
            }
            if let Some(value) = self.value {
                write(&mut bytes[place.start..behind], value);
            }
        }
        self.head.write(bytes);
    }

    /// All of it with this value, where each has its length before it now. That happens to a list
    /// once, so it is simply written anew.
    fn taken_apart(&self, packed: Packed<'_>, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        bytes.extend_from_slice(&packed.0[..packed.head().values_at()]);
        let held = packed.values().enumerate();
        let held = held.map(|(at, held)| if at == self.index { value } else { held });
        let added = (self.index == packed.len()).then_some(value);
        for value in held.chain(added) {
            let at = bytes.len();
            bytes.resize(at + self.head.layout().takes(value.len()), 0);
            write(&mut bytes[at..], value);
        }
        bytes
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
        let fits = key.len() <= KEY_BYTES_MAX && value.len() <= VALUES_BYTES_MAX;
        fits.then_some(First { key, value })
    }

    /// What it takes, in bytes.
    pub fn size(&self) -> usize {
        self.head().size()
    }

    /// Writes it to the beginning of these bytes.
    pub fn write(&self, bytes: &mut [u8]) {
        let head = self.head();
        head.write(bytes);
        bytes[HEAD_BYTES..head.values_at()].copy_from_slice(self.key);
        bytes[head.values_at()..head.size()].copy_from_slice(self.value);
    }

    fn head(&self) -> Head {
        Head::new(1, self.key.len(), Layout::Even(self.value.len()))
    }
}

/// Writes a value into the place that it takes, its length before it if there is room for that.
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

/// The first value and what follows it, where each has its length before it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(bytes[0]);
    if first < SHORT {
        return bytes[1..].split_at(first);
    }
    let length = (first - SHORT) << 8 | usize::from(bytes[1]);
    bytes[2..].split_at(length)
}
