//! Holds values by handles, in chunks that replies on their way share.
//!
//! A reply takes a [`Snapshot`], which costs a handle per 256 values, and the list goes on changing
//! without disturbing it. Nothing here copies a value.
//!
//! To find one among a million, a mark of four bytes is kept of each, all of them side by side: to
//! follow a million handles would take ten milliseconds.

use super::rubbish::{Chunks, Rubbish, free_some, takes_long};
use super::{Value, bulk_len, is_typable};
use ahash::RandomState;
use std::mem;
use std::rc::Rc;
use std::vec::IntoIter;

/// How long a value is at most whose mark depends on all of it, in bytes, and on how many bytes at
/// either end it does for a longer one, of which a list has few.
const WHOLE_BYTES_MAX: usize = 4096;
const MARKED_BYTES: usize = 32;

thread_local! {
    /// Keyed at random, for strangers choose the values.
    static MARKER: RandomState = RandomState::new();
}

/// How many values share one handle in a snapshot, at most: those that are left when others are
/// removed are not brought together. Also the most handles that one change has to move.
const CHUNK: usize = 256;

/// Values in chunks of at most 256, none of them empty, with what must be known of all of them
/// without looking at each.
#[derive(Debug, Default)]
pub struct Many {
    chunks: Chunks,
    /// The mark of each value, in order.
    marks: Vec<u32>,
    bytes: usize,
    bulk_bytes: usize,
    untypable: usize,
}

/// Where a value stands in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many stand before it.
    at: usize,
    chunk: usize,
    index: usize,
}

impl Many {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The length of all values together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The length of all values together as RESP bulk strings.
    pub fn bulk_bytes(&self) -> usize {
        self.bulk_bytes
    }

    /// Whether lines can carry every value.
    pub fn is_typable(&self) -> bool {
        self.untypable == 0
    }

    /// All values in order.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter().map(|value| &**value))
    }

    /// Finds the first value equal to `wanted`.
    pub fn find(&self, wanted: &[u8]) -> Option<Place> {
        let mark = mark(wanted);
        let marks = self.marks.iter().enumerate();
        let alike = marks.filter(|(_, held)| **held == mark);
        let mut places = alike.map(|(at, _)| self.place(at));
        places.find(|place| *self.chunks[place.chunk][place.index] == *wanted)
    }

    /// Where the value stands that has so many before it.
    fn place(&self, at: usize) -> Place {
        let mut index = at;
        let holds = |values: &Rc<Vec<Value>>| {
            let here = index < values.len();
            index -= if here { 0 } else { values.len() };
            here
        };
        let chunk = self.chunks.iter().position(holds);
        Place {
            at,
            chunk: chunk.unwrap_or_default(),
            index,
        }
    }

    /// Appends a value.
    pub fn push(&mut self, value: Value) {
        self.count(&value);
        self.marks.push(mark(&value));
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Rc::make_mut(last).push(value),
            _ => self.chunks.push(Rc::new(vec![value])),
        }
    }

    /// Puts `value` in the place of another and returns that.
    pub fn replace(&mut self, place: Place, value: Value) -> Value {
        self.count(&value);
        self.marks[place.at] = mark(&value);
        let chunk = Rc::make_mut(&mut self.chunks[place.chunk]);
        let old = mem::replace(&mut chunk[place.index], value);
        self.discount(&old);
        old
    }

    /// Takes a value out and returns it.
    pub fn remove(&mut self, place: Place) -> Value {
        self.marks.remove(place.at);
        let chunk = Rc::make_mut(&mut self.chunks[place.chunk]);
        let removed = chunk.remove(place.index);
        if chunk.is_empty() {
            self.chunks.remove(place.chunk);
        }
        self.discount(&removed);
        removed
    }

    /// All values in order, as they are now, whatever happens to the list later.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.chunks.clone().into_iter())
    }

    /// Frees it, or leaves that to be done little by little if it takes long.
    pub fn discard(self, rubbish: &mut Rubbish) {
        if takes_long(self.len(), self.bytes) {
            rubbish.take(self.chunks);
        }
    }

    fn count(&mut self, value: &[u8]) {
        self.bytes += value.len();
        self.bulk_bytes += bulk_len(value);
        self.untypable += usize::from(!is_typable(value));
    }

    fn discount(&mut self, value: &[u8]) {
        self.bytes -= value.len();
        self.bulk_bytes -= bulk_len(value);
        self.untypable -= usize::from(!is_typable(value));
    }
}

/// What tells a value from nearly all others: of its bytes, but of the length and the ends of a
/// long one, which would take long to read.
fn mark(value: &[u8]) -> u32 {
    if value.len() <= WHOLE_BYTES_MAX {
        return MARKER.with(|marker| marker.hash_one(value)) as u32;
    }
    let middle = value.len().saturating_sub(MARKED_BYTES);
    let ends = (&value[..value.len().min(MARKED_BYTES)], &value[middle..]);
    MARKER.with(|marker| marker.hash_one((value.len(), ends)) as u32)
}

/// The values of one key at one moment, in chunks shared with the list until either changes.
#[derive(Debug, Clone)]
pub struct Snapshot(IntoIter<Rc<Vec<Value>>>);

impl Snapshot {
    /// The values that come first, if any are left.
    pub fn first(&self) -> Option<&[Value]> {
        self.0.as_slice().first().map(|chunk| chunk.as_slice())
    }

    /// Lets go of the values that come first. The list may have done so before, and to free many
    /// at once would take long.
    pub fn drop_first(&mut self) {
        drop(self.0.next());
    }

    /// Frees a part of the values, which nobody wants any more; false when none are left.
    pub fn forget(&mut self) -> bool {
        let mut chunks = mem::take(&mut self.0).collect();
        free_some(&mut chunks);
        self.0 = chunks.into_iter();
        !self.0.as_slice().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_anywhere_have_other_marks_unless_they_are_long() {
        // So many that look alike would each be compared, and be found from the beginning.
        for length in [1, 2 * MARKED_BYTES + 1, WHOLE_BYTES_MAX] {
            let mut values: Vec<Vec<u8>> = (0..100).map(|_| vec![b'x'; length]).collect();
            for (at, value) in values.iter_mut().enumerate() {
                value[length / 2] = at as u8;
            }
            let marks: std::collections::HashSet<u32> =
                values.iter().map(|value| mark(value)).collect();
            // Two of them may meet by chance.
            assert!(marks.len() >= 98, "{length}: {}", marks.len());
        }
    }
}
