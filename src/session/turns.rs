//! Has those who move much take turns, so that who asks little does not wait for all of them.
//!
//! To read or write some 64 KiB takes as long as many short requests. Where hundreds of clients
//! send or take as much as they can, and all of them are ready at once, another would wait for
//! each of them at every step that its request makes. So one of them reads or writes at a time, and
//! wakes the next when it has: that one comes behind all who are ready by then.

use smol::lock::{Mutex, MutexGuard};

/// From this many bytes on it is much what a session has moved at once.
pub(super) const MUCH_BYTES: usize = 16 * 1024;

/// The turns of all sessions.
#[derive(Debug, Default)]
pub struct Turns(Mutex<()>);

/// A turn, until it is dropped.
pub(super) type Turn<'a> = MutexGuard<'a, ()>;

impl Turns {
    /// Waits for a turn to read or write once, after having moved much; otherwise none is needed.
    pub(super) async fn next(&self, moves_much: bool) -> Option<Turn<'_>> {
        match moves_much {
            // Boxed, so that an idle session has no room for it.
            true => Some(Box::pin(self.0.lock()).await),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn who_has_moved_much_waits_for_the_others_who_have_and_nobody_else_does() {
        let turns = Turns::default();
        let first = block_on(turns.next(true));
        assert!(first.is_some());
        let mut second = Box::pin(turns.next(true));
        assert!(block_on(poll_once(second.as_mut())).is_none());
        assert!(block_on(turns.next(false)).is_none());
        drop(first);
        assert!(block_on(second).is_some());
    }
}
