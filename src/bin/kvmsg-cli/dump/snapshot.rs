//! Takes all keys under a prefix as they were at one revision, that of the last page.
//!
//! It watches first, every key, and then lists. A page shows its keys at its own revision, so of
//! each change to a key whose page has come, all between that page's revision and the last one's
//! are kept, and made up for when the pages are read again. A change to a key whose page has not
//! come needs not be kept: that page will show it.
//!
//! Every key is watched, also if few are wanted, because the revisions of all changes follow one
//! another without a gap. So it is known that nothing is missing as soon as as much has been told
//! as the last page shows, and nobody waits for word of that.

use super::spool::{Kept, Record, Spool};
use crate::failure::Failure;
use crate::list;
use crate::options::Options;
use futures_lite::future;
use kvmsg::client::{Client, Error, Notice, Op};
use smol::Timer;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

/// How many bytes of changes are kept while the pages come: 256 MiB.
const CHANGES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a change takes beside its key and values, about.
const CHANGE_BYTES: usize = 128;

/// How many times everything is listed before it is given up.
const ATTEMPTS_MAX: usize = 5;

/// A change to a key whose page has come.
struct Change {
    revision: u64,
    op: Op,
    values: Vec<Vec<u8>>,
}

/// What was taken.
pub struct Snapshot {
    pages: Kept,
    changes: BTreeMap<Vec<u8>, Vec<Change>>,
    /// The revision that it shows.
    revision: u64,
}

/// Pages that are coming.
struct Taking<'a> {
    options: &'a Options,
    client: Client,
    prefix: &'a [u8],
    /// Up to where changes have been told.
    told: u64,
    pages: Spool,
    changes: BTreeMap<Vec<u8>, Vec<Change>>,
    changes_bytes: usize,
    /// The first page's revision.
    first: Option<u64>,
    /// Up to which key pages have come; none: up to the last, if any page has come.
    bound: Option<Vec<u8>>,
    /// Whether changes were not told that no page shows.
    has_missed: bool,
}

impl Snapshot {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// [`Failure::Server`], [`Failure::Changing`], [`Failure::Temporary`].
    pub async fn take(
        options: &Options,
        mut client: Client,
        prefix: &[u8],
    ) -> Result<Snapshot, Failure> {
        let position = client.watch(b"").await;
        let position = position.map_err(|error| Failure::server(options, error))?;
        let mut taking = Taking {
            options,
            client,
            prefix,
            told: position.revision,
            pages: Spool::new(),
            changes: BTreeMap::new(),
            changes_bytes: 0,
            first: None,
            bound: None,
            has_missed: false,
        };
        for _ in 0..ATTEMPTS_MAX {
            if let Some(revision) = taking.list().await? {
                return Ok(Snapshot {
                    pages: taking.pages.read()?,
                    changes: taking.changes,
                    revision,
                });
            }
            taking.pages = Spool::new();
            (taking.changes, taking.changes_bytes) = (BTreeMap::new(), 0);
            (taking.first, taking.bound, taking.has_missed) = (None, None, false);
        }
        Err(Failure::Changing(format!(
            "keys changed faster than that could be told, {ATTEMPTS_MAX} times in succession; \
             history_bytes of the server is what decides, see kvmsg.toml(5)"
        )))
    }

