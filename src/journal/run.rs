//! Leaves a trace that a loss of power destroys.
//!
//! Without a sync for each answer, a start must know whether the machine has kept running since
//! the last one: only then has nothing been lost that the operating system was given. Its own word
//! for that is the boot id. This file is a second witness, and one that is cut back together with
//! the others: that a run began is synced in it, and that it goes on is only written.

use super::disk::{File, Folder, write_all_at};
use super::error::Error;
use super::names;
use super::record::Parts;
use std::io;

const BEGAN: u8 = 1;
const GOES_ON: u8 = 2;

/// A run of the daemon, named by the salt of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run(pub(super) u64);

impl Run {
    /// Says that this run goes on. Until it has written a file, another is the last, of which
    /// everything is known.
    pub(super) fn begin<D: Folder>(self, folder: &D, other: Option<Run>) -> Result<(), Error> {
        let new = names::new(names::RUN);
        let write = || -> io::Result<()> {
            let file = match folder.create(&new) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder.open(&new),
                other => other,
            }?;
            write_all_at(&file, &self.bytes(BEGAN, other), 0)?;
            file.sync()?;
            write_all_at(&file, &self.bytes(GOES_ON, other), 0)?;
            folder.rename(&new, names::RUN)?;
            folder.sync()
        };
        write().map_err(|error| Error::io("cannot write", folder.path(&new), error))
    }

    /// Whether what was written when this run went on is still there.
    pub(super) fn is_remembered<D: Folder>(self, folder: &D) -> Result<bool, Error> {
        let read = || -> io::Result<Vec<u8>> {
            let file = folder.open(names::RUN)?;
            let mut bytes = vec![0; BYTES];
            let count = file.read_at(&mut bytes, 0)?;
            bytes.truncate(count);
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => {
                let mut parts = Parts(&bytes);
                let (state, this, other) = (parts.byte(), parts.fixed64(), parts.fixed64());
                Ok(state == Some(GOES_ON) && (this == Some(self.0) || other == Some(self.0)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("cannot read", folder.path(names::RUN), error)),
        }
    }

    fn bytes(self, state: u8, other: Option<Run>) -> [u8; BYTES] {
        let mut bytes = [state; BYTES];
        bytes[1..9].copy_from_slice(&self.0.to_le_bytes());
        let other = other.map_or(self.0, |run| run.0);
        bytes[9..].copy_from_slice(&other.to_le_bytes());
        bytes
    }
}

const BYTES: usize = 1 + 8 + 8;
