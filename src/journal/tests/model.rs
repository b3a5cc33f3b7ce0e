//! A store as simple as can be, and lives of it with a journal.

use super::sim::{Dice, Sim};
use crate::journal::*;
use crate::protocol::notice::{Change, Held, Op};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys and their values.
pub(super) type Keys = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// A change with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) key: Vec<u8>,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
}

impl Step {
    pub(super) fn entry(&self, revision: u64) -> Change<'_> {
        let (old, new) = (Held::from(&self.old[..]), Held::from(&self.new[..]));
        Change {
            revision,
            op: self.op,
            key: self.key[..].into(),
            old: Some(old).filter(|_| matches!(self.op, Op::Update | Op::Remove)),
            new: Some(new).filter(|_| matches!(self.op, Op::Put | Op::Update)),
        }
    }

    fn of(entry: &Change<'_>) -> Step {
        let bytes = |value: &Option<Held<'_>>| {
            value
                .as_ref()
                .map_or(Vec::new(), |held| held.bytes().to_vec())
        };
        Step {
            op: entry.op,
            key: entry.key.to_vec(),
            old: bytes(&entry.old),
            new: bytes(&entry.new),
        }
    }
}

/// Makes a change; false if it cannot be made.
pub(super) fn apply(keys: &mut Keys, change: &Step) -> bool {
    if change.op == Op::Put {
        let values = keys.entry(change.key.clone()).or_default();
        values.push(change.new.clone());
        return true;
    }
    let Some(values) = keys.get_mut(&change.key) else {
        return false;
    };
    let place = values.iter().position(|value| *value == change.old);
    match (change.op, place) {
        (Op::Update, Some(place)) => values[place] = change.new.clone(),
        (Op::Remove, Some(place)) => {
            values.remove(place);
        }
        (Op::Delete, _) => values.clear(),
        _ => return false,
    }
    if values.is_empty() {
        keys.remove(&change.key);
    }
    true
}

/// What a folder was found to hold.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) keys: Keys,
    /// The changes that were told, with the revision of the first.
    pub(super) history: Vec<Step>,
    pub(super) first: u64,
    pub(super) series: Vec<(u64, u64)>,
}

impl Load for Loaded {
    fn series(&mut self, epoch: u64, revision: u64) {
        self.series.push((epoch, revision));
    }

    fn held(&mut self, key: &[u8], values: Values<'_>, more: bool) {
        let held = self.keys.entry(key.to_vec()).or_default();
        if !more {
            held.clear();
        }
        held.extend(values.map(<[u8]>::to_vec));
    }

    fn change(&mut self, entry: &Change<'_>, how: How) -> bool {
        if how == How::Past {
            return apply(&mut self.keys, &Step::of(entry));
        }
        if self.history.is_empty() {
            self.first = entry.revision;
        }
        assert_eq!(entry.revision, self.first + self.history.len() as u64);
        let change = Step::of(entry);
        self.history.push(change.clone());
        how == How::Told || apply(&mut self.keys, &change)
    }

    fn progress(&mut self, read: u64, total: u64) -> bool {
        assert!(read <= total);
        true
    }
}

pub(super) fn load(folder: &Sim) -> Result<(Recovered, Loaded), Error> {
    let mut loaded = Loaded::default();
    let recovered = recover(folder, &mut loaded)?;
    Ok((recovered, loaded))
}

/// How a life goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    pub(super) always: bool,
    pub(super) snapshots: bool,
    /// How many changes the history holds.
    pub(super) history: u64,
    pub(super) long_values: bool,
}

/// All that ever happened to a store, and what somebody was told of.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    pub(super) changes: Vec<Step>,
    /// The last revision that was answered.
    pub(super) told: u64,
    /// The last revision that was synced.
    pub(super) synced: u64,
    /// The first revision that the history holds.
    pub(super) history_first: u64,
}

impl Story {
    /// What the keys held after this revision.
    pub(super) fn keys(&self, revision: u64) -> Keys {
        let mut keys = Keys::new();
        for change in &self.changes[..revision as usize] {
            assert!(apply(&mut keys, change));
        }
        keys
    }
}

/// A store with a journal that goes on until everything ends.
pub(super) struct Life {
    keys: Keys,
    pub(super) journal: Journal<Sim>,
    shared: Arc<Shared<Sim>>,
    epoch: u64,
    habits: Habits,
    dice: Dice,
    snapshot: Option<(Snapshot<Sim>, Option<Vec<u8>>)>,
}

