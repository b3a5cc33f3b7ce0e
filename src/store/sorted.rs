//! A set of keys in their order, packed into leaves of a kilobyte.
//!
//! In a leaf the keys lie one behind the other, each with its length in front of it, and are looked
//! through one by one. So a key takes its bytes and some eight more, where an ordered set of boxes
//! takes a box, and a place in a node that is two thirds full. The leaves are in such a set, but
//! there are some forty times fewer of them than keys, so that most of it stays in the caches.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter;
use std::mem;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// How long a leaf is before it is cut in two, in bytes. What has long keys may be longer.
const LEAF_BYTES: usize = 1024;

/// A leaf that is shorter goes into the one before it, if there is room.
const LEAF_BYTES_MIN: usize = LEAF_BYTES / 4;

/// How long leaves are made of keys that come together, in bytes: with room for some more.
const LEAF_BYTES_MADE: usize = LEAF_BYTES / 8 * 7;

/// How much room for more is set aside in a leaf, in bytes, and how much is left there at most.
const STEP_BYTES: usize = LEAF_BYTES / 8;
const SPARE_BYTES_MAX: usize = 2 * STEP_BYTES;

/// What says how long a key is.
const LENGTH_BYTES: usize = 2;

/// The set. A key is at most 65535 bytes long.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Each by the least key that it may have, which need not be there.
    leaves: BTreeMap<Box<[u8]>, Vec<u8>>,
}

impl Sorted {
    /// Takes a key in, if it is not there.
    pub(super) fn insert(&mut self, key: &[u8]) {
        let Some(leaf) = self.leaf_of(key) else {
            let mut leaf = Vec::new();
            put(&mut leaf, 0, key);
            self.leaves.insert(Box::default(), leaf);
            return;
        };
        let Err(at) = place(leaf, key) else {
            return;
        };
        put(leaf, at, key);
        if leaf.len() > LEAF_BYTES
            && let Some((middle, least)) = middle(leaf)
        {
            let least = least.into();
            let behind = leaf.split_off(middle);
            leaf.shrink_to_fit();
            self.leaves.insert(least, behind);
        }
    }

    /// Takes in keys in their order, each but once; those that are there stay.
    pub(super) fn merge(&mut self, keys: &[&[u8]]) {
        let mut left = keys;
        while let Some(first) = left.first() {
            let behind = (Excluded(*first), Unbounded);
            let next = self.leaves.range::<[u8], _>(behind).next();
            let count = next.map_or(left.len(), |(next, _)| {
                left.partition_point(|key| *key < &**next)
            });
            let (here, behind) = left.split_at(count);
            match here {
                [one] => self.insert(one),
                several => self.merge_leaf(several),
            }
            left = behind;
        }
    }

    /// Takes in keys that belong into one leaf, which becomes as many as it takes then.
    fn merge_leaf(&mut self, keys: &[&[u8]]) {
        let added: usize = keys.iter().map(|key| LENGTH_BYTES + key.len()).sum();
        let new = keys.iter().copied();
        let Some(leaf) = self.leaf_of(keys[0]) else {
            self.leaves.extend(leaves(new, added));
            return;
        };
        let old = mem::take(leaf);
        let mut made = leaves(merged(keys_of(&old), new), old.len() + added);
        // The first of them has the place of the old one.
        if let Some((_, first)) = made.next() {
            *leaf = first;
        }
        self.leaves.extend(made);
    }

    /// Takes a key out, if it is there.
    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some(leaf) = self.leaf_of(key) else {
            return;
        };
        let Ok(at) = place(leaf, key) else {
            return;
        };
        leaf.drain(at..at + LENGTH_BYTES + key.len());
        if leaf.capacity() - leaf.len() > SPARE_BYTES_MAX {
            leaf.shrink_to(leaf.len() + STEP_BYTES);
        }
        if leaf.len() < LEAF_BYTES_MIN {
            self.join(key);
        }
    }

    /// Puts the leaf to which this key belongs into the one before it, if there is room.
    fn join(&mut self, key: &[u8]) {
        let up_to = (Unbounded, Included(key));
        let mut leaves = self.leaves.range::<[u8], _>(up_to);
        let Some((least, leaf)) = leaves.next_back() else {
            return;
        };
        let before = leaves.next_back();
        let has_room = before.is_some_and(|(_, before)| before.len() + leaf.len() <= LEAF_BYTES);
        if !has_room && !leaf.is_empty() {
            return;
        }
        let least = least.clone();
        let leaf = self.leaves.remove(&least).unwrap_or_default();
        if let Some(before) = self.leaf_of(&least) {
            before.reserve_exact(leaf.len());
            before.extend(leaf);
        }
    }

    /// The keys from this one on.
    pub(super) fn from<'a>(&'a self, start: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let up_to = (Unbounded, Included(start));
        let first = self.leaves.range::<[u8], _>(up_to).next_back();
        let least = first.map_or(start, |(least, _)| least);
        let leaves = self.leaves.range::<[u8], _>((Included(least), Unbounded));
        let keys = leaves.flat_map(|(_, leaf)| keys_of(leaf));
        keys.skip_while(move |key| *key < start)
    }

    /// Whether no key is there.
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Takes out the keys of the first leaf; false if there were none.
    pub(super) fn pop_leaf(&mut self) -> bool {
        self.leaves.pop_first().is_some()
    }

    /// How many leaves there are.
    #[cfg(test)]
    pub(super) fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// The leaf that has this key, or would have it.
    fn leaf_of(&mut self, key: &[u8]) -> Option<&mut Vec<u8>> {
        part_of(&mut self.leaves, key)
    }
}