    /// Shows each key with its values, in the order of the keys.
    ///
    /// # Errors
    ///
    /// Those of `show`, [`Failure::Temporary`], and [`Failure::Changing`] if the server told of a
    /// change that cannot have been.
    pub fn each(
        mut self,
        show: impl FnMut(&[u8], &Vec<Vec<u8>>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut merge = Merge {
            changes: self.changes.into_iter().peekable(),
            page: 0,
            last: self.revision,
            show,
        };
        let mut end: Option<Vec<u8>> = None;
        while let Some(record) = self.pages.next()? {
            match record {
                Record::Page(bound, revision) => {
                    // Of the page before this one.
                    if let Some(end) = end {
                        merge.new_keys(|key| key <= &end[..])?;
                    }
                    (end, merge.page) = (bound, revision);
                }
                Record::Key(key, values) => {
                    merge.new_keys(|other| other < &key[..])?;
                    let changes = merge.changes.next_if(|(other, _)| *other == key);
                    merge.key(
                        &key,
                        values,
                        changes.map_or(Vec::new(), |(_, changes)| changes),
                    )?;
                }
            }
        }
        merge.new_keys(|_| true)
    }
}

/// Pages on their way to what they were at the last one's revision.
struct Merge<Show> {
    changes: Peekable<btree_map::IntoIter<Vec<u8>, Vec<Change>>>,
    /// The revision of the present page.
    page: u64,
    /// The revision of the last page.
    last: u64,
    show: Show,
}

impl<Show: FnMut(&[u8], &Vec<Vec<u8>>) -> Result<(), Failure>> Merge<Show> {
    /// Shows the next changed keys, those for which `is_here` holds, that the page does not have.
    fn new_keys(&mut self, is_here: impl Fn(&[u8]) -> bool) -> Result<(), Failure> {
        while let Some((key, changes)) = self.changes.next_if(|(key, _)| is_here(key)) {
            self.key(&key, Vec::new(), changes)?;
        }
        Ok(())
    }

    /// Shows a key, if it was there at the last page's revision.
    fn key(
        &mut self,
        key: &[u8],
        mut values: Vec<Vec<u8>>,
        changes: Vec<Change>,
    ) -> Result<(), Failure> {
        let missing = self.page + 1..=self.last;
        for change in changes {
            if missing.contains(&change.revision) && !change.op.apply(&mut values, change.values) {
                let revision = change.revision;
                return Err(Failure::Changing(format!(
                    "the server told of a change that cannot have been, at revision {revision}"
                )));
            }
        }
        match values.is_empty() {
            true => Ok(()),
            false => (self.show)(key, &values),
        }
    }
}

impl Taking<'_> {
    /// Lists everything; returns the last page's revision, or nothing if it must be done again.
    async fn list(&mut self) -> Result<Option<u64>, Failure> {
        loop {
            let page = list::page(&mut self.client, self.prefix, self.bound.take()).await;
            let page = page.map_err(|error| self.failure(error))?;
            self.pages.page(&page)?;
            self.first.get_or_insert(page.revision);
            let is_last = page.next.is_none();
            self.bound = page.next;
            while let Some(notice) = self.client.kept_notice() {
                self.notice(notice)?;
            }
            while is_last && self.told < page.revision && !self.has_missed {
                let notice = self.client.notice();
                let late = async {
                    Timer::after(self.options.timeout).await;
                    Err(Error::Timeout(self.options.timeout))
                };
                let notice = future::or(notice, late).await;
                let notice = notice.map_err(|error| self.failure(error))?;
                self.notice(notice)?;
            }
            match (self.has_missed, is_last) {
                (true, _) => return Ok(None),
                (false, true) => return Ok(Some(page.revision)),
                (false, false) => {}
            }
        }
    }

    fn notice(&mut self, notice: Notice) -> Result<(), Failure> {
        match notice {
            Notice::Change {
                op,
                key,
                revision,
                values,
            } => {
                self.told = revision;
                let has_page = self.bound.as_ref().is_none_or(|bound| key <= *bound);
                if !has_page || !key.starts_with(self.prefix) {
                    return Ok(());
                }
                let bytes = values.iter().map(|value| value.len() + CHANGE_BYTES);
                self.changes_bytes += key.len() + CHANGE_BYTES + bytes.sum::<usize>();
                if self.changes_bytes > CHANGES_BYTES_MAX {
                    return Err(Failure::Changing(format!(
                        "more than {CHANGES_BYTES_MAX} bytes changed while keys were listed; \
                         dump with a PREFIX, or when less changes"
                    )));
                }
                let change = Change {
                    revision,
                    op,
                    values,
                };
                self.changes.entry(key).or_default().push(change);
            }
            Notice::Lost { last, .. } => {
                self.told = last;
                // All pages that have come, if any, show it, and so will those that come.
                self.has_missed |= self.first.is_some_and(|first| first < last);
            }
            Notice::Progress { revision } => self.told = self.told.max(revision),
            Notice::Drain { .. } => {}
        }
        Ok(())
    }

    fn failure(&self, error: Error) -> Failure {
        Failure::server(self.options, error)
    }
}
