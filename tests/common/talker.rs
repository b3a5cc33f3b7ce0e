//! Speaks either dialect through one interface, and tells notices from replies.

use super::{Client, Daemon, Frame, Stats, frame};
use std::net::SocketAddr;

/// A client that writes its requests as lines would have them, whatever its dialect.
pub struct Talker {
    pub client: Client,
    framed: bool,
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A change: its verb and key, and in frames the revision and the values.
    Change(String, String, Option<(u64, Vec<Vec<u8>>)>),
    /// The first and the last revision of a range.
    Lost(u64, u64),
    /// The revision up to which everything has been told.
    Progress(u64),
    /// The seconds within which the server closes.
    Drain(u64),
    /// The counters.
    Stats(Stats),
    /// Any other reply; a line is a status.
    Reply(Frame),
}

impl Talker {
    /// One that speaks RESP3 if `framed`, and lines if not.
    pub fn connect(daemon: &Daemon, framed: bool) -> Talker {
        Talker::new(daemon.connect(), framed)
    }

    /// The same on a connection that is there already and has said nothing.
    pub fn new(client: Client, framed: bool) -> Talker {
        let mut talker = Talker { client, framed };
        if framed {
            talker.ask("HELLO:3");
        }
        talker
    }

    /// The same, and told of every change from here on.
    pub fn watching(daemon: &Daemon, framed: bool) -> Talker {
        let mut talker = Talker::connect(daemon, framed);
        talker.watch();
        talker
    }

    /// Asks to be told of every change from here on.
    pub fn watch(&mut self) {
        let heard = self.ask("WATCH:");
        assert!(matches!(heard, Heard::Reply(_)), "{heard:?}");
    }

    pub fn is_framed(&self) -> bool {
        self.framed
    }

    /// Its own address, as the daemon's log has it.
    pub fn address(&self) -> SocketAddr {
        self.client.stream.local_addr().expect("it is connected")
    }

    /// The bytes of a request such as `PUT:key:value`.
    pub fn bytes(&self, request: &str) -> Vec<u8> {
        if !self.framed {
            return format!("{request}\n").into_bytes();
        }
        frame(&request.split(':').map(str::as_bytes).collect::<Vec<_>>())
    }

    pub fn send(&mut self, request: &str) {
        let bytes = self.bytes(request);
        self.client.send(bytes);
    }

    /// Sends, and returns what it hears next.
    #[track_caller]
    pub fn ask(&mut self, request: &str) -> Heard {
        self.send(request);
        self.hear()
    }

    /// Makes more changes, with long keys, than are kept for one who watches and does not read, by
    /// its kernel and by the daemon; returns how many.
    #[track_caller]
    pub fn outrun(&mut self) -> u64 {
        let puts = self.bytes(&format!("PUT:{}:v", "k".repeat(1000)));
        let puts = puts.repeat(100);
        for _ in 0..150 {
            self.client.send(&puts);
            (0..100).for_each(|_| _ = self.hear());
        }
        150 * 100
    }

    /// The counters; nothing else must come before them.
    #[track_caller]
    pub fn stats(&mut self) -> Stats {
        match self.ask("STATS") {
            Heard::Stats(stats) => stats,
            other => panic!("no counters: {other:?}"),
        }
    }

    /// What comes next.
    #[track_caller]
    pub fn hear(&mut self) -> Heard {
        match self.framed {
            true => frame_heard(self.client.frame()),
            false => self.hear_line(),
        }
    }

    /// What comes until the daemon closes.
    #[track_caller]
    pub fn hear_all(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while !self.client.is_at_end() {
            all.push(self.hear());
        }
        all
    }

    #[track_caller]
    fn hear_line(&mut self) -> Heard {
        let line = self.client.line();
        let number = |word: &str| word.parse().expect("a number");
        let Some(notice) = line.strip_prefix("NOTIFY ") else {
            if !line.starts_with("version ") {
                return Heard::Reply(Frame::Status(line));
            }
            let lines = self.client.lines();
            let pairs = lines.iter().filter_map(|line| line.split_once(' '));
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            return Heard::Stats(Stats(pairs.collect()));
        };
        match notice.split(' ').collect::<Vec<_>>()[..] {
            ["LOST", first, last] => Heard::Lost(number(first), number(last)),
            ["DRAIN", seconds] => Heard::Drain(number(seconds)),
            [op, key] => Heard::Change(op.to_owned(), key.to_owned(), None),
            _ => panic!("no notice: {line}"),
        }
    }
}

impl Heard {
    /// The key of a change and, in frames, its revision.
    #[track_caller]
    pub fn change(&self) -> (&str, Option<u64>) {
        match self {
            Heard::Change(_, key, told) => (key, told.as_ref().map(|told| told.0)),
            other => panic!("no change: {other:?}"),
        }
    }
}

fn frame_heard(frame: Frame) -> Heard {
    let parts = match frame {
        Frame::Push(parts) => parts,
        Frame::Map(pairs) if pairs.iter().any(|pair| pair.0 == Frame::bulk("watchers")) => {
            let pairs = pairs.iter().map(|(name, value)| (text(name), text(value)));
            return Heard::Stats(Stats(pairs.collect()));
        }
        reply => return Heard::Reply(reply),
    };
    match (text(&parts[0]).as_str(), &parts[1..]) {
        ("lost", [first, last]) => Heard::Lost(number(first), number(last)),
        ("progress", [revision]) => Heard::Progress(number(revision)),
        ("drain", [seconds]) => Heard::Drain(number(seconds)),
        ("notify", [op, key, revision, values @ ..]) => {
            let values = values.iter().map(|value| match value {
                Frame::Bulk(bytes) => bytes.clone(),
                other => panic!("no value: {other:?}"),
            });
            let told = (number(revision), values.collect());
            Heard::Change(text(op), text(key), Some(told))
        }
        _ => panic!("no notice: {parts:?}"),
    }
}

/// A bulk string or a number as text.
fn text(frame: &Frame) -> String {
    match frame {
        Frame::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Frame::Integer(number) => number.to_string(),
        other => panic!("neither text nor number: {other:?}"),
    }
}

fn number(frame: &Frame) -> u64 {
    match frame {
        Frame::Integer(number) => u64::try_from(*number).expect("not below 0"),
        other => panic!("no number: {other:?}"),
    }
}
