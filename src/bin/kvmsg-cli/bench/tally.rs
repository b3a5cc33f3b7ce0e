//! Counts what all connections of a benchmark do, for one thread.

use super::scan::{Seen, number};
use hdrhistogram::Histogram;
use kvmsg::client::Error;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Up to where latencies are told apart, in nanoseconds: an hour.
const LATENCY_MAX: u64 = 3_600_000_000_000;

/// How many digits of a latency count.
const DIGITS: u8 = 3;

/// What has happened so far.
pub struct Tally {
    /// How many requests nobody has taken to be sent.
    left: Cell<u64>,
    /// How many were answered, and of those, how many found nothing, and how many were refused.
    pub answered: Cell<u64>,
    pub not_found: Cell<u64>,
    pub refused: Cell<u64>,
    /// What the first refusal said.
    pub refusal: RefCell<String>,
    /// The highest revision that a change was answered with.
    pub revision: Cell<u64>,
    /// How long each answered request took, in nanoseconds.
    pub latencies: RefCell<Histogram<u64>>,
    /// Of each connection, since when it has waited for a reply.
    waits: Vec<Cell<Option<Instant>>>,
}

impl Tally {
    /// Nothing has happened so far; so many requests are to be made, over so many connections.
    pub fn new(requests: u64, clients: usize) -> Tally {
        let latencies = Histogram::new_with_bounds(1, LATENCY_MAX, DIGITS);
        Tally {
            left: Cell::new(requests),
            answered: Cell::new(0),
            not_found: Cell::new(0),
            refused: Cell::new(0),
            refusal: RefCell::default(),
            revision: Cell::new(0),
            latencies: RefCell::new(latencies.expect("the bounds are such that it can be made")),
            waits: vec![Cell::new(None); clients],
        }
    }

    /// Takes as many of the requests that are left, but at most so many.
    pub fn take(&self, most: u64) -> usize {
        let taken = self.left.get().min(most);
        self.left.set(self.left.get() - taken);
        taken as usize
    }

    /// Leaves no more requests to be taken.
    pub fn stop(&self) {
        self.left.set(0);
    }

    /// Whether all requests have been taken and answered.
    pub fn is_done(&self) -> bool {
        self.left.get() == 0 && self.waits.iter().all(|wait| wait.get().is_none())
    }

    /// Counts a reply.
    pub fn see(&self, reply: &Seen<'_>) {
        match reply {
            Seen::Text | Seen::Array(_) => {}
            Seen::Number(text) => {
                let revision = number(text).unwrap_or_default();
                self.revision.set(self.revision.get().max(revision));
            }
            Seen::Null => self.not_found.set(self.not_found.get() + 1),
            Seen::Error(text) => {
                if self.refused.get() == 0 {
                    let text = String::from_utf8_lossy(text);
                    let text = text.strip_prefix("ERR ").unwrap_or(&text);
                    self.refusal.replace(text.to_owned());
                }
                self.refused.set(self.refused.get() + 1);
            }
        }
    }

    /// Counts so many replies that came at once, to requests that were sent together.
    pub fn answer(&self, count: u64, latency: Duration) {
        self.answered.set(self.answered.get() + count);
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.latencies
            .borrow_mut()
            .saturating_record_n(nanoseconds, count);
    }

    /// Notes that a connection waits for a reply from now on, or for none.
    pub fn wait(&self, client: usize, since: Option<Instant>) {
        self.waits[client].set(since);
    }

    /// The error of the first connection that has waited for longer than this.
    pub fn late(&self, timeout: Duration) -> Option<Error> {
        let is_late = |wait: &Cell<Option<Instant>>| {
            wait.get().is_some_and(|since| since.elapsed() > timeout)
        };
        self.waits
            .iter()
            .any(is_late)
            .then_some(Error::Timeout(timeout))
    }
}
