//! Rings the writers of those who were told something without asking, a few a turn.
//!
//! A notice costs a system call for each who is told, many times what the request cost that made
//! it. So replies and new input come first: a writer is rung at once for a reply, and in its turn
//! for notices. While there is more to do, the notices of several changes go out in one write, and
//! nobody who asks waits for a round of all who watch. Everyone's turn comes: those who wait are
//! rung in the order in which they began to.

use super::Broker;
use crate::feed::ClientId;
use std::collections::VecDeque;

/// How many are rung a turn; their writes take some 50 us.
const RUNG_A_TURN: usize = 16;

/// Who is to be rung, each once.
#[derive(Debug, Default)]
pub(super) struct Bells(VecDeque<ClientId>);

impl Bells {
    /// Whether nobody is to be rung.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that a client has notices of which its writer does not know yet.
    pub(super) fn add(&mut self, client: ClientId) {
        self.0.push_back(client);
    }
}

impl Broker {
    /// Rings those who have waited longest.
    pub(super) fn ring_some(&mut self) {
        let count = self.bells.0.len().min(RUNG_A_TURN);
        for id in self.bells.0.drain(..count) {
            if let Some(client) = self.clients.get(&id) {
                client.outbox.borrow_mut().ring_for_notices();
            }
        }
    }
}
