//! Gathers keys that are to be put in their order, in heaps of keys that lie near each other.
//!
//! To put one key after the other into an order of millions is to wait for memory at every step
//! down to its place. Here a key is only added to its heap. There are hundreds of times fewer of
//! those than keys, so finding one takes no memory that is not in the caches; and the keys of a
//! heap go into the order together ([`Sorted::merge`](super::sorted::Sorted::merge)), one next to
//! the other.

#[cfg(test)]
mod tests;

use super::sorted::{append, keys_of, part_of};
use std::collections::BTreeMap;

/// How many keys a heap has before it is cut in two. To sort so many is a matter of 20 us.
pub(super) const HEAP_KEYS_MAX: usize = 384;

/// The keys, some of them perhaps several times. A key is at most 65535 bytes long.
#[derive(Debug, Default)]
pub(super) struct Pile {
    /// Each by the least key that it may have, which need not be there.
    heaps: BTreeMap<Box<[u8]>, Heap>,
}

/// Some keys, in no order.
#[derive(Debug)]
pub(super) struct Heap {
    bytes: Vec<u8>,
    keys: usize,
}

impl Pile {
    /// Adds a key.
    pub(super) fn add(&mut self, key: &[u8]) {
        let Some(heap) = self.heap_of(key) else {
            self.heaps.insert(Box::default(), Heap::of(&[key]));
            return;
        };
        append(&mut heap.bytes, key);
        heap.keys += 1;
        if heap.keys > HEAP_KEYS_MAX
            && let Some((least, behind)) = heap.split()
        {
            self.heaps.insert(least, behind);
        }
    }

    /// Takes a key out, as often as it is there.
    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(heap) = self.heap_of(key)
            && keys_of(&heap.bytes).any(|other| other == key)
        {
            let left = keys_of(&heap.bytes).filter(|other| *other != key);
            let left: Vec<_> = left.collect();
            *heap = Heap::of(&left);
        }
    }

    /// Takes out the heap of the least keys.
    pub(super) fn pop(&mut self) -> Option<Heap> {
        let (_, heap) = self.heaps.pop_first()?;
        Some(heap)
    }

    /// Whether nothing was added, or all of it was popped.
    pub(super) fn is_empty(&self) -> bool {
        self.heaps.is_empty()
    }

    /// How many keys there are, as often as they were added.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heaps.values().map(|heap| heap.keys).sum()
    }

    fn heap_of(&mut self, key: &[u8]) -> Option<&mut Heap> {
        part_of(&mut self.heaps, key)
    }
}

impl Heap {
    fn of(keys: &[&[u8]]) -> Heap {
        let mut bytes = Vec::new();
        keys.iter().for_each(|key| append(&mut bytes, key));
        Heap {
            bytes,
            keys: keys.len(),
        }
    }

    /// Its keys in their order, each once.
    pub(super) fn sorted(&self) -> Vec<&[u8]> {
        let mut keys = Vec::with_capacity(self.keys);
        keys.extend(keys_of(&self.bytes));
        // Of a heap that was cut out of another the first keys are in order, and this sort uses it.
        keys.sort();
        keys.dedup();
        keys
    }

    /// Keeps the lesser half of the keys, and returns the least of the others with them; nothing
    /// if those that it had several times were too many.
    fn split(&mut self) -> Option<(Box<[u8]>, Heap)> {
        let keys = self.sorted();
        if keys.len() <= HEAP_KEYS_MAX / 2 {
            *self = Heap::of(&keys);
            return None;
        }
        let (kept, behind) = keys.split_at(keys.len() / 2);
        let (kept, behind) = (Heap::of(kept), (behind[0].into(), Heap::of(behind)));
        *self = kept;
        Some(behind)
    }
}
