//! Reads the files of the journal one after the other, and judges how they end.

mod judge;

use super::disk::{File, Folder};
use super::error::Error;
use super::frame::{CHANGES, CLOSED};
use super::header::{Begin, Header, Kind};
use super::load::{Cut, How, Load, Segment};
use super::names;
use super::reader::{Found, Reader, Rest};
use super::run::{Run, Trace};
use crate::codec::Parts;
use std::collections::VecDeque;

/// A journal being read.
pub(super) struct Tail<'a, D: Folder> {
    folder: &'a D,
    boot: u128,
    trace: Option<Trace>,
    /// The files still to be read.
    numbers: VecDeque<u64>,
    file: Option<Open<D::File>>,
    /// The last header that was read.
    header: Option<Header>,
    /// What is left of the changes that were read last.
    body: Vec<u8>,
    body_at: usize,
    /// Where they begin, and the revision before them.
    frame: (u64, u64),
    /// Where the snapshot was begun.
    snapshot: Option<u64>,
    is_snapshot_whole: bool,
    /// The last revision that was read.
    pub(super) revision: u64,
    pub(super) epoch: Option<u64>,
    /// Whether no later revision than the last one read can have been told to anyone: the journal
    /// was closed, or the machine has been running since, or what was answered was on the disk.
    pub(super) is_certain: bool,
    /// The last file with a header is no copy, which is as old as nobody knows.
    is_original: bool,
    pub(super) segments: Vec<Segment>,
    pub(super) rubbish: Vec<String>,
    pub(super) cut: Option<Cut>,
    pub(super) next_number: u64,
    read: u64,
    total: u64,
}

/// A file being read.
struct Open<F> {
    number: u64,
    name: String,
    reader: Reader<F>,
    has_changes: bool,
}

