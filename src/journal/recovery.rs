//! Reads a data folder when the daemon starts.
//!
//! The journal is read once, in its order, and the snapshot with it: before each slice of the
//! snapshot the changes up to its revision. Nothing is changed; [`Journal::begin`] does that.
//!
//! [`Journal::begin`]: super::Journal::begin

use super::disk::{File, Folder};
use super::error::Error;
use super::load::{Cut, How, Load, Segment};
use super::names::{self, Name};
use super::run::{Run, Trace};
use super::source::Source;
use super::tail::Tail;

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
    /// Whether a daemon has kept data here before.
    pub was_used: bool,
    /// What is to be cut off.
    pub cut: Option<Cut>,
    pub(super) segments: Vec<Segment>,
    /// Who wrote the last file.
    pub(super) run: Option<Run>,
    /// What says that not all of that run is known, if so.
    doubt: Option<Trace>,
    /// Where the snapshot was begun, and its length.
    pub(super) snapshot: Option<(u64, u64)>,
    pub(super) next_number: u64,
    /// Files that are no use.
    pub(super) rubbish: Vec<String>,
}

impl Recovered {
    /// Removes what is of no use, and cuts off what is not whole. What is left is on the disk
    /// then. Before that it is noted if what is cut off shows that another series must begin.
    pub(super) fn tidy<D: Folder>(&self, folder: &D) -> Result<(), Error> {
        if let Some(doubt) = self.doubt {
            doubt.doubt(folder)?;
        }
        for name in &self.rubbish {
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
    let listing = Listing::of(folder)?;
    let newest = listing.snapshots.last().copied();
    let mut tail = Tail::new(folder, listing.segments, newest)?;
    let mut snapshot = None;
    if let Some(base) = newest {
        let name = names::snapshot(base);
        let failed = |error| Error::io("cannot open", folder.path(&name), error);
        let file = folder.open(&name).map_err(failed)?;
        let mut source = Source::open(file, folder.path(&name), Some(base))?;
        tail.add_total(source.bytes_len());
        source.load(&mut tail, load)?;
        snapshot = Some((base, source.bytes_len()));
        tail.note_snapshot(source.epoch());
    }
    tail.advance(u64::MAX, load, How::Strict)?;
    let mut rubbish = listing.rubbish;
    rubbish.extend(std::mem::take(&mut tail.rubbish));
    let last = tail.segments.last().map_or(0, |last| last.number);
    tail.is_certain &= listing.damaged.is_none_or(|damaged| damaged < last);
    Ok(Recovered {
        epoch: tail.epoch,
        revision: tail.revision,
        is_certain: tail.is_certain,
        was_used: tail.has_trace(),
        cut: tail.cut.take(),
        run: tail.run(),
        doubt: tail.doubt(),
        next_number: tail
            .next_number
            .max(listing.damaged.map_or(1, |number| number + 1)),
        segments: tail.segments,
        snapshot,
        rubbish,
    })
}

/// The files of a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The segments of the journal, in their order.
    pub(super) segments: Vec<u64>,
    /// The snapshots, in their order.
    snapshots: Vec<u64>,
    /// The last segment of which something was set aside.
    damaged: Option<u64>,
    /// Files that are no use: those that were being made, and snapshots that were replaced.
    rubbish: Vec<String>,
}

impl Listing {
    pub(super) fn of<D: Folder>(folder: &D) -> Result<Listing, Error> {
        let names = folder
            .names()
            .map_err(|error| Error::io("cannot read the folder", folder.path(""), error))?;
        let mut listing = Listing::default();
        for name in names {
            match names::read(&name) {
                Name::Segment(number) => listing.segments.push(number),
                Name::Snapshot(revision) => listing.snapshots.push(revision),
                Name::Damaged(number) => listing.damaged = listing.damaged.max(Some(number)),
                Name::New => listing.rubbish.push(name),
                Name::Other => {}
            }
        }
        listing.segments.sort_unstable();
        listing.snapshots.sort_unstable();
        let replaced = listing.snapshots.iter().rev().skip(1).copied();
        listing.rubbish.extend(replaced.map(names::snapshot));
        Ok(listing)
    }
}
