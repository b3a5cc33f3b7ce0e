//! Ends clients when all of them together hold too much.

use super::Broker;
use super::client::Client;

impl Broker {
    /// Ends the clients that hold most until the others together hold no more than they may.
    pub(super) fn relieve(&mut self) {
        if !self.core.ledger.is_over() {
            return;
        }
        let is_dead = |client: &Client| client.outbox.borrow().is_dead();
        let (dead, mut alive): (Vec<_>, Vec<_>) =
            self.clients.values().partition(|client| is_dead(client));
        let given_up: usize = dead.iter().map(|client| client.account.bytes()).sum();
        let mut held = self.core.ledger.bytes().saturating_sub(given_up);
        alive.sort_by_key(|client| client.account.bytes());
        while held > self.core.ledger.bytes_max() {
            let Some(client) = alive.pop() else { break };
            let bytes = client.account.bytes();
            log::warn!(
                "client {} is closed: its buffers hold {bytes} bytes, and those of all clients \
                 more than clients_bytes_max ({} bytes)",
                client.name(),
                self.core.ledger.bytes_max(),
            );
            client.outbox.borrow_mut().kill();
            held = held.saturating_sub(bytes);
        }
    }
}
