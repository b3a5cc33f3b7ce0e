//! Writes the keys and their values, so that the journal before them is needed no more.
//!
//! A snapshot is not of one moment: its slices are taken one after the other while changes go on,
//! and each says at which revision its keys held these values. Whoever reads it goes through the
//! journal at the same time, up to that revision before each slice. A key that is in no slice was
//! not there at some moment while they were taken, and whatever the journal says of it before that
//! moment comes to nothing.

use super::disk::{File, Folder, write_all_at};
use super::error::Error;
use super::frame::{Slice, complete};
use super::header::{Header, Kind, salt};
use super::names;
use super::shared::Shared;
use super::trial;
use std::io;
use std::sync::Arc;

/// How much is written before it is synced: to sync much at once would hold up others.
const SYNC_BYTES: u64 = 4 << 20;

/// A snapshot being written. Dropped unfinished, it leaves a file that the next start removes.
#[derive(Debug)]
pub struct Snapshot<D: Folder> {
    shared: Arc<Shared<D>>,
    file: D::File,
    name: String,
    base: u64,
    salt: u64,
    at: u64,
    unsynced: u64,
    entries: u64,
}

impl<D: Folder> Snapshot<D> {
    /// Begins a snapshot of the series `epoch` when the last change made is `base`.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn begin(shared: Arc<Shared<D>>, epoch: u64, base: u64) -> Result<Snapshot<D>, Error> {
        let folder = &shared.folder;
        let name = names::snapshot(base);
        let new = names::new(&name);
        let failed = |error| Error::io("cannot make", folder.path(&new), error);
        let file = match folder.create(&new) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                shared.remove(&new)?;
                folder.create(&new)
            }
            other => other,
        };
        let file = file.map_err(failed)?;
        let header = Header {
            kind: Kind::Snapshot,
            always: false,
            epoch,
            base,
            synced: shared.synced(),
            boot: folder.boot(),
            number: file.number().map_err(failed)?,
            bytes_len: 0,
            salt: salt(),
        };
        let mut snapshot = Snapshot {
            shared: shared.clone(),
            file,
            name,
            base,
            salt: header.salt,
            at: 0,
            unsynced: 0,
            entries: 0,
        };
        match snapshot.write_bytes(&header.bytes()) {
            Ok(()) => Ok(snapshot),
            Err(error) => {
                // What takes room for nothing may be why there is none.
                let _ = snapshot.abandon();
                Err(error)
            }
        }
    }

    /// How much has been written, in bytes.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// Writes a slice. Its revision is not below that of the one before.
    ///
    /// # Errors
    ///
    /// What the operating system refuses. The snapshot is of no use then.
    pub fn write(&mut self, slice: &mut Slice) -> Result<(), Error> {
        self.entries += slice.entries();
        let salt = self.salt;
        self.write_bytes(slice.seal(salt))?;
        trial::pass("snapshot");
        if self.unsynced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    /// Ends the snapshot, in which every key was looked for by now, and gives it its name. All
    /// changes up to `revision`, the last that was made by now, must have been written.
    ///
    /// # Errors
    ///
    /// What the operating system refuses. The last snapshot goes on being used then, and this one
    /// is to be abandoned.
    pub fn finish(&mut self, revision: u64) -> Result<(), Error> {
        let end = complete(revision, self.entries, self.salt);
        self.write_bytes(&end)?;
        self.sync()?;
        // A snapshot is made whole by changes that must not be lost before it.
        if self.shared.sync()? < revision {
            let error = io::Error::other("changes in the snapshot have not been written");
            return Err(self.failed("cannot end")(error));
        }
        let folder = &self.shared.folder;
        let named = folder
            .rename(&names::new(&self.name), &self.name)
            .and_then(|()| folder.sync());
        named.map_err(self.failed("cannot rename"))?;
        let old = {
            let mut state = self.shared.state();
            state.new_snapshot = 0;
            std::mem::replace(&mut state.snapshot, (self.base, self.at))
        };
        if old.1 > 0 && old.0 != self.base {
            self.shared.remove(&names::snapshot(old.0))?;
        }
        Ok(())
    }

    /// Gives a snapshot up, and its room back.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn abandon(self) -> Result<(), Error> {
        self.shared.state().new_snapshot = 0;
        self.shared.remove(&names::new(&self.name))
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        write_all_at(&self.file, bytes, self.at).map_err(self.failed("cannot write"))?;
        self.at += bytes.len() as u64;
        self.unsynced += bytes.len() as u64;
        self.shared.state().new_snapshot = self.at;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        let synced = self.shared.while_syncing(|| self.file.sync());
        synced.map_err(self.failed("cannot sync"))?;
        self.unsynced = 0;
        Ok(())
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> Error + use<D> {
        let path = self.shared.folder.path(&names::new(&self.name));
        move |error| Error::io(doing, path, error)
    }
}
