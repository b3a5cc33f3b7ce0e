//! Judges a place where the journal is not whole: its torn end, or damage.

use super::Tail;
use crate::journal::disk::Folder;
use crate::journal::error::{Damage, Error, Remedy};
use crate::journal::header::{Begin, HEADER_BYTES, Header};
use crate::journal::load::Cut;
use crate::journal::names;
use crate::journal::reader::Rest;
use crate::journal::rear::Rear;

impl<D: Folder> Tail<'_, D> {
    /// Judges a file that does not begin where the one before ends.
    pub(super) fn judge_gap(&mut self, header: &Header) -> Result<(), Error> {
        let Some(open) = &mut self.file else {
            return Ok(());
        };
        let own = open.number;
        let rest = open.reader.search(true)?;
        let mut rear = self.look_behind(0, rest)?;
        rear.note(header, self.header);
        let (next, found) = (self.revision + 1, header.base + 1);
        // A file of zeros, or an empty one, is none that was used; here it must have been.
        let lacking = self.rubbish.last().map_or(String::new(), |name| {
            format!(", and {name} before it has no beginning")
        });
        let what = format!("it begins with change {found}, and should with {next}{lacking}");
        let mut judged = self.judge(0, &rear, &what);
        if let Err(Error::Damaged(damage)) = &mut judged
            && !matches!(damage.remedy, Remedy::Cut(_))
            && let Some(remedy) = self.needs_none_before(own, header)
        {
            damage.remedy = remedy;
        }
        judged
    }

    /// Judges a place that is not whole, behind which the file has been searched.
    pub(super) fn judge_place(&mut self, at: u64, rest: Rest) -> Result<(), Error> {
        let rear = self.look_behind(at, rest)?;
        self.judge(at, &rear, "what is there is not whole, and what follows is")
    }

    /// Judges a bad place by what follows: it is the torn end of the journal, or damage.
    fn judge(&mut self, at: u64, rear: &Rear, what: &str) -> Result<(), Error> {
        // What the disk had not been told to keep may be there in part after a loss of power.
        let was_unsynced = rear.is_of_other_boot && rear.synced <= self.revision;
        if rear.has_whole && !was_unsynced {
            return Err(self.damage(at, rear.bytes, self.revision, what));
        }
        let Some(open) = &self.file else {
            return Ok(());
        };
        // What was not even written to its end was told to nobody.
        self.is_certain &= match at {
            0 => rear.bytes < HEADER_BYTES as u64,
            _ => open.reader.is_unfinished(at, rear.bytes)?,
        };
        self.cut = Some(Cut {
            path: open.reader.path().to_owned(),
            at,
            bytes: rear.bytes,
        });
        if at == 0 {
            self.rubbish.extend(self.file.take().map(|open| open.name));
        } else {
            self.end_file(at, true);
        }
        let behind = std::mem::take(&mut self.numbers);
        self.rubbish.extend(behind.into_iter().map(names::segment));
        Ok(())
    }

    /// Looks at everything behind a bad place, where the file being read stands.
    fn look_behind(&mut self, at: u64, rest: Rest) -> Result<Rear, Error> {
        let mut rear = Rear::default();
        let header = self.header;
        let boot = header.map_or(self.boot, |header| header.boot);
        // The first file of a run is on the disk before anything follows in it.
        let is_last_run = self.run().is_some() && self.run() == self.trace.map(|trace| trace.last);
        rear.is_of_other_boot = is_last_run && boot != self.boot && self.boot != 0;
        if let Some(open) = &mut self.file {
            rear.take(&mut open.reader, at, rest)?;
        }
        for number in &self.numbers {
            let (mut reader, begin) = self.open(&names::segment(*number))?;
            let rest = match &begin {
                Begin::Header(behind) => {
                    rear.note(behind, header);
                    reader.search(true)?
                }
                _ => self.search_without_header(&mut reader)?,
            };
            rear.take(&mut reader, 0, rest)?;
        }
        Ok(rear)
    }

    /// Damage in the changes that were read last.
    pub(super) fn bad_changes(&self, what: &str) -> Error {
        let (at, revision) = self.frame;
        self.damage(at, self.bytes_from(at), revision, what)
    }

    /// Damage at the place that is read next.
    pub(super) fn damaged(&self, what: &str) -> Error {
        let at = self.file.as_ref().map_or(0, |open| open.reader.at());
        self.damage(at, self.bytes_from(at), self.revision, what)
    }

    fn bytes_from(&self, at: u64) -> u64 {
        let file = self.file.as_ref();
        file.map_or(0, |open| open.reader.bytes_len() - at)
    }

    fn damage(&self, at: u64, bytes: u64, revision: u64, what: &str) -> Error {
        let name = self.file.as_ref().map_or("", |open| &open.name);
        Error::Damaged(Box::new(Damage {
            path: self.folder.path(name),
            name: name.to_owned(),
            at,
            what: what.to_owned(),
            revision,
            remedy: self.remedy(bytes, revision),
        }))
    }

    /// What can be done about damage, behind which there are so many bytes.
    fn remedy(&self, bytes: u64, revision: u64) -> Remedy {
        if self.is_snapshot_whole && revision > 0 {
            return Remedy::Cut(bytes);
        }
        // What comes before the snapshot is history; what comes after it began, it may need.
        self.first_needed().unwrap_or(Remedy::None)
    }

    /// The next segment that begins before the snapshot did.
    fn first_needed(&self) -> Option<Remedy> {
        self.numbers.iter().find_map(|&segment| {
            let (_, begin) = self.open(&names::segment(segment)).ok()?;
            match begin {
                Begin::Header(header) => self.needs_none_before(segment, &header),
                _ => None,
            }
        })
    }

    /// What can be done where this segment is whole: if it begins before the snapshot did, keys
    /// need none of those before it.
    fn needs_none_before(&self, segment: u64, header: &Header) -> Option<Remedy> {
        let revision = header.base;
        let is_needed = self.snapshot.is_some_and(|snapshot| revision <= snapshot);
        is_needed.then_some(Remedy::Forget { segment, revision })
    }
}
