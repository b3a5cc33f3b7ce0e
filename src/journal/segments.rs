//! Sets files aside for the journal before they are needed, cuts off what full ones do not use,
//! and removes those that are needed no more.

use super::disk::{File, Folder};
use super::error::Error;
use super::names;
use super::shared::{Sealed, Shared, Spare};
use std::sync::{Arc, PoisonError};

impl<D: Folder> Shared<D> {
    /// Sets a file aside for when the one being written is full, and gives back what full ones do
    /// not use. To be called from time to time, and after each [`Shared::is_without_spare`].
    ///
    /// # Errors
    ///
    /// Without room for another file, says so, and [`Shared::room`] too, until there is.
    pub fn prepare(&self) -> Result<(), Error> {
        // What that gives back may be what the other needs, which must not wait for it.
        let trimmed = self.trim();
        self.set_aside()?;
        trimmed
    }

    fn set_aside(&self) -> Result<(), Error> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, segment_bytes, has_short) = {
            let state = self.state();
            if state.has_spare() || state.failure.is_some() {
                return Ok(());
            }
            let (wanted, segment_bytes) = (state.wanted, state.segment_bytes);
            (
                wanted.max(segment_bytes),
                segment_bytes,
                state.spare.is_some(),
            )
        };
        let made = self.make(bytes);
        let is_full = matches!(made, Err(Error::Full { .. }));
        let short = match is_full && !has_short && bytes > segment_bytes {
            true => self.make(segment_bytes).ok(),
            false => None,
        };
        let mut state = self.state();
        state.is_full = is_full;
        state.is_failing = made.is_err() && !is_full;
        if short.is_some() {
            state.spare = short;
        }
        let made = made?;
        state.wanted = 0;
        // One that was too short, if it has not been taken meanwhile.
        let short = state.spare.replace(made);
        drop(state);
        short.map_or(Ok(()), |short| self.remove(&names::segment(short.number)))
    }

    /// Whether a file should be set aside, or a longer one.
    pub fn is_without_spare(&self) -> bool {
        !self.state().has_spare()
    }

    /// The file set aside, if there is one and it has room for so many bytes; otherwise one that
    /// is made now.
    pub(super) fn take_spare(&self, bytes: u64) -> Result<Spare<D::File>, Error> {
        let fits = |spare: &mut Spare<D::File>| spare.bytes_len >= bytes;
        // A longer one may just be being made, which takes its time.
        if let Some(spare) = self.state().spare.take_if(fits) {
            self.needed.notify_all();
            return Ok(spare);
        }
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
    /// last snapshot and lie before this revision, the first of the history. To be called by one
    /// thread alone, so that none is gone before an older one is.
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
