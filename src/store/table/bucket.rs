//! A bucket of a table: one line of the processor's cache, with a part of each record's hash.

use crate::store::slots::Slot;

/// How many records a bucket has room for.
pub(super) const ROOM: usize = 10;

/// No bucket.
pub(super) const NONE: u32 = u32::MAX;

/// Which bits of a hash are the tag: the highest.
pub(super) const TAG_SHIFT: u32 = u64::BITS - u16::BITS;

/// Some records.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::store) struct Bucket {
    /// The tags of the records; 0 where there is none.
    tags: [u16; ROOM],
    slots: [Slot; ROOM],
    /// The bucket behind it in its chain, one of those that are spilled.
    pub(super) next: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

pub(super) const EMPTY: Bucket = Bucket {
    tags: [0; ROOM],
    slots: [Slot(0); ROOM],
    next: NONE,
};

impl Bucket {
    /// Reads it; what comes of that is of no use.
    pub(in crate::store) fn touch(&self) -> u16 {
        self.tags[0]
    }

    /// What is probably the record of this hash, or any.
    pub(in crate::store) fn guess(&self, hash: u64) -> Slot {
        let hits = self.hits(tag(hash));
        self.slot((hits.trailing_zeros() as usize).min(ROOM - 1))
    }

    /// The places of this tag.
    pub(super) fn with(&self, tag: u16) -> impl Iterator<Item = usize> {
        let mut hits = self.hits(tag);
        std::iter::from_fn(move || {
            let at = first(hits)?;
            hits &= hits - 1;
            Some(at)
        })
    }

    /// The first place without a record.
    pub(super) fn free(&self) -> Option<usize> {
        first(self.hits(0))
    }

    /// The places with records.
    pub(super) fn taken(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..ROOM).filter(|at| self.tag(*at) != 0)
    }

    pub(super) fn tag(&self, at: usize) -> u16 {
        self.tags[at]
    }

    pub(super) fn slot(&self, at: usize) -> Slot {
        self.slots[at]
    }

    pub(super) fn put(&mut self, at: usize, tag: u16, slot: Slot) {
        self.tags[at] = tag;
        self.set(at, slot);
    }

    pub(super) fn set(&mut self, at: usize, slot: Slot) {
        self.slots[at] = slot;
    }

    pub(super) fn clear(&mut self, at: usize) {
        self.tags[at] = 0;
    }

    /// A bit for each place with this tag; the loop is one comparison of the processor's.
    fn hits(&self, tag: u16) -> u32 {
        let held = self.tags.iter().enumerate();
        held.fold(0, |hits, (at, held)| hits | u32::from(*held == tag) << at)
    }
}

/// The place of the first of these hits.
fn first(hits: u32) -> Option<usize> {
    (hits != 0).then_some(hits.trailing_zeros() as usize)
}

/// What of a hash stands in its bucket: never 0.
pub(super) fn tag(hash: u64) -> u16 {
    ((hash >> TAG_SHIFT) as u16).max(1)
}
