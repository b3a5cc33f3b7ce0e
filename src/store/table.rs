//! A hash table of records by their slots, whose buckets are one line of the processor's cache.
//!
//! To find a record is to wait for memory twice: for the bucket, and for the record, whose key is
//! compared. The bucket has a part of each record's hash, so others are hardly ever compared.
//!
//! It grows by a bucket at a time, which takes its part of one other bucket's records: linear
//! hashing (W. Litwin, VLDB 1980). So no insertion waits for all records to be moved, and the table
//! is never half empty. What a bucket has no room for is in a chain behind it. Which records move
//! the part of the hash says too, as long as there are no more than a thousand buckets: the records
//! themselves are not read, which would be to wait for each.

mod bucket;
#[cfg(test)]
mod tests;

use super::slots::Slot;
pub(super) use bucket::Bucket;
use bucket::{EMPTY, NONE, ROOM, TAG_SHIFT, tag};
use std::cmp::Reverse;
use std::mem;

/// How many records there are to a bucket at most, and at least, on the average.
const RECORDS_MAX: usize = 5;
const RECORDS_MIN: usize = 2;

/// One part in so many of the buckets is set aside when there are not enough, and at least so many
/// buckets: each time all of them are copied.
const GROWTH: usize = 4;
const GROWTH_MIN: usize = 4;

/// The bits of a tag that say which bucket. Where there are more buckets, what is missing comes
/// from the same place of the hash; the rest of the tag is left to tell records apart.
const PLACED: u64 = 0x3FF;

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

/// The records of some keys, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Table {
    buckets: Vec<Bucket>,
    /// Buckets in chains behind those. Between two calls all buckets of a chain are full but the
    /// last, and that is not empty.
    spilled: Vec<Bucket>,
    len: usize,
    /// How often records have moved to a bucket before theirs.
    merges: u64,
}

impl Table {
    /// The first record for which `is` holds, of those of this hash and now and then another.
    pub(super) fn find(
        &self,
        hash: u64,
        mut is: impl FnMut(Slot) -> bool,
    ) -> Option<(Place, Slot)> {
        let tag = tag(hash);
        let mut at = At::Main(self.main(hash)?);
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

    /// The bucket of a hash; of a table without any, an empty one.
    pub(super) fn bucket_of(&self, hash: u64) -> &Bucket {
        let bucket = self.main(hash).and_then(|at| self.buckets.get(at));
        bucket.unwrap_or(&EMPTY)
    }

    /// Takes in a record that is not there; `hash_of` is the hash of any.
    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        if self.buckets.is_empty() {
            push(&mut self.buckets);
        }
        if let Some(main) = self.main(hash) {
            self.add(main, tag(hash), slot);
        }
        self.len += 1;
        if self.len > self.buckets.len() * RECORDS_MAX {
            self.split(&hash_of);
        }
    }

    /// Says that a record has moved to another slot.
    pub(super) fn set(&mut self, place: Place, slot: Slot) {
        self.bucket_mut(place.bucket).set(place.at, slot);
    }

    /// Takes a record out, of this hash; `hash_of` is the hash of any.
    pub(super) fn remove(&mut self, hash: u64, place: Place, hash_of: impl Fn(Slot) -> u64) {
        self.bucket_mut(place.bucket).clear(place.at);
        if let Some(main) = self.main(hash) {
            self.compact(main, &hash_of);
        }
        self.len -= 1;
        if self.len < self.buckets.len() * RECORDS_MIN {
            self.merge(&hash_of);
        }
    }

    /// How many records there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How often records have moved to a bucket before theirs. Otherwise they move to a later one,
    /// or to an earlier place of their chain.
    pub(super) fn merges(&self) -> u64 {
        self.merges
    }

