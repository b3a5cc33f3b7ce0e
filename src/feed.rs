//! Knows who is told of which change.
//!
//! For now a watch is for every key, so this is a list of watchers; prefixes, the history and
//! catching up belong here. Pure: it gives the names of clients and leaves the telling to the
//! broker.

use crate::protocol::notice::{Change, Encoded, Notice};
use crate::protocol::{Dialect, encode_notice};
use std::collections::HashMap;

/// The number of a client, unique as long as the server runs.
pub type ClientId = u64;

/// A client that is told of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watcher {
    /// Who it is.
    pub client: ClientId,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Whether it is told of its own changes too.
    pub echo: bool,
}

/// Who watches.
#[derive(Debug, Default)]
pub struct Feed {
    watchers: Vec<Watcher>,
    places: HashMap<ClientId, usize>,
}

impl Feed {
    /// Tells this client of every change from now on; again, only how to tell it may differ.
    pub fn watch(&mut self, watcher: Watcher) {
        let place = *self
            .places
            .entry(watcher.client)
            .or_insert(self.watchers.len());
        match self.watchers.get_mut(place) {
            Some(held) => *held = watcher,
            None => self.watchers.push(watcher),
        }
    }

    /// Tells this client of nothing more.
    pub fn unwatch(&mut self, client: ClientId) {
        let Some(place) = self.places.remove(&client) else {
            return;
        };
        self.watchers.swap_remove(place);
        if let Some(moved) = self.watchers.get(place) {
            self.places.insert(moved.client, place);
        }
    }

    /// Whether this client is told of changes.
    pub fn is_watching(&self, client: ClientId) -> bool {
        self.places.contains_key(&client)
    }

    /// Everyone who is told of changes, in an order that holds until the next watch or unwatch.
    pub fn watchers(&self) -> &[Watcher] {
        &self.watchers
    }
}

/// A change on its way to those who watch, encoded once for each dialect that they speak.
#[derive(Debug)]
pub struct Fanout {
    change: Change,
    by: ClientId,
    next: usize,
    line: Option<Encoded>,
    frame: Option<Encoded>,
}

impl Fanout {
    /// Begins to tell of a change made by this client.
    pub fn new(change: Change, by: ClientId) -> Fanout {
        Fanout {
            change,
            by,
            next: 0,
            line: None,
            frame: None,
        }
    }

    /// The revision of the change.
    pub fn revision(&self) -> u64 {
        self.change.revision
    }

    /// The next client to tell and what to tell it, or nothing when all have been told.
    pub fn next(&mut self, feed: &Feed) -> Option<(ClientId, &Encoded)> {
        loop {
            let watcher = feed.watchers().get(self.next)?;
            self.next += 1;
            if watcher.client != self.by || watcher.echo {
                let notice = Notice::Change(&self.change);
                let encoded = match watcher.dialect {
                    Dialect::Lines => &mut self.line,
                    Dialect::Resp2 | Dialect::Resp3 => &mut self.frame,
                };
                let made = encoded.get_or_insert_with(|| encode_notice(&notice, watcher.dialect));
                return Some((watcher.client, made));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::notice::What;
    use std::rc::Rc;

    fn told(feed: &Feed, by: ClientId) -> Vec<ClientId> {
        let key = Rc::from(&b"k"[..]);
        let mut fanout = Fanout::new(
            Change {
                revision: 1,
                key,
                what: What::Delete,
            },
            by,
        );
        let mut told: Vec<_> = std::iter::from_fn(|| fanout.next(feed).map(|(id, _)| id)).collect();
        told.sort_unstable();
        told
    }

    #[test]
    fn everyone_who_watches_is_told_once_and_oneself_only_with_echo() {
        let mut feed = Feed::default();
        for client in 1..=5 {
            feed.watch(Watcher {
                client,
                dialect: Dialect::Lines,
                echo: client == 5,
            });
        }
        feed.watch(Watcher {
            client: 2,
            dialect: Dialect::Resp3,
            echo: false,
        });
        assert_eq!(told(&feed, 1), [2, 3, 4, 5]);
        assert_eq!(told(&feed, 5), [1, 2, 3, 4, 5]);
        feed.unwatch(1);
        feed.unwatch(9);
        assert_eq!(told(&feed, 9), [2, 3, 4, 5]);
        feed.unwatch(5);
        feed.unwatch(2);
        assert_eq!(told(&feed, 9), [3, 4]);
        assert!(feed.is_watching(3) && !feed.is_watching(2));
    }
}
