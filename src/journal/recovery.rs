//! Reads a data folder when the daemon starts.
//!
//! The journal is read once, in its order, and the snapshot with it: before each slice of the
//! snapshot the changes up to its revision. Nothing is changed; [`Journal::begin`] does that.
//!
//! [`Journal::begin`]: super::Journal::begin

use super::disk::{File, Folder};
use super::error::{Damage, Error, Remedy};
use super::frame::{COMPLETE, HELD, Values, entry};
use super::header::{Begin, Kind};
use super::names::{self, Name};
use super::reader::{Found, Reader};
use super::record::Parts;
use super::run::Run;
use super::tail::Tail;
use crate::protocol::notice::Entry;

/// What takes in what is read.
pub trait Load {
    /// What follows belongs to this series, which continues after this revision.
    fn series(&mut self, epoch: u64, revision: u64);
    /// The key holds these values, and no others unless `more`: then they follow those that were
    /// told last.
    fn held(&mut self, key: &[u8], values: Values<'_>, more: bool);
    /// A change was made. False if it cannot be made to what the key holds.
    fn change(&mut self, change: &Entry<'_>, how: How) -> bool;
    /// So many bytes have been read of so many.
    fn progress(&mut self, read: u64, total: u64);
}

/// What a change is to whoever loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It belongs to the history alone: what keys hold will be told without it.
    Told,
    /// It may concern a key whose values have not been told yet: if it cannot be made, it need not.
    Loose,
    /// It must be made.
    Strict,
}

/// A file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// The revision of its last change.
    pub(super) last: u64,
    /// How much of it is whole.
    pub(super) bytes: u64,
    /// Something follows that is not whole.
    pub(super) is_torn: bool,
    /// It holds no changes after all.
    pub(super) is_empty: bool,
}

/// What was at the end of the journal and not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub path: String,
    /// Where what is not whole begins.
    pub at: u64,
    /// How much it is, in bytes.
    pub bytes: u64,
}

/// What was found in a folder.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The series of the last change; none if there is nothing.
    pub epoch: Option<u64>,
    /// The last revision.
    pub revision: u64,
    /// Whether no later revision can have been told to anyone. If not, the next series must be
    /// another.
    pub is_certain: bool,
    /// What is to be cut off.
    pub cut: Option<Cut>,
    pub(super) segments: Vec<Segment>,
    /// Who wrote the last file.
    pub(super) run: Option<Run>,
    /// Where the snapshot was begun, and its length.
    pub(super) snapshot: Option<(u64, u64)>,
    pub(super) next_number: u64,
    /// Files that are no use, in the order in which they are to be removed.
    pub(super) rubbish: Vec<String>,
}

impl Recovered {
    /// Removes what is of no use, and cuts off what is not whole. What is left is on the disk
    /// then.
    pub(super) fn tidy<D: Folder>(&self, folder: &D) -> Result<(), Error> {
        // The last first: in any other order a crash in between would look like damage.
        for name in self.rubbish.iter().rev() {
            remove(folder, name)?;
        }
        sync_folder(folder)?;
        for segment in &self.segments {
            let name = names::segment(segment.number);
            let cut = || -> std::io::Result<()> {
                let file = folder.open(&name)?;
                if segment.is_torn {
                    // As long as before: a shorter file than was made has lost something.
                    let bytes_len = file.bytes_len()?;
                    file.truncate(segment.bytes)?;
                    file.truncate(bytes_len)?;
                }
                file.sync()
            };
            cut().map_err(|error| Error::io("cannot cut off", folder.path(&name), error))?;
        }
        Ok(())
    }

    /// Removes the files without changes, when another has been begun.
    pub(super) fn remove_empty<D: Folder>(&self, folder: &D) -> Result<(), Error> {
        for empty in self.segments.iter().filter(|segment| segment.is_empty) {
            remove(folder, &names::segment(empty.number))?;
        }
        sync_folder(folder)
    }
}

fn remove<D: Folder>(folder: &D, name: &str) -> Result<(), Error> {
    folder
        .remove(name)
        .map_err(|error| Error::io("cannot remove", folder.path(name), error))
}

fn sync_folder<D: Folder>(folder: &D) -> Result<(), Error> {
    folder
        .sync()
        .map_err(|error| Error::io("cannot sync", folder.path(""), error))
}

