//! Wakes one task of the same thread: rung any number of times, heard once.
//!
//! It stands where every reply passes for a channel of empty messages: it takes a few words of
//! memory, and no lock.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// A bell; at most one task waits for it at a time.
#[derive(Default)]
pub struct Bell {
    is_rung: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Bell {
    /// Rings; who waits wakes up, or else who waits next does not have to.
    pub fn ring(&self) {
        if self.is_rung.replace(true) {
            return;
        }
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Waits until it has been rung since the last wait ended.
    pub async fn rung(&self) {
        poll_fn(|context| self.poll(context)).await;
    }

    /// Forgets that it was rung.
    pub fn silence(&self) {
        self.is_rung.set(false);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_rung.replace(false) {
            return Poll::Ready(());
        }
        self.waiting.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

/// Leave to do something, given a number of times and taken by one task of the same thread.
#[derive(Debug)]
pub struct Credits {
    left: Cell<usize>,
    is_over: Cell<bool>,
    bell: Bell,
}

impl Credits {
    /// So many at first.
    pub fn new(left: usize) -> Credits {
        Credits {
            left: Cell::new(left),
            is_over: Cell::new(false),
            bell: Bell::default(),
        }
    }

    /// Gives one.
    pub fn give(&self) {
        self.left.set(self.left.get() + 1);
        self.bell.ring();
    }

    /// Says that none will be given any more; those that are left are void.
    pub fn end(&self) {
        self.is_over.set(true);
        self.bell.ring();
    }

    /// Takes one, once there is one; nothing if none will be given any more.
    pub async fn take(&self) -> Option<()> {
        loop {
            if self.is_over.get() {
                return None;
            }
            if let Some(left) = self.left.get().checked_sub(1) {
                self.left.set(left);
                return Some(());
            }
            self.bell.rung().await;
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bell").field(&self.is_rung.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn a_ring_is_heard_once_by_who_waits_then_or_waits_next() {
        let bell = Bell::default();
        assert!(block_on(poll_once(bell.rung())).is_none());
        bell.ring();
        bell.ring();
        assert!(block_on(poll_once(bell.rung())).is_some());
        assert!(block_on(poll_once(bell.rung())).is_none());
        bell.ring();
        bell.silence();
        assert!(block_on(poll_once(bell.rung())).is_none());
    }

    #[test]
    fn as_many_credits_are_taken_as_were_given_and_none_after_the_end() {
        let credits = Credits::new(1);
        let take = || block_on(poll_once(credits.take()));
        assert_eq!((take(), take()), (Some(Some(())), None));
        credits.give();
        credits.give();
        assert_eq!(
            (take(), take(), take()),
            (Some(Some(())), Some(Some(())), None)
        );
        credits.give();
        credits.end();
        assert_eq!(take(), Some(None));
    }
}
