//! Keeps what the writer of a journal and those who help it from other threads both know.

use super::disk::{File, Folder};
use super::error::Error;
use super::names;
use super::space::Usage;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A file of the journal with changes in it, to which nothing is added.
#[derive(Debug)]
pub(super) struct Sealed<F> {
    pub(super) number: u64,
    /// The revision of its last change.
    pub(super) last: u64,
    /// How much of it is used.
    pub(super) bytes: u64,
    /// How much it takes.
    pub(super) bytes_len: u64,
    /// The file, as long as it has not been cut off at what is used.
    pub(super) file: Option<Arc<F>>,
}

/// A file set aside for the journal, all zeros.
#[derive(Debug)]
pub(super) struct Spare<F> {
    pub(super) number: u64,
    pub(super) file: Arc<F>,
    pub(super) bytes_len: u64,
}

/// What the folder holds, and how far the disk has it.
#[derive(Debug)]
pub(super) struct State<F> {
    pub(super) sealed: VecDeque<Sealed<F>>,
    pub(super) spare: Option<Spare<F>>,
    /// The number of the next file to be made.
    pub(super) next_number: u64,
    /// How much is set aside for a file.
    pub(super) segment_bytes: u64,
    /// How much of the file being written is used, and how much it takes.
    pub(super) current: (u64, u64),
    /// The last revision that was written.
    pub(super) written: u64,
    /// The last revision that is on the disk.
    pub(super) synced: u64,
    /// The files with changes that may not be on the disk, with their numbers, in their order.
    pub(super) unsynced: Vec<(u64, Arc<F>)>,
    /// Where the last snapshot was begun, and how long it is.
    pub(super) snapshot: (u64, u64),
    /// How long the snapshot being written is.
    pub(super) new_snapshot: u64,
    /// How long a file must be that is set aside, in bytes: somebody waits for that much room.
    pub(super) wanted: u64,
    /// There was no room for a spare file, or for a long one.
    pub(super) is_full: bool,
    /// No spare file could be made, for another reason.
    pub(super) is_failing: bool,
    /// There was no room for what was written last, though it had been set aside.
    pub(super) is_short: bool,
    /// How the disk has failed, if it has.
    pub(super) failure: Option<Error>,
    /// The first revision of the history: what lies before it is needed for the keys alone.
    pub(super) history_first: u64,
    /// Nobody writes any more.
    pub(super) is_closed: bool,
}

impl<F> State<F> {
    /// Whether a file is set aside that is long enough.
    pub(super) fn has_spare(&self) -> bool {
        let spare = self.spare.as_ref();
        spare.is_some_and(|spare| spare.bytes_len >= self.wanted)
    }

    fn room(&self) -> Room {
        let (used, len) = self.current;
        let spare = self.spare.as_ref().map_or(0, |spare| spare.bytes_len);
        // What is written together lies in one file.
        let bytes = len.saturating_sub(used).max(spare);
        Room {
            bytes: if self.is_short { 0 } else { bytes },
            is_full: self.is_full || self.is_short,
            is_failing: self.is_failing,
        }
    }
}

/// How much can be written before another file must be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many bytes, written together, have room that is set aside.
    pub bytes: u64,
    /// Whether the device had no more when that was last tried.
    pub is_full: bool,
    /// Whether more could not be had for another reason, which the log has.
    pub is_failing: bool,
}

/// What helps the writer of a journal, from any thread.
#[derive(Debug)]
pub struct Shared<D: Folder> {
    pub(super) folder: D,
    state: Mutex<State<D::File>>,
    /// Rung when a file should be set aside, or nobody writes any more.
    pub(super) needed: Condvar,
    /// How many syncs are going on.
    syncs: AtomicUsize,
    /// Held while files are synced.
    syncing: Mutex<()>,
    /// Held while a spare file is made.
    pub(super) making: Mutex<()>,
}