/// Reads everything that a folder holds.
///
/// # Errors
///
/// Says which file is damaged and where, or was written by a later version, or what the operating
/// system refuses. A torn end is none: see [`Recovered::cut`].
pub fn recover<D: Folder>(folder: &D, load: &mut impl Load) -> Result<Recovered, Error> {
    let names = folder
        .names()
        .map_err(|error| Error::io("cannot read the folder", folder.path(""), error))?;
    let (mut segments, mut snapshots, mut rubbish) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match names::read(&name) {
            Name::Segment(number) => segments.push(number),
            Name::Snapshot(revision) => snapshots.push(revision),
            Name::New => rubbish.push(name),
            Name::Other => {}
        }
    }
    segments.sort_unstable();
    snapshots.sort_unstable();
    let newest = snapshots.pop();
    rubbish.extend(snapshots.into_iter().map(names::snapshot));

    let mut tail = Tail::new(folder, segments, newest)?;
    let mut snapshot = None;
    if let Some(base) = newest {
        let mut source = open_snapshot(folder, base)?;
        tail.add_total(source.reader.bytes_len());
        load_snapshot(&mut source, &mut tail, load)?;
        snapshot = Some((base, source.reader.bytes_len()));
        tail.note_snapshot(source.epoch);
    }
    tail.advance(u64::MAX, load, How::Strict)?;
    rubbish.extend(std::mem::take(&mut tail.rubbish));
    Ok(Recovered {
        epoch: tail.epoch,
        revision: tail.revision,
        is_certain: tail.is_certain,
        cut: tail.cut.take(),
        run: tail.run(),
        next_number: tail.next_number,
        segments: tail.segments,
        snapshot,
        rubbish,
    })
}

/// A snapshot being read.
struct Source<F> {
    reader: Reader<F>,
    name: String,
    base: u64,
    epoch: u64,
}

fn open_snapshot<D: Folder>(folder: &D, base: u64) -> Result<Source<D::File>, Error> {
    let name = names::snapshot(base);
    let path = folder.path(&name);
    let file = folder
        .open(&name)
        .map_err(|error| Error::io("cannot open", path.clone(), error))?;
    let (reader, begin) = Reader::open(file, path, Kind::Snapshot)?;
    let mut source = Source {
        reader,
        name,
        base,
        epoch: 0,
    };
    match begin {
        Begin::Later(version) => {
            let path = source.reader.path().to_owned();
            Err(Error::Later { path, version })
        }
        Begin::Header(header) if header.base == base => {
            source.epoch = header.epoch;
            Ok(source)
        }
        _ => Err(source.damaged("it does not begin as a snapshot of this revision does")),
    }
}

impl<F: File> Source<F> {
    fn check_reached(&self, revision: u64, reached: u64) -> Result<(), Error> {
        if reached >= revision {
            return Ok(());
        }
        Err(self.damaged(&format!(
            "it needs the changes up to revision {revision}, and the journal ends at {reached}"
        )))
    }

    fn damaged(&self, what: &str) -> Error {
        Error::Damaged(Box::new(Damage {
            path: self.reader.path().to_owned(),
            name: self.name.clone(),
            at: self.reader.at(),
            what: what.to_owned(),
            revision: self.base,
            remedy: Remedy::None,
        }))
    }
}

/// Loads the snapshot, and the journal up to where it ends.
fn load_snapshot<D: Folder>(
    source: &mut Source<D::File>,
    tail: &mut Tail<'_, D>,
    load: &mut impl Load,
) -> Result<(), Error> {
    tail.advance(source.base, load, How::Told)?;
    let mut entries = 0;
    loop {
        if source.reader.look()? != Found::Frame {
            return Err(source.damaged("no whole frame is there, and the snapshot has not ended"));
        }
        let mut parts = Parts(source.reader.body());
        let head = (parts.byte(), parts.fixed64());
        match head {
            (Some(HELD), Some(revision)) => {
                tail.advance(revision, load, How::Loose)?;
                source.check_reached(revision, tail.revision)?;
                match load_entries(parts, load) {
                    Some(count) => entries += count,
                    None => return Err(source.damaged("the entries there cannot be read")),
                }
            }
            (Some(COMPLETE), Some(revision)) => {
                tail.advance(revision, load, How::Loose)?;
                source.check_reached(revision, tail.revision)?;
                let is_right = parts.number() == Some(entries) && parts.is_empty();
                source.reader.skip();
                let is_end = source.reader.at() == source.reader.bytes_len();
                return match is_right && is_end {
                    true => Ok(()),
                    false => Err(source.damaged("the snapshot does not end as it should")),
                };
            }
            _ => return Err(source.damaged("the frame there does not belong in a snapshot")),
        }
        let read = source.reader.body().len() as u64;
        source.reader.skip();
        tail.note_read(read, load);
    }
}

/// Loads the entries of a slice, and counts them; nothing if they are not all whole.
fn load_entries(parts: Parts<'_>, load: &mut impl Load) -> Option<u64> {
    let mut parts = parts;
    let mut count = 0;
    while !parts.is_empty() {
        let (more, key, values) = entry(&mut parts)?;
        load.held(key, values, more);
        count += 1;
    }
    Some(count)
}
