//! Lets clients loose on a daemon: one thread throws dice and drives them all.

mod ending;

use crate::common::{Daemon, PATIENCE, until};
use crate::dice::Dice;
use crate::peer::Peer;
use crate::record::{Conn, Dialect, Event, Record, Reply, Word};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Instant;

/// How many only write, and how many only watch (most of them).
const WRITERS: usize = 3;
const WATCHERS: usize = 12;

/// A run.
pub struct World {
    pub daemon: Daemon,
    pub record: Record,
    pub peers: Vec<Peer>,
    pub dice: Dice,
    /// The values that a key holds, if everything was executed in the order in which it was sent.
    guessed: BTreeMap<Word, Vec<Vec<u8>>>,
    /// Whether the run ends because the server is told to stop.
    drains: bool,
    /// The longest value of the run.
    long: usize,
    made: usize,
    /// How many entries of the record were searched for revisions, and the highest found.
    seen: (usize, u64),
    epoch: Word,
}

impl World {
    /// Starts a daemon whose limits, too, follow from the seed.
    pub fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let history = dice
            .pick(&["65536", "262144", "4194304", "16777216", "0"])
            .to_owned();
        let long = *dice.pick(&[400, 60_000, 60_000]);
        let drains = dice.one_in(3);
        println!(
            "KVMSG_SOAK_SEED={seed}: history_bytes {history}, values up to {long} bytes{}",
            if drains { ", ends by a drain" } else { "" }
        );
        let daemon = Daemon::start(
            &[
                ["--history-bytes", history],
                ["--progress-secs", "1"],
                ["--outbox-bytes-max", "65536"],
                ["--drain-secs", "120"],
            ]
            .concat(),
        );
        let record = Record::default();
        let (peers, guessed) = (Vec::new(), BTreeMap::new());
        let (seen, epoch) = ((0, 0), Word::new());
        let mut world = World {
            daemon,
            record,
            peers,
            dice,
            guessed,
            drains,
            long,
            made: 0,
            seen,
            epoch,
        };
        for _ in 0..WRITERS {
            world.open(Dialect::Resp3, None, false);
        }
        for _ in 0..WATCHERS {
            world.open_watcher();
        }
        world
    }

    fn open(&mut self, dialect: Dialect, resumes: Option<usize>, is_mirror: bool) -> usize {
        let name = format!("c{}", self.record.conns.len());
        let conn = Conn {
            name,
            dialect,
            resumes,
            is_mirror,
        };
        let peer = Peer::connect(self.daemon.address, &mut self.record, conn);
        self.peers.push(peer);
        self.peers.len() - 1
    }

    fn open_watcher(&mut self) {
        let dialect = *self.dice.pick(&[
            Dialect::Lines,
            Dialect::Resp2,
            Dialect::Resp3,
            Dialect::Resp3,
        ]);
        let is_mirror = dialect == Dialect::Resp3 && self.dice.one_in(2);
        let place = self.open(dialect, None, is_mirror);
        let prefix = self.prefix();
        self.peers[place].wants = prefix.clone();
        let wrong = match self.dice.below(12) {
            _ if dialect == Dialect::Lines || is_mirror || self.epoch.is_empty() => None,
            0 => Some((self.epoch.clone(), 1_000_000)),
            1 => Some(("0123456789abcdef".to_owned(), self.seen.1)),
            2 => Some((self.epoch.clone(), 0)),
            3 => Some((self.epoch.clone(), self.seen.1)),
            4 => Some((self.epoch.clone(), self.seen.1.saturating_sub(20))),
            _ => None,
        };
        let (peer, record) = (&mut self.peers[place], &mut self.record);
        match wrong {
            Some((epoch, since)) => {
                peer.ask(
                    record,
                    &["WATCH", &prefix, "SINCE", &epoch, &since.to_string()],
                );
            }
            None => peer.ask(record, &["WATCH", &prefix]),
        }
    }

    /// Continues what a connection that is gone watched.
    fn resume(&mut self, place: usize) {
        self.known();
        let gone = &self.peers[place];
        let (id, dialect, told) = (gone.id, gone.dialect, gone.told);
        let prefix = gone.prefixes.first().cloned();
        let (mirror, was_mirror) = (gone.mirror.clone(), gone.mirror.is_some());
        let Some(prefix) = prefix.filter(|_| dialect != Dialect::Lines) else {
            return self.open_watcher();
        };
        let epoch = self.epoch.clone();
        let new = self.open(dialect, Some(id), was_mirror);
        let (peer, record) = (&mut self.peers[new], &mut self.record);
        peer.wants = prefix.clone();
        peer.mirror = mirror;
        peer.mirror
            .iter_mut()
            .for_each(|mirror| mirror.disconnected());
        let since = told.to_string();
        peer.ask(record, &["WATCH", &prefix, "SINCE", &epoch, &since]);
    }

    fn key(&mut self) -> Word {
        let depth = 1 + self.dice.below(4);
        let names: Vec<&str> = (0..depth)
            .map(|_| *self.dice.pick(&["a", "b", "ab"]))
            .collect();
        let pad = if self.dice.one_in(15) {
            "y".repeat(600)
        } else {
            String::new()
        };
        names.join("/") + &pad
    }

    fn prefix(&mut self) -> Word {
        let key = self.key();
        let end = self.dice.below(key.len().min(8) + 1);
        key[..end].to_owned()
    }

    /// A request that changes something, or nearly so.
    fn change(&mut self) -> Vec<Vec<u8>> {
        let key = self.key();
        self.made += 1;
        let mut value = self.made.to_string().into_bytes();
        if self.dice.one_in(4) {
            value.resize(1 + self.dice.below(self.long), b'z');
        }
        let list = self.guessed.entry(key.clone()).or_default();
        let old = list.first().cloned().unwrap_or_else(|| b"none".to_vec());
        let key = key.into_bytes();
        match self.dice.below(10) {
            0 => {
                list.clear();
                vec![b"DELETE".to_vec(), key]
            }
            1 | 2 if !list.is_empty() => {
                list[0] = value.clone();
                vec![b"UPDATE".to_vec(), key, old, value]
            }
            3 => vec![b"UPDATE".to_vec(), key, old.clone(), old],
            4 | 5 => {
                list.drain(..list.len().min(1));
                vec![b"REMOVE".to_vec(), key, old]
            }
            _ => {
                list.push(value.clone());
                vec![b"PUT".to_vec(), key, value]
            }
        }
    }

    fn write(&mut self, place: usize, count: usize) {
        for _ in 0..count {
            let change = self.change();
            self.peers[place].send(&mut self.record, &change);
        }
    }

    /// One thing that somebody does.
    pub fn step(&mut self) {
        let writer = self.dice.below(WRITERS);
        if self.peers[writer].asked.len() < 100 {
            let count = 1 + self.dice.below(30);
            self.write(writer, count);
        }
        let place = WRITERS + self.dice.below(self.peers.len() - WRITERS);
        if self.peers[place].is_open() {
            self.act(place);
        }
        if self.dice.one_in(5) {
            self.peers[writer].ask(&mut self.record, &["STATS"]);
        }
        if self.dice.one_in(60) {
            self.daemon.signal(Signal::STOP);
            self.write(writer, 20);
            self.pump();
            self.daemon.signal(Signal::CONT);
        }
        (0..self.dice.below(4)).for_each(|_| _ = self.pump());
        while self.peers.iter().filter(|peer| peer.is_open()).count() < WRITERS + WATCHERS {
            self.open_watcher();
        }
    }

    fn act(&mut self, place: usize) {
        let (prefix, after) = (self.prefix(), self.key());
        let dialect = self.peers[place].dialect;
        let is_mirror = self.peers[place].mirror.is_some();
        let choice = self.dice.below(20);
        let (peer, record) = (&mut self.peers[place], &mut self.record);
        match choice {
            0..=5 => peer.pauses_until = self.seen.1 + 20 + self.dice.below(800) as u64,
            6 => self.part(place, false),
            7 => self.part(place, true),
            8 => {
                self.settle(place);
                self.peers[place].halve(&mut self.record);
                self.resume(place);
            }
            9 if dialect == Dialect::Lines => self.write_line(place),
            9 | 18 | 19 if dialect == Dialect::Resp3 && !is_mirror => {
                let count = 1 + self.dice.below(8);
                self.write(place, count);
            }
            10 | 11 if !is_mirror && dialect == Dialect::Lines => {
                peer.ask(record, &["WATCH", &prefix]);
            }
            10 if !is_mirror => peer.ask(record, &["WATCH", &prefix, "ECHO"]),
            11 | 12 if !is_mirror && dialect != Dialect::Lines => {
                peer.ask(record, &["WATCH", &prefix]);
            }
            13 if !is_mirror => match peer.prefixes.last().cloned() {
                Some(prefix) if dialect != Dialect::Lines => {
                    peer.ask(record, &["UNWATCH", &prefix]);
                }
                _ => peer.ask(record, &["UNWATCH"]),
            },
            14 if dialect != Dialect::Resp2 && !is_mirror => {
                peer.ask(record, &["LIST", &prefix]);
            }
            15 if dialect == Dialect::Lines => {
                peer.ask(record, &["LIST", "", "AFTER", &after]);
            }
            15 | 16 if dialect == Dialect::Resp3 => peer.ask(record, &["STATS"]),
            _ => peer.ask(record, &["PING"]),
        }
    }

    /// Ends a connection, once all that it has changed is known, and continues on another.
    fn part(&mut self, place: usize, reset: bool) {
        self.settle(place);
        if self.peers[place].ended {
            return;
        }
        self.peers[place].cut(&mut self.record, reset);
        self.resume(place);
    }

    /// Lets this one read until it knows the revisions of its changes and has sent everything.
    fn settle(&mut self, place: usize) {
        if self.peers[place].is_writing() {
            self.peers[place].pauses_until = 0;
            self.pump_until("replies", |world| !world.peers[place].is_writing());
        }
    }

    /// A line client changes something while nobody else does, so that its revision is known.
    fn write_line(&mut self, place: usize) {
        self.peers
            .iter_mut()
            .filter(|peer| peer.is_writing())
            .for_each(|it| it.pauses_until = 0);
        self.pump_until("writers", |world| !world.peers.iter().any(Peer::is_writing));
        self.made += 1;
        let (key, value) = (self.key(), format!("l{}", self.made));
        self.peers[place].pauses_until = 0;
        self.peers[place].ask(&mut self.record, &["PUT", &key, &value]);
        self.pump_until("its reply", |world| !world.peers[place].is_writing());
    }

    pub fn pump(&mut self) -> bool {
        let known = self.known();
        let mut moved = false;
        for peer in &mut self.peers {
            moved |= peer.pump(&mut self.record, known);
        }
        moved
    }

    /// Goes on until something is so; if that takes too long, leaves the record and says who
    /// waits.
    pub fn pump_until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        let end = Instant::now() + PATIENCE / 2;
        let came = until(what, || {
            while self.pump() {}
            let came = is_so(self);
            (came || Instant::now() > end).then_some(came)
        });
        if !came {
            let path = crate::keep("stuck", &self.record);
            let waiting: Vec<String> = self.peers.iter().filter_map(Peer::waits).collect();
            panic!(
                "waited in vain for {what}; the record: {path}\n{}",
                waiting.join("\n")
            );
        }
    }

    /// The highest revision that anybody was answered with.
    fn known(&mut self) -> u64 {
        for (_, event) in &self.record.entries[self.seen.0..] {
            match event {
                Event::Replied(Reply::Done(revision)) => self.seen.1 = self.seen.1.max(*revision),
                Event::Replied(Reply::Watching(epoch, _)) => self.epoch.clone_from(epoch),
                _ => {}
            }
        }
        self.seen.0 = self.record.entries.len();
        self.seen.1
    }
}
