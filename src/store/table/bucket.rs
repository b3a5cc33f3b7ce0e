//! A bucket of a table: one line of the processor's cache, with a part of each record's hash.

use crate::store::slots::Slot;

/// How many records a bucket has room for.
pub(super) const ROOM: usize = 8;

/// No bucket.
pub(super) const NONE: u32 = u32::MAX;

/// How long a tag is, in bits.
const TAG_BITS: usize = 16;

/// Which bits of a hash are the tag: the highest.
pub(super) const TAG_SHIFT: u32 = u64::BITS - TAG_BITS as u32;

/// A one in each tag, and the highest bit of each.
const ONES: u128 = u128::MAX / 0xFFFF;
const HIGHEST: u128 = ONES << (TAG_BITS - 1);

/// Some records.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::store) struct Bucket {
    /// The tags of the records, the first in the lowest bits; 0 where there is none.
    tags: u128,
    indexes: [u32; ROOM],
    classes: [u8; ROOM],
    /// The bucket behind it in its chain, one of those that are spilled.
    pub(super) next: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

pub(super) static EMPTY: Bucket = Bucket {
    tags: 0,
    indexes: [0; ROOM],
    classes: [0; ROOM],
    next: NONE,
};

impl Bucket {
    /// Reads it; what comes of that is of no use.
    pub(in crate::store) fn touch(&self) -> u16 {
        self.tags as u16
    }

    /// What is probably the record of this hash, or any.
    pub(in crate::store) fn guess(&self, hash: u64) -> Slot {
        self.slot(first(self.hits(tag(hash))).min(ROOM - 1))
    }

    /// The places of this tag.
    pub(super) fn with(&self, tag: u16) -> impl Iterator<Item = usize> {
        let mut hits = self.hits(tag);
        let places = std::iter::from_fn(move || {
            let at = (hits != 0).then(|| first(hits));
            hits &= hits.wrapping_sub(1);
            at
        });
        places.filter(move |at| self.tag(*at) == tag)
    }

    /// The first place without a record.
    pub(super) fn free(&self) -> Option<usize> {
        let hits = self.hits(0);
        (hits != 0).then(|| first(hits))
    }

    /// The places with records.
    pub(super) fn taken(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..ROOM).filter(|at| self.tag(*at) != 0)
    }

    pub(super) fn tag(&self, at: usize) -> u16 {
        (self.tags >> (TAG_BITS * at)) as u16
    }

    pub(super) fn slot(&self, at: usize) -> Slot {
        Slot {
            class: self.classes[at],
            index: self.indexes[at],
        }
    }

    pub(super) fn put(&mut self, at: usize, tag: u16, slot: Slot) {
        self.clear(at);
        self.tags |= u128::from(tag) << (TAG_BITS * at);
        self.set(at, slot);
    }

    pub(super) fn set(&mut self, at: usize, slot: Slot) {
        (self.classes[at], self.indexes[at]) = (slot.class, slot.index);
    }

    pub(super) fn clear(&mut self, at: usize) {
        self.tags &= !(0xFFFF << (TAG_BITS * at));
    }

    /// The highest bit of each place with this tag, and now and then of one behind such a place:
    /// one is taken from the difference of each, which borrows from the next where there is none.
    fn hits(&self, tag: u16) -> u128 {
        let half = u64::from(tag) * (u64::MAX / 0xFFFF);
        let differ = self.tags ^ (u128::from(half) << 64 | u128::from(half));
        differ.wrapping_sub(ONES) & !differ & HIGHEST
    }
}

/// The place of the first of these hits.
fn first(hits: u128) -> usize {
    hits.trailing_zeros() as usize / TAG_BITS
}

/// What of a hash stands in its bucket: never 0.
pub(super) fn tag(hash: u64) -> u16 {
    ((hash >> TAG_SHIFT) as u16).max(1)
}
