//! Lets clients go while the server stops: those who watch last, so that they hear everything.
//!
//! A client leaves when what it asked has been answered. One that watches waits for the others,
//! for what they had sent by then may still change something. It does not wait for those who do
//! not take their replies, nor longer than half of the time that there is for all: they harm only
//! themselves.

use super::Broker;
use super::client::Client;
use crate::feed::ClientId;
use std::time::{Duration, Instant};

/// How far stopping has come.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// Watchers that have left and wait for others.
    held: Vec<ClientId>,
    /// When those are let go, whatever others do.
    patience_ends: Option<Instant>,
    /// Nothing changes any more.
    is_settled: bool,
}

impl Drain {
    /// When those who wait for others are let go.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        let waits = !self.held.is_empty() && !self.is_settled;
        self.patience_ends.filter(|_| waits)
    }

    /// Whether a watcher that has left must wait; then it is noted.
    pub(super) fn holds(&mut self, client: &mut Client) -> bool {
        if !self.is_settled && !std::mem::replace(&mut client.is_held, true) {
            self.held.push(client.id);
        }
        !self.is_settled
    }
}

impl Broker {
    /// Tells all watchers that the server stops.
    pub(super) fn begin_drain(&mut self, seconds: u64) {
        self.core.draining = Some(seconds);
        self.drain.patience_ends = Some(Instant::now() + Duration::from_secs(seconds) / 2);
        let watchers: Vec<_> = self.core.feed.clients().collect();
        for id in watchers {
            if let Some(client) = self.clients.get(&id) {
                client.tell_drain(seconds);
                // One that has left and still catches up need not do that any more.
                if client.leaving {
                    self.make_ready(id);
                }
            }
        }
    }

    /// Lets those who wait go, when nothing can change any more.
    pub(super) fn let_go(&mut self) {
        let waits = !self.drain.held.is_empty() && !self.drain.is_settled;
        if !waits {
            return;
        }
        let is_over = |end| Instant::now() >= end;
        let is_idle = !self.has_requests();
        let is_done = |client: &Client| client.is_held || client.is_stalled();
        self.drain.is_settled = self.drain.patience_ends.is_some_and(is_over)
            || (is_idle && self.clients.values().all(is_done));
        if self.drain.is_settled {
            for id in std::mem::take(&mut self.drain.held) {
                self.make_ready(id);
            }
        }
    }
}
