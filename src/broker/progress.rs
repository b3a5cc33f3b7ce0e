//! Knows when which client is to be told that there was nothing to tell.

use crate::feed::ClientId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// When to look at which client: each that is to be told of progress stands here once.
#[derive(Debug)]
pub(super) struct Progress {
    period: Duration,
    due: BTreeSet<(Instant, ClientId)>,
}

impl Progress {
    /// Nobody is to be told; those who will be, after this time of silence.
    pub(super) fn new(period: Duration) -> Progress {
        Progress {
            period,
            due: BTreeSet::new(),
        }
    }

    /// Looks at a client when it has been told nothing since `told`. Returns when that is.
    pub(super) fn expect(&mut self, client: ClientId, told: Instant) -> Instant {
        let at = told + self.period;
        self.due.insert((at, client));
        at
    }

    /// Does not look at a client any more that was to be looked at then.
    pub(super) fn forget(&mut self, client: ClientId, at: Instant) {
        self.due.remove(&(at, client));
    }

    /// When the next client is to be looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A client that is to be looked at now.
    pub(super) fn take(&mut self, now: Instant) -> Option<ClientId> {
        self.next().filter(|at| *at <= now)?;
        self.due.pop_first().map(|(_, client)| client)
    }

    /// Whether a client that was last told something then has heard nothing for long enough.
    pub(super) fn is_silent(&self, told: Instant, now: Instant) -> bool {
        told + self.period <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_left_is_not_looked_at_and_takes_no_room() {
        let (period, now) = (Duration::from_secs(5), Instant::now());
        let mut progress = Progress::new(period);
        let due: Vec<Instant> = (1..=3).map(|client| progress.expect(client, now)).collect();
        progress.forget(2, due[1]);
        assert_eq!(progress.due.len(), 2);
        assert_eq!(progress.take(now), None);
        let later = now + period;
        let looked_at = std::iter::from_fn(|| progress.take(later));
        assert_eq!(looked_at.collect::<Vec<_>>(), [1, 3]);
        assert_eq!(progress.next(), None);
    }
}
