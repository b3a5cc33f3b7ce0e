//! Knows which changes the disk has, and so what may be told.
//!
//! Changes are collected in a batch while they are made, and committed together. What tells of
//! them, and everything behind it for the same client, is held in the outbox until then. There are
//! two batches at most: the one that is open, and the one before it on its way to the disk.
//!
//! With [`SyncMode::Always`] a batch is written and synced on a thread of its own, and the next is
//! handed over after that, when [`Gathering`] says so: one sync serves all who wait. Otherwise it
//! is written here at the end of the turn, before any writer has run, and what was held is released
//! at once; but while something is being synced, when the filesystem may hold up who writes, or
//! when another file must be made, it goes to the thread.

use super::committer::{Disk, Word, tell};
use super::gathering::Gathering;
use super::snapshot::{Snapshots, Sources};
use crate::codec::OVERHEAD_BYTES_MAX;
use crate::config::SyncMode;
use crate::feed::ClientId;
use crate::journal::{Batch, Commits, Directory, Error, Journal, Room, Shared, Upkeep};
use crate::outbox::Outbox;
use crate::protocol::command::{Command, Request};
use crate::protocol::notice::Change;
use crate::store::Store;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much the open batch may take before whoever makes changes waits, in bytes; more if it is
/// one change alone.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// How much memory an empty batch keeps, in bytes.
const BATCH_BYTES_KEPT: usize = 256 << 10;

/// What the beginning and the end of a file take of the room for changes, and more.
const ROOM_RESERVED: u64 = 4096;

/// How long it takes until a batch for which there was no room is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How many places there are to note which keys have changed: two keys that share one wait for
/// each other's changes.
const PLACES: usize = 1 << 14;

/// The changes on their way to the disk.
#[derive(Debug)]
pub struct Durable {
    disk: Disk,
    shared: Arc<Shared<Directory>>,
    sync: SyncMode,
    path: String,
    /// The batch that is not in use, with its memory.
    spare: Option<Batch>,
    /// The number of the open batch. They are counted from 1.
    number: u64,
    /// How much the batch on its way takes; 0 if there is none.
    on_its_way: usize,
    /// The last batch whose changes may be told.
    released: u64,
    /// The last change that may be told.
    pub(super) revision: u64,
    /// Where in its client's outbox the reply to the request that was admitted last begins.
    pub(super) reply_at: u64,
    /// The last batch that changed a key, by the key's place.
    touched: Vec<u64>,
    /// Who waits for the open batch and for the one before it, by the lowest bit of the number.
    holders: [Vec<ClientId>; 2],
    /// Whom the open batch waits for; with another sync than `always` for nobody.
    gathering: Gathering,
    /// Who has a change to make and must wait for the disk.
    parked: Vec<ClientId>,
    room: Room,
    retry: Option<Instant>,
    /// How many bytes of changes were written.
    written: u64,
    commits: u64,
    last_sync: Instant,
    pub(super) snapshots: Snapshots,
}

/// What is to become of a change that somebody wants to make.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It can be made.
    Yes,
    /// Not before the disk has done more.
    Wait,
    /// There is no room for it.
    Refused,
}

impl Durable {
    /// Goes on with this journal in the folder `path`. Syncs when `sync` says, or every `interval`.
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub fn start(
        journal: Journal<Directory>,
        path: String,
        sync: SyncMode,
        interval: Duration,
    ) -> io::Result<Durable> {
        let (teller, words) = async_channel::unbounded();
        let (shared, revision) = (journal.shared(), journal.revision());
        let told = tell(&teller, Word::Outcome);
        let interval = Some(interval).filter(|_| sync == SyncMode::Interval);
        let upkeep = Upkeep::start(shared.clone(), interval, told)?;
        let syncs = sync == SyncMode::Always;
        let commits = Commits::start(journal, syncs, tell(&teller, Word::Commit))?;
        let now = Instant::now();
        Ok(Durable {
            disk: Disk {
                commits,
                upkeep,
                words,
                open: Batch::new(),
                is_on_its_way: false,
            },
            room: shared.room(),
            shared,
            sync,
            path,
            spare: None,
            number: 1,
            on_its_way: 0,
            released: 0,
            revision,
            reply_at: 0,
            touched: vec![0; PLACES],
            holders: [Vec::new(), Vec::new()],
            gathering: Gathering::default(),
            parked: Vec::new(),
            retry: None,
            written: 0,
            commits: 0,
            last_sync: now,
            snapshots: Snapshots::new(now),
        })
    }

