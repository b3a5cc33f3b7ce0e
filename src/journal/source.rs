//! Reads a snapshot, or a backup, which is one that brings the changes it needs.

use super::disk::{File, Folder};
use super::error::{Damage, Error, Remedy};
use super::frame::{CHANGES, COMPLETE, HELD, entry};
use super::header::{Begin, Header, Kind};
use super::load::{How, Load};
use super::reader::{Found, Reader};
use super::tail::Tail;
use crate::codec::Parts;

/// A snapshot being read.
pub(super) struct Source<F> {
    reader: Reader<F>,
    header: Header,
    /// The last change that stood in the snapshot itself.
    own: Option<u64>,
    entries: u64,
}

impl<F: File> Source<F> {
    /// Reads the beginning of a snapshot, which was begun at this revision, if it is given.
    pub(super) fn open(file: F, path: String, base: Option<u64>) -> Result<Source<F>, Error> {
        let (reader, begin) = Reader::open(file, path, Kind::Snapshot)?;
        match begin {
            Begin::Header(header) if base.is_none_or(|base| header.base == base) => Ok(Source {
                reader,
                header,
                own: None,
                entries: 0,
            }),
            Begin::Later(version) => {
                let path = reader.path().to_owned();
                Err(Error::Later { path, version })
            }
            _ => {
                let what = match base {
                    Some(_) => "it does not begin as a snapshot does",
                    None => "it does not begin as a backup does",
                };
                Err(damaged(&reader, base.unwrap_or(0), what))
            }
        }
    }

    pub(super) fn file(&self) -> &F {
        self.reader.file()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.header.epoch
    }

    pub(super) fn base(&self) -> u64 {
        self.header.base
    }

    pub(super) fn bytes_len(&self) -> u64 {
        self.reader.bytes_len()
    }

    /// Loads the snapshot, and the journal up to where it ends.
    pub(super) fn load<D: Folder>(
        &mut self,
        tail: &mut Tail<'_, D>,
        load: &mut impl Load,
    ) -> Result<(), Error> {
        tail.advance(self.header.base, load, How::Told)?;
        loop {
            if self.reader.look()? != Found::Frame {
                return Err(self.damaged("no whole frame is there, and the snapshot has not ended"));
            }
            let mut parts = Parts(self.reader.body());
            let (kind, revision) = (parts.byte(), parts.fixed64());
            let revision = revision.unwrap_or(u64::MAX);
            let is_right = match kind {
                Some(CHANGES) => {
                    let own = self.own;
                    let last = parts
                        .take(8)
                        .and_then(|_| take_changes(parts, revision, own, load));
                    self.own = last;
                    last.is_some()
                }
                Some(HELD | COMPLETE) => {
                    tail.advance(revision, load, How::Loose)?;
                    if tail.revision < revision {
                        let what = format!(
                            "it needs the changes up to revision {revision}, and the journal ends \
                             at {}",
                            tail.revision
                        );
                        return Err(self.damaged(&what));
                    }
                    if kind == Some(COMPLETE) {
                        let is_right = parts.number() == Some(self.entries) && parts.is_empty();
                        return self.end(is_right);
                    }
                    let count = take_entries(parts, load);
                    self.entries += count.unwrap_or(0);
                    count.is_some()
                }
                _ => false,
            };
            if !is_right {
                return Err(self.damaged("what the frame there holds does not belong there"));
            }
            let read = self.reader.body().len() as u64;
            self.reader.skip();
            tail.note_read(read, load)?;
        }
    }

    fn end(&mut self, is_right: bool) -> Result<(), Error> {
        self.reader.skip();
        if is_right && self.reader.at() == self.reader.bytes_len() {
            return Ok(());
        }
        Err(self.damaged("the snapshot does not end as it should"))
    }

    fn damaged(&self, what: &str) -> Error {
        damaged(&self.reader, self.header.base, what)
    }
}

fn damaged<F: File>(reader: &Reader<F>, revision: u64, what: &str) -> Error {
    Error::Damaged(Box::new(Damage {
        path: reader.path().to_owned(),
        name: String::new(),
        at: reader.at(),
        what: what.to_owned(),
        revision,
        remedy: Remedy::None,
    }))
}

/// Loads changes that follow `last`, if there were some before; the revision of the last one.
fn take_changes(
    parts: Parts<'_>,
    first: u64,
    last: Option<u64>,
    load: &mut impl Load,
) -> Option<u64> {
    let mut parts = parts;
    let mut revision = first.checked_sub(1)?;
    if last.is_some_and(|last| last != revision) {
        return None;
    }
    while !parts.is_empty() {
        let change = parts.change(revision + 1)?;
        load.change(&change, How::Past);
        revision += 1;
    }
    Some(revision)
}

/// Loads the entries of a slice, and counts them; nothing if they are not all whole.
fn take_entries(parts: Parts<'_>, load: &mut impl Load) -> Option<u64> {
    let mut parts = parts;
    let mut count = 0;
    while !parts.is_empty() {
        let (more, key, values) = entry(&mut parts)?;
        load.held(key, values, more);
        count += 1;
    }
    Some(count)
}
