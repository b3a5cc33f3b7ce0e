//! Tells clients of changes: of one as it is made, of those before, and that there were none.

use super::Broker;
use super::turn::Turn;
use crate::feed::{ClientId, Owed};
use crate::protocol::notice::Notice;
use crate::protocol::{Dialect, encode_notice};

impl Broker {
    /// Tells everyone who is live of the present change, or as many as the turn allows.
    pub(super) fn fan_out(&mut self, turn: &mut Turn) {
        while self.fanout.is_going_on() && !turn.is_over() {
            let Some(id) = self.fanout.next() else {
                return;
            };
            turn.step();
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            let Some((revision, notice)) = self.fanout.notice(client.dialect) else {
                return;
            };
            if client.outbox.borrow_mut().offer(notice) {
                client.told = turn.begun();
            } else {
                self.core.feed.fall_behind(id, revision);
            }
        }
    }

    /// Tells a client that is behind what it is owed, as much as it takes and the turn allows.
    /// Its writer rings when it takes more.
    pub(super) fn catch_up(&mut self, id: ClientId, turn: &mut Turn) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.outbox.borrow().is_dead() {
            self.core.feed.give_up(id);
            client.watches = false;
        }
        while self.core.feed.is_behind(id) {
            if turn.is_over() {
                return self.make_ready(id);
            }
            turn.step();
            if !self.tell_owed(id, turn) {
                return;
            }
        }
    }

    /// Tells a client that is behind one thing; false if that must wait until it reads.
    fn tell_owed(&mut self, id: ClientId, turn: &Turn) -> bool {
        let Some(client) = self.clients.get_mut(&id) else {
            return false;
        };
        let told = match self.core.feed.owed(id) {
            Owed::Notice(Notice::Lost { first, last }) => {
                if !client.outbox.borrow_mut().has_room_for_notices() {
                    return false;
                }
                client.tell_loss(first, last, &self.core.stats);
                last
            }
            Owed::Notice(Notice::Change(change)) => {
                let notice = encode_notice(&Notice::Change(change), client.dialect);
                if !client.outbox.borrow_mut().offer(&notice) {
                    return false;
                }
                change.revision
            }
            Owed::Notice(Notice::Progress { .. } | Notice::Drain { .. }) | Owed::Pause => {
                return true;
            }
            Owed::Nothing => {
                client.has_caught_up();
                client.watches = self.core.feed.is_watching(id);
                return true;
            }
        };
        client.told = turn.begun();
        self.core.feed.told(id, told);
        true
    }

    /// Tells those who have heard nothing for long how far they have been told.
    pub(super) fn tell_progress(&mut self, turn: &mut Turn) {
        let now = turn.begun();
        // While a change is being told, that revision has not been told to everybody.
        while !self.fanout.is_going_on() && !turn.is_over() {
            let Some(id) = self.progress.take(now) else {
                return;
            };
            turn.step();
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            if !client.watches {
                client.expects_progress = false;
                continue;
            }
            let can_be_told =
                !client.outbox.borrow().has_notices() && !self.core.feed.is_behind(id);
            if !can_be_told {
                self.progress.expect(id, now);
                continue;
            }
            if self.progress.is_silent(client.told, now) {
                client.tell_progress(self.core.store.revision());
                client.told = now;
            }
            self.progress.expect(id, client.told);
        }
    }

    /// Looks after a client that has begun to watch: it may be behind, and hears of progress.
    pub(super) fn welcome(&mut self, id: ClientId, turn: &Turn) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.is_new = false;
        client.told = turn.begun();
        // Lines have no word for progress.
        if client.dialect != Dialect::Lines && !client.expects_progress {
            client.expects_progress = true;
            self.progress.expect(id, client.told);
        }
        self.make_ready(id);
    }
}
