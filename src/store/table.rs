//! A hash table of records by their slots, whose buckets are one line of the processor's cache.
//!
//! To find a record is to wait for memory twice: for the bucket, and for the record, whose key is
//! compared. The bucket has a part of each record's hash, so others are hardly ever compared.
//!
//! It grows by a bucket at a time, which takes its part of one other bucket's records: linear
//! hashing (W. Litwin, VLDB 1980). So no insertion waits for many records to be moved, no bucket
//! is copied, and the table is never half empty. What a bucket has no room for is in a chain behind
//! it.
//!
//! The buckets are of a thousand families, which records do not leave: the number of a bucket is
//! that of its family, and above that the part of the hash that it has of each record. So a look at
//! the bucket says which records move, as long as a family has no more than a thousand buckets:
//! the records themselves are not read, which would be to wait for each.

mod bucket;
mod segments;
#[cfg(test)]
mod tests;

use super::slots::Slot;
pub(super) use bucket::Bucket;
use bucket::{NONE, ROOM, tag};
use segments::Segments;
use std::cmp::Reverse;
use std::mem;

/// How many records there are to two buckets at most, and at least, on the average.
const PAIR_RECORDS_MAX: usize = 14;
const PAIR_RECORDS_MIN: usize = 5;

/// Where in a hash the number of the family stands: below the tag.
const FAMILY_SHIFT: u32 = 38;

/// How many bits of a tag say which bucket of the family. Where there are more buckets, what is
/// missing comes from the lowest bits of the hash; the rest of the tag is left to tell records
/// apart.
const PLACED_BITS: u32 = 10;
const PLACED: u64 = (1 << PLACED_BITS) - 1;

/// What says the hash of a record.
type Hash<'a> = dyn Fn(Slot) -> u64 + 'a;

/// Where in a table a record is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    bucket: At,
    at: usize,
}

/// Where a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Main(usize),
    Spilled(u32),
}

/// The records of all keys, by their hashes.
#[derive(Debug)]
pub(super) struct Table {
    /// At least one of each family.
    buckets: Segments,
    /// Buckets in chains behind those. Between two calls all buckets of a chain are full but the
    /// last, and that is not empty.
    spilled: Segments,
    /// Of each of those the first bucket of its chain.
    homes: Vec<u32>,
    len: usize,
    /// How many bits say which family.
    family_bits: u32,
    /// Of each family, how often records have moved to a bucket before theirs.
    merges: Box<[u32]>,
}

impl Table {
    /// An empty one with so many families: this power of two.
    pub(super) fn new(family_bits: u32) -> Table {
        let mut buckets = Segments::default();
        (0..1 << family_bits).for_each(|_| buckets.push());
        Table {
            buckets,
            spilled: Segments::default(),
            homes: Vec::new(),
            len: 0,
            family_bits,
            merges: vec![0; 1 << family_bits].into(),
        }
    }

    /// The first record for which `is` holds, of those of this hash and now and then another.
    pub(super) fn find(
        &self,
        hash: u64,
        mut is: impl FnMut(Slot) -> bool,
    ) -> Option<(Place, Slot)> {
        let tag = tag(hash);
        let mut at = At::Main(self.main(hash));
        loop {
            let bucket = self.bucket(at);
            for place in bucket.with(tag) {
                if is(bucket.slot(place)) {
                    let (bucket, at, slot) = (at, place, bucket.slot(place));
                    return Some((Place { bucket, at }, slot));
                }
            }
            at = behind(bucket)?;
        }
    }

    /// The bucket of a hash.
    pub(super) fn bucket_of(&self, hash: u64) -> &Bucket {
        &self.buckets[self.main(hash)]
    }

