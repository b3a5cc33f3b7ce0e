//! Knows who is told of which change, and how far each has been told.
//!
//! A client that keeps up is *live*: its prefixes stand in the tree, and a change finds it there.
//! One whose notices do not fit in its outbox is *behind*: it leaves the tree, so that it costs a
//! change nothing, and is told from the history when it reads again, until it has caught up. What
//! has left the history by then is lost to it, and it is told that.
//!
//! Pure: it says what a client is owed, and leaves the telling to the broker.

mod prefixes;
mod history;
mod watcher;

use crate::protocol::command::Since;
use crate::protocol::notice::Change;
use ahash::RandomState;
pub use history::History;
use prefixes::Prefixes;
use std::collections::HashMap;
use watcher::Watcher;

/// The number of a client, unique as long as the server runs.
pub type ClientId = u64;

/// The number of no client.
const NOBODY: ClientId = 0;

/// How many prefixes one client may watch.
pub const PREFIXES_MAX: usize = 1000;

/// How many changes, and of those how many watches, are looked at before [`Feed::owed`] pauses.
const LOOKS_MAX: u64 = 1024;

/// What a client asks to be told of.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The changes to keys that begin with this.
    pub prefix: &'a [u8],
    /// Those after this revision of this series, instead of those to come.
    pub since: Option<Since>,
    /// Also those that it makes itself.
    pub echo: bool,
}

/// Why a wish cannot be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// SINCE is for a client that watches nothing.
    Watching,
    /// The client watches as many prefixes as it may.
    TooMany,
    /// The changes after that revision are not known, or not known any more. This is the first
    /// revision that is held.
    Gone(u64),
}

/// What a client that is behind is to be told next.
#[derive(Debug)]
pub enum Owed<'a> {
    /// A change.
    Change(Change<'a>),
    /// That the changes from the first revision to the last are lost to it.
    Lost(u64, u64),
    /// Nothing so far: there is more to look at.
    Pause,
    /// Nothing: it has caught up, and is live.
    Nothing,
}

/// Who watches what, and the latest changes.
#[derive(Debug)]
pub struct Feed {
    history: History,
    /// The prefixes of those who are live.
    prefixes: Prefixes,
    watchers: HashMap<ClientId, Watcher, RandomState>,
}

impl Feed {
    /// Nobody watches, and nothing has happened after this revision. The history takes at most
    /// so many bytes.
    pub fn new(history_bytes: usize, revision: u64) -> Feed {
        Feed {
            history: History::new(history_bytes, revision),
            prefixes: Prefixes::default(),
            watchers: HashMap::default(),
        }
    }

    /// Begins again with an empty history, after this revision. Nobody watches yet.
    pub fn restart(&mut self, revision: u64) {
        self.history.restart(revision);
    }

    /// Remembers a change that was made before anybody was there to watch.
    pub fn remember(&mut self, change: &Change<'_>) {
        self.history.push(change, NOBODY);
    }

    /// The latest changes.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many clients watch.
    pub fn watchers(&self) -> usize {
        self.watchers.len()
    }

