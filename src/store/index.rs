//! Keeps the keys in their order, from the time that somebody asks for it.
//!
//! Until then, and once nobody has asked for long, a new key costs nothing here. Somebody who asks
//! waits while the order is made, in slices, from all keys. From then on a new key is only noted,
//! and the next to ask waits, in slices, until what was noted has been put in its place. A key that
//! goes is taken out at once, so that what is in order is always in the store.
//!
//! Keys come in no order, from the walk and from the notes. They are gathered before they are put
//! in their places, so that those whose places are near each other are put there together.

#[cfg(test)]
mod tests;

use super::keys::{Cursor, Keys, Step};
use super::pile::Pile;
use super::sorted::Sorted;
use std::mem;

/// How much one slice of preparation does, in buckets looked at: some 400 keys, or 100 us where
/// there are millions.
pub(super) const SLICE: usize = 2048;

/// What gathering a key costs, or putting it in its place, in buckets looked at.
const KEY_COST: usize = 4;

/// How many leaves of an order a slice of tidying frees: some forty keys each.
const FREED_A_SLICE: usize = 64;

/// How many new keys may be noted however few keys there are. Beyond that, and beyond the number
/// of all keys, the order is given up: to make it anew costs no more than to put those in place.
const NOTED_MIN: usize = 65536;

/// How many new keys are put in their place at once after somebody was told to wait, so that the
/// wait ends however fast keys are made. Whoever still waits renews it.
const PLACED_AT_ONCE: usize = 4096;

/// How many notes are kept together, so that none is moved when there are many.
const NOTES_A_BLOCK: usize = 8192;

/// The order of the keys, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Index {
    order: Option<Order>,
    /// An order that was given up, on its way to being freed.
    given_up: Placed,
}

/// Keys of the store, no others.
#[derive(Debug, Default)]
struct Placed {
    sorted: Sorted,
    /// Those that go into the order next; some may be there.
    pile: Pile,
}

/// An order that is being made or kept.
#[derive(Debug, Default)]
struct Order {
    placed: Placed,
    /// How far the keys were gone through that were there at the beginning.
    walk: Cursor,
    walked: bool,
    /// The keys that were made since, unless they are placed.
    notes: Notes,
    /// How many new keys are yet to be placed at once.
    urgent: usize,
}

/// The hashes of new keys, in blocks: eight bytes a key, and none holds a key that has gone.
#[derive(Debug, Default)]
struct Notes {
    full: Vec<Vec<u64>>,
    last: Vec<u64>,
}

impl Index {
    /// Hears of a new key, one of now `len`.
    pub(super) fn created(&mut self, hash: u64, key: &[u8], len: usize) {
        let Some(order) = &mut self.order else {
            return;
        };
        if order.urgent > 0 {
            order.urgent -= 1;
            order.placed.sorted.insert(key);
        } else {
            order.notes.push(hash);
        }
        if order.notes.len() > len.max(NOTED_MIN) {
            self.give_up();
        }
    }

    /// Forgets the order; its keys are yet to be freed, in slices.
    fn give_up(&mut self) {
        if let Some(order) = self.order.take() {
            self.given_up = order.placed;
        }
    }

    /// Hears of a key that has gone.
    pub(super) fn removed(&mut self, key: &[u8]) {
        if let Some(order) = &mut self.order {
            order.placed.remove(key);
        }
    }

    /// Goes further towards the order of all keys, for at most `work` buckets or what costs as
    /// much; true when it is there.
    pub(super) fn prepare(&mut self, keys: &Keys, work: usize) -> bool {
        if self.is_untidy() {
            self.tidy();
            return false;
        }
        let order = self.order.get_or_insert_default();
        let done = order.go_on(keys, work);
        order.urgent = if done { 0 } else { PLACED_AT_ONCE };
        done
    }

    /// The keys behind `after` that start with `prefix`, in their order. What is still missing of
    /// that is made up for at once, which takes long unless [`Index::prepare`] has been true.
    pub(super) fn range<'a>(
        &'a mut self,
        keys: &Keys,
        prefix: &'a [u8],
        after: &'a [u8],
    ) -> impl Iterator<Item = &'a [u8]> {
        let order = self.order.get_or_insert_default();
        order.go_on(keys, usize::MAX);
        let keys = order.placed.sorted.from(prefix.max(after));
        let keys = keys.skip_while(move |key| *key == after);
        keys.take_while(move |key| key.starts_with(prefix))
    }

    /// Whether [`Index::tidy`] has something to do.
    pub(super) fn is_untidy(&self) -> bool {
        !self.given_up.is_empty()
    }

    /// Frees a part of what was given up.
    pub(super) fn tidy(&mut self) {
        for _ in 0..FREED_A_SLICE {
            if !self.given_up.sorted.pop_leaf() && self.given_up.pile.pop().is_none() {
                break;
            }
        }
    }
}

impl Order {
    /// Goes on for at most `work` buckets, or what costs as much; true when nothing is missing.
    fn go_on(&mut self, keys: &Keys, mut work: usize) -> bool {
        while !self.walked {
            if work == 0 {
                return false;
            }
            work -= 1;
            match keys.step(&mut self.walk) {
                Step::Key(record) => {
                    work = work.saturating_sub(KEY_COST);
                    self.placed.pile.add(record.key());
                }
                Step::Nothing => {}
                Step::End => self.walked = true,
            }
        }
        while work > 0 {
            if let Some(hash) = self.notes.pop() {
                work = work.saturating_sub(KEY_COST);
                for key in keys.of_hash(hash) {
                    self.placed.pile.add(key);
                }
            } else if let Some(heap) = self.placed.pile.pop() {
                let keys = heap.sorted();
                work = work.saturating_sub(keys.len() * KEY_COST);
                self.placed.sorted.merge(&keys);
            } else {
                return true;
            }
        }
        self.notes.len() == 0 && self.placed.pile.is_empty()
    }
}

impl Placed {
    /// Takes a key out, if it is there.
    fn remove(&mut self, key: &[u8]) {
        self.sorted.remove(key);
        self.pile.remove(key);
    }

    fn is_empty(&self) -> bool {
        self.sorted.is_empty() && self.pile.is_empty()
    }
}

impl Notes {
    fn len(&self) -> usize {
        self.full.len() * NOTES_A_BLOCK + self.last.len()
    }

    fn push(&mut self, hash: u64) {
        if self.last.len() == NOTES_A_BLOCK {
            self.full.push(mem::take(&mut self.last));
        }
        self.last.push(hash);
    }

    fn pop(&mut self) -> Option<u64> {
        if self.last.is_empty() {
            self.last = self.full.pop().unwrap_or_default();
        }
        self.last.pop()
    }
}
