//! Leaves a trace that a loss of power destroys.
//!
//! Without a sync for each answer, a start must know whether the machine has kept running since
//! the last one: only then has nothing been lost that the operating system was given. Its own word
//! for that is the boot id. This file is a second witness, and one that is cut back together with
//! the others: that a run began is synced in it, and that it goes on is only written.

use super::disk::{File, Folder, write_all_at};
use super::error::Error;
use super::names;
use crate::codec::Parts;
use std::io;

const BEGAN: u8 = 1;
const GOES_ON: u8 = 2;
const DOUBTED: u8 = 3;

/// A run of the daemon, named by the salt of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run(pub(super) u64);

impl Run {
    /// Says that this run goes on. Until it has written a file, another is the last, of which
    /// everything is known.
    pub(super) fn begin<D: Folder>(self, folder: &D, other: Option<Run>) -> Result<(), Error> {
        let other = other.unwrap_or(self);
        let began = Trace {
            other,
            ..Trace::of(self)
        };
        let state = GOES_ON;
        began.write(folder, Some(Trace { state, ..began }))
    }
}

const BYTES: usize = 1 + 8 + 8;

/// What a folder says of the last run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace {
    /// The last run that began.
    pub(super) last: Run,
    other: Run,
    state: u8,
}

impl Trace {
    /// Reads it; none if there is none that is whole.
    pub(super) fn read<D: Folder>(folder: &D) -> Result<Option<Trace>, Error> {
        let mut bytes = [0; BYTES];
        let mut read = || -> io::Result<usize> {
            let file = folder.open(names::RUN)?;
            file.read_at(&mut bytes, 0)
        };
        match read() {
            Ok(BYTES) => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("cannot read", folder.path(names::RUN), error)),
        }
        let mut parts = Parts(&bytes);
        let (state, last, other) = (parts.byte(), parts.fixed64(), parts.fixed64());
        Ok(state
            .zip(last.zip(other))
            .map(|(state, (last, other))| Trace {
                last: Run(last),
                other: Run(other),
                state,
            }))
    }

    /// That of a run that has begun.
    pub(super) fn of(run: Run) -> Trace {
        Trace {
            last: run,
            other: run,
            state: BEGAN,
        }
    }

    /// Whether what a run wrote when it went on is still there.
    pub(super) fn remembers(&self, run: Run) -> bool {
        self.state == GOES_ON && self.names(run)
    }

    /// Whether a run is one of which all may be known. Otherwise a start has found that it is not,
    /// has perhaps cut off what showed it, and has come to no file of its own.
    pub(super) fn may_know(&self, run: Run) -> bool {
        self.state != DOUBTED && self.names(run)
    }

    fn names(&self, run: Run) -> bool {
        self.last == run || self.other == run
    }

    /// Says, before anything is cut off, that not all of the last run is known.
    pub(super) fn doubt<D: Folder>(self, folder: &D) -> Result<(), Error> {
        let state = DOUBTED;
        Trace { state, ..self }.write(folder, None)
    }

    /// Puts it in the place of the one before; what is `unsynced` may be lost with the power.
    fn write<D: Folder>(self, folder: &D, unsynced: Option<Trace>) -> Result<(), Error> {
        let new = names::new(names::RUN);
        let write = || -> io::Result<()> {
            let file = match folder.create(&new) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder.open(&new),
                other => other,
            }?;
            write_all_at(&file, &self.bytes(), 0)?;
            file.sync()?;
            if let Some(unsynced) = unsynced {
                write_all_at(&file, &unsynced.bytes(), 0)?;
            }
            folder.rename(&new, names::RUN)?;
            folder.sync()
        };
        write().map_err(|error| Error::io("cannot write", folder.path(&new), error))
    }

    fn bytes(self) -> [u8; BYTES] {
        let mut bytes = [self.state; BYTES];
        bytes[1..9].copy_from_slice(&self.last.0.to_le_bytes());
        bytes[9..].copy_from_slice(&self.other.0.to_le_bytes());
        bytes
    }
}
