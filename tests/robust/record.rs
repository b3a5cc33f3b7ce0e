//! Records a run: every request, reply and push of every connection, in the order of one clock.
//!
//! The clock is the place of an entry in the record. One thread drives all connections, so a
//! request stands before everything that it can have caused. What is not known from outside is
//! when the server executed it; the validators take that from the revisions in replies.
//!
//! A record has a text form, one entry a line, which is what a failing run leaves behind and what
//! the tests of the validators are written in. Long values stand in it as a digest.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

/// A word as the record has it: a verb, a key, a prefix, a number, or a value or its digest.
pub type Word = String;

/// A connection's number, in the order in which they were opened.
pub type ConnId = usize;

/// How a connection is spoken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Lines,
    Resp2,
    Resp3,
}

/// A connection, as it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conn {
    pub name: Word,
    pub dialect: Dialect,
    /// The connection whose watch this one means to continue.
    pub resumes: Option<ConnId>,
    /// Whether it keeps a map by the recipe WATCH, LIST, skip.
    pub is_mirror: bool,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Opened,
    Sent(Vec<Word>),
    Replied(Reply),
    Pushed(Push),
    /// The client ended its sending side.
    Halved,
    /// The client closed or reset the connection; what was on its way is unknown.
    Cut,
    /// The server ended the connection, and everything before that was read.
    Ended,
    /// The server was told to stop; on any connection.
    Stopped,
    /// What the server said of itself at its end; on any connection.
    Reported(BTreeMap<Word, u64>),
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A change was made, or an UPDATE changed nothing: the revision.
    Done(u64),
    Missing,
    Ok,
    /// The epoch and the revision after which a watch begins.
    Watching(Word, u64),
    /// The first revision that the history holds, and the epoch.
    Gone(u64, Word),
    Refused(Word),
    Page(Page),
    /// The keys of a LIST in lines, which names no revision.
    Keys(Vec<Word>),
    Stats(BTreeMap<Word, u64>),
    /// Anything that no validator looks at.
    Other,
}

/// One page of a LIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub revision: u64,
    pub next: Option<Word>,
    pub keys: Vec<(Word, Vec<Word>)>,
}

/// What came without being asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// A change; in lines without revision and values.
    Notify(Word, Word, Option<(u64, Vec<Word>)>),
    Lost(u64, u64),
    Progress(u64),
    Drain,
}

/// A whole run. Connections that are open at its end have read everything that they were told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Record {
    pub conns: Vec<Conn>,
    pub entries: Vec<(ConnId, Event)>,
}

/// A reply with the request that it answers, and the places of both in the record.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub sent: usize,
    pub at: usize,
    pub request: &'a [Word],
    pub reply: &'a Reply,
}

impl Record {
    /// Opens a connection.
    pub fn open(&mut self, conn: Conn) -> ConnId {
        let id = self.conns.len();
        self.conns.push(conn);
        self.push(id, Event::Opened);
        id
    }

    pub fn push(&mut self, conn: ConnId, event: Event) {
        self.entries.push((conn, event));
    }

    /// What happened on one connection, with its places in the record.
    pub fn of(&self, conn: ConnId) -> impl DoubleEndedIterator<Item = (usize, &Event)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(move |(at, (id, event))| (*id == conn).then_some((at, event)))
    }

    /// The replies on each connection with their requests: the n-th answers the n-th.
    pub fn answers(&self) -> Vec<Vec<Answer<'_>>> {
        let mut answers = vec![Vec::new(); self.conns.len()];
        let mut sent = vec![std::collections::VecDeque::new(); self.conns.len()];
        for (at, (conn, event)) in self.entries.iter().enumerate() {
            match event {
                Event::Sent(request) => sent[*conn].push_back((at, request.as_slice())),
                Event::Replied(reply) => {
                    let (sent, request) = sent[*conn].pop_front().unwrap_or((at, &[]));
                    answers[*conn].push(Answer {
                        sent,
                        at,
                        request,
                        reply,
                    });
                }
                _ => {}
            }
        }
        answers
    }

    /// The epoch of the run: the first that a watch was answered with.
    pub fn epoch(&self) -> Option<&str> {
        self.entries.iter().find_map(|(_, event)| match event {
            Event::Replied(Reply::Watching(epoch, _)) => Some(epoch.as_str()),
            _ => None,
        })
    }
}

impl Answer<'_> {
    pub fn verb(&self) -> &str {
        self.request.first().map_or("", String::as_str)
    }

    /// The revision at which the request was executed, where the reply tells it.
    pub fn position(&self) -> Option<u64> {
        match self.reply {
            Reply::Done(revision) => Some(*revision),
            // With SINCE the reply repeats the request.
            Reply::Watching(_, revision) if self.since().is_none() => Some(*revision),
            Reply::Page(page) => Some(page.revision),
            Reply::Stats(stats) => stats.get("revision").copied(),
            _ => None,
        }
    }

    /// Whether the request has made the revision that it was answered with.
    pub fn is_change(&self) -> bool {
        let same = self.verb() == "UPDATE" && self.request.get(2) == self.request.get(3);
        matches!(self.reply, Reply::Done(_)) && !same
    }

    /// What follows SINCE in a WATCH: epoch and revision.
    pub fn since(&self) -> Option<(&str, u64)> {
        let at = self
            .request
            .iter()
            .skip(2)
            .position(|word| word == "SINCE")?
            + 2;
        let revision = self.request.get(at + 2)?.parse().ok()?;
        Some((self.request.get(at + 1)?, revision))
    }

    /// What a LIST asks for: the prefix, and the key after which it begins.
    pub fn listed(&self) -> (&str, Option<&str>) {
        let prefix = self.request.get(1).map_or("", String::as_str);
        let after = self.request.iter().position(|word| word == "AFTER");
        let after = after.and_then(|at| self.request.get(at + 1));
        (prefix, after.map(String::as_str))
    }

    /// Whether a WATCH asks for own changes too.
    pub fn has_echo(&self) -> bool {
        self.request.iter().skip(2).any(|word| word == "ECHO")
    }
}

/// Longer values stand in a record as their length, their beginning and a hash. No key is longer.
const WHOLE_MAX: usize = 1024;

/// A value as the record has it.
pub fn word(value: &[u8]) -> Word {
    let text = String::from_utf8_lossy(value);
    if value.len() <= WHOLE_MAX {
        return text.into_owned();
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    let head: String = text.chars().take(8).collect();
    format!("{}.{head}#{:016x}", value.len(), hasher.finish())
}

/// How long the value is that a word stands for.
pub fn length(word: &str) -> usize {
    let digest = word.contains('#').then(|| word.split('.').next()).flatten();
    digest
        .and_then(|length| length.parse().ok())
        .unwrap_or(word.len())
}