impl<D: Folder> Shared<D> {
    pub(super) fn new(folder: D, state: State<D::File>) -> Shared<D> {
        Shared {
            folder,
            state: Mutex::new(state),
            needed: Condvar::new(),
            syncs: AtomicUsize::new(0),
            syncing: Mutex::new(()),
            making: Mutex::new(()),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last revision that is on the disk.
    pub fn synced(&self) -> u64 {
        self.state().synced
    }

    /// How much can be written before there must be room for another file.
    pub fn room(&self) -> Room {
        self.state().room()
    }

    /// How much can be written, as [`Shared::room`] says. If that is less than these bytes, a file
    /// is set aside that has room for them, of which [`Outcome::Room`] tells.
    ///
    /// [`Outcome::Room`]: super::Outcome::Room
    pub fn want_room(&self, bytes: u64) -> Room {
        let mut state = self.state();
        let room = state.room();
        if room.bytes < bytes && !state.is_short {
            state.wanted = state.wanted.max(bytes);
            self.needed.notify_all();
        }
        room
    }

    /// What the folder holds.
    pub fn usage(&self) -> Usage {
        let state = self.state();
        let (base, snapshot) = state.snapshot;
        let sealed = |wanted: &dyn Fn(&Sealed<D::File>) -> Option<u64>| -> u64 {
            state.sealed.iter().filter_map(wanted).sum()
        };
        let spare = state.spare.as_ref().map_or(0, |spare| spare.bytes_len);
        Usage {
            folder: sealed(&|file| Some(file.bytes_len))
                + state.current.1
                + spare
                + snapshot
                + state.new_snapshot,
            snapshot,
            since: sealed(&|file| (file.last > base).then_some(file.bytes)) + state.current.0,
        }
    }

    /// Sets how much is set aside for each further file.
    pub fn set_segment_bytes(&self, bytes: u64) {
        self.state().segment_bytes = bytes;
    }

    /// Says which is now the first revision of the history.
    pub fn set_history_first(&self, revision: u64) {
        self.state().history_first = revision;
    }

    /// The first revision of the history.
    pub fn history_first(&self) -> u64 {
        self.state().history_first
    }

    /// Says that nobody writes any more, to who waits for a need.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.needed.notify_all();
    }

    /// Waits until a file should be set aside, but not longer than this; false once nobody writes
    /// any more.
    pub(super) fn wait_for_need(&self, time: Duration) -> bool {
        let is_well = |state: &mut State<D::File>| state.has_spare() && !state.is_closed;
        let waited = self.needed.wait_timeout_while(self.state(), time, is_well);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Whether something is being synced: who writes now may be held up for as long.
    pub fn is_syncing(&self) -> bool {
        self.syncs.load(Relaxed) > 0
    }

    /// Does something that syncs.
    pub(super) fn while_syncing<T>(&self, sync: impl FnOnce() -> T) -> T {
        self.syncs.fetch_add(1, Relaxed);
        let done = sync();
        self.syncs.fetch_sub(1, Relaxed);
        done
    }

    /// Waits until all that was written by now is on the disk; returns the last revision that is.
    ///
    /// # Errors
    ///
    /// After an error nothing can be written any more: what the operating system keeps for the
    /// disk is not known then.
    pub fn sync(&self) -> Result<u64, Error> {
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (written, files) = {
            let state = self.state();
            self.check(&state)?;
            (state.written, state.unsynced.clone())
        };
        for (number, file) in &files {
            if let Err(error) = self.while_syncing(|| file.sync()) {
                let path = self.folder.path(&names::segment(*number));
                let error = Error::io("cannot sync", path, error);
                self.state().failure = Some(error.clone());
                self.forget_run();
                return Err(error);
            }
        }
        let mut state = self.state();
        // To the last of these files more may have been written meanwhile.
        let done = if state.written == written {
            files.len()
        } else {
            files.len().saturating_sub(1)
        };
        state.unsynced.drain(..done);
        state.synced = state.synced.max(written);
        Ok(state.synced)
    }

    /// Removes the trace of this run, because of which the next start would think that it knows all
    /// that was written: of what it could not write the system may keep nothing (fsync(2)).
    fn forget_run(&self) {
        let removed = self.folder.remove(names::RUN);
        // If the disk does not do this either, there is nothing left to say it with.
        _ = removed.and_then(|()| self.folder.sync());
    }

    /// Fails if the disk has, and says how, for it may be the first that anybody hears of it.
    pub(super) fn check(&self, state: &State<D::File>) -> Result<(), Error> {
        state.failure.clone().map_or(Ok(()), Err)
    }
}