    /// Waits for a word of the threads that write.
    pub(super) async fn word(&self) -> Option<Word> {
        self.disk.words.recv().await.ok()
    }

    /// A word that has come.
    pub(super) fn try_word(&self) -> Option<Word> {
        self.disk.words.try_recv().ok()
    }

    /// What is to become of a change whose key and values take so many bytes.
    pub(super) fn admit(&mut self, bytes: usize) -> Admission {
        let bytes = bytes + OVERHEAD_BYTES_MAX;
        let open = self.disk.open.bytes_len();
        // What has been made must be written, so there must be room for it before it is made.
        let pending = (self.on_its_way + open + bytes) as u64 + ROOM_RESERVED;
        if pending > self.room.bytes {
            self.room = self.shared.want_room(pending);
            match pending > self.room.bytes {
                true if self.room.is_full || self.room.is_failing => return Admission::Refused,
                true => return Admission::Wait,
                false => {}
            }
        }
        let is_long = !self.disk.open.is_empty() && open + bytes > BATCH_BYTES_MAX;
        match is_long || self.snapshots.is_behind(self.written) {
            true => Admission::Wait,
            false => Admission::Yes,
        }
    }

    /// What is said to whoever wants to make a change for which there is no room.
    pub(super) fn refusal(&self) -> String {
        let path = &self.path;
        let why = match self.room.is_full {
            true => format!("no space is left on the device of {path}"),
            false => format!("no file can be made in {path} (the log says why)"),
        };
        format!("{why}: nothing can be changed until there is room")
    }

    /// Notes that a client has a change to make and waits for the disk.
    pub(super) fn park(&mut self, id: ClientId) {
        self.parked.push(id);
    }

    /// Everyone who waited for the disk to make a change.
    pub(super) fn unpark(&mut self) -> Vec<ClientId> {
        mem::take(&mut self.parked)
    }

    /// Takes in a change that has been made; returns the batch that what tells of it waits for.
    /// `before` is the last batch with a change of the same client, and becomes this one.
    pub(super) fn push(&mut self, change: &Change<'_>, store: &Store, before: &mut u64) -> u64 {
        self.disk.open.push(change);
        if mem::replace(before, self.number) != self.number {
            self.gathering.count();
        }
        let place = place(store, &change.key);
        self.touched[place] = self.number;
        self.number
    }

    /// The batch that the reply to a request waits for which has changed nothing.
    pub(super) fn concerns(&self, request: &Request, bytes: &[u8], store: &Store) -> u64 {
        match request {
            Request::Command(
                Command::Get { key } | Command::Remove { key, .. } | Command::Delete { key },
            ) => self.touched[place(store, key.of(bytes))],
            Request::Command(
                Command::Ping { .. }
                | Command::Echo { .. }
                | Command::Help
                | Command::Quit
                | Command::Unwatch { .. },
            )
            | Request::Refused(_)
            | Request::Fatal(_)
            | Request::Listen => 0,
            // It tells of the key, or of the revision.
            Request::Command(_) => self.current(),
        }
    }

    /// The batch of the last change that was made; it may have been released.
    pub(super) fn current(&self) -> u64 {
        self.number - u64::from(self.disk.open.is_empty())
    }

    /// Holds what stands in an outbox from `at` on until a batch is released.
    pub(super) fn hold(&mut self, outbox: &mut Outbox, id: ClientId, at: u64, batch: u64) {
        if batch > self.released && outbox.hold(at, batch) {
            self.holders[batch as usize & 1].push(id);
        }
    }

