//! Appends changes to the journal.

use super::disk::{File, Folder, write_all_at};
use super::error::Error;
use super::frame::{Batch, CLOSED_BYTES, closed};
use super::header::{HEADER_BYTES, Header, Kind, salt};
use super::names;
use super::recovery::Recovered;
use super::run::Run;
use super::shared::{Sealed, Shared, Spare, State};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the files of a journal say of who writes them.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The series that the revisions belong to.
    pub epoch: u64,
    /// Whether changes are answered only when they are on the disk.
    pub always: bool,
    /// How much is set aside for a file, in bytes.
    pub segment_bytes: u64,
}

/// How many zeros are written at once behind a short batch, at most. More would make the sync that
/// waits for them longer; with fewer there would be more of those.
const FILL_BYTES: usize = 64 * 1024;

/// How long a batch is that is not short, in bytes: the zeros would do for one or two like it.
const LONG_BYTES: u64 = 32 * 1024;

/// Filling ends where a block of the filesystem does, of this many bytes, which no other batch
/// then has to fill.
const BLOCK_BYTES: u64 = 4096;

/// A journal being written.
#[derive(Debug)]
pub struct Journal<D: Folder> {
    shared: Arc<Shared<D>>,
    origin: Origin,
    file: Arc<D::File>,
    number: u64,
    /// The same in all files of a run, so that the frames of one whose header was lost can be
    /// checked.
    salt: u64,
    /// Where the next frame goes.
    at: u64,
    bytes_len: u64,
    /// Up to where it was filled with zeros that were written.
    filled: u64,
    /// The last revision that was written.
    revision: u64,
}

