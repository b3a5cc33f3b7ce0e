//! Checks a record: one validator a promise, each a function of the record alone.
//!
//! Each promise has its own domain, so that one fault breaks one promise: a notice that comes
//! twice is not Unique, but Ordered; one that is missing between two others is not Reliable; one
//! that is missing before the first after a resume is not Resumable.

mod covered;
mod drained;
mod heard;
mod lists;
mod replies;

use crate::changes::Changes;
use crate::lives::{Life, Lives};
use crate::record::{Answer, ConnId, Event, Record, Reply};

/// What a validator found: a promise broken, told so that one can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: &'static str,
    pub conn: ConnId,
    /// The place in the record.
    pub at: usize,
    pub text: String,
}

impl Violation {
    pub fn new(promise: &'static str, conn: ConnId, at: usize, text: String) -> Violation {
        Violation {
            promise,
            conn,
            at,
            text,
        }
    }
}

/// How few bytes of notices fit for certain, so that nobody may be behind: the least share of the
/// outbox that SPEC grants.
pub const SHARE_BYTES_MIN: usize = 64 * 1024;

/// A look at what the history holds: where it was asked and answered, and the first revision.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub sent: usize,
    pub at: usize,
    pub oldest: u64,
}

/// A record, and what all validators take from it.
#[derive(Debug)]
pub struct Case<'a> {
    pub record: &'a Record,
    pub changes: Changes,
    /// The replies of each connection.
    pub answers: Vec<Vec<Answer<'a>>>,
    /// The lives of each connection's watches.
    pub lives: Vec<Lives>,
    pub samples: Vec<Sample>,
}

type Validator = fn(&Case<'_>, &mut Vec<Violation>);

/// Every promise with its validator.
pub const VALIDATORS: [(&str, Validator); 11] = [
    ("Ordered", heard::ordered),
    ("Unique", heard::unique),
    ("Atomic", heard::atomic),
    ("Filtered", heard::filtered),
    ("Reliable", covered::reliable),
    ("Resumable", covered::resumable),
    ("Bookmarkable", covered::bookmarkable),
    ("Accounted", covered::accounted),
    ("ReplyOrder", replies::reply_order),
    ("MirrorEqual", lists::mirror_equal),
    ("Drained", drained::drained),
];

/// Everything that is wrong with a record.
pub fn validate(record: &Record) -> Vec<Violation> {
    let (case, mut violations) = Case::new(record);
    for (_, validator) in VALIDATORS {
        validator(&case, &mut violations);
    }
    violations
}

impl<'a> Case<'a> {
    /// Prepares a record; what makes it unfit to be judged is a violation of `Known`.
    pub fn new(record: &'a Record) -> (Case<'a>, Vec<Violation>) {
        let (changes, violations) = Changes::new(record);
        let answers = record.answers();
        let mut events: Vec<Vec<(usize, &Event)>> = vec![Vec::new(); record.conns.len()];
        for (at, (conn, event)) in record.entries.iter().enumerate() {
            events[*conn].push((at, event));
        }
        let conns = 0..record.conns.len();
        let lives = conns.map(|id| Lives::new(record, &changes, id, &answers[id], &events[id]));
        let lives = lives.collect();
        let samples = samples(&answers);
        (
            Case {
                record,
                changes,
                answers,
                lives,
                samples,
            },
            violations,
        )
    }

    /// The replies of all connections, with their connections.
    pub fn all_answers(&self) -> impl Iterator<Item = (ConnId, &Answer<'a>)> {
        let answers = self.answers.iter().enumerate();
        answers.flat_map(|(conn, answers)| answers.iter().map(move |answer| (conn, answer)))
    }

    pub fn all_lives(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter().flat_map(|lives| &lives.lives)
    }

    /// What the first revision held was at least at this place, and what it was at most.
    fn oldest_bounds(&self, at: usize) -> (u64, u64) {
        let before = self.samples.iter().filter(|sample| sample.at < at);
        let after = self.samples.iter().filter(|sample| sample.sent > at);
        let low = before.map(|sample| sample.oldest).max().unwrap_or(0);
        let high = after.map(|sample| sample.oldest).min().unwrap_or(u64::MAX);
        (low, high.min(self.changes.bounds(at).1 + 1))
    }
}

fn samples(answers: &[Vec<Answer<'_>>]) -> Vec<Sample> {
    let oldest = |answer: &Answer<'_>| match answer.reply {
        Reply::Stats(stats) => stats.get("history_first_revision").copied(),
        _ => None,
    };
    let samples = answers.iter().flatten().filter_map(|answer| {
        let (sent, at) = (answer.sent, answer.at);
        Some(Sample {
            sent,
            at,
            oldest: oldest(answer)?,
        })
    });
    samples.collect()
}