    /// Writes the open batch, or hands it over to be written. Returns the batch that is released
    /// by that.
    pub(super) fn commit(&mut self, now: Instant) -> Result<Option<u64>, Error> {
        if self.disk.open.is_empty() || self.retry.is_some_and(|retry| now < retry) {
            return Ok(None);
        }
        if self.disk.is_on_its_way {
            return Ok(None);
        }
        if self.parked.is_empty() && self.gathering.keeps(now) {
            return Ok(None);
        }
        let bytes = self.disk.open.bytes_len();
        // Without room that is set aside a file must be made, and synced.
        let has_room = bytes as u64 + ROOM_RESERVED <= self.room.bytes;
        if self.sync == SyncMode::Always || !has_room || self.shared.is_syncing() {
            return self.hand_over();
        }
        match self.disk.commits.append(&mut self.disk.open) {
            Ok(revision) => {
                self.retry = None;
                self.disk.open.clear(BATCH_BYTES_KEPT);
                self.number += 1;
                self.gathering.close();
                Ok(Some(self.has_committed(revision, bytes)))
            }
            Err(Error::Full { .. }) => {
                self.retry = Some(now + RETRY);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Hands the open batch over to be committed by the thread for that.
    fn hand_over(&mut self) -> Result<Option<u64>, Error> {
        let next = self.spare.take().unwrap_or_default();
        let batch = mem::replace(&mut self.disk.open, next);
        (self.disk.is_on_its_way, self.on_its_way) = (true, batch.bytes_len());
        self.number += 1;
        self.retry = None;
        self.gathering.close();
        if self.disk.commits.submit(batch) {
            return Ok(None);
        }
        let path = self.path.clone();
        Err(Error::Failed { path })
    }

    /// Hears that the batch on its way has been committed; returns its number.
    pub(super) fn is_done(&mut self, revision: u64, batch: Batch) -> u64 {
        self.spare = Some(batch);
        self.disk.is_on_its_way = false;
        if self.sync == SyncMode::Always {
            self.is_synced();
        }
        let bytes = mem::take(&mut self.on_its_way);
        self.has_committed(revision, bytes)
    }

    /// Waits with the open batch for so many who have just been answered, after a commit that took
    /// so long.
    pub(super) fn gather(&mut self, answered: usize, took: Duration) {
        if self.sync == SyncMode::Always {
            self.gathering.begin(Instant::now(), answered, took);
        }
    }

    /// Goes on with a snapshot, or begins one if it is due. `history` is what the history takes and
    /// its first revision.
    pub(super) fn keep_up(&mut self, store: &Store, history: (usize, u64), now: Instant) {
        let from = Sources {
            upkeep: &self.disk.upkeep,
            shared: &self.shared,
            store,
            history,
            written: (self.revision, self.written),
        };
        self.snapshots.keep_up(&from, now);
    }

    /// Hears that what was written has been synced.
    pub(super) fn is_synced(&mut self) {
        self.last_sync = Instant::now();
    }

    fn has_committed(&mut self, revision: u64, bytes: usize) -> u64 {
        self.room = self.shared.room();
        self.written += bytes as u64;
        self.commits += 1;
        self.revision = revision;
        self.released = self.number - 1;
        self.released
    }

    /// Who waited for a batch. They are to be given back.
    pub(super) fn take_holders(&mut self, batch: u64) -> Vec<ClientId> {
        mem::take(&mut self.holders[batch as usize & 1])
    }

    /// Takes back an empty list, for its memory.
    pub(super) fn return_holders(&mut self, batch: u64, holders: Vec<ClientId>) {
        self.holders[batch as usize & 1] = holders;
    }

    /// When a batch is to be handed over that waits: for room, or for more changes.
    pub(super) fn due(&self) -> Option<Instant> {
        let gathered = self.gathering.end();
        self.retry
            .or(gathered.filter(|_| !self.disk.open.is_empty()))
    }

    /// What STATS tells of it, at this revision.
    pub(super) fn figures(&self, revision: u64) -> Figures {
        Figures {
            sync: self.sync.word(),
            last_sync_seconds: self.last_sync.elapsed().as_secs(),
            data_bytes: self.shared.usage().folder,
            commits: self.commits,
            commits_waiting: revision - self.revision,
        }
    }

    /// What is to be closed at the end.
    pub(super) fn into_disk(self) -> Disk {
        self.disk
    }
}

/// What STATS tells of the disk.
#[derive(Debug)]
pub(super) struct Figures {
    /// When it is synced.
    pub(super) sync: &'static str,
    /// How long ago the last sync ended.
    pub(super) last_sync_seconds: u64,
    /// What the folder holds.
    pub(super) data_bytes: u64,
    /// How many batches were committed.
    pub(super) commits: u64,
    /// How many changes were made that are not committed.
    pub(super) commits_waiting: u64,
}

impl Default for Figures {
    /// Those of a server that keeps its data in memory alone.
    fn default() -> Figures {
        Figures {
            sync: "none",
            last_sync_seconds: 0,
            data_bytes: 0,
            commits: 0,
            commits_waiting: 0,
        }
    }
}

fn place(store: &Store, key: &[u8]) -> usize {
    store.hash(key) as usize & (PLACES - 1)
}