    /// How many places the chain of a bucket has; nothing behind the last bucket.
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
        (self.buckets.capacity() + self.spilled.capacity()) * size_of::<Bucket>()
    }

    /// The bucket that a hash belongs to, if there is any.
    fn main(&self, hash: u64) -> Option<usize> {
        let count = self.buckets.len();
        let mask = count.next_power_of_two() - 1;
        let at = (hash & !PLACED | u64::from(tag(hash)) & PLACED) as usize & mask;
        match at < count {
            true => Some(at),
            // Of the buckets so far not all have been split.
            false => Some(at & mask >> 1).filter(|_| count > 0),
        }
    }

    /// The bucket that a record belongs to.
    fn main_of(&self, held: &Bucket, at: usize, hash_of: &impl Fn(Slot) -> u64) -> Option<usize> {
        let is_placed = self.buckets.len() as u64 <= PLACED + 1;
        self.main(match is_placed {
            true => u64::from(held.tag(at)) << TAG_SHIFT,
            false => hash_of(held.slot(at)),
        })
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
                None => self.spill(at),
            };
        }
    }

    /// Puts an empty bucket at the end of a chain.
    fn spill(&mut self, last: At) -> At {
        let new = self.spilled.len() as u32;
        push(&mut self.spilled);
        self.bucket_mut(last).next = new;
        At::Spilled(new)
    }

    /// Moves records of a chain to the free places before theirs, and frees what is empty then.
    fn compact(&mut self, main: usize, hash_of: &impl Fn(Slot) -> u64) {
        while self.buckets[main].next != NONE {
            let (mut before, mut last) = (At::Main(main), At::Main(main));
            while let Some(behind) = behind(self.bucket(last)) {
                (before, last) = (last, behind);
            }
            let held = *self.bucket(last);
            let Some(from) = held.taken().next_back() else {
                let gone = mem::replace(&mut self.bucket_mut(before).next, NONE);
                self.free(gone, main, hash_of);
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

    /// Frees a spilled bucket that is in no chain any more. The last one takes its place: it is in
    /// the chain of this bucket, or in that of any record that it holds.
    fn free(&mut self, gone: u32, main: usize, hash_of: &impl Fn(Slot) -> u64) {
        let last = self.spilled.len() as u32 - 1;
        if gone != last {
            let bucket = self.spilled[last as usize];
            let any = bucket.taken().next();
            let other = any.and_then(|at| self.main_of(&bucket, at, hash_of));
            let mut chains = [Some(main), other].into_iter().flatten();
            let before = chains.find_map(|main| {
                let mut chain = self.chain(At::Main(main));
                chain.find(|at| self.bucket(*at).next == last)
            });
            if let Some(before) = before {
                self.bucket_mut(before).next = gone;
            }
            self.spilled[gone as usize] = bucket;
        }
        self.spilled.pop();
        shrink(&mut self.spilled);
    }

    /// Adds a bucket, which is given what belongs there now.
    fn split(&mut self, hash_of: &impl Fn(Slot) -> u64) {
        let new = self.buckets.len();
        push(&mut self.buckets);
        let from = self.origin(new);
        let mut at = Some(At::Main(from));
        while let Some(bucket) = at {
            let held = *self.bucket(bucket);
            for place in held.taken() {
                if self.main_of(&held, place, hash_of) == Some(new) {
                    self.bucket_mut(bucket).clear(place);
                    self.add(new, held.tag(place), held.slot(place));
                }
            }
            at = behind(&held);
        }
        self.compact(from, hash_of);
    }

    /// Takes the last bucket away: what is in it goes back to where it was before.
    fn merge(&mut self, hash_of: &impl Fn(Slot) -> u64) {
        let last = self.buckets.len() - 1;
        if last == 0 {
            return;
        }
        let chain = self.chain(At::Main(last));
        let held: Vec<Bucket> = chain.map(|at| *self.bucket(at)).collect();
        let behind = held.iter().map(|bucket| bucket.next);
        let mut gone: Vec<u32> = behind.filter(|next| *next != NONE).collect();
        self.buckets.pop();
        shrink(&mut self.buckets);
        // The last first: so none of those that are left is moved.
        gone.sort_unstable_by_key(|at| Reverse(*at));
        let to = self.origin(last);
        for at in gone {
            self.free(at, to, hash_of);
        }
        for bucket in held {
            for at in bucket.taken() {
                self.add(to, bucket.tag(at), bucket.slot(at));
            }
        }
        self.merges += 1;
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

/// Adds an empty bucket, with room set aside for some more.
fn push(buckets: &mut Vec<Bucket>) {
    if buckets.len() == buckets.capacity() {
        buckets.reserve_exact((buckets.len() / GROWTH).max(GROWTH_MIN));
    }
    buckets.push(EMPTY);
}

/// Gives back memory if most of it is not used.
fn shrink(buckets: &mut Vec<Bucket>) {
    if buckets.capacity() > 2 * (buckets.len() + 1) {
        buckets.shrink_to(buckets.len() + buckets.len() / GROWTH);
    }
}
