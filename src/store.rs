//! Keeps the keys and their values, and counts its changes: a request in, a change out.
//!
//! Every change raises the revision by one; what changes nothing does not. The store knows no
//! clients and tells nobody: whoever calls it gets the [`Change`] to hand on.

mod slots;
mod records;
mod table;
mod keys;
mod sorted;
mod pile;
mod index;
mod load;
#[cfg(test)]
mod tests;

use crate::list::{List, Rubbish, bulk_len};
use crate::protocol::notice::{Change, Held, Op};
use index::Index;
use keys::Keys;
pub use keys::{KEYS_MAX, WARM_MAX};
pub use load::Walk;
use records::Record;
use std::fmt;

/// What a value is counted with in `store_bytes_max`, beside its length.
pub const VALUE_OVERHEAD_BYTES: usize = 64;

/// What a key takes in a page beside its own bulk string and those of its values: the heads of
/// two arrays.
const ENTRY_HEADS_BYTES: usize = 16;

/// The limits of a store.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most that the values of one key may hold together, in bytes.
    pub values_bytes_max: usize,
    /// The most that the store may hold: each key's length, and each value's length plus 64.
    /// 0: no limit.
    pub store_bytes_max: usize,
}

impl Limits {
    fn check(&self, values_bytes: usize, store_bytes: usize) -> Result<(), Full> {
        if values_bytes > self.values_bytes_max {
            return Err(Full::Key(self.values_bytes_max));
        }
        if self.store_bytes_max != 0 && store_bytes > self.store_bytes_max {
            return Err(Full::Store(self.store_bytes_max));
        }
        Ok(())
    }
}

/// Which limit a change would have gone beyond. It was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The values of the key would hold more than this many bytes.
    Key(usize),
    /// The store would hold more than this many bytes.
    Store(usize),
    /// The store would hold more than this many keys.
    Keys(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Full::Key(max) => {
                write!(
                    f,
                    "the values of this key would exceed values_bytes_max ({max} bytes)"
                )
            }
            Full::Store(max) => write!(f, "the store would exceed store_bytes_max ({max} bytes)"),
            Full::Keys(max) => write!(f, "the store would exceed {max} keys"),
        }
    }
}

/// What came of an UPDATE that found its value.
#[derive(Debug)]
pub enum Updated<'a> {
    /// The value was replaced.
    Changed(Change<'a>),
    /// Old and new are equal: nothing changed.
    Same,
}

/// A part of the keys in their order, as they are at one moment.
#[derive(Debug)]
pub struct Page<'a> {
    /// The keys, each with its values.
    pub keys: Vec<(&'a [u8], List<'a>)>,
    /// Whether keys with the prefix stand behind the last of these.
    pub more: bool,
}

/// The keys and their values.
#[derive(Debug)]
pub struct Store {
    keys: Keys,
    index: Index,
    limits: Limits,
    epoch: u64,
    revision: u64,
    values: usize,
    bytes: usize,
    removed: Rubbish,
    /// [`KEYS_MAX`], but for a test.
    keys_max: usize,
}

impl Store {
    /// An empty store at revision 0 of the series `epoch`.
    pub fn new(limits: Limits, epoch: u64) -> Store {
        Store {
            keys: Keys::new(),
            index: Index::default(),
            limits,
            epoch,
            revision: 0,
            values: 0,
            bytes: 0,
            removed: Rubbish::default(),
            keys_max: KEYS_MAX,
        }
    }

    /// The series that the revisions belong to.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many changes there have been.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The number of keys.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The number of values of all keys.
    pub fn values(&self) -> usize {
        self.values
    }

