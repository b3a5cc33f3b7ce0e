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
    /// There was no room for a spare file.
    pub(super) is_full: bool,
    /// How the disk has failed, if it has.
    pub(super) failure: Option<Error>,
    /// The first revision of the history: what lies before it is needed for the keys alone.
    pub(super) history_first: u64,
    /// Nobody writes any more.
    pub(super) is_closed: bool,
}

/// How much can be written before another file must be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many bytes, written together, have room that is set aside.
    pub bytes: u64,
    /// Whether the device had no more when that was last tried.
    pub is_full: bool,
}

/// What helps the writer of a journal, from any thread.
#[derive(Debug)]
pub struct Shared<D: Folder> {
    pub(super) folder: D,
    state: Mutex<State<D::File>>,
    /// Rung when a file should be set aside, or nobody writes any more.
    needed: Condvar,
    /// How many syncs are going on.
    syncs: AtomicUsize,
    /// Held while files are synced.
    syncing: Mutex<()>,
    /// Held while a spare file is made.
    making: Mutex<()>,
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
        let state = self.state();
        let (used, len) = state.current;
        let spare = state.spare.as_ref().map_or(0, |spare| spare.bytes_len);
        Room {
            // What is written together lies in one file.
            bytes: len.saturating_sub(used).max(spare),
            is_full: state.is_full,
        }
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
        let is_well = |state: &mut State<D::File>| state.spare.is_some() && !state.is_closed;
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

    /// Sets a file aside for when the one being written is full, and gives back what full ones do
    /// not use. To be called from time to time, and after each [`Shared::is_without_spare`].
    ///
    /// # Errors
    ///
    /// Without room for another file, says so, and [`Shared::room`] too, until there is.
    pub fn prepare(&self) -> Result<(), Error> {
        self.trim()?;
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = {
            let state = self.state();
            if state.spare.is_some() || state.failure.is_some() {
                return Ok(());
            }
            state.segment_bytes
        };
        let made = self.make(bytes);
        let mut state = self.state();
        state.is_full = matches!(made, Err(Error::Full { .. }));
        state.spare = Some(made?);
        Ok(())
    }

    /// Whether a file should be set aside.
    pub fn is_without_spare(&self) -> bool {
        self.state().spare.is_none()
    }

    /// The file set aside, if there is one and it has room for so many bytes; otherwise one that
    /// is made now.
    pub(super) fn take_spare(&self, bytes: u64) -> Result<Spare<D::File>, Error> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let (spare, segment_bytes) = {
            let mut state = self.state();
            (state.spare.take(), state.segment_bytes)
        };
        self.needed.notify_all();
        match spare {
            Some(spare) if spare.bytes_len >= bytes => return Ok(spare),
            // A file that is passed over would stand before others that were written earlier.
            Some(small) => self.remove(&names::segment(small.number))?,
            None => {}
        }
        let made = self.make(bytes.max(segment_bytes));
        self.state().is_full = matches!(made, Err(Error::Full { .. }));
        made
    }

    /// Makes a file of zeros with the room for them, and its name on the disk.
    fn make(&self, bytes: u64) -> Result<Spare<D::File>, Error> {
        let number = {
            let mut state = self.state();
            state.next_number += 1;
            state.next_number - 1
        };
        let name = names::segment(number);
        let path = || self.folder.path(&name);
        let file = self
            .folder
            .create(&name)
            .map_err(|error| Error::io("cannot make", path(), error))?;
        let make = || file.allocate(bytes).and_then(|()| file.sync());
        let made = self.while_syncing(|| make().and_then(|()| self.folder.sync()));
        if let Err(error) = made {
            // What cannot be used must not take the room that is missing.
            let _ = self.folder.remove(&name);
            return Err(Error::io("cannot make", path(), error));
        }
        Ok(Spare {
            number,
            file: Arc::new(file),
            bytes_len: bytes,
        })
    }

    /// Cuts files that are full off behind what is used, once that is on the disk.
    fn trim(&self) -> Result<(), Error> {
        // The operating system may take its time; the writer must not wait for it.
        while let Some((number, file, bytes)) = self.next_to_trim() {
            let path = || self.folder.path(&names::segment(number));
            self.while_syncing(|| file.truncate(bytes))
                .map_err(|error| Error::io("cannot cut off", path(), error))?;
            let mut state = self.state();
            let trimmed = state
                .sealed
                .iter_mut()
                .find(|sealed| sealed.number == number);
            if let Some(trimmed) = trimmed {
                trimmed.bytes_len = bytes;
            }
        }
        Ok(())
    }

    fn next_to_trim(&self) -> Option<(u64, Arc<D::File>, u64)> {
        let mut state = self.state();
        let synced = state.synced;
        state.sealed.iter_mut().find_map(|sealed| {
            let file = sealed.file.take_if(|_| sealed.last <= synced)?;
            Some((sealed.number, file, sealed.bytes))
        })
    }

    /// Removes the files of the journal that are needed no more: those whose changes are in the
    /// last snapshot and lie before this revision, the first of the history.
    ///
    /// # Errors
    ///
    /// What the operating system refuses. It is tried again the next time.
    pub fn forget(&self, history_first: u64) -> Result<(), Error> {
        while let Some(oldest) = self.next_to_forget(history_first) {
            if let Err(error) = self.remove(&names::segment(oldest.number)) {
                self.state().sealed.push_front(oldest);
                return Err(error);
            }
        }
        Ok(())
    }

    fn next_to_forget(&self, history_first: u64) -> Option<Sealed<D::File>> {
        let mut state = self.state();
        let needed = (state.snapshot.0 + 1).min(history_first);
        let needed = needed.min(state.synced + 1);
        state.sealed.pop_front_if(|oldest| oldest.last < needed)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        self.folder
            .remove(name)
            .map_err(|error| Error::io("cannot remove", self.folder.path(name), error))
    }
}
