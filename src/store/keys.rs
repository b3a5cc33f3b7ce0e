//! Keeps the keys in a hash table, and their records.

use super::records::{HELD_MAX, Record, Records, Spot};
use super::slots::Slot;
use super::table::{Bucket, Place, Table};
use crate::list::Many;
use crate::protocol::notice::Held;
use ahash::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

/// How many families of buckets the table has: this power of two.
const FAMILY_BITS: u32 = 10;

/// The most keys that there may be: 2,147,483,648, whose places can all be told apart, however long
/// their values are.
pub const KEYS_MAX: usize = HELD_MAX;

/// How many keys are fetched together.
pub const WARM_MAX: usize = 32;

/// How few keys are in the processor's caches anyway.
const WARMED_MIN: usize = 4096;

/// The keys and their values. The hash is keyed at random, for strangers choose the keys.
///
/// Whoever names a key brings its [`Keys::hash`], so that it is computed once a request.
#[derive(Debug)]
pub(super) struct Keys {
    table: Table,
    records: Records,
    hasher: RandomState,
}

/// A key that is there, to be changed.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    keys: &'a mut Keys,
    hash: u64,
    place: Place,
    slot: Slot,
}

/// A place in the walk through all keys; it holds while keys come and go.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    family: usize,
    bucket: usize,
    /// How many places of the bucket's chain are left, when it has begun. They are gone through
    /// from the last to the first, for what moves within a chain moves to an earlier one.
    left: Option<usize>,
    merges: u32,
}

/// What a walk finds in its next step.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A key and its values.
    Key(Record<'a>),
    /// A free place.
    Nothing,
    /// All keys were found.
    End,
}

impl Keys {
    pub(super) fn new() -> Keys {
        Keys::in_families(FAMILY_BITS)
    }

    /// Keys in another number of families.
    pub(super) fn in_families(bits: u32) -> Keys {
        Keys {
            table: Table::new(bits),
            records: Records::new(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        hashed(&self.hasher, key)
    }

    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<Record<'_>> {
        let (_, slot) = self.find(hash, key)?;
        Some(self.records.get(slot))
    }

    /// The key to be changed, if it is there.
    pub(super) fn entry(&mut self, hash: u64, key: &[u8]) -> Option<Entry<'_>> {
        let (place, slot) = self.find(hash, key)?;
        Some(Entry {
            keys: self,
            hash,
            place,
            slot,
        })
    }

