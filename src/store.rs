//! Keeps the keys and their values, and counts its changes: a request in, a change out.
//!
//! Every change raises the revision by one; what changes nothing does not. The store knows no
//! clients and tells nobody: whoever calls it gets the [`Change`] to hand on.

use crate::list::{List, Value};
use crate::protocol::notice::{Change, What};
use ahash::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use std::fmt;
use std::rc::Rc;

/// What a value is counted with in `store_bytes_max`, beside its length.
const VALUE_OVERHEAD_BYTES: usize = 64;

/// How many chunks of a removed list [`Store::tidy`] frees at a time: some 2000 values.
const TIDY_CHUNKS: usize = 8;

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
        }
    }
}

/// What came of an UPDATE that found its value.
#[derive(Debug)]
pub enum Updated {
    /// The value was replaced.
    Changed(Change),
    /// Old and new are equal: nothing changed.
    Same,
}

/// stub
#[derive(Debug)]
pub struct Page<'a> {
    /// stub
    pub keys: Vec<(&'a Value, &'a List)>,
    /// stub
    pub more: bool,
}

/// The keys and their values. The hash is keyed at random, for strangers choose the keys.
#[derive(Debug)]
pub struct Store {
    keys: HashMap<Value, List, RandomState>,
    limits: Limits,
    epoch: u64,
    revision: u64,
    values: usize,
    bytes: usize,
    /// Long lists that were removed, on their way to being freed.
    removed: Vec<Vec<Rc<Vec<Value>>>>,
}

impl Store {
    /// An empty store at revision 0 of the series `epoch`.
    pub fn new(limits: Limits, epoch: u64) -> Store {
        Store {
            keys: HashMap::with_hasher(RandomState::new()),
            limits,
            epoch,
            revision: 0,
            values: 0,
            bytes: 0,
            removed: Vec::new(),
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
    pub fn get(&self, key: &[u8]) -> Option<&List> {
        self.keys.get(key)
    }

    /// Appends a value; makes the key if it does not exist.
    ///
    /// # Errors
    ///
    /// Refuses what goes beyond a limit, and changes nothing then.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<Change, Full> {
        let added = value.len() + VALUE_OVERHEAD_BYTES;
        let (limits, bytes) = (self.limits, self.bytes);
        let (key, value, cost) = match self.keys.entry_ref(key) {
            EntryRef::Occupied(mut held) => {
                limits.check(held.get().bytes() + value.len(), bytes + added)?;
                let value = Value::from(value);
                held.get_mut().push(value.clone());
                (held.key().clone(), value, added)
            }
            EntryRef::Vacant(free) => {
                limits.check(value.len(), bytes + added + key.len())?;
                let value = Value::from(value);
                let key = Value::from(key);
                free.insert_with_key(key.clone(), List::One(value.clone()));
                let cost = added + key.len();
                (key, value, cost)
            }
        };
        self.values += 1;
        self.bytes += cost;
        Ok(self.changed(key, What::Put(value)))
    }

    /// Replaces the first value equal to `old`, in its place; nothing if there is none.
    ///
    /// # Errors
    ///
    /// Refuses what goes beyond a limit, and changes nothing then.
    pub fn update(&mut self, key: &[u8], old: &[u8], new: &[u8]) -> Result<Option<Updated>, Full> {
        let Some((key, list)) = self.keys.get_key_value_mut(key) else {
            return Ok(None);
        };
        let Some(place) = list.find(old) else {
            return Ok(None);
        };
        if old == new {
            return Ok(Some(Updated::Same));
        }
        let bytes = self.bytes - old.len() + new.len();
        self.limits
            .check(list.bytes() - old.len() + new.len(), bytes)?;
        let (key, new) = (key.clone(), Value::from(new));
        let old = list.replace(place, new.clone());
        self.bytes = bytes;
        Ok(Some(Updated::Changed(
            self.changed(key, What::Update { old, new }),
        )))
    }

    /// Removes the first value equal to `value`, and the key with its last; nothing if there is
    /// none.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) -> Option<Change> {
        let EntryRef::Occupied(mut held) = self.keys.entry_ref(key) else {
            return None;
        };
        let place = held.get().find(value)?;
        let key = held.key().clone();
        let last = held.get().len() == 1;
        let value = held.get_mut().remove(place);
        if last {
            held.remove();
            self.bytes -= key.len();
        }
        self.values -= 1;
        self.bytes -= value.len() + VALUE_OVERHEAD_BYTES;
        Some(self.changed(key, What::Remove(value)))
    }

    /// Removes a key and all its values; nothing if there is no such key.
    pub fn delete(&mut self, key: &[u8]) -> Option<Change> {
        let (key, list) = self.keys.remove_entry(key)?;
        self.values -= list.len();
        self.bytes -= key.len() + list.bytes() + list.len() * VALUE_OVERHEAD_BYTES;
        if list.len() > 1 {
            self.removed.push(list.into_chunks());
        }
        Some(self.changed(key, What::Delete))
    }

