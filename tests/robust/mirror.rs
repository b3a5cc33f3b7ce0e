//! Keeps a map by the recipe: WATCH, LIST page by page, skip what a page already shows.
//!
//! It is fed what a connection hears, by the driver while the run lasts, and by the validator out
//! of the record; the driver asks it what to send next.

use crate::changes::{Map, apply};
use crate::record::{Page, Push, Word};
use std::collections::VecDeque;

/// A map that follows the server's keys under one prefix.
#[derive(Debug, Clone, Default)]
pub struct Mirror {
    pub prefix: Word,
    pub map: Map,
    /// The pages of the last listing: the key after which each begins, its last key unless it is
    /// the last page, and its revision.
    pages: Vec<(Option<Word>, Option<Word>, u64)>,
    /// Notices that came while it was listing.
    held: Vec<(Word, Word, u64, Vec<Word>)>,
    /// How far it is told the changes.
    pub told: u64,
    listing: Listing,
    /// The pages on their way: after which key, and in which listing it was asked.
    asked: VecDeque<(Option<Word>, u64)>,
    /// How many listings were begun.
    begun: u64,
    /// The first notice that did not fit the map.
    pub misfit: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Listing {
    /// It must list, from the beginning.
    #[default]
    Due,
    /// It has asked for a page.
    Asked,
    /// It must ask for the page after this key.
    Next(Word),
    Done,
}

impl Mirror {
    pub fn new(prefix: &str) -> Mirror {
        Mirror {
            prefix: prefix.to_owned(),
            ..Mirror::default()
        }
    }

    /// The next request, once the connection watches.
    pub fn request(&mut self) -> Option<Vec<Word>> {
        let after = match &self.listing {
            Listing::Due => None,
            Listing::Next(key) => Some(key.clone()),
            Listing::Asked | Listing::Done => return None,
        };
        let mut request = vec!["LIST".to_owned(), self.prefix.clone()];
        request.extend(
            after
                .iter()
                .flat_map(|key| ["AFTER".to_owned(), key.clone()]),
        );
        request.extend(["COUNT".to_owned(), "7".to_owned()]);
        self.asked(after);
        Some(request)
    }

    /// Notes that a page was asked for: the first if `after` is nothing.
    pub fn asked(&mut self, after: Option<Word>) {
        if after.is_none() {
            self.begun += 1;
            self.pages.clear();
            self.held.clear();
            self.map.clear();
        }
        self.asked.push_back((after, self.begun));
        self.listing = Listing::Asked;
    }

    /// Begins anew: what was missed cannot be had from notices any more.
    pub fn start_over(&mut self) {
        self.listing = Listing::Due;
    }

    /// Forgets what is on its way: the connection is gone. A listing that was not whole begins
    /// anew; it cannot be continued, for notices that were held are gone.
    pub fn disconnected(&mut self) {
        self.asked.clear();
        if self.listing != Listing::Done {
            self.listing = Listing::Due;
        }
    }

    pub fn is_whole(&self) -> bool {
        self.listing == Listing::Done
    }

    /// Takes a page that was asked for.
    pub fn page(&mut self, page: &Page) {
        // One that was asked for before a loss is of no use.
        let Some((after, _)) = self.asked.pop_front().filter(|asked| asked.1 == self.begun) else {
            return;
        };
        if self.listing != Listing::Asked {
            return;
        }
        self.map.extend(page.keys.iter().cloned());
        self.pages
            .push((after.clone(), page.next.clone(), page.revision));
        self.listing = match &page.next {
            Some(next) => Listing::Next(next.clone()),
            None => Listing::Done,
        };
        if self.is_whole() {
            for (op, key, revision, values) in std::mem::take(&mut self.held) {
                self.change(&op, &key, revision, &values);
            }
        }
    }

    /// Takes a notice, or whatever else comes unasked.
    pub fn push(&mut self, push: &Push) {
        match push {
            Push::Notify(op, key, Some((revision, values))) => {
                self.told = self.told.max(*revision);
                match self.listing {
                    Listing::Due => {}
                    Listing::Done => self.change(op, key, *revision, values),
                    _ => self
                        .held
                        .push((op.clone(), key.clone(), *revision, values.clone())),
                }
            }
            Push::Lost(_, last) => {
                self.told = self.told.max(*last);
                self.start_over();
            }
            Push::Progress(revision) => self.told = self.told.max(*revision),
            Push::Notify(..) | Push::Drain => {}
        }
    }

    fn change(&mut self, op: &str, key: &str, revision: u64, values: &[Word]) {
        let shows = self.pages.iter().find(|(after, next, _)| {
            let begins = after.as_deref().is_none_or(|after| key > after);
            begins && next.as_deref().is_none_or(|next| key <= next)
        });
        if shows.is_some_and(|page| revision <= page.2) {
            return;
        }
        if !apply(&mut self.map, op, key, values) && self.misfit.is_none() {
            self.misfit = Some(format!("{op} {key} at {revision} finds nothing to change"));
        }
    }
}

/// The part of a map under a prefix, after one key and up to another.
pub fn part(map: &Map, prefix: &str, after: Option<&str>, up_to: Option<&str>) -> Map {
    let keys = map.iter().filter(|(key, _)| {
        let begins = after.is_none_or(|after| key.as_str() > after);
        let ends = up_to.is_none_or(|last| key.as_str() <= last);
        begins && ends && key.starts_with(prefix)
    });
    keys.map(|(key, values)| (key.clone(), values.clone()))
        .collect()
}