    /// Fetches from memory what it takes to find these keys, up to [`WARM_MAX`].
    ///
    /// To find one is to wait for memory twice, for its bucket says where its record is. Here the
    /// buckets of all keys are read, and then the records; none depends on another of its kind, so
    /// the processor fetches many at once. It looks ahead a few hundred instructions, therefore
    /// where to read is known for all before the first is read.
    pub(super) fn warm<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) {
        if self.len() < WARMED_MIN {
            return;
        }
        let mut hashes = [0; WARM_MAX];
        let mut count = 0;
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = self.hash(key);
            count += 1;
        }
        if count < 2 {
            return;
        }
        let hashes = &hashes[..count];
        let bucket = |at: usize| hashes.get(at).map(|hash| self.table.bucket_of(*hash));
        let buckets: [Option<&Bucket>; WARM_MAX] = std::array::from_fn(bucket);
        let read = buckets.iter().flatten().map(|bucket| bucket.touch());
        black_box(read.fold(0, |all, read| all ^ read));

        let slot = |at: usize| buckets[at].map(|bucket| bucket.guess(hashes[at]));
        let slots: [Option<Slot>; WARM_MAX] = std::array::from_fn(slot);
        let piece = |at: usize| slots[at].map_or(&[][..], |slot| self.records.peek(slot));
        let pieces: [&[u8]; WARM_MAX] = std::array::from_fn(piece);
        let ends = |piece: &&[u8]| Some(piece.first()? ^ piece.last()?);
        let read = pieces.iter().filter_map(ends);
        black_box(read.fold(0, |all, read| all ^ read));

        let held = slots.into_iter().flatten();
        for slot in held.filter(|slot| self.records.is_held(*slot)) {
            black_box(self.records.get(slot).key().first());
        }
    }

    /// Makes a key that is not there, with its first value; returns that as a change holds it.
    pub(super) fn create<'v>(&mut self, hash: u64, key: &[u8], value: &'v [u8]) -> Held<'v> {
        let (slot, told) = self.records.create(key, value);
        let (records, hasher) = (&self.records, &self.hasher);
        let hash_of = |slot| hashed(hasher, records.get(slot).key());
        self.table.insert(hash, slot, hash_of);
        told
    }

    /// The keys of this hash: one, or by a very rare chance several; none if it was removed.
    pub(super) fn of_hash(&self, hash: u64) -> Vec<&[u8]> {
        let mut keys = Vec::new();
        self.table.find(hash, |slot| {
            let key = self.records.get(slot).key();
            keys.extend((self.hash(key) == hash).then_some(key));
            false
        });
        keys
    }

    /// Goes one place on. Every key that is there from the first step to the last is found, and
    /// some twice: where a table's keys have moved to earlier buckets meanwhile, it is looked
    /// through again.
    pub(super) fn step(&self, at: &mut Cursor) -> Step<'_> {
        if at.family == self.table.families() {
            return Step::End;
        }
        let merges = self.table.merges(at.family);
        if at.merges != merges {
            (at.merges, at.bucket, at.left) = (merges, 0, None);
        }
        let bucket = self.table.bucket_in(at.family, at.bucket);
        match at.left.or_else(|| self.fetch(bucket)) {
            None => {
                *at = Cursor {
                    family: at.family + 1,
                    ..Cursor::default()
                };
                Step::Nothing
            }
            Some(0) => {
                (at.bucket, at.left) = (at.bucket + 1, None);
                Step::Nothing
            }
            Some(left) => {
                at.left = Some(left - 1);
                match self.table.at(bucket, left - 1) {
                    Some(slot) => Step::Key(self.records.get(slot)),
                    None => Step::Nothing,
                }
            }
        }
    }

    /// How many places the chain of a bucket has. Fetches its records from memory, together, for a
    /// walk takes one after the other.
    fn fetch(&self, bucket: usize) -> Option<usize> {
        let places = self.table.places(bucket)?;
        let slots = (0..places).filter_map(|place| self.table.at(bucket, place));
        let read = slots.filter_map(|slot| self.records.peek(slot).first());
        black_box(read.fold(0, |all, read| all ^ read));
        Some(places)
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<(Place, Slot)> {
        let is = |slot| self.records.get(slot).key() == key;
        self.table.find(hash, is)
    }

    /// What the table takes, in bytes.
    #[cfg(test)]
    pub(super) fn table_bytes(&self) -> usize {
        self.table.bytes()
    }
}

impl Entry<'_> {
    pub(super) fn record(&self) -> Record<'_> {
        self.keys.records.get(self.slot)
    }

    /// Appends a value; see [`Records::push`].
    pub(super) fn push<'v>(mut self, value: &'v [u8]) -> Held<'v> {
        let told = self.keys.records.push(&mut self.slot, value);
        self.moved();
        told
    }

    /// Puts a value in the place of another; see [`Records::replace`].
    pub(super) fn replace<'v>(
        mut self,
        spot: Spot,
        old: &'v [u8],
        new: &'v [u8],
    ) -> (Held<'v>, Held<'v>) {
        let told = self.keys.records.replace(&mut self.slot, spot, old, new);
        self.moved();
        told
    }

    /// Takes a value out, not the last one; see [`Records::remove`].
    pub(super) fn remove<'v>(mut self, spot: Spot, value: &'v [u8]) -> Held<'v> {
        let told = self.keys.records.remove(&mut self.slot, spot, value);
        self.moved();
        told
    }

    /// Takes the key out with all its values; see [`Records::free`].
    pub(super) fn delete(self) -> Option<Many> {
        self.keys.table.remove(self.hash, self.place);
        self.keys.records.free(self.slot)
    }

    /// Notes where the record is now.
    fn moved(&mut self) {
        self.keys.table.set(self.place, self.slot);
    }
}

/// Without the length in front, as a slice is hashed otherwise: nothing is hashed with it.
fn hashed(hasher: &RandomState, key: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}
