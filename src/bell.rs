//! Wakes one task of the same thread: rung any number of times, heard once.
//!
//! It stands for a channel of one empty message where every reply passes: it takes no memory
//! besides its own, and no lock.

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
}
