//! Commits batches on a thread of its own, so that nobody else waits for the disk.
//!
//! One batch is on its way at a time; what changes meanwhile is the next one. So one sync serves
//! all who wait for it, and the more there are, the more it serves.
//!
//! Who does not wait for a sync can write a batch by itself, which saves the way to the thread and
//! back. While something is being synced it should not: the filesystem may hold it up then.

use super::disk::Folder;
use super::error::Error;
use super::frame::Batch;
use super::shared::Shared;
use super::writer::Journal;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long to wait before a batch for which there was no room is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How much memory a batch keeps for the next changes, in bytes.
const BATCH_BYTES_KEPT: usize = 256 * 1024;

/// What came of a batch.
#[derive(Debug)]
pub enum Commit {
    /// It has been written, and synced if that was asked.
    Done {
        /// The last revision in it.
        revision: u64,
        /// The batch, empty, for other changes.
        batch: Batch,
        /// How long it took.
        took: Duration,
    },
    /// There is no room for it. It is tried again until there is.
    Full,
    /// The disk has failed. Nothing more can be committed, and nobody may be told of what was in
    /// the batch.
    Failed(Error),
}

/// The thread that commits.
#[derive(Debug)]
pub struct Commits<D: Folder> {
    batches: SyncSender<Batch>,
    shared: Arc<Shared<D>>,
    journal: Arc<Mutex<Journal<D>>>,
    /// True when it has ended because nobody could hand over a batch any more.
    thread: JoinHandle<bool>,
}

impl<D: Folder> Commits<D> {
    /// Starts the thread. It tells `told` of every batch, and must not be made to wait long there.
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub fn start(
        journal: Journal<D>,
        syncs: bool,
        told: impl FnMut(Commit) + Send + 'static,
    ) -> io::Result<Commits<D>> {
        let (batches, receiver) = sync_channel(1);
        let shared = journal.shared();
        let journal = Arc::new(Mutex::new(journal));
        let committer = Committer {
            shared: shared.clone(),
            journal: journal.clone(),
            syncs,
            told,
        };
        let thread = thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || committer.run(&receiver))?;
        Ok(Commits {
            batches,
            shared,
            journal,
            thread,
        })
    }

    /// What helps the journal from other threads.
    pub fn shared(&self) -> &Arc<Shared<D>> {
        &self.shared
    }

    /// Hands a batch over; false if the one before is not done, or the disk has failed.
    pub fn submit(&self, batch: Batch) -> bool {
        self.batches.try_send(batch).is_ok()
    }

    /// Writes a batch at once, while none is on its way. It is not synced. See [`Journal::append`].
    ///
    /// # Errors
    ///
    /// Those of [`Journal::append`].
    pub fn append(&self, batch: &mut Batch) -> Result<u64, Error> {
        lock(&self.journal).append(batch)
    }

    /// Waits for the batch on its way, and closes the journal.
    ///
    /// # Errors
    ///
    /// Those of closing it; or that the disk has failed before.
    pub fn close(self) -> Result<(), Error> {
        drop(self.batches);
        let has_ended_well = self.thread.join().unwrap_or(false);
        match Arc::into_inner(self.journal) {
            Some(journal) if has_ended_well => journal
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .close(),
            _ => Err(Error::Failed {
                path: self.shared.folder.path(""),
            }),
        }
    }
}

fn lock<D: Folder>(journal: &Mutex<Journal<D>>) -> MutexGuard<'_, Journal<D>> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Committer<D: Folder, T> {
    journal: Arc<Mutex<Journal<D>>>,
    shared: Arc<Shared<D>>,
    syncs: bool,
    told: T,
}

impl<D: Folder, T: FnMut(Commit)> Committer<D, T> {
    /// Commits until nobody is left who could hand over a batch.
    fn run(mut self, batches: &Receiver<Batch>) -> bool {
        while let Ok(mut batch) = batches.recv() {
            let begun = Instant::now();
            match self.commit(&mut batch) {
                Ok(revision) => {
                    batch.clear(BATCH_BYTES_KEPT);
                    let took = begun.elapsed();
                    (self.told)(Commit::Done {
                        revision,
                        batch,
                        took,
                    });
                }
                Err(error) => {
                    (self.told)(Commit::Failed(error));
                    return false;
                }
            }
        }
        true
    }

    fn commit(&mut self, batch: &mut Batch) -> Result<u64, Error> {
        let mut is_full = false;
        let written = loop {
            let appended = lock(&self.journal).append(batch);
            match appended {
                Err(Error::Full { .. }) => {
                    if !std::mem::replace(&mut is_full, true) {
                        (self.told)(Commit::Full);
                    }
                    thread::sleep(RETRY);
                }
                written => break written?,
            }
        };
        if self.syncs {
            return self.shared.sync();
        }
        Ok(written)
    }
}
