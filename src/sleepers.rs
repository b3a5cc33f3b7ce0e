//! Knows who waits for which time, and wakes them.
//!
//! A wait that ends early, as nearly all do, is a note made and taken away again; smol's timers
//! would wake the thread of its reactor for each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Those who wait, by their time and a number of their own.
#[derive(Debug, Default)]
pub struct Sleepers {
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    last: Cell<u64>,
}

impl Sleepers {
    /// A wait for this time.
    pub fn sleep_until(&self, at: Instant) -> Sleep<'_> {
        self.last.set(self.last.get() + 1);
        Sleep {
            sleepers: self,
            key: (at, self.last.get()),
        }
    }

    /// The first time that somebody waits for.
    pub fn next(&self) -> Option<Instant> {
        let waiting = self.waiting.borrow();
        waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Wakes all whose time has come.
    pub fn wake_due(&self) {
        if self.next().is_none() {
            return;
        }
        let now = Instant::now();
        while self.next().is_some_and(|at| at <= now) {
            let first = self.waiting.borrow_mut().pop_first();
            if let Some((_, waker)) = first {
                waker.wake();
            }
        }
    }
}

/// A wait for a time; dropped, it is forgotten.
#[derive(Debug)]
pub struct Sleep<'a> {
    sleepers: &'a Sleepers,
    key: (Instant, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= Instant::now() {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        self.sleepers.waiting.borrow_mut().insert(self.key, waker);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.sleepers.waiting.borrow_mut().remove(&self.key);
    }
}
