//! Rings the writers of those who were told something without asking, a few at a time.
//!
//! A notice costs a system call for each who is told, many times what the request cost that made
//! it. So replies and new input come first: a writer is rung at once for a reply, and in its turn
//! for notices. Few are rung before the next look at what has come, and while there are requests
//! few a millisecond: then the notices of many changes go out in one write, and nobody who asks
//! waits for a round of all who watch. Everyone's turn comes: those who wait are rung in the order
//! in which they began to.

use super::Broker;
use crate::feed::ClientId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many are rung in a turn that has nothing else to do; their writes take some 40 us.
const RUNG_A_TURN: usize = 4;

/// How many are rung in a turn of requests, and how long it is from one such turn to the next. So a
/// hundred who watch all hear within some milliseconds, and their writes take no more time than
/// the requests do.
const RUNG_BESIDE: usize = 16;
const PAUSE: Duration = Duration::from_micros(500);

/// Who is to be rung, each once.
#[derive(Debug, Default)]
pub(super) struct Bells {
    waiting: VecDeque<ClientId>,
    /// When somebody was rung last.
    rung: Option<Instant>,
}

impl Bells {
    /// Whether nobody is to be rung.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes that a client has notices of which its writer does not know yet.
    pub(super) fn add(&mut self, client: ClientId) {
        self.waiting.push_back(client);
    }

    /// Takes those who are to be rung in a turn that began now, and was one of requests or not.
    fn take(&mut self, is_busy: bool, now: Instant) -> impl Iterator<Item = ClientId> {
        let may_wait = self.rung.is_some_and(|rung| now - rung < PAUSE);
        let count = match is_busy {
            true if may_wait => 0,
            true => RUNG_BESIDE,
            false => RUNG_A_TURN,
        };
        let count = count.min(self.waiting.len());
        if count > 0 {
            self.rung = Some(now);
        }
        self.waiting.drain(..count)
    }
}

impl Broker {
    /// Rings those who have waited longest, in a turn that began now.
    pub(super) fn ring_some(&mut self, now: Instant) {
        for id in self.bells.take(self.has_requests(), now) {
            if let Some(client) = self.clients.get(&id) {
                client.outbox.borrow_mut().ring_for_notices();
            }
        }
    }
}
