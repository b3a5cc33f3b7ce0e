//! Counts what the server has done, readable by any thread without asking the broker.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One counter. The counts order nothing, so relaxed atomics are enough; the server's thread alone
/// changes them, so to add takes no locked instruction.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.store(self.get() + n, Relaxed);
    }

    /// Counts `n` less; only for what is counted as present, never below what was added.
    pub fn sub(&self, n: u64) {
        self.0.store(self.get() - n, Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The server's counters since its start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections that are open now.
    pub active: Counter,
    /// Connections that have ended, for whatever reason.
    pub dropped: Counter,
    /// Connections refused because `clients_max` were open; in neither of the above.
    pub refused: Counter,
    /// Replies made to requests, errors included.
    pub answered: Counter,
    /// Notices of changes handed whole to a socket, one a client told.
    pub delivered: Counter,
    /// Revisions in the `lost` ranges that were declared, one a client told.
    pub lost: Counter,
}

/// The counters at one moment: what the report at the end and SIGUSR1 show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections open.
    pub active: u64,
    /// Connections ended.
    pub dropped: u64,
    /// Replies made to requests.
    pub answered: u64,
    /// Notices of changes handed to sockets.
    pub delivered: u64,
    /// Revisions declared lost.
    pub lost: u64,
}

impl Stats {
    /// The counters now.
    pub fn counts(&self) -> Counts {
        Counts {
            active: self.active.get(),
            dropped: self.dropped.get(),
            answered: self.answered.get(),
            delivered: self.delivered.get(),
            lost: self.lost.get(),
        }
    }
}

impl Counts {
    /// The same, with the connections as they were at another moment.
    pub fn with_connections_of(self, moment: Counts) -> Counts {
        Counts {
            active: moment.active,
            dropped: moment.dropped,
            ..self
        }
    }
}

impl fmt::Display for Counts {
    /// Five lines, `Name: count`, the last without a line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Active connections: {}", self.active)?;
        writeln!(f, "Dropped connections: {}", self.dropped)?;
        writeln!(f, "Requests answered: {}", self.answered)?;
        writeln!(f, "Notices delivered: {}", self.delivered)?;
        write!(f, "Notices lost: {}", self.lost)
    }
}