/// Of parts that are each known by the least key that it may have, the one for this key.
pub(super) fn part_of<'a, P>(
    parts: &'a mut BTreeMap<Box<[u8]>, P>,
    key: &[u8],
) -> Option<&'a mut P> {
    let up_to = (Unbounded, Included(key));
    let part = parts.range_mut::<[u8], _>(up_to).next_back();
    part.map(|(_, part)| part)
}

/// The keys of two that are in order, in order, each once.
fn merged<'a>(
    one: impl Iterator<Item = &'a [u8]>,
    other: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    iter::from_fn(move || {
        let order = match (one.peek(), other.peek()) {
            (Some(one), Some(other)) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        if order.is_eq() {
            one.next();
        }
        if order.is_lt() {
            one.next()
        } else {
            other.next()
        }
    })
}

/// Leaves of keys in their order that take at most so many bytes, each with the least key that it
/// may have: the first with the least of all.
fn leaves<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    bytes: usize,
) -> impl Iterator<Item = (Box<[u8]>, Vec<u8>)> {
    let leaf_bytes = match bytes <= LEAF_BYTES {
        true => bytes,
        // As many as it takes, all about as long.
        false => bytes / bytes.div_ceil(LEAF_BYTES_MADE),
    };
    let (mut keys, mut least) = (keys.peekable(), Box::default());
    iter::from_fn(move || {
        keys.peek()?;
        let mut leaf = Vec::with_capacity(leaf_bytes);
        while let Some(key) = keys.next() {
            append(&mut leaf, key);
            let Some(next) = keys.peek() else {
                break;
            };
            if leaf.len() + LENGTH_BYTES + next.len() > leaf_bytes {
                let next = between(key, next).into();
                return Some((mem::replace(&mut least, next), leaf));
            }
        }
        Some((mem::take(&mut least), leaf))
    })
}

/// The shortest key that is behind the first of two, and not behind the second.
fn between<'a>(first: &[u8], second: &'a [u8]) -> &'a [u8] {
    let alike = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    &second[..=alike]
}

/// The keys of a leaf.
pub(super) fn keys_of(leaf: &[u8]) -> impl Iterator<Item = &[u8]> {
    entries(leaf).map(|(_, key)| key)
}

/// The keys of a leaf, each with where it begins.
fn entries(leaf: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = leaf;
    iter::from_fn(move || {
        let at = leaf.len() - rest.len();
        let (len, behind) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let (key, next) = behind.split_at(u16::from_le_bytes(*len).into());
        rest = next;
        Some((at, key))
    })
}

/// Where a leaf can be cut in the middle, and the shortest key that is behind the first part; none
/// if there is only one key.
fn middle(leaf: &[u8]) -> Option<(usize, &[u8])> {
    let mut before: &[u8] = b"";
    for (at, key) in entries(leaf) {
        if at > 0 && 2 * (at + LENGTH_BYTES + key.len()) >= leaf.len() {
            return Some((at, between(before, key)));
        }
        before = key;
    }
    None
}

/// Where in a leaf a key is, or else where it belongs.
fn place(leaf: &[u8], key: &[u8]) -> Result<usize, usize> {
    for (at, other) in entries(leaf) {
        match other.cmp(key) {
            Ordering::Less => {}
            Ordering::Equal => return Ok(at),
            Ordering::Greater => return Err(at),
        }
    }
    Err(leaf.len())
}

/// Puts a key into a leaf where it belongs.
fn put(leaf: &mut Vec<u8>, at: usize, key: &[u8]) {
    debug_assert!(key.len() <= usize::from(u16::MAX));
    let (end, len) = (leaf.len(), LENGTH_BYTES + key.len());
    if leaf.capacity() < end + len {
        leaf.reserve_exact(len.next_multiple_of(STEP_BYTES));
    }
    leaf.resize(end + len, 0);
    leaf.copy_within(at..end, at + len);
    let entry = &mut leaf[at..at + len];
    entry[..LENGTH_BYTES].copy_from_slice(&(key.len() as u16).to_le_bytes());
    entry[LENGTH_BYTES..].copy_from_slice(key);
}

/// Puts a key behind all others of a leaf.
pub(super) fn append(leaf: &mut Vec<u8>, key: &[u8]) {
    leaf.extend_from_slice(&(key.len() as u16).to_le_bytes());
    leaf.extend_from_slice(key);
}