impl<D: Folder> Journal<D> {
    /// Goes on where the folder ends, in a file of its own: cuts off what was recovered to be
    /// torn, and removes what is no use any more.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn begin(folder: D, recovered: &Recovered, origin: Origin) -> Result<Journal<D>, Error> {
        if let Some(cut) = &recovered.cut {
            log::warn!("{cut}, and are cut off");
        }
        recovered.tidy(&folder)?;
        let sealed = sealed(&folder, recovered)?;
        let revision = recovered.revision;
        let shared = Arc::new(Shared::new(
            folder,
            State {
                sealed,
                spare: None,
                next_number: recovered.next_number,
                segment_bytes: origin.segment_bytes,
                current: (0, 0),
                written: revision,
                synced: revision,
                unsynced: Vec::new(),
                snapshot: recovered.snapshot.unwrap_or((0, 0)),
                new_snapshot: 0,
                wanted: 0,
                is_full: false,
                is_failing: false,
                is_short: false,
                failure: None,
                history_first: 0,
                is_closed: false,
            },
        ));
        let spare = shared.take_spare(0)?;
        let mut journal = Journal {
            shared,
            origin,
            file: spare.file.clone(),
            number: spare.number,
            salt: salt(),
            at: 0,
            bytes_len: spare.bytes_len,
            filled: 0,
            revision,
        };
        let last = recovered.run.filter(|_| recovered.is_certain);
        Run(journal.salt).begin(&journal.shared.folder, last)?;
        // A new series must be on the disk before anybody is told of it.
        journal.write_header()?;
        let synced = journal.file.sync();
        synced.map_err(|error| Error::io("cannot sync", journal.path(), error))?;
        recovered.remove_empty(&journal.shared.folder)?;
        journal.shared.state().current = (journal.at, journal.bytes_len);
        Ok(journal)
    }

    /// What helps this journal from other threads.
    pub fn shared(&self) -> Arc<Shared<D>> {
        self.shared.clone()
    }

    /// The last revision that was written.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Writes the changes, which follow those before. They survive the process then, and after
    /// the next [`Shared::sync`] the machine. Returns the revision of the last one.
    ///
    /// # Errors
    ///
    /// [`Error::Full`]: nothing has been lost, and the same batch must be written when there is
    /// room. After any other error nothing can be written any more.
    pub fn append(&mut self, batch: &mut Batch) -> Result<u64, Error> {
        if batch.is_empty() {
            return Ok(self.revision);
        }
        debug_assert_eq!(batch.first(), self.revision + 1);
        let written = self.write(batch);
        let mut state = self.shared.state();
        match written {
            Ok(()) => {}
            Err(Error::Full { path }) => return Err(Error::Full { path }),
            Err(error) => {
                state.failure = Some(error.clone());
                return Err(error);
            }
        }
        self.revision = batch.last();
        (state.written, state.is_short) = (self.revision, false);
        state.current = (self.at, self.bytes_len);
        let last = state.unsynced.last();
        if last.is_none_or(|(number, _)| *number != self.number) {
            state.unsynced.push((self.number, self.file.clone()));
        }
        Ok(self.revision)
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let bytes = batch.bytes_len() as u64;
        let synced = {
            let state = self.shared.state();
            self.shared.check(&state)?;
            state.synced
        };
        if self.at + bytes + CLOSED_BYTES as u64 > self.bytes_len {
            self.rotate(HEADER_BYTES as u64 + bytes + CLOSED_BYTES as u64)?;
        }
        if self.at == 0 {
            self.write_header()?;
        }
        if self.origin.always {
            self.fill_behind(bytes)?;
        }
        self.write_at_end(batch.seal(self.salt, synced))
    }

    /// Writes zeros behind where a short batch of so many bytes goes, unless that was done before.
    ///
    /// Where nothing has been written yet in the room that is set aside, a filesystem notes when
    /// something is: in a journal of its own, for which the sync of a batch waits too. So it does
    /// for one batch of many. Long batches would be written twice for little.
    fn fill_behind(&mut self, bytes: u64) -> Result<(), Error> {
        let end = self.at + bytes;
        if end <= self.filled || bytes >= LONG_BYTES {
            return Ok(());
        }
        let wanted = (end + FILL_BYTES as u64) / BLOCK_BYTES * BLOCK_BYTES;
        let filled = wanted.min(self.bytes_len);
        let zeros = &[0; FILL_BYTES][..(filled - end) as usize];
        self.write_at(zeros, end)?;
        self.filled = filled;
        Ok(())
    }

    /// Writes a frame, or the header. If that fails, the same place is written again.
    fn write_at_end(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.write_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> Result<(), Error> {
        let written = write_all_at(&*self.file, bytes, at);
        let written = written.map_err(|error| Error::io("cannot write", self.path(), error));
        if let Err(Error::Full { path }) = &written
            && !std::mem::replace(&mut self.shared.state().is_short, true)
        {
            log::error!(
                "no space is left on the device of {path}, where it had been set aside: what was \
                 changed last is written, and answered, when there is"
            );
        }
        written
    }

    fn write_header(&mut self) -> Result<(), Error> {
        let number = self.file.number();
        let header = Header {
            kind: Kind::Journal,
            always: self.origin.always,
            epoch: self.origin.epoch,
            base: self.revision,
            synced: self.shared.synced(),
            boot: self.shared.folder.boot(),
            number: number.map_err(|error| Error::io("cannot look at", self.path(), error))?
                ^ self.shared.folder.stamp(),
            bytes_len: self.bytes_len,
            salt: self.salt,
        };
        self.write_at_end(&header.bytes())
    }

    /// Goes on in another file.
    fn rotate(&mut self, bytes: u64) -> Result<(), Error> {
        let Spare {
            number,
            file,
            bytes_len,
        } = self.shared.take_spare(bytes)?;
        let full = Sealed {
            number: std::mem::replace(&mut self.number, number),
            last: self.revision,
            bytes: self.at,
            bytes_len: self.bytes_len,
            file: Some(std::mem::replace(&mut self.file, file)),
        };
        (self.at, self.bytes_len, self.filled) = (0, bytes_len, 0);
        let mut state = self.shared.state();
        state.sealed.push_back(full);
        state.current = (0, bytes_len);
        Ok(())
    }

    /// Closes the journal: everything is on the disk, and the next start knows it.
    ///
    /// # Errors
    ///
    /// Those of writing and of syncing.
    pub fn close(mut self) -> Result<(), Error> {
        self.shared.sync()?;
        if self.at == 0 {
            self.write_header()?;
        }
        self.write_at_end(&closed(self.revision, self.salt))?;
        let synced = self.file.sync();
        synced.map_err(|error| Error::io("cannot sync", self.path(), error))
    }

    fn path(&self) -> String {
        self.shared.folder.path(&names::segment(self.number))
    }
}

/// The files that were recovered, each to be cut off behind what is used.
fn sealed<D: Folder>(
    folder: &D,
    recovered: &Recovered,
) -> Result<VecDeque<Sealed<D::File>>, Error> {
    let filled = recovered
        .segments
        .iter()
        .filter(|segment| !segment.is_empty);
    let sealed = filled.map(|segment| {
        let name = names::segment(segment.number);
        let failed = |error| Error::io("cannot open", folder.path(&name), error);
        let file = folder.open(&name).map_err(failed)?;
        let bytes_len = file.bytes_len().map_err(failed)?;
        let has_more = bytes_len > segment.bytes;
        Ok(Sealed {
            number: segment.number,
            last: segment.last,
            bytes: segment.bytes,
            bytes_len,
            file: Some(Arc::new(file)).filter(|_| has_more),
        })
    });
    sealed.collect()
}
