//! Hands changes to the disk at the end of each turn, and releases what was held for them.

use super::Broker;
use super::committer::Word;
use crate::journal::{Commit, Error, Outcome};
use std::time::{Duration, Instant};

impl Broker {
    /// Commits what was changed in this turn, and goes on with a snapshot.
    pub(super) fn settle(&mut self, now: Instant) {
        let Some(durable) = &mut self.core.durable else {
            return;
        };
        match durable.commit(now) {
            Ok(Some(batch)) => self.release(batch, None),
            Ok(None) => {}
            Err(error) => return self.fail(&error),
        }
        if let Some(durable) = &mut self.core.durable {
            let history = self.core.feed.history();
            let history = (history.bytes(), history.first());
            durable.keep_up(&self.core.store, history, now);
        }
    }

    /// Hears what the threads that write have said.
    pub(super) fn take_words(&mut self) {
        while let Some(word) = self
            .core
            .durable
            .as_ref()
            .and_then(|durable| durable.try_word())
        {
            self.hear(word);
        }
    }

    pub(super) fn hear(&mut self, word: Word) {
        let Some(durable) = &mut self.core.durable else {
            return;
        };
        match word {
            Word::Commit(Commit::Done {
                revision,
                batch,
                took,
            }) => {
                let batch = durable.is_done(revision, batch);
                return self.release(batch, Some(took));
            }
            // Who has been logging it goes on trying; changes are refused meanwhile.
            Word::Commit(Commit::Full) => return,
            Word::Commit(Commit::Failed(error)) | Word::Outcome(Outcome::Failed(error)) => {
                return self.fail(&error);
            }
            Word::Outcome(Outcome::Slice | Outcome::Room) => {}
            Word::Outcome(Outcome::Snapshot) => durable.snapshots.end(true),
            Word::Outcome(Outcome::NoSnapshot(error)) => {
                log::error!(
                    "a snapshot is given up, and the one before goes on being used: {error}"
                );
                durable.snapshots.end(false);
            }
            Word::Outcome(Outcome::Synced { .. }) => return durable.is_synced(),
        }
        self.unpark();
    }

    /// Lets be told what waited for a batch, which took so long if it was handed over.
    fn release(&mut self, batch: u64, took: Option<Duration>) {
        let Some(durable) = &mut self.core.durable else {
            return;
        };
        let mut holders = durable.take_holders(batch);
        let mut answered = 0;
        for id in holders.drain(..) {
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            // Who has changed something since need not be waited for.
            answered += usize::from(client.changed == batch && !client.leaving);
            let mut outbox = client.outbox.borrow_mut();
            outbox.release(batch);
            if outbox.has_replies() {
                outbox.ring_for_release();
            } else if outbox.has_released() && outbox.is_to_be_rung() {
                self.bells.add(id);
            }
            drop(outbox);
            if client.leaving {
                self.make_ready(id);
            }
        }
        if let Some(durable) = &mut self.core.durable {
            durable.return_holders(batch, holders);
            // While the server stops nobody can ask again.
            if let Some(took) = took
                && self.core.draining.is_none()
            {
                durable.gather(answered, took);
            }
        }
        self.unpark();
    }

    /// Lets those go on who waited for the disk to make a change.
    fn unpark(&mut self) {
        let Some(durable) = &mut self.core.durable else {
            return;
        };
        for id in durable.unpark() {
            if let Some(client) = self.clients.get_mut(&id) {
                client.is_parked = false;
                self.make_ready(id);
            }
        }
    }

    /// Ends the broker: what is held may never be told. What fails because of that is not logged.
    fn fail(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.has_failed, true) {
            log::error!("{error}; the daemon ends, for it cannot keep what it would answer");
        }
    }

    /// Closes the disk, if there is one; false if it has failed.
    pub(super) async fn close(self) -> bool {
        let Some(durable) = self.core.durable else {
            return true;
        };
        let disk = durable.into_disk();
        match smol::unblock(move || disk.close()).await {
            Ok(()) => true,
            Err(error) => {
                log::error!("{error}");
                false
            }
        }
    }
}