    /// stub
    pub fn is_listable(&mut self) -> bool {
        true
    }

    /// stub
    pub fn page(&self, prefix: &[u8], after: &[u8], count: usize, bytes_max: usize) -> Page<'_> {
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && key[..] > *after)
            .collect();
        keys.sort_by(|one, other| one.0.cmp(other.0));
        let mut bytes = 0;
        let all = keys.len();
        let fit = keys.iter().take(count).take_while(|(key, list)| {
            let first = bytes == 0;
            bytes += key.len() + list.bulk_bytes() + 20;
            first || bytes <= bytes_max
        });
        let n = fit.count();
        keys.truncate(n);
        Page {
            more: n < all,
            keys,
        }
    }

    /// Whether [`Store::tidy`] has something to do.
    pub fn is_untidy(&self) -> bool {
        !self.removed.is_empty()
    }

    /// Frees a part of what was removed: to free a long list at once would take long.
    pub fn tidy(&mut self) {
        if let Some(chunks) = self.removed.last_mut() {
            chunks.truncate(chunks.len().saturating_sub(TIDY_CHUNKS));
            if chunks.is_empty() {
                self.removed.pop();
            }
        }
    }

    fn changed(&mut self, key: Value, what: What) -> Change {
        self.revision += 1;
        Change {
            revision: self.revision,
            key,
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Limits = Limits {
        values_bytes_max: 1 << 20,
        store_bytes_max: 0,
    };

    fn values(store: &Store, key: &str) -> Vec<String> {
        let text = |value: &Value| String::from_utf8_lossy(value).into_owned();
        store
            .get(key.as_bytes())
            .map(|list| list.iter().map(text).collect())
            .unwrap_or_default()
    }

    #[test]
    fn only_what_changes_something_raises_the_revision() {
        let mut store = Store::new(ROOMY, 1);
        assert_eq!(store.put(b"k", b"a").unwrap().revision, 1);
        assert_eq!(store.put(b"k", b"a").unwrap().revision, 2);
        assert!(store.update(b"k", b"x", b"y").unwrap().is_none());
        assert!(store.update(b"no", b"x", b"y").unwrap().is_none());
        assert!(matches!(
            store.update(b"k", b"a", b"a"),
            Ok(Some(Updated::Same))
        ));
        assert!(store.remove(b"k", b"x").is_none());
        assert!(store.delete(b"no").is_none());
        assert_eq!(store.revision(), 2);
        let Ok(Some(Updated::Changed(change))) = store.update(b"k", b"a", b"b") else {
            panic!()
        };
        assert_eq!(change.revision, 3);
        assert_eq!(values(&store, "k"), ["b", "a"]);
    }

    #[test]
    fn the_last_value_takes_its_key_along_and_every_byte_is_given_back() {
        let mut store = Store::new(ROOMY, 1);
        store.put(b"key", b"a").unwrap();
        store.put(b"key", b"bb").unwrap();
        assert_eq!(
            (store.keys(), store.values(), store.bytes()),
            (1, 2, 3 + 1 + 2 + 2 * 64)
        );
        store.remove(b"key", b"a").unwrap();
        assert_eq!(store.bytes(), 3 + 2 + 64);
        store.remove(b"key", b"bb").unwrap();
        assert_eq!((store.keys(), store.values(), store.bytes()), (0, 0, 0));
        (0..9999).for_each(|n| drop(store.put(b"long", format!("{n}").as_bytes())));
        store.delete(b"long").unwrap();
        assert_eq!((store.keys(), store.values(), store.bytes()), (0, 0, 0));
        store.tidy();
        assert!(store.is_untidy(), "a long list is not freed at once");
        while store.is_untidy() {
            store.tidy();
        }
    }

    #[test]
    fn a_limit_holds_to_the_byte_and_what_is_beyond_changes_nothing() {
        let limits = Limits {
            values_bytes_max: 10,
            store_bytes_max: 300,
        };
        let mut store = Store::new(limits, 1);
        store.put(b"k", b"12345").unwrap();
        assert_eq!(store.put(b"k", b"123456").unwrap_err(), Full::Key(10));
        store.put(b"k", b"54321").unwrap();
        assert_eq!(
            store.update(b"k", b"12345", b"123456").unwrap_err(),
            Full::Key(10)
        );
        assert_eq!(store.bytes(), 1 + 10 + 2 * 64);
        let key = vec![b'x'; 300 - store.bytes() - 64];
        assert_eq!(
            store.put(&[&key[..], b"x"].concat(), b"").unwrap_err(),
            Full::Store(300)
        );
        store.put(&key, b"").unwrap();
        assert_eq!(store.bytes(), 300);
        assert_eq!(store.update(&key, b"", b"1").unwrap_err(), Full::Store(300));
        assert_eq!((store.revision(), values(&store, "k").len()), (3, 2));
    }
}
