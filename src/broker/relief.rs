//! Ends clients when all of them together hold too much.

use super::Broker;
use super::client::Client;
use crate::feed::ClientId;

impl Broker {
    /// Lets go of a client that has been answered all it asked. What it has not taken yet counts
    /// as before, until its writer says that it is done or has given up.
    pub(super) fn part(&mut self, id: ClientId) {
        let Some(mut client) = self.clients.remove(&id) else {
            return;
        };
        client.is_gone();
        if let Some(at) = client.progress_at {
            self.progress.forget(id, at);
        }
        let mut outbox = client.outbox.borrow_mut();
        outbox.close();
        let is_done = outbox.is_dead() || outbox.is_empty();
        drop(outbox);
        if !is_done {
            self.parting.insert(id, client);
        }
    }

    /// Forgets a client that was let go of and has taken all, or will take no more.
    pub(super) fn forget_parted(&mut self, id: ClientId) {
        let parted = self.parting.get(&id);
        if parted.is_some_and(|client| client.outbox.borrow().is_dead()) {
            self.parting.remove(&id);
        }
    }

    /// Ends the clients that hold most until the others together hold no more than they may.
    pub(super) fn relieve(&mut self) {
        if !self.core.ledger.is_over() {
            return;
        }
        let is_dead = |client: &Client| client.outbox.borrow().is_dead();
        let all = self.clients.values().chain(self.parting.values());
        let (dead, mut alive): (Vec<_>, Vec<_>) = all.partition(|client| is_dead(client));
        let given_up: usize = dead.iter().map(|client| client.account.bytes()).sum();
        let mut held = self.core.ledger.bytes().saturating_sub(given_up);
        alive.sort_by_key(|client| client.account.bytes());
        while held > self.core.ledger.bytes_max() {
            // Who holds nothing would be ended for nothing.
            let most = alive.pop().map(|client| (client, client.account.bytes()));
            let Some((client, bytes)) = most.filter(|(_, bytes)| *bytes > 0) else {
                break;
            };
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
