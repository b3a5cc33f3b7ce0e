//! Writes a backup from what a client is told, and makes a data folder of one.
//!
//! A backup is a snapshot that brings the changes it needs, so that it is of one revision. Whoever
//! makes it watches every key, and lists all keys page by page: each page becomes a slice, behind
//! the changes up to its revision.

use super::disk::{File, Folder, write_all_at};
use super::error::Error;
use super::frame::{Batch, Slice, complete};
use super::header::{HEADER_BYTES, Header, Kind, salt};
use super::load::Load;
use super::names::{self, Name};
use super::recovery::recover;
use super::repair::copy;
use super::source::Source;
use super::tail::Tail;

/// A backup being written.
#[derive(Debug)]
pub struct Backup<F: File> {
    file: F,
    path: String,
    epoch: u64,
    salt: u64,
    at: u64,
    entries: u64,
}

impl<F: File> Backup<F> {
    /// A backup of the series `epoch` into an empty file, which is called `path` in messages.
    pub fn begin(file: F, path: String, epoch: u64) -> Backup<F> {
        Backup {
            file,
            path,
            epoch,
            salt: salt(),
            at: HEADER_BYTES as u64,
            entries: 0,
        }
    }

    /// Adds changes, which follow those before.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn add_changes(&mut self, changes: &mut Batch) -> Result<(), Error> {
        let salt = self.salt;
        self.write(changes.seal(salt, 0))
    }

    /// Adds keys and their values, as they are after the last change that was added.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn add_slice(&mut self, slice: &mut Slice) -> Result<(), Error> {
        self.entries += slice.entries();
        let salt = self.salt;
        self.write(slice.seal(salt))
    }

    /// Ends the backup, after every key has been listed and every change up to this revision
    /// added. Until then the file does not begin as a backup does.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn finish(mut self, revision: u64) -> Result<(), Error> {
        let end = complete(revision, self.entries, self.salt);
        self.write(&end)?;
        let header = Header {
            kind: Kind::Snapshot,
            always: false,
            epoch: self.epoch,
            base: revision,
            synced: revision,
            number: 0,
            bytes_len: 0,
            boot: 0,
            salt: self.salt,
        };
        let ended = self
            .file
            .sync()
            .and_then(|()| write_all_at(&self.file, &header.bytes(), 0))
            .and_then(|()| self.file.sync());
        ended.map_err(|error| Error::io("cannot write", self.path, error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        write_all_at(&self.file, bytes, self.at)
            .map_err(|error| Error::io("cannot write", self.path.clone(), error))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// Makes a data folder of a backup, which is called `path` in messages; returns its revision, and
/// what it was found to hold. What follows it will be another series.
///
/// # Errors
///
/// Says that the folder is not empty, or that the backup is damaged, or what the operating system
/// refuses. Nothing has changed then but, at most, a file that the next start removes.
pub fn restore<D: Folder, F: File, L: Load + Default>(
    folder: &D,
    file: F,
    path: String,
) -> Result<(u64, L), Error> {
    let failed = |error| Error::io("cannot restore into", folder.path(""), error);
    let names = folder.names().map_err(failed)?;
    for name in &names {
        match names::read(name) {
            // What an earlier attempt has left.
            Name::New => folder.remove(name).map_err(failed)?,
            // The lock is there by now.
            _ if name == names::LOCK => {}
            _ => {
                let path = folder.path("");
                return Err(Error::NotEmpty { path });
            }
        }
    }
    let mut source = Source::open(file, path, None).map_err(of_backup)?;
    let base = source.base();
    let mut tail = Tail::new(folder, Vec::new(), Some(base))?;
    let verified = source.load(&mut tail, &mut L::default());
    verified.map_err(of_backup)?;
    let name = names::snapshot(base);
    let new = names::new(&name);
    let copied = folder
        .create(&new)
        .and_then(|to| copy(source.file(), 0, &to))
        .and_then(|()| folder.rename(&new, &name))
        .and_then(|()| folder.sync());
    if let Err(error) = copied {
        // As much of it as there is may have filled the disk.
        let _ = folder.remove(&new);
        return Err(failed(error));
    }
    // What has been written, and not what was read before, is what there is.
    let mut load = L::default();
    let recovered = recover(folder, &mut load)?;
    Ok((recovered.revision, load))
}

/// What is wrong with a backup no repair of a folder mends.
fn of_backup(error: Error) -> Error {
    match error {
        Error::Damaged(damage) => Error::Backup(damage),
        other => other,
    }
}