    /// Everyone who watches.
    pub fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.watchers.keys().copied()
    }

    /// Whether this client watches.
    pub fn is_watching(&self, client: ClientId) -> bool {
        self.watchers.contains_key(&client)
    }

    /// Whether this client watches and has not been told everything that it could be.
    pub fn is_behind(&self, client: ClientId) -> bool {
        self.watchers
            .get(&client)
            .is_some_and(|watcher| watcher.behind.is_some())
    }

    /// What the prefixes that this client watches take, in bytes.
    pub fn bytes(&self, client: ClientId) -> usize {
        self.watchers.get(&client).map_or(0, Watcher::bytes)
    }

    /// Tells a client of what it wishes. Returns the revision after which that begins.
    ///
    /// # Errors
    ///
    /// See [`Denied`]; nothing has changed then.
    pub fn watch(&mut self, id: ClientId, wish: &Wish<'_>, epoch: u64) -> Result<u64, Denied> {
        let now = self.history.last();
        let held = self.watchers.get(&id);
        let replaced = held.is_some_and(|held| held.is_replaced_by(wish.prefix));
        let held = held.filter(|_| !replaced);
        let from = match wish.since {
            None => now,
            Some(_) if held.is_some() => return Err(Denied::Watching),
            Some(since) => self.resume(since, epoch)?,
        };
        if held.is_some_and(|held| held.watches.len() >= PREFIXES_MAX && !held.has(wish.prefix)) {
            return Err(Denied::TooMany);
        }
        if replaced {
            self.unwatch(id, None);
        }
        let watcher = self.watchers.entry(id).or_default();
        if from < now {
            watcher.behind = Some(from + 1);
        }
        let is_new = watcher.watch(wish.prefix, from, wish.echo, now);
        if is_new && watcher.behind.is_none() {
            self.prefixes.insert(wish.prefix, id);
        }
        Ok(from)
    }

    /// The same for a client that has not asked: it is told of every change, until it asks for
    /// something else.
    pub fn listen(&mut self, id: ClientId, echo: bool) {
        let wish = Wish {
            prefix: b"",
            since: None,
            echo,
        };
        if self.watch(id, &wish, 0).is_ok()
            && let Some(watcher) = self.watchers.get_mut(&id)
        {
            watcher.make_implicit();
        }
    }

    fn resume(&self, since: Since, epoch: u64) -> Result<u64, Denied> {
        let first = self.history.first();
        let is_known = since.epoch == epoch
            && since.revision <= self.history.last()
            && since.revision + 1 >= first;
        if is_known {
            Ok(since.revision)
        } else {
            Err(Denied::Gone(first))
        }
    }

    /// Tells a client no more of one prefix, or of any. What it has not been told is forgotten.
    pub fn unwatch(&mut self, id: ClientId, prefix: Option<&[u8]>) {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return;
        };
        let is_live = watcher.behind.is_none();
        for watch in watcher.watches.extract_if(.., |watch| {
            prefix.is_none_or(|prefix| *watch.prefix == *prefix)
        }) {
            if is_live {
                self.prefixes.remove(&watch.prefix, id);
            }
        }
        if watcher.watches.is_empty() {
            self.watchers.remove(&id);
        }
    }

    /// Remembers a change; in `told` it puts everyone who is to be told of it now, each once.
    pub fn record(&mut self, change: &Change<'_>, by: ClientId, told: &mut Vec<ClientId>) {
        told.clear();
        self.history.push(change, by);
        if self.prefixes.gather(&change.key, told) > 1 {
            // Runs of ascending numbers, which this sort merges.
            told.sort();
            told.dedup();
        }
        if let Ok(at) = told.binary_search(&by) {
            let wants = |watcher: &Watcher| watcher.wants(change, true, &mut 0);
            if !self.watchers.get(&by).is_some_and(wants) {
                told.remove(at);
            }
        }
    }

    /// Says that a client could not be told of the change that made this revision. It is behind
    /// from there on.
    pub fn fall_behind(&mut self, id: ClientId, revision: u64) {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return;
        };
        watcher.behind = Some(revision);
        for watch in &watcher.watches {
            self.prefixes.remove(&watch.prefix, id);
        }
    }

    /// Says that a client leaves: it is told of what there is now, and then of nothing more.
    pub fn leave(&mut self, id: ClientId) {
        let last = self.history.last();
        match self.watchers.get_mut(&id) {
            Some(watcher) if watcher.behind.is_some() => _ = watcher.until.get_or_insert(last),
            _ => self.unwatch(id, None),
        }
    }

    /// What a client that is behind is to be told next. It stays so until it has been
    /// [`told`](Feed::told).
    pub fn owed(&mut self, id: ClientId) -> Owed<'_> {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return Owed::Nothing;
        };
        let Some(next) = watcher.behind else {
            return Owed::Nothing;
        };
        let first = self.history.first();
        let last = watcher.until.unwrap_or(self.history.last());
        if next < first && next <= last {
            return Owed::Lost(next, last.min(first - 1));
        }
        let (mut at, mut looks, mut is_wanted) = (next, 0, false);
        while at <= last && looks < LOOKS_MAX {
            if let Some((change, by)) = self.history.get(at) {
                looks += 1;
                is_wanted = watcher.wants(&change, id == by, &mut looks);
            }
            if is_wanted {
                break;
            }
            at += 1;
        }
        watcher.behind = Some(at);
        if !is_wanted && at > last {
            self.has_caught_up(id);
            return Owed::Nothing;
        }
        let change = self.history.get(at).filter(|_| is_wanted);
        change.map_or(Owed::Pause, |(change, _)| Owed::Change(change))
    }

    /// Puts a client that has caught up back into the tree, or forgets it if it leaves.
    fn has_caught_up(&mut self, id: ClientId) {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return;
        };
        watcher.behind = None;
        if watcher.until.is_some() {
            self.watchers.remove(&id);
            return;
        }
        for watch in &watcher.watches {
            self.prefixes.insert(&watch.prefix, id);
        }
    }

    /// Says that a client that is behind has been told everything up to a revision.
    pub fn told(&mut self, id: ClientId, revision: u64) {
        if let Some(watcher) = self.watchers.get_mut(&id)
            && watcher.behind.is_some()
        {
            watcher.behind = Some(revision + 1);
        }
    }

    /// Gives up what a client that is behind has not been told: the range of it, if there is any.
    pub fn give_up(&mut self, id: ClientId) -> Option<(u64, u64)> {
        let watcher = self.watchers.get(&id)?;
        let last = watcher.until.unwrap_or(self.history.last());
        let next = watcher.behind.filter(|next| *next <= last);
        self.unwatch(id, None);
        next.map(|next| (next, last))
    }
}

#[cfg(test)]
mod tests;
