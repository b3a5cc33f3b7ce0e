//! Builds a copy of what is under a prefix from pages of it and from the changes meanwhile.
//!
//! A page shows its keys as they were at its own revision; a notice is what one change did. So of
//! each notice it must be known whether the page with its key shows the change already: it does if
//! the change's revision is at or below the page's. A notice for a key whose page has not come
//! needs not be held back: a notice never overtakes the reply to a request that was executed
//! before its change, so that page will show the change. The same follows for whole pages: one
//! that is older than what has been told before it contradicts that promise, see [`Misfit`].

use crate::client::words::Page;
use crate::protocol::notice::Op;
use std::collections::BTreeMap;

/// Every key with its values, in order.
pub type Map = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// Pages and changes that cannot have come from one store. The copy is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit;

/// A copy, complete or about to be.
#[derive(Debug, Default)]
pub(super) struct Listing {
    map: Map,
    /// The last key that each page covers, and its revision, in the order of both; the last page
    /// covers all that follows. Empty again when as much has been told as any page shows.
    pages: Vec<(Option<Vec<u8>>, u64)>,
    is_complete: bool,
    /// Up to where changes have been told.
    told: u64,
}

impl Listing {
    /// The copy so far.
    pub(super) fn map(&self) -> &Map {
        &self.map
    }

    /// Whether every page has come.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The key after which the next page begins.
    pub(super) fn after(&self) -> Option<&[u8]> {
        self.pages.last().and_then(|(bound, _)| bound.as_deref())
    }

    /// Up to where the copy certainly shows every change, if it is complete.
    pub(super) fn revision(&self) -> u64 {
        let first = self.pages.first().map_or(0, |(_, revision)| *revision);
        self.told.max(first)
    }

    /// Takes the next page.
    ///
    /// # Errors
    ///
    /// It does not continue what came before it.
    pub(super) fn page(&mut self, page: Page) -> Result<(), Misfit> {
        let newest = self.pages.last().map_or(0, |(_, revision)| *revision);
        let goes_on = page.next.is_none() || page.next.as_deref() > self.after();
        if !goes_on || page.revision < self.told.max(newest) || self.is_complete {
            return Err(Misfit);
        }
        self.is_complete = page.next.is_none();
        self.pages.push((page.next, page.revision));
        self.map.extend(page.keys);
        Ok(())
    }

    /// Takes a change; returns whether the copy is another now.
    ///
    /// # Errors
    ///
    /// It does not fit what the copy shows.
    pub(super) fn change(
        &mut self,
        op: Op,
        key: &[u8],
        revision: u64,
        values: Vec<Vec<u8>>,
    ) -> Result<bool, Misfit> {
        let is_shown = !self.is_settled() && self.shows(key, revision);
        self.reach(revision);
        match is_shown {
            true => Ok(false),
            false => apply(&mut self.map, op, key, values).map(|()| true),
        }
    }

    /// Takes the news that changes up to `last` will not be told; returns whether the copy is of
    /// use all the same, for all its pages are of later times.
    pub(super) fn survives_loss(&mut self, last: u64) -> bool {
        let first = self.pages.first().map(|(_, revision)| *revision);
        let is_later = first.map_or(!self.is_complete, |revision| revision >= last);
        self.reach(last);
        is_later
    }

    /// Takes the news that everything up to this revision has been told.
    pub(super) fn reach(&mut self, revision: u64) {
        self.told = self.told.max(revision);
        let newest = self.pages.last().map_or(0, |(_, revision)| *revision);
        if self.is_complete && self.told >= newest {
            self.pages = Vec::new();
        }
    }

    /// Whether all that is told from here on is news.
    fn is_settled(&self) -> bool {
        self.is_complete && self.pages.is_empty()
    }

    /// Whether the page with this key shows a change of this revision, or will show it.
    fn shows(&self, key: &[u8], revision: u64) -> bool {
        let is_before = |bound: &Option<Vec<u8>>| bound.as_deref().is_some_and(|last| last < key);
        let at = self.pages.partition_point(|(bound, _)| is_before(bound));
        self.pages.get(at).is_none_or(|(_, page)| revision <= *page)
    }
}

impl Op {
    /// Makes the change that a notice tells in a key's list of values; `values` are those of the
    /// notice, and the key is gone when the list is empty. Returns whether that fits: a list that
    /// does not hold what was changed is not the one that was changed.
    ///
    /// ```
    /// use kvmsg::client::Op;
    ///
    /// let mut list = vec![b"john".to_vec(), b"alice".to_vec()];
    /// assert!(Op::Update.apply(&mut list, vec![b"john".to_vec(), b"al".to_vec()]));
    /// assert_eq!(list, [b"al".to_vec(), b"alice".to_vec()]);
    /// assert!(!Op::Remove.apply(&mut list, vec![b"john".to_vec()]));
    /// ```
    #[must_use]
    pub fn apply(self, list: &mut Vec<Vec<u8>>, values: Vec<Vec<u8>>) -> bool {
        let found = values
            .first()
            .and_then(|old| list.iter().position(|value| value == old));
        match (self, found, values.len()) {
            (Op::Put, _, 1) => list.extend(values),
            (Op::Update, Some(at), 2) => list[at] = values.into_iter().nth(1).unwrap_or_default(),
            (Op::Remove, Some(at), 1) => drop(list.remove(at)),
            (Op::Delete, _, 0) if !list.is_empty() => list.clear(),
            _ => return false,
        }
        true
    }
}

fn apply(map: &mut Map, op: Op, key: &[u8], values: Vec<Vec<u8>>) -> Result<(), Misfit> {
    let list = match op {
        Op::Put => map.entry(key.to_vec()).or_default(),
        _ => map.get_mut(key).ok_or(Misfit)?,
    };
    let fits = op.apply(list, values);
    if list.is_empty() {
        map.remove(key);
    }
    fits.then_some(()).ok_or(Misfit)
}

/// The keys that are not the same in both, in order.
pub(super) fn differences(old: &Map, new: &Map) -> Vec<Vec<u8>> {
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let other = new
        .iter()
        .filter(|(key, values)| old.get(*key) != Some(values));
    let mut keys: Vec<Vec<u8>> = gone.chain(other.map(|(key, _)| key)).cloned().collect();
    keys.sort_unstable();
    keys
}

#[cfg(test)]
mod tests;
