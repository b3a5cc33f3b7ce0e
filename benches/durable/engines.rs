//! The engines behind one interface: append a batch, sync.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use kvmsg::journal::{Batch, Directory, How, Journal, Load, Origin, Upkeep, Values, recover};
use kvmsg::protocol::notice::{Change, Held, Op};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// Something that keeps changes.
pub(crate) trait Engine {
    /// Appends a batch, so that it survives the process: revision, key and value of each put.
    fn append(&mut self, puts: impl Iterator<Item = (u64, String, [u8; 16])>);
    /// Makes what was appended survive a loss of power.
    fn sync(&mut self);
}

/// The journal, with its threads.
pub(crate) struct JournalEngine {
    journal: Journal<Directory>,
    batch: Batch,
    upkeep: Upkeep<Directory>,
}

struct Nothing;

impl Load for Nothing {
    fn series(&mut self, _: u64, _: u64) {}
    fn held(&mut self, _: &[u8], _: Values<'_>, _: bool) {}
    fn change(&mut self, _: &Change<'_>, _: How) -> bool {
        true
    }
    fn progress(&mut self, _: u64, _: u64) {}
}

/// Keys and their values, loaded.
#[derive(Default)]
struct Keys(HashMap<Box<[u8]>, Vec<Box<[u8]>>>);

impl Load for Keys {
    fn series(&mut self, _: u64, _: u64) {}
    fn held(&mut self, key: &[u8], values: Values<'_>, _: bool) {
        let held = self.0.entry(key.into()).or_default();
        held.extend(values.map(Box::from));
    }
    fn change(&mut self, change: &Change<'_>, _: How) -> bool {
        let held = self.0.entry(change.key[..].into()).or_default();
        held.extend(change.values().map(|value| Box::from(value.bytes())));
        true
    }
    fn progress(&mut self, _: u64, _: u64) {}
}

/// Reads a folder of puts; how many keys there are.
pub(crate) fn read_back(folder: &Path) -> usize {
    let folder = Directory::open(folder).expect("a folder");
    let mut keys = Keys::default();
    recover(&folder, &mut keys).expect("it is whole");
    keys.0.len()
}

impl JournalEngine {
    pub(crate) fn open(folder: &Path, syncs: bool) -> JournalEngine {
        let folder = Directory::open(folder).expect("a folder");
        let recovered = recover(&folder, &mut Nothing).expect("nothing");
        let origin = Origin {
            epoch: 1,
            always: syncs,
            segment_bytes: 4 << 20,
        };
        let journal = Journal::begin(folder, &recovered, origin).expect("a journal");
        let interval = (!syncs).then_some(Duration::from_secs(1));
        let upkeep = Upkeep::start(journal.shared(), interval, |_| {}).expect("a thread");
        JournalEngine {
            journal,
            batch: Batch::new(),
            upkeep,
        }
    }

    /// Lets go of the folder.
    pub(crate) fn stop(self) {
        self.upkeep.stop();
    }
}

impl Engine for JournalEngine {
    fn append(&mut self, puts: impl Iterator<Item = (u64, String, [u8; 16])>) {
        for (revision, key, value) in puts {
            self.batch.push(&Change {
                revision,
                op: Op::Put,
                key: key.as_bytes().into(),
                old: None,
                new: Some(Held::from(&value[..])),
            });
        }
        self.journal.append(&mut self.batch).expect("it is written");
        self.batch.clear(1 << 20);
    }

    fn sync(&mut self) {
        self.journal.shared().sync().expect("it is synced");
    }
}

/// fjall: a value lies under its key and its revision, so that those of a key keep their order.
pub(crate) struct FjallEngine {
    database: Database,
    keys: Keyspace,
    history: Option<Keyspace>,
    _syncer: std::sync::mpsc::Sender<()>,
}

impl FjallEngine {
    pub(crate) fn open(folder: &Path, with_history: bool) -> FjallEngine {
        let database = Database::builder(folder).open().expect("a database");
        let keyspace = |name| {
            let made = database.keyspace(name, KeyspaceCreateOptions::default);
            made.expect("a keyspace")
        };
        let keys = keyspace("keys");
        let history = with_history.then(|| keyspace("history"));
        let (stop, stopped) = std::sync::mpsc::channel();
        let synced = database.clone();
        std::thread::spawn(move || {
            let second = Duration::from_secs(1);
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(second)
            {
                synced.persist(PersistMode::SyncData).expect("it is synced");
            }
        });
        FjallEngine {
            database,
            keys,
            history,
            _syncer: stop,
        }
    }
}

impl Engine for FjallEngine {
    fn append(&mut self, puts: impl Iterator<Item = (u64, String, [u8; 16])>) {
        let mut batch = self.database.batch();
        for (revision, key, value) in puts {
            let revision = revision.to_be_bytes();
            batch.insert(&self.keys, [key.as_bytes(), &revision].concat(), value);
            if let Some(history) = &self.history {
                let change = [key.as_bytes(), &value].concat();
                batch.insert(history, revision, change);
            }
        }
        batch.commit().expect("it is written");
    }

    fn sync(&mut self) {
        let synced = self.database.persist(PersistMode::SyncData);
        synced.expect("it is synced");
    }
}
