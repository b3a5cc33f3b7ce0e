//! Fills a store with what it held before, and shows all that it holds, a part at a time.
//!
//! No limit that can be set holds for what is loaded: it was within those that held then.

use super::keys::{Cursor, Step};
use super::{Limits, Store, Updated};
use crate::list::List;
use crate::protocol::notice::{Change, Held, Op};

/// None at all.
const NO_LIMITS: Limits = Limits {
    values_bytes_max: usize::MAX,
    store_bytes_max: 0,
};

/// A place in the walk through all keys; it holds while keys come and go.
#[derive(Debug, Default)]
pub struct Walk(Cursor);

impl Store {
    /// Goes on after this revision of this series.
    pub fn resume(&mut self, epoch: u64, revision: u64) {
        (self.epoch, self.revision) = (epoch, revision);
    }

    /// Gives a key these values, in place of those that it has or, with `more`, behind them.
    pub fn hold<'a>(&mut self, key: &[u8], values: impl Iterator<Item = &'a [u8]>, more: bool) {
        let limits = std::mem::replace(&mut self.limits, NO_LIMITS);
        let revision = self.revision;
        if !more {
            self.delete(key);
        }
        for value in values {
            // Nothing is in its way but the number of keys, which no store has exceeded.
            let _ = self.put(key, value);
        }
        (self.limits, self.revision) = (limits, revision);
    }

    /// Makes a change again. Returns it as it has been made, or nothing if it cannot be made to
    /// what the key holds.
    pub fn redo<'a>(&mut self, change: &'a Change<'_>) -> Option<Change<'a>> {
        let limits = std::mem::replace(&mut self.limits, NO_LIMITS);
        self.revision = change.revision.saturating_sub(1);
        let value = |held: &'a Option<Held<'_>>| held.as_ref().map_or(&b""[..], Held::bytes);
        let (key, old, new) = (&*change.key, value(&change.old), value(&change.new));
        let made = match change.op {
            Op::Put => self.put(key, new).ok(),
            Op::Update => match self.update(key, old, new) {
                Ok(Some(Updated::Changed(change))) => Some(change),
                _ => None,
            },
            Op::Remove => self.remove(key, old),
            Op::Delete => self.delete(key),
        };
        (self.limits, self.revision) = (limits, change.revision);
        made
    }

    /// What stands for a key where it need not be told from all others: the same for the same key,
    /// as long as the store lives.
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.keys.hash(key)
    }

    /// Goes on from `at` until `see` is content or so many places have been looked at; true when
    /// there are no more. Every key that is there from the first step to the last is seen, and
    /// some twice.
    pub fn walk(
        &self,
        at: &mut Walk,
        places: usize,
        mut see: impl FnMut(&[u8], List<'_>) -> bool,
    ) -> bool {
        for _ in 0..places {
            match self.keys.step(&mut at.0) {
                Step::Key(record) => {
                    if see(record.key(), record.list()) {
                        return false;
                    }
                }
                Step::Nothing => {}
                Step::End => return true,
            }
        }
        false
    }
}
