//! Keeps the keys in a thousand small hash tables, each of which grows by itself.
//!
//! One table of a million keys that grows moves all of them at once, and everybody waits. A small
//! one moves a thousandth of that.

use super::record::Record;
use ahash::RandomState;
use hashbrown::HashTable;
use std::hint::black_box;

/// How many tables there are, a power of two.
const TABLES: usize = 1024;

/// Where in a hash the number of the table stands: hashbrown takes the place within a table from
/// the lowest bits, and what it compares first from the highest seven.
const TABLE_SHIFT: u32 = 40;

/// How many keys are fetched together.
pub const WARM_MAX: usize = 32;

/// How few keys are in the processor's caches anyway.
const WARMED_MIN: usize = 4096;

/// A table that has never had more buckets than this is not made smaller.
const BUCKETS_KEPT: usize = 64;

/// How many buckets a key has when its table is made smaller.
const BUCKETS_A_KEY_MAX: usize = 16;

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
    records: HashTable<Record>,
    /// How often the records may have moved to other buckets.
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
    /// A key and its values.
    Key(&'a Record),
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

    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<&Record> {
        let table = &self.tables[self.table(hash)];
        table.records.find(hash, |held| held.key() == key)
    }

    pub(super) fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Record> {
        let table = self.table(hash);
        let table = &mut self.tables[table];
        table.records.find_mut(hash, |held| held.key() == key)
    }

    /// Fetches from memory what it takes to find these keys, up to [`WARM_MAX`].
    ///
    /// To find one is to wait for memory three times, for each place says where the next is. Here
    /// the first places of all keys are read, then the second, then the third; none depends on
    /// another of its kind, so the processor fetches many at once.
    pub(super) fn warm<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) {
        if self.len < WARMED_MIN {
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
        let looks: [fn(&Record); 3] = [
            |_| {},
            |record| _ = black_box(record.is_packed()),
            |record| _ = black_box(record.key().len()),
        ];
        for look in looks {
            for hash in &hashes[..count] {
                let table = &self.tables[self.table(*hash)];
                let found = table.records.find(*hash, |record| {
                    look(record);
                    false
                });
                black_box(found.is_some());
            }
        }
    }

    /// Takes in a key that is not there.
    pub(super) fn insert(&mut self, hash: u64, record: Record) {
        let table = self.table(hash);
        let table = &mut self.tables[table];
        if table.records.len() == table.records.capacity() {
            table.moves += 1;
        }
        let hasher = |record: &Record| self.hasher.hash_one(record.key());
        table.records.insert_unique(hash, record, hasher);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Record> {
        let table = self.table(hash);
        let table = &mut self.tables[table];
        let found = table.records.find_entry(hash, |held| held.key() == key);
        let (record, _) = found.ok()?.remove();
        self.len -= 1;
        let (len, buckets) = (table.records.len(), table.records.num_buckets());
        if buckets > BUCKETS_KEPT && len * BUCKETS_A_KEY_MAX < buckets {
            table.moves += 1;
            let hasher = |record: &Record| self.hasher.hash_one(record.key());
            table.records.shrink_to(len * 2, hasher);
        }
        Some(record)
    }

    /// The keys of this hash: one, or by a very rare chance several; none if it was removed.
    pub(super) fn of_hash(&self, hash: u64) -> impl Iterator<Item = &[u8]> {
        let table = &self.tables[self.table(hash)];
        let keys = table.records.iter_hash(hash).map(Record::key);
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
        if at.bucket == table.records.num_buckets() {
            let next = self.tables.get(at.table + 1);
            *at = Cursor {
                table: at.table + 1,
                bucket: 0,
                moves: next.map_or(0, |table| table.moves),
            };
            return Step::Nothing;
        }
        at.bucket += 1;
        match table.records.get_bucket(at.bucket - 1) {
            Some(record) => Step::Key(record),
            None => Step::Nothing,
        }
    }

    fn table(&self, hash: u64) -> usize {
        (hash >> TABLE_SHIFT) as usize & (self.tables.len() - 1)
    }

    /// How many keys the largest table holds.
    #[cfg(test)]
    pub(super) fn largest_table(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.records.len());
        tables.max().unwrap_or(0)
    }

    /// What the tables take, in bytes.
    #[cfg(test)]
    pub(super) fn tables_bytes(&self) -> usize {
        let tables = self.tables.iter();
        tables.map(|table| table.records.allocation_size()).sum()
    }
}