impl Life {
    /// Goes on with what was recovered.
    pub(super) fn begin(
        folder: &Sim,
        recovered: &Recovered,
        keys: Keys,
        habits: Habits,
        seed: u64,
    ) -> Result<Life, Error> {
        let kept = recovered.epoch.filter(|_| recovered.is_certain);
        let origin = Origin {
            epoch: kept.unwrap_or(recovered.revision + seed + 1000),
            always: habits.always,
            segment_bytes: 1024,
        };
        let journal = Journal::begin(folder.clone(), recovered, origin)?;
        Ok(Life {
            keys,
            shared: journal.shared(),
            journal,
            epoch: origin.epoch,
            habits,
            dice: Dice(seed),
            snapshot: None,
        })
    }

    /// Lives through so many steps, or until everything ends.
    pub(super) fn go_on(&mut self, steps: usize, story: &mut Story) -> Result<(), Error> {
        for _ in 0..steps {
            self.write(story)?;
            match self.dice.roll(4) {
                0 => story.synced = self.shared.sync()?,
                1 => self.shared.prepare()?,
                _ => {}
            }
            if self.habits.snapshots {
                self.go_on_with_snapshot(story)?;
            }
            let now = story.changes.len() as u64;
            // After a loss there are fewer changes than before, and what was forgotten stays so.
            let first = (now + 1).saturating_sub(self.habits.history).max(1);
            story.history_first = story.history_first.max(first);
            self.shared.forget(story.history_first)?;
        }
        Ok(())
    }

    fn write(&mut self, story: &mut Story) -> Result<(), Error> {
        let mut batch = Batch::new();
        for _ in 0..1 + self.dice.roll(5) {
            let change = self.invent();
            assert!(apply(&mut self.keys, &change));
            story.changes.push(change.clone());
            batch.push(&change.entry(story.changes.len() as u64));
        }
        let last = self.journal.append(&mut batch)?;
        assert_eq!(last, story.changes.len() as u64);
        if self.habits.always {
            story.synced = self.shared.sync()?;
            assert_eq!(story.synced, last);
        }
        story.told = last;
        Ok(())
    }

    fn invent(&mut self) -> Step {
        let key = vec![b'a' + self.dice.roll(6) as u8];
        let value = |dice: &mut Dice| {
            let long = if dice.roll(8) == 0 { 700 } else { 0 };
            vec![b'0' + dice.roll(4) as u8; 1 + long]
        };
        let long = self.habits.long_values;
        let mut new = value(&mut self.dice);
        if !long {
            new.truncate(1);
        }
        let old = self.keys.get(&key).map(|values| {
            let at = self.dice.roll(values.len());
            values[at].clone()
        });
        let (op, old) = match (self.dice.roll(8), old) {
            (0, Some(old)) => (Op::Update, old),
            (1..=3, Some(old)) => (Op::Remove, old),
            (4, Some(_)) => (Op::Delete, Vec::new()),
            _ => (Op::Put, Vec::new()),
        };
        let new = match op {
            Op::Put | Op::Update => new,
            Op::Remove | Op::Delete => Vec::new(),
        };
        Step { op, key, old, new }
    }

    /// Takes a whole snapshot while nothing changes.
    pub(super) fn take_snapshot(&self, story: &Story) -> Result<(), Error> {
        let now = story.changes.len() as u64;
        let mut snapshot = Snapshot::begin(self.shared.clone(), self.epoch, now)?;
        for (key, values) in &self.keys {
            let mut slice = Slice::new(now);
            slice.push(key, values.iter().map(|value| &value[..]), false);
            snapshot.write(&mut slice)?;
        }
        snapshot.finish(now)
    }

    /// Takes one slice of a snapshot a step, so that changes come between them.
    fn go_on_with_snapshot(&mut self, story: &mut Story) -> Result<(), Error> {
        let now = story.changes.len() as u64;
        let Some((snapshot, after)) = &mut self.snapshot else {
            if self.dice.roll(4) == 0 {
                let snapshot = Snapshot::begin(self.shared.clone(), self.epoch, now)?;
                self.snapshot = Some((snapshot, None));
            }
            return Ok(());
        };
        let next = self.keys.iter().find(|(key, _)| match after {
            Some(after) => *key > after,
            None => true,
        });
        if let Some((key, values)) = next {
            let mut slice = Slice::new(now);
            let (some, rest) = values.split_at(values.len().div_ceil(2));
            slice.push(key, some.iter().map(|value| &value[..]), false);
            if !rest.is_empty() {
                slice.push(key, rest.iter().map(|value| &value[..]), true);
            }
            *after = Some(key.clone());
            return snapshot.write(&mut slice);
        }
        match self.snapshot.take() {
            Some((mut snapshot, _)) if self.dice.roll(4) > 0 => {
                snapshot.finish(now)?;
                story.synced = now;
            }
            Some((snapshot, _)) => snapshot.abandon()?,
            None => {}
        }
        Ok(())
    }
}
