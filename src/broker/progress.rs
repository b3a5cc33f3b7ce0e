//! Knows when which client is to be told that there was nothing to tell.

use crate::feed::ClientId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// When to look at which client: each that is to be told of progress stands here once.
#[derive(Debug)]
pub(super) struct Progress {
    period: Duration,
    due: BinaryHeap<Reverse<(Instant, ClientId)>>,
}

impl Progress {
    /// Nobody is to be told; those who will be, after this time of silence.
    pub(super) fn new(period: Duration) -> Progress {
        Progress {
            period,
            due: BinaryHeap::new(),
        }
    }

    /// Looks at a client when it has been told nothing since `told`.
    pub(super) fn expect(&mut self, client: ClientId, told: Instant) {
        self.due.push(Reverse((told + self.period, client)));
    }

    /// When the next client is to be looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// A client that is to be looked at now.
    pub(super) fn take(&mut self, now: Instant) -> Option<ClientId> {
        self.next().filter(|at| *at <= now)?;
        self.due.pop().map(|Reverse((_, client))| client)
    }

    /// Whether a client that was last told something then has heard nothing for long enough.
    pub(super) fn is_silent(&self, told: Instant, now: Instant) -> bool {
        told + self.period <= now
    }
}
