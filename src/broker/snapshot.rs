//! Walks through all keys, a part a turn, and hands them on to be written in a snapshot.
//!
//! A long list is taken as it is at one moment, by handles, and handed on in parts.

use super::durable::Durable;
use crate::journal::{Slice, Task, is_behind, live_bytes, segment_bytes, wants_snapshot};
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

impl Durable {
    /// Whether a snapshot is being written and can go on.
    pub(super) fn can_walk(&self) -> bool {
        self.walking
            .as_ref()
            .is_some_and(|walking| walking.task.is_none() && walking.end.is_none())
    }

    /// Whether the snapshot must go ahead before more is changed.
    pub(super) fn is_snapshot_behind(&self) -> bool {
        let (live, history) = self.sizes;
        self.walking.as_ref().is_some_and(|walking| {
            let changes = self.written - walking.since;
            let free = if walking.is_finished {
                LAST_SYNC_BYTES
            } else {
                0
            };
            is_behind(walking.handed, changes.saturating_sub(free), live, history)
        })
    }

    /// Goes on with the snapshot, or begins one if it is due. `history` is what the history takes
    /// and its first revision.
    pub(super) fn keep_up(&mut self, store: &Store, history: (usize, u64), now: Instant) {
        if now >= self.looked + LOOK {
            self.looked = now;
            self.look(store, history, now);
        }
        let Some(walking) = &mut self.walking else {
            return;
        };
        if let Some(task) = walking.task.take() {
            walking.task = self.disk.upkeep.ask(task);
        }
        if walking.task.is_some() || walking.is_finished {
            return;
        }
        if walking.end.is_none() {
            let slice = walking.slice(store);
            if slice.entries() > 0 {
                walking.handed += slice.bytes_len() as u64;
                walking.task = self.disk.upkeep.ask(Task::Slice(slice));
            }
        }
        // What the snapshot holds must have been written before it counts.
        if let Some(revision) = walking.end
            && walking.task.is_none()
            && self.revision >= revision
        {
            walking.is_finished = true;
            walking.task = self.disk.upkeep.ask(Task::Finish { revision });
        }
    }

    /// Hears that the snapshot is whole, or was given up.
    pub(super) fn end_snapshot(&mut self, is_whole: bool) {
        self.walking = None;
        if !is_whole {
            self.no_snapshot_before = Instant::now() + RETRY;
        }
    }

    fn look(&mut self, store: &Store, (history, first): (usize, u64), now: Instant) {
        let values = store.values();
        let bytes = store.bytes() - values * VALUE_OVERHEAD_BYTES;
        let live = live_bytes(store.keys() as u64, values as u64, bytes as u64);
        let history = history as u64;
        self.sizes = (live, history);
        self.shared.set_segment_bytes(segment_bytes(live, history));
        self.shared.set_history_first(first);
        let may_begin = self.walking.is_none() && now >= self.no_snapshot_before;
        if !may_begin || !wants_snapshot(&self.shared.usage(), live, history) {
            return;
        }
        let begin = Task::Begin {
            epoch: store.epoch(),
            revision: store.revision(),
        };
        self.walking = Some(Walking {
            walk: Walk::default(),
            rest: None,
            task: self.disk.upkeep.ask(begin),
            end: None,
            is_finished: false,
            handed: 0,
            since: self.written,
        });
    }
}

impl Walking {
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
