//! Tells clients of changes: of one as it is made, of those before, and that there were none.

use super::Broker;
use super::holding::hold_up_to;
use super::queue::Due;
use super::turn::Turn;
use crate::feed::{ClientId, Owed};
use crate::protocol::notice::Notice;
use crate::protocol::{Dialect, encode_notice};

/// How many notices a client that is behind is told before the next one's turn.
const NOTICES_A_TURN: usize = 64;

/// How many are told of progress before the next client's turn.
const PROGRESS_AT_ONCE: usize = 16;

impl Broker {
    /// Tells everyone who is live of the present change, or as many as the turn allows.
    pub(super) fn fan_out(&mut self, turn: &mut Turn) {
        while self.fanout.is_going_on() && !turn.is_overdue() {
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
            let mut outbox = client.outbox.borrow_mut();
            let at = outbox.queued();
            if !outbox.offer(notice) {
                self.core.feed.fall_behind(id, revision);
                continue;
            }
            if let Some(durable) = &mut self.core.durable {
                // No other change has been made since.
                let until = durable.current();
                durable.hold(&mut outbox, id, at, until);
            }
            client.told = turn.begun();
            if outbox.is_to_be_rung() {
                self.bells.add(id);
            }
        }
    }

    /// Gives a client that is behind a turn.
    pub(super) fn make_lagging(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.watches && !client.is_lagging && self.core.feed.is_behind(id) {
            client.is_lagging = true;
            self.queue.push_long(Due::Notices(id));
        }
    }

    /// Tells a client that is behind a part of what it is owed, if it takes it; its writer rings
    /// when it takes more. One thing is told however late in the turn it is.
    pub(super) fn catch_up(&mut self, id: ClientId, turn: &mut Turn) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.is_lagging = false;
        if client.outbox.borrow().is_dead() {
            self.core.feed.give_up(id);
            client.watches = false;
            client.is_gone();
            return self.make_ready(id);
        }
        for _ in 0..NOTICES_A_TURN {
            turn.step();
            match self.tell_owed(id, turn) {
                Told::One if turn.is_over() => break,
                Told::One => {}
                Told::Paused => {
                    // As long as many notices.
                    turn.look();
                    break;
                }
                Told::MustWait => return,
                Told::All => return self.make_ready(id),
            }
        }
        self.make_lagging(id);
    }

    /// Tells a client that is behind one thing.
    fn tell_owed(&mut self, id: ClientId, turn: &Turn) -> Told {
        let Some(client) = self.clients.get_mut(&id) else {
            return Told::MustWait;
        };
        let at = client.outbox.borrow().queued();
        let told = match self.core.feed.owed(id) {
            Owed::Lost(first, last) => {
                if !client.outbox.borrow_mut().has_room_for_notices() {
                    return Told::MustWait;
                }
                client.tell_loss(first, last, &self.core.stats);
                last
            }
            Owed::Change(change) => {
                let notice = encode_notice(&Notice::Change(&change), client.dialect);
                let mut outbox = client.outbox.borrow_mut();
                if !outbox.offer(&notice) {
                    return Told::MustWait;
                }
                if outbox.is_to_be_rung() {
                    self.bells.add(id);
                }
                change.revision
            }
            Owed::Pause => return Told::Paused,
            Owed::Nothing => {
                client.has_caught_up();
                client.watches = self.core.feed.is_watching(id);
                return Told::All;
            }
        };
        client.told = turn.begun();
        hold_up_to(&mut self.core.durable, client, at, told);
        self.core.feed.told(id, told);
        Told::One
    }

    /// Tells some of those who have heard nothing for long how far they have been told. Not while
    /// a change is being told: not everybody has been told of that revision yet.
    pub(super) fn tell_progress(&mut self, turn: &mut Turn) {
        let now = turn.begun();
        for _ in 0..PROGRESS_AT_ONCE {
            let Some(id) = self.progress.take(now) else {
                return;
            };
            turn.step();
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            client.progress_at = None;
            if !client.watches {
                continue;
            }
            let can_be_told =
                !client.outbox.borrow().has_notices() && !self.core.feed.is_behind(id);
            if !can_be_told {
                client.progress_at = Some(self.progress.expect(id, now));
                continue;
            }
            if self.progress.is_silent(client.told, now) {
                let (at, revision) = (client.outbox.borrow().queued(), self.core.store.revision());
                if client.tell_progress(revision) {
                    self.bells.add(id);
                }
                hold_up_to(&mut self.core.durable, client, at, revision);
                client.told = now;
            }
            client.progress_at = Some(self.progress.expect(id, client.told));
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
        if client.dialect != Dialect::Lines && client.progress_at.is_none() {
            client.progress_at = Some(self.progress.expect(id, client.told));
        }
        self.make_lagging(id);
        self.make_ready(id);
    }
}

/// What a step of catching up came to.
enum Told {
    /// A notice was told.
    One,
    /// Nothing yet: others should have their turn before more is looked at.
    Paused,
    /// Nothing: the client must read first.
    MustWait,
    /// There is nothing more to tell.
    All,
}