    /// What the store holds, as `store_bytes_max` counts it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All values of a key, if it exists.
    pub fn get(&self, key: &[u8]) -> Option<List<'_>> {
        self.keys.get(self.keys.hash(key), key).map(Record::list)
    }

    /// Fetches from memory what requests will need that are about to come: of these keys the first
    /// [`WARM_MAX`]. Changes nothing that can be seen, but how long they take.
    pub fn warm<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) {
        self.keys.warm(keys);
    }

    /// Prepares the keys' order a little further, for some 200 us at most; true when a page of
    /// them can be had. Until then whoever wants one asks again, in another turn.
    pub fn is_listable(&mut self) -> bool {
        self.index.prepare(&self.keys, index::SLICE)
    }

    /// The keys that start with `prefix` and stand behind `after`, in byte order: up to `count`,
    /// and up to `bytes_max` bytes of them and their values in RESP, but at least one if there is
    /// one. Takes long unless [`Store::is_listable`] has been true in the same turn.
    pub fn page(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        count: usize,
        bytes_max: usize,
    ) -> Page<'_> {
        let mut page = Page {
            keys: Vec::new(),
            more: false,
        };
        let mut bytes = 0;
        let mut range = self.index.range(&self.keys, prefix, after).peekable();
        while range.peek().is_some() {
            let ahead: Vec<_> = range.by_ref().take(WARM_MAX).collect();
            self.keys.warm(ahead.iter().copied());
            for key in &ahead {
                let Some(record) = self.keys.get(self.keys.hash(key), key) else {
                    debug_assert!(false, "a key that is in order is in the store");
                    continue;
                };
                let (key, list) = (record.key(), record.list());
                bytes += bulk_len(key) + list.bulk_bytes() + ENTRY_HEADS_BYTES;
                let is_full = page.keys.len() >= count || bytes > bytes_max;
                if is_full && !page.keys.is_empty() {
                    page.more = true;
                    return page;
                }
                page.keys.push((key, list));
            }
        }
        page
    }

    /// Appends a value; makes the key if it does not exist.
    ///
    /// # Errors
    ///
    /// Refuses what goes beyond a limit, or what would be more than [`KEYS_MAX`] keys, and changes
    /// nothing then.
    pub fn put<'a>(&mut self, key: &'a [u8], value: &'a [u8]) -> Result<Change<'a>, Full> {
        let hash = self.keys.hash(key);
        let added = value.len() + VALUE_OVERHEAD_BYTES;
        let (limits, bytes) = (self.limits, self.bytes);
        let (told, cost) = match self.keys.entry(hash, key) {
            Some(entry) => {
                let enough = limits.values_bytes_max.saturating_sub(value.len());
                let held = entry.record().values_bytes(enough);
                limits.check(held + value.len(), bytes + added)?;
                (entry.push(value), added)
            }
            None => {
                limits.check(value.len(), bytes + added + key.len())?;
                if self.keys.len() >= self.keys_max {
                    return Err(Full::Keys(self.keys_max));
                }
                let told = self.keys.create(hash, key, value);
                self.index.created(hash, key, self.keys.len());
                (told, added + key.len())
            }
        };
        self.values += 1;
        self.bytes += cost;
        Ok(self.changed(Op::Put, key, None, Some(told)))
    }

    /// Replaces the first value equal to `old`, in its place; nothing if there is none.
    ///
    /// # Errors
    ///
    /// Refuses what goes beyond a limit, and changes nothing then.
    pub fn update<'a>(
        &mut self,
        key: &'a [u8],
        old: &'a [u8],
        new: &'a [u8],
    ) -> Result<Option<Updated<'a>>, Full> {
        let Some(entry) = self.keys.entry(self.keys.hash(key), key) else {
            return Ok(None);
        };
        let Some(spot) = entry.record().find(old) else {
            return Ok(None);
        };
        if old == new {
            return Ok(Some(Updated::Same));
        }
        let bytes = self.bytes - old.len() + new.len();
        let values_bytes = entry.record().list().bytes() - old.len() + new.len();
        self.limits.check(values_bytes, bytes)?;
        let (gone, come) = entry.replace(spot, old, new);
        self.bytes = bytes;
        let change = self.changed(Op::Update, key, Some(gone), Some(come));
        Ok(Some(Updated::Changed(change)))
    }

    /// Removes the first value equal to `value`, and the key with its last; nothing if there is
    /// none.
    pub fn remove<'a>(&mut self, key: &'a [u8], value: &'a [u8]) -> Option<Change<'a>> {
        let hash = self.keys.hash(key);
        let entry = self.keys.entry(hash, key)?;
        let spot = entry.record().find(value)?;
        let gone = if entry.record().list().len() > 1 {
            entry.remove(spot, value)
        } else {
            let gone = entry.record().only(value);
            entry.delete();
            self.index.removed(key);
            self.bytes -= key.len();
            gone
        };
        self.values -= 1;
        self.bytes -= value.len() + VALUE_OVERHEAD_BYTES;
        Some(self.changed(Op::Remove, key, Some(gone), None))
    }

    /// Removes a key and all its values; nothing if there is no such key.
    pub fn delete<'a>(&mut self, key: &'a [u8]) -> Option<Change<'a>> {
        let entry = self.keys.entry(self.keys.hash(key), key)?;
        let list = entry.record().list();
        self.values -= list.len();
        self.bytes -= key.len() + list.bytes() + list.len() * VALUE_OVERHEAD_BYTES;
        self.index.removed(key);
        if let Some(list) = entry.delete() {
            list.discard(&mut self.removed);
        }
        Some(self.changed(Op::Delete, key, None, None))
    }

    /// Whether [`Store::tidy`] has something to do.
    pub fn is_untidy(&self) -> bool {
        !self.removed.is_empty() || self.index.is_untidy()
    }

    /// Frees a part of what was removed or given up: to free much at once would take long.
    pub fn tidy(&mut self) {
        self.index.tidy();
        self.removed.tidy();
    }

    fn changed<'a>(
        &mut self,
        op: Op,
        key: &'a [u8],
        old: Option<Held<'a>>,
        new: Option<Held<'a>>,
    ) -> Change<'a> {
        self.revision += 1;
        Change {
            revision: self.revision,
            op,
            key: key.into(),
            old,
            new,
        }
    }
}