impl<'a, D: Folder> Tail<'a, D> {
    /// The journal in these files; where a snapshot was begun, it must begin there or before.
    pub(super) fn new(
        folder: &'a D,
        numbers: Vec<u64>,
        base: Option<u64>,
    ) -> Result<Tail<'a, D>, Error> {
        let next_number = numbers.last().map_or(1, |last| last + 1);
        let mut total = 0;
        for number in &numbers {
            let name = names::segment(*number);
            let bytes = folder.open(&name).and_then(|file| file.bytes_len());
            total += bytes.map_err(|error| Error::io("cannot open", folder.path(&name), error))?;
        }
        Ok(Tail {
            folder,
            boot: folder.boot(),
            trace: Trace::read(folder)?,
            numbers: numbers.into(),
            file: None,
            header: None,
            body: Vec::new(),
            body_at: 0,
            frame: (0, 0),
            snapshot: base,
            is_snapshot_whole: base.is_none(),
            revision: base.unwrap_or(0),
            epoch: None,
            is_certain: false,
            is_original: false,
            segments: Vec::new(),
            rubbish: Vec::new(),
            cut: None,
            next_number,
            read: 0,
            total,
        })
    }

    /// Who wrote the last file.
    pub(super) fn run(&self) -> Option<Run> {
        self.header.map(|header| Run(header.salt))
    }

    /// Whether there is a trace of a run.
    pub(super) fn has_trace(&self) -> bool {
        self.trace.is_some()
    }

    /// What says of the last run that not all of it is known, if that is so.
    pub(super) fn doubt(&self) -> Option<Trace> {
        let run = self.run().filter(|_| !self.is_certain)?;
        Some(self.trace.unwrap_or(Trace::of(run)))
    }

    /// Whether no start before this one has found that not all of this run is known.
    fn may_know(&self, run: Run) -> bool {
        self.trace.is_none_or(|trace| trace.may_know(run))
    }

    /// Counts bytes that are to be read beside the journal.
    pub(super) fn add_total(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// Counts bytes that have been read, and ends reading if who loads them wants no more.
    pub(super) fn note_read(&mut self, bytes: u64, load: &mut impl Load) -> Result<(), Error> {
        self.read += bytes;
        if load.progress(self.read, self.total.max(self.read)) {
            return Ok(());
        }
        let path = self.folder.path("");
        Err(Error::Stopped { path })
    }

    /// Notes that the snapshot, of this series, has been loaded.
    pub(super) fn note_snapshot(&mut self, epoch: u64) {
        self.is_snapshot_whole = true;
        self.epoch.get_or_insert(epoch);
    }

    /// Loads the changes up to this revision, or as many as there are.
    pub(super) fn advance(&mut self, to: u64, load: &mut impl Load, how: How) -> Result<(), Error> {
        // Where the journal begins is known only when its first file has been opened.
        let is_unread = self.file.is_none() && self.segments.is_empty();
        if is_unread && !self.next_file(load)? {
            return Ok(());
        }
        loop {
            while self.revision < to && self.body_at < self.body.len() {
                let mut parts = Parts(&self.body[self.body_at..]);
                let left = parts.0.len();
                let Some(change) = parts.change(self.revision + 1) else {
                    return Err(self.bad_changes("the changes there cannot be read"));
                };
                if !load.change(&change, how) && how == How::Strict {
                    let what = format!("change {} does not fit what is held", change.revision);
                    return Err(self.bad_changes(&what));
                }
                self.body_at += left - parts.0.len();
                self.revision += 1;
            }
            if self.revision >= to || !self.next_frame(load)? {
                return Ok(());
            }
        }
    }

    /// Finds the next changes; false if there are none.
    fn next_frame(&mut self, load: &mut impl Load) -> Result<bool, Error> {
        loop {
            if self.file.is_none() && !self.next_file(load)? {
                return Ok(false);
            }
            let Some(open) = &mut self.file else {
                return Ok(false);
            };
            match open.reader.look()? {
                Found::Frame => {
                    if self.take_frame(load)? {
                        return Ok(true);
                    }
                }
                Found::Nothing => {
                    let at = open.reader.at();
                    match open.reader.search(true)? {
                        Rest::Nothing => self.end_file(at, false),
                        rest => self.judge_place(at, rest)?,
                    }
                }
                Found::Bad => {
                    let at = open.reader.at();
                    let rest = open.reader.search(true)?;
                    self.judge_place(at, rest)?;
                }
            }
        }
    }

    /// Takes the frame that was found; whether it holds changes.
    fn take_frame(&mut self, load: &mut impl Load) -> Result<bool, Error> {
        let Some(open) = &mut self.file else {
            return Ok(false);
        };
        let mut parts = Parts(open.reader.body());
        let kind = parts.byte();
        let revision = parts.fixed64();
        match (kind, revision) {
            (Some(CHANGES), Some(first)) if first == self.revision + 1 => {
                parts.take(8);
                self.body.clear();
                self.body.extend_from_slice(parts.0);
                self.body_at = 0;
                self.frame = (open.reader.at(), self.revision);
                open.has_changes = true;
                let read = open.reader.body().len() as u64;
                open.reader.skip();
                self.note_read(read, load)?;
                Ok(true)
            }
            (Some(CLOSED), Some(last)) if last == self.revision => {
                open.reader.skip();
                let may_know = self.run().is_none_or(|run| self.may_know(run));
                self.is_certain = self.is_original && may_know;
                Ok(false)
            }
            _ => {
                let what = format!("change {} should stand there", self.revision + 1);
                Err(self.damaged(&what))
            }
        }
    }

    /// Opens the next file; false if there is none.
    fn next_file(&mut self, load: &mut impl Load) -> Result<bool, Error> {
        while let Some(number) = self.numbers.pop_front() {
            let name = names::segment(number);
            let (reader, begin) = self.open(&name)?;
            let header = match begin {
                Begin::Header(header) => header,
                Begin::Later(version) => {
                    let path = reader.path().to_owned();
                    return Err(Error::Later { path, version });
                }
                Begin::Unused | Begin::Bad => {
                    self.without_header(number, name, reader)?;
                    continue;
                }
            };
            let is_certain = self.is_all_known(&header, &reader)?;
            let is_first = self.segments.is_empty();
            self.file = Some(Open {
                number,
                name,
                reader,
                has_changes: false,
            });
            let fits = header.base == self.revision || (is_first && header.base < self.revision);
            if !fits {
                self.judge_gap(&header)?;
                continue;
            }
            self.revision = header.base;
            self.is_certain = is_certain;
            self.header = Some(header);
            if self.epoch != Some(header.epoch) {
                self.epoch = Some(header.epoch);
                load.series(header.epoch, header.base);
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether everything that was told while a file was written is in it, as far as the beginning
    /// of it can say.
    fn is_all_known(&mut self, header: &Header, reader: &Reader<D::File>) -> Result<bool, Error> {
        let number = reader.file().number();
        let number = number.map_err(|error| Error::io("cannot look at", reader.path(), error))?;
        self.is_original = number ^ self.folder.stamp() == header.number;
        let is_long = reader.bytes_len() >= header.bytes_len;
        let is_same_boot = header.boot == self.boot && self.boot != 0;
        let run = Run(header.salt);
        if header.always || !self.is_original || !is_long || !is_same_boot {
            return Ok(self.is_original && header.always && self.may_know(run));
        }
        Ok(self.trace.is_some_and(|trace| trace.remembers(run)))
    }

    fn open(&self, name: &str) -> Result<(Reader<D::File>, Begin), Error> {
        let path = self.folder.path(name);
        let file = self
            .folder
            .open(name)
            .map_err(|error| Error::io("cannot open", path.clone(), error))?;
        Reader::open(file, path, Kind::Journal)
    }

    /// A file that does not begin with a header is one that was set aside and never used, or was
    /// being begun when everything ended.
    fn without_header(
        &mut self,
        number: u64,
        name: String,
        mut reader: Reader<D::File>,
    ) -> Result<(), Error> {
        let rest = self.search_without_header(&mut reader)?;
        if rest == Rest::Nothing {
            self.rubbish.push(name);
            return Ok(());
        }
        self.file = Some(Open {
            number,
            name,
            reader,
            has_changes: false,
        });
        self.judge_place(0, rest)
    }

    /// Looks for whole frames in a file whose header is not there: of the last run, for those of
    /// earlier ones were whole when it began.
    fn search_without_header(&self, reader: &mut Reader<D::File>) -> Result<Rest, Error> {
        if let Some(trace) = self.trace {
            reader.set_salt(trace.last.0);
        }
        reader.search(self.trace.is_some())
    }

    /// Notes that a file is whole up to here.
    fn end_file(&mut self, at: u64, is_torn: bool) {
        let Some(open) = self.file.take() else {
            return;
        };
        self.segments.push(Segment {
            number: open.number,
            last: self.revision,
            bytes: at,
            is_torn,
            is_empty: !open.has_changes,
        });
    }
}
