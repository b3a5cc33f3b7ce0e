//! Knows from where on what waits must not be told yet.

use std::collections::VecDeque;

/// The places in the stream from which on it waits for the disk, and for which batch of changes.
/// Both ascend.
#[derive(Debug, Default)]
pub(super) struct Holds(VecDeque<Hold>);

#[derive(Debug)]
struct Hold {
    at: u64,
    batch: u64,
}

impl Holds {
    /// What stands at this place, and everything behind it, waits for this batch. True if it
    /// waits longer for that.
    pub(super) fn add(&mut self, at: u64, batch: u64) -> bool {
        let is_later = self.0.back().is_none_or(|last| last.batch < batch);
        if is_later {
            self.0.push_back(Hold { at, batch });
        }
        is_later
    }

    /// Nothing waits any more for this batch or one before it.
    pub(super) fn release(&mut self, batch: u64) {
        while self.0.pop_front_if(|first| first.batch <= batch).is_some() {}
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Where what may be told ends; nothing if it is all that there is.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.front().map(|first| first.at)
    }
}
