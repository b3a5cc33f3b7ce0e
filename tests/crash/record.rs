//! Keeps what clients sent and heard during a life of the daemon, and what the next one held.

use kvmsg::client::Op;
use std::collections::BTreeMap;

/// Keys and their values.
pub type State = BTreeMap<String, Vec<String>>;

/// A change, as a notice tells it. A value begins with the name of the client that sent it, a dot,
/// a number and a blank; whoever removes or replaces it is the same client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub op: Op,
    pub key: String,
    pub values: Vec<String>,
}

impl Change {
    pub fn new(op: Op, key: &[u8], values: &[Vec<u8>]) -> Change {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Change {
            op,
            key: text(key),
            values: values.iter().map(|value| text(value)).collect(),
        }
    }

    /// Makes it; false if it does not fit.
    pub fn apply(&self, state: &mut State) -> bool {
        let values = match self.op {
            Op::Put => state.entry(self.key.clone()).or_default(),
            _ => match state.get_mut(&self.key) {
                Some(values) => values,
                None => return false,
            },
        };
        let place = |old: &String| values.iter().position(|value| value == old);
        match (self.op, &self.values[..]) {
            (Op::Put, [new]) => values.push(new.clone()),
            (Op::Update, [old, new]) => match place(old) {
                Some(at) => values[at].clone_from(new),
                None => return false,
            },
            (Op::Remove, [old]) => match place(old) {
                Some(at) => drop(values.remove(at)),
                None => return false,
            },
            (Op::Delete, []) => values.clear(),
            _ => return false,
        }
        if values.is_empty() {
            state.remove(&self.key);
        }
        true
    }

    /// Short enough for a message.
    pub fn shown(&self) -> String {
        let cut = |value: &String| value.split(' ').next().unwrap_or_default().to_owned();
        let values: Vec<_> = self.values.iter().map(cut).collect();
        format!("{} {} {}", self.op.word(), self.key, values.join(" "))
    }
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Revision(u64),
    NotFound,
    Refused(String),
}

/// A request for a change, and what was heard of it; nothing if it was in flight at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub change: Change,
    pub answer: Option<Answer>,
}

/// Where a series of revisions is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub epoch: String,
    pub revision: u64,
}

/// What a watcher heard over one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// After which place it asked to be told.
    pub since: Place,
    /// Whether the server could not go on there.
    pub gone: bool,
    /// What it was told, with its revisions.
    pub told: Vec<(u64, Change)>,
    /// Up to where it must have been told.
    pub end: Option<u64>,
    /// Ranges that it was told it had lost.
    pub lost: Vec<(u64, u64)>,
}

/// What happened while the daemon lived.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// What each client sent, in order.
    pub sent: Vec<Vec<Sent>>,
    /// Every value that somebody read.
    pub read: Vec<String>,
    pub heard: Vec<Heard>,
    /// Whether it ended before anybody killed it.
    pub died: bool,
    /// A revision that is known to have been on the disk when it ended.
    pub synced: u64,
}

/// What a daemon holds.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    pub epoch: String,
    pub revision: u64,
    pub state: State,
    /// What it told of its history.
    pub told: Vec<(u64, Change)>,
}