    /// Takes in a record that is not there; `hash_of` is the hash of any.
    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        self.add(self.main(hash), tag(hash), slot);
        self.len += 1;
        if self.len * 2 > self.buckets.len() * PAIR_RECORDS_MAX {
            self.split(&hash_of);
        }
    }

    /// Says that a record has moved to another slot.
    pub(super) fn set(&mut self, place: Place, slot: Slot) {
        self.bucket_mut(place.bucket).set(place.at, slot);
    }

    /// Takes a record out, of this hash.
    pub(super) fn remove(&mut self, hash: u64, place: Place) {
        self.bucket_mut(place.bucket).clear(place.at);
        self.compact(self.main(hash));
        self.len -= 1;
        if self.len * 2 < self.buckets.len() * PAIR_RECORDS_MIN {
            self.merge();
        }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many families there are.
    pub(super) fn families(&self) -> usize {
        self.merges.len()
    }

    /// How often records of a family have moved to a bucket before theirs. Otherwise they move to a
    /// later one, or to an earlier place of their chain.
    pub(super) fn merges(&self, family: usize) -> u32 {
        self.merges[family]
    }

    /// The number of a bucket, given its place in its family.
    pub(super) fn bucket_in(&self, family: usize, at: usize) -> usize {
        at << self.family_bits | family
    }

    /// How many places the chain of a bucket has; nothing if there is no such bucket.
    pub(super) fn places(&self, bucket: usize) -> Option<usize> {
        (bucket < self.buckets.len()).then(|| self.chain(At::Main(bucket)).count() * ROOM)
    }

    /// The record at a place of a bucket's chain.
    pub(super) fn at(&self, bucket: usize, place: usize) -> Option<Slot> {
        let held = self.chain(At::Main(bucket)).nth(place / ROOM)?;
        let (held, at) = (self.bucket(held), place % ROOM);
        (held.tag(at) != 0).then(|| held.slot(at))
    }

    /// What it takes, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.buckets.bytes() + self.spilled.bytes() + self.homes.capacity() * size_of::<u32>()
    }

    /// The bucket that a hash belongs to.
    fn main(&self, hash: u64) -> usize {
        let family = self.family((hash >> FAMILY_SHIFT) as usize) as u64;
        let placed = u64::from(tag(hash)) & PLACED;
        self.numbered((hash << PLACED_BITS | placed) << self.family_bits | family)
    }

    /// The family that the lowest bits of this say, as those of a bucket's number do.
    fn family(&self, bits: usize) -> usize {
        bits & (self.families() - 1)
    }

    /// The bucket of a number, of which as many bits count as there are buckets.
    fn numbered(&self, number: u64) -> usize {
        let count = self.buckets.len();
        let mask = count.next_power_of_two() - 1;
        let at = number as usize & mask;
        // Of the buckets so far not all have been split.
        if at < count { at } else { at & mask >> 1 }
    }

    /// The bucket that a record belongs to which is in the chain of this one.
    fn main_of(&self, (main, held): (usize, &Bucket), at: usize, hash: &Hash<'_>) -> usize {
        let in_family = self.buckets.len().div_ceil(self.families()) as u64;
        if in_family > PLACED + 1 {
            return self.main(hash(held.slot(at)));
        }
        let family = self.family(main) as u64;
        self.numbered((u64::from(held.tag(at)) & PLACED) << self.family_bits | family)
    }

    fn bucket(&self, at: At) -> &Bucket {
        match at {
            At::Main(at) => &self.buckets[at],
            At::Spilled(at) => &self.spilled[at as usize],
        }
    }

    fn bucket_mut(&mut self, at: At) -> &mut Bucket {
        match at {
            At::Main(at) => &mut self.buckets[at],
            At::Spilled(at) => &mut self.spilled[at as usize],
        }
    }

    fn chain(&self, first: At) -> impl Iterator<Item = At> {
        std::iter::successors(Some(first), |at| behind(self.bucket(*at)))
    }

    /// Puts a record at the first free place of a bucket's chain.
    fn add(&mut self, main: usize, tag: u16, slot: Slot) {
        let mut at = At::Main(main);
        loop {
            let bucket = self.bucket_mut(at);
            if let Some(free) = bucket.free() {
                return bucket.put(free, tag, slot);
            }
            at = match behind(bucket) {
                Some(behind) => behind,
                None => self.spill(at, main),
            };
        }
    }

    /// Puts an empty bucket at the end of a chain.
    fn spill(&mut self, last: At, main: usize) -> At {
        let new = self.spilled.len();
        self.spilled.push();
        self.homes.push(main as u32);
        self.bucket_mut(last).next = new as u32;
        At::Spilled(new as u32)
    }

    /// Moves records of a chain to the free places before theirs, and frees what is empty then.
    fn compact(&mut self, main: usize) {
        while self.buckets[main].next != NONE {
            let (mut before, mut last) = (At::Main(main), At::Main(main));
            while let Some(behind) = behind(self.bucket(last)) {
                (before, last) = (last, behind);
            }
            let held = *self.bucket(last);
            let Some(from) = held.taken().next_back() else {
                let gone = mem::replace(&mut self.bucket_mut(before).next, NONE);
                self.free(gone);
                continue;
            };
            let has_free = |at| at != last && self.bucket(at).free().is_some();
            if !self.chain(At::Main(main)).any(has_free) {
                return;
            }
            self.bucket_mut(last).clear(from);
            self.add(main, held.tag(from), held.slot(from));
        }
    }

    /// Frees a spilled bucket that is in no chain any more. The last one takes its place.
    fn free(&mut self, gone: u32) {
        let last = self.spilled.len() - 1;
        if gone as usize != last {
            let moved = self.spilled[last];
            let before = self
                .chain(At::Main(self.homes[last] as usize))
                .find(|at| self.bucket(*at).next as usize == last);
            if let Some(before) = before {
                self.bucket_mut(before).next = gone;
            }
            self.spilled[gone as usize] = moved;
        }
        self.spilled.pop();
        self.homes.swap_remove(gone as usize);
        if self.homes.len() < self.homes.capacity() / 4 {
            self.homes.shrink_to(self.homes.len() * 2);
        }
    }

    /// Adds a bucket, which is given what belongs there now.
    fn split(&mut self, hash_of: &Hash<'_>) {
        let new = self.buckets.len();
        self.buckets.push();
        let from = self.origin(new);
        let mut at = Some(At::Main(from));
        while let Some(bucket) = at {
            let held = *self.bucket(bucket);
            for place in held.taken() {
                if self.main_of((from, &held), place, hash_of) == new {
                    self.bucket_mut(bucket).clear(place);
                    self.add(new, held.tag(place), held.slot(place));
                }
            }
            at = behind(&held);
        }
        self.compact(from);
    }

    /// Takes the last bucket away: what is in it goes back to where it was before.
    fn merge(&mut self) {
        let last = self.buckets.len() - 1;
        if last < self.families() {
            return;
        }
        let chain = self.chain(At::Main(last));
        let held: Vec<Bucket> = chain.map(|at| *self.bucket(at)).collect();
        let behind = held.iter().map(|bucket| bucket.next);
        let mut gone: Vec<u32> = behind.filter(|next| *next != NONE).collect();
        // The last first: so none of those that are left is moved.
        gone.sort_unstable_by_key(|at| Reverse(*at));
        gone.into_iter().for_each(|at| self.free(at));
        self.buckets.pop();
        let to = self.origin(last);
        for bucket in held {
            for at in bucket.taken() {
                self.add(to, bucket.tag(at), bucket.slot(at));
            }
        }
        let family = self.family(last);
        self.merges[family] = self.merges[family].wrapping_add(1);
    }

    /// The bucket whose records a new one has a part of.
    fn origin(&self, bucket: usize) -> usize {
        bucket & ((bucket + 1).next_power_of_two() - 1) >> 1
    }
}

/// The bucket behind this one in its chain.
fn behind(bucket: &Bucket) -> Option<At> {
    (bucket.next != NONE).then_some(At::Spilled(bucket.next))
}
