//! Keeps the keys in a thousand small hash tables, each of which grows by itself.
//!
//! One table of a million keys that grows moves all of them at once, and everybody waits. A small
//! one moves a thousandth of that.

use crate::list::{List, Value};
use ahash::RandomState;
use hashbrown::HashTable;

/// How many tables there are, a power of two.
const TABLES: usize = 1024;

/// Where in a hash the number of the table stands: hashbrown takes the place within a table from
/// the lowest bits, and what it compares first from the highest seven.
const TABLE_SHIFT: u32 = 40;

/// A table that has never had more buckets than this is not made smaller.
const BUCKETS_KEPT: usize = 64;

/// How many buckets a key has when its table is made smaller.
const BUCKETS_A_KEY_MAX: usize = 16;

/// A key and its values.
pub(super) type Entry = (Value, List);

/// The keys and their values. The hash is keyed at random, for strangers choose the keys.
///
/// Whoever names a key brings its [`Keys::hash`], so that it is computed once a request.
#[derive(Debug)]
pub(super) struct Keys {
    tables: Box<[Table]>,
    hasher: RandomState,
    len: usize,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashTable<Entry>,
    /// How often the entries may have moved to other buckets.
    moves: u64,
}

/// A place in the walk through all keys; it holds while keys come and go.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    table: usize,
    bucket: usize,
    moves: u64,
}

/// What a walk finds in its next step.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A key.
    Key(&'a Value),
    /// An empty bucket.
    Nothing,
    /// All keys were found.
    End,
}

impl Keys {
    pub(super) fn new() -> Keys {
        Keys::in_tables(TABLES)
    }

    /// Keys in another number of tables, a power of two.
    pub(super) fn in_tables(tables: usize) -> Keys {
        Keys {
            tables: (0..tables).map(|_| Table::default()).collect(),
            hasher: RandomState::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        let table = &self.tables[self.table(hash)];
        table.entries.find(hash, |(held, _)| **held == *key)
    }

    pub(super) fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        let table = self.table(hash);
        let table = &mut self.tables[table];
        table.entries.find_mut(hash, |(held, _)| **held == *key)
    }

    /// Takes in a key that is not there.
    pub(super) fn insert(&mut self, hash: u64, key: Value, list: List) {
        let table = self.table(hash);
        let table = &mut self.tables[table];
        if table.entries.len() == table.entries.capacity() {
            table.moves += 1;
        }
        let hasher = |(key, _): &Entry| self.hasher.hash_one(&**key);
        table.entries.insert_unique(hash, (key, list), hasher);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let table = self.table(hash);
        let table = &mut self.tables[table];
        let found = table.entries.find_entry(hash, |(held, _)| **held == *key);
        let (entry, _) = found.ok()?.remove();
        self.len -= 1;
        let (len, buckets) = (table.entries.len(), table.entries.num_buckets());
        if buckets > BUCKETS_KEPT && len * BUCKETS_A_KEY_MAX < buckets {
            table.moves += 1;
            let hasher = |(key, _): &Entry| self.hasher.hash_one(&**key);
            table.entries.shrink_to(len * 2, hasher);
        }
        Some(entry)
    }

    /// The keys of this hash: one, or by a very rare chance several; none if it was removed.
    pub(super) fn of_hash(&self, hash: u64) -> impl Iterator<Item = &Value> {
        let table = &self.tables[self.table(hash)];
        let keys = table.entries.iter_hash(hash).map(|(key, _)| key);
        keys.filter(move |key| self.hash(key) == hash)
    }

    /// Goes one bucket on. Every key that is there from the first step to the last is found, and
    /// some twice: where a table's keys have moved meanwhile, it is looked through again.
    pub(super) fn step(&self, at: &mut Cursor) -> Step<'_> {
        let Some(table) = self.tables.get(at.table) else {
            return Step::End;
        };
        if at.moves != table.moves {
            (at.moves, at.bucket) = (table.moves, 0);
        }
        if at.bucket == table.entries.num_buckets() {
            let next = self.tables.get(at.table + 1);
            *at = Cursor {
                table: at.table + 1,
                bucket: 0,
                moves: next.map_or(0, |table| table.moves),
            };
            return Step::Nothing;
        }
        at.bucket += 1;
        match table.entries.get_bucket(at.bucket - 1) {
            Some((key, _)) => Step::Key(key),
            None => Step::Nothing,
        }
    }

    fn table(&self, hash: u64) -> usize {
        (hash >> TABLE_SHIFT) as usize & (self.tables.len() - 1)
    }

    /// How many keys the largest table holds.
    #[cfg(test)]
    pub(super) fn largest_table(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.entries.len());
        tables.max().unwrap_or(0)
    }

    /// What the tables take, in bytes.
    #[cfg(test)]
    pub(super) fn tables_bytes(&self) -> usize {
        let tables = self.tables.iter();
        tables.map(|table| table.entries.allocation_size()).sum()
    }
}
