//! Walks through all keys, a part a turn, and hands them on to be written in a snapshot.
//!
//! A long list is taken as it is at one moment, by handles, and handed on in parts.

use crate::journal::{
    Directory, Shared, Slice, Task, Upkeep, is_behind, live_bytes, segment_bytes, wants_snapshot,
};
use crate::list::{List, Snapshot};
use crate::store::{Store, VALUE_OVERHEAD_BYTES, Walk};
use std::time::{Duration, Instant};

/// How much a part takes, in bytes, unless it is one value alone.
const SLICE_BYTES: usize = 32 << 10;

/// How many places of the store are looked at a turn.
const PLACES_A_TURN: usize = 4096;

/// How long it is between two looks at whether a snapshot is due.
const LOOK: Duration = Duration::from_millis(20);

/// How long it takes until a snapshot that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// How much may be changed while a snapshot that is all written is synced: to wait for that would
/// be a pause.
const LAST_SYNC_BYTES: u64 = 32 << 20;

/// A snapshot being written.
#[derive(Debug)]
pub(super) struct Walking {
    walk: Walk,
    rest: Option<Rest>,
    /// What there was no room for yet.
    task: Option<Task>,
    /// The last change when all keys had been seen.
    end: Option<u64>,
    is_finished: bool,
    /// How much of it has been handed on.
    handed: u64,
    /// How much of changes had been written when it began.
    since: u64,
}

/// What is left of a long list.
#[derive(Debug)]
struct Rest {
    key: Box<[u8]>,
    values: Snapshot,
    /// How many of the first chunk have been handed on.
    skip: usize,
    revision: u64,
    more: bool,
}

/// What a snapshot is made from, and where it goes.
pub(super) struct Sources<'a> {
    pub(super) upkeep: &'a Upkeep<Directory>,
    pub(super) shared: &'a Shared<Directory>,
    pub(super) store: &'a Store,
    /// What the history takes, in bytes, and its first revision.
    pub(super) history: (usize, u64),
    /// The last revision that was written, and how many bytes of changes were.
    pub(super) written: (u64, u64),
}

/// Knows when a snapshot is due, and makes it.
#[derive(Debug)]
pub(super) struct Snapshots {
    walking: Option<Walking>,
    next_look: Instant,
    not_before: Instant,
    /// What the store and the history took when that was last looked at.
    sizes: (u64, u64),
}

impl Snapshots {
    /// None is being made.
    pub(super) fn new(now: Instant) -> Snapshots {
        Snapshots {
            walking: None,
            next_look: now,
            not_before: now,
            sizes: (0, 0),
        }
    }

    /// Whether a snapshot is being made and can go on.
    pub(super) fn can_go_on(&self) -> bool {
        let walking = self.walking.as_ref();
        walking.is_some_and(|walking| walking.task.is_none() && walking.end.is_none())
    }

    /// Whether a snapshot must go ahead before more is changed than these bytes.
    pub(super) fn is_behind(&self, written: u64) -> bool {
        let (live, history) = self.sizes;
        self.walking.as_ref().is_some_and(|walking| {
            let changes = written - walking.since;
            let free = if walking.is_finished {
                LAST_SYNC_BYTES
            } else {
                0
            };
            is_behind(walking.handed, changes.saturating_sub(free), live, history)
        })
    }

    /// Goes on with the snapshot, or begins one if it is due.
    pub(super) fn keep_up(&mut self, from: &Sources<'_>, now: Instant) {
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.look(from, now);
        }
        if let Some(walking) = &mut self.walking {
            walking.go_on(from);
        }
    }

    /// Hears that the snapshot is whole, or was given up.
    pub(super) fn end(&mut self, is_whole: bool) {
        self.walking = None;
        if !is_whole {
            self.not_before = Instant::now() + RETRY;
        }
    }

    fn look(&mut self, from: &Sources<'_>, now: Instant) {
        let store = from.store;
        let values = store.values();
        let bytes = store.bytes() - values * VALUE_OVERHEAD_BYTES;
        let live = live_bytes(store.keys() as u64, values as u64, bytes as u64);
        let history = from.history.0 as u64;
        self.sizes = (live, history);
        from.shared.set_segment_bytes(segment_bytes(live, history));
        from.shared.set_history_first(from.history.1);
        let may_begin = self.walking.is_none() && now >= self.not_before;
        if !may_begin || !wants_snapshot(&from.shared.usage(), live, history) {
            return;
        }
        let begin = Task::Begin {
            epoch: store.epoch(),
            revision: store.revision(),
        };
        self.walking = Some(Walking {
            walk: Walk::default(),
            rest: None,
            task: from.upkeep.ask(begin),
            end: None,
            is_finished: false,
            handed: 0,
            since: from.written.1,
        });
    }
}

impl Walking {
    /// Hands on what there is room for.
    fn go_on(&mut self, from: &Sources<'_>) {
        if let Some(task) = self.task.take() {
            self.task = from.upkeep.ask(task);
        }
        if self.task.is_some() || self.is_finished {
            return;
        }
        if self.end.is_none() {
            let slice = self.slice(from.store);
            if slice.entries() > 0 {
                self.handed += slice.bytes_len() as u64;
                self.task = from.upkeep.ask(Task::Slice(slice));
            }
        }
        // What the snapshot holds must have been written before it counts.
        if let Some(revision) = self.end
            && self.task.is_none()
            && from.written.0 >= revision
        {
            self.is_finished = true;
            self.task = from.upkeep.ask(Task::Finish { revision });
        }
    }

    /// The next part.
    fn slice(&mut self, store: &Store) -> Slice {
        if let Some(rest) = &mut self.rest {
            let slice = rest.slice();
            self.rest = self.rest.take_if(|rest| rest.values.first().is_some());
            return slice;
        }
        let revision = store.revision();
        let mut slice = Slice::new(revision);
        let rest = &mut self.rest;
        let is_end = store.walk(&mut self.walk, PLACES_A_TURN, |key, list| match list {
            List::Many(many) if many.bytes() + many.len() > SLICE_BYTES => {
                *rest = Some(Rest {
                    key: key.into(),
                    values: many.snapshot(),
                    skip: 0,
                    revision,
                    more: false,
                });
                true
            }
            short => {
                slice.push(key, short.iter(), false);
                slice.bytes_len() >= SLICE_BYTES
            }
        });
        if is_end {
            self.end = Some(revision);
        }
        slice
    }
}

impl Rest {
    /// The next values of the list.
    fn slice(&mut self) -> Slice {
        let mut slice = Slice::new(self.revision);
        let chunk = self.values.first().unwrap_or_default();
        let mut bytes = 0;
        let fitting = chunk[self.skip..].iter().take_while(|value| {
            let fits = bytes == 0 || bytes + value.len() <= SLICE_BYTES;
            bytes += value.len() + 1;
            fits
        });
        let count = fitting.count();
        let part = &chunk[self.skip..self.skip + count];
        slice.push(&self.key, part.iter().map(|value| &**value), self.more);
        self.skip += count;
        self.more = true;
        if self.skip == chunk.len() {
            self.values.drop_first();
            self.skip = 0;
        }
        slice
    }
}
