//! Waits for what gives the broker something to do.

use super::committer::Word;
use super::{Broker, Event};
use crate::sleepers::Sleepers;
use futures_lite::future;
use std::time::Instant;

/// What ended a wait.
pub(super) enum Wake {
    Event(Event),
    Word(Word),
    Clock,
    /// Nobody is left who could send an event.
    End,
}

impl Broker {
    /// When there is something to do without an event.
    fn alarm(&self) -> Option<Instant> {
        let disk = self.core.durable.as_ref().and_then(|disk| disk.due());
        let alarms = [self.drain.patience_ends(), self.progress.next(), disk];
        alarms.into_iter().flatten().min()
    }

    /// Waits for an event, or for the time at which something is to be done without one.
    pub(super) async fn wait(&self, sleepers: &Sleepers) -> Wake {
        let event = async { self.events.recv().await.map_or(Wake::End, Wake::Event) };
        let tick = async {
            match self.alarm() {
                Some(at) => sleepers.sleep_until(at).await,
                None => future::pending().await,
            }
            Wake::Clock
        };
        let Some(durable) = &self.core.durable else {
            return future::or(event, tick).await;
        };
        let word = async { durable.word().await.map_or(Wake::End, Wake::Word) };
        future::or(word, future::or(event, tick)).await
    }
}
