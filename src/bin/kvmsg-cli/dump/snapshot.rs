//! Takes all keys under a prefix as they were at one revision.
//!
//! The pages are kept as they come (see [`moment`]), and of each change to a key whose page has
//! come, all until the last page are kept too, and made up for when the pages are read again. A
//! change to a key whose page has not come needs not be kept: that page will show it.

use super::spool::{Kept, Record, Spool};
use crate::failure::Failure;
use crate::moment::{self, Change, Recorder};
use crate::options::Options;
use kvmsg::client::{Client, Page};
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

/// How many bytes of changes are kept while the pages come: 256 MiB.
const CHANGES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a change takes beside its key and values, about.
const CHANGE_BYTES: usize = 128;

/// The changes to each key, in their order.
type Changes = BTreeMap<Vec<u8>, Vec<Change>>;

/// What was taken.
pub struct Snapshot {
    pages: Kept,
    changes: Changes,
}

/// Pages that are coming.
struct Recording<'a> {
    prefix: &'a [u8],
    pages: Spool,
    changes: Changes,
    changes_bytes: usize,
    /// Up to which key pages have come, if not up to the last.
    bound: Option<Vec<u8>>,
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
        let begin = |_: &str| Ok(Recording::new(prefix));
        let (recording, _) = moment::list(options, &mut client, prefix, begin).await?;
        Ok(Snapshot {
            pages: recording.pages.read()?,
            changes: recording.changes,
        })
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
            show,
        };
        let mut end: Option<Vec<u8>> = None;
        while let Some(record) = self.pages.next()? {
            match record {
                Record::Page(bound) => {
                    // Of the page before this one.
                    if let Some(end) = end {
                        merge.new_keys(|key| key <= &end[..])?;
                    }
                    end = bound;
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

    /// Shows a key, if it was still there when the last page came.
    fn key(
        &mut self,
        key: &[u8],
        mut values: Vec<Vec<u8>>,
        changes: Vec<Change>,
    ) -> Result<(), Failure> {
        for change in changes {
            if !change.op.apply(&mut values, change.values) {
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

impl Recording<'_> {
    fn new(prefix: &[u8]) -> Recording<'_> {
        Recording {
            prefix,
            pages: Spool::new(),
            changes: BTreeMap::new(),
            changes_bytes: 0,
            bound: None,
        }
    }
}

impl Recorder for Recording<'_> {
    fn page(&mut self, page: Page) -> Result<(), Failure> {
        self.pages.page(&page)?;
        self.bound = page.next;
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), Failure> {
        let Change { key, values, .. } = &change;
        let has_page = self.bound.as_ref().is_none_or(|bound| key <= bound);
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
        self.changes.entry(key.clone()).or_default().push(change);
        Ok(())
    }
}
