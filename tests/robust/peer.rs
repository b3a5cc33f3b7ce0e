//! Drives one connection without ever waiting for it, and records what passes.

use crate::mirror::Mirror;
use crate::record::{Conn, ConnId, Dialect, Event, Push, Record, Reply, Word, word};
use crate::wire;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// What a key ends with, before the client's number, that is changed last and for this client.
pub const LAST: &str = "~end";

/// One client of the run.
pub struct Peer {
    /// None once it has closed: to hold it would look to the daemon like one who does not read.
    stream: Option<TcpStream>,
    pub id: ConnId,
    pub dialect: Dialect,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    /// Requests without their replies.
    pub asked: VecDeque<Vec<Word>>,
    /// What it watches, as far as it has been answered.
    pub prefixes: BTreeSet<Word>,
    /// How far it has been told the changes.
    pub told: u64,
    /// The revision of the last progress.
    pub marked: u64,
    /// It does not read until somebody has been told this revision.
    pub pauses_until: u64,
    pub mirror: Option<Mirror>,
    /// It has ended its sending side.
    pub halved: bool,
    pub ended: bool,
    /// The key of the last change made for it, once it has been told of that.
    pub last_key: Word,
    /// The prefix that it wants to watch, also when what it asked for is gone.
    pub wants: Word,
}

impl Peer {
    pub fn connect(address: SocketAddr, record: &mut Record, conn: Conn) -> Peer {
        let stream = TcpStream::connect(address).expect("the daemon accepts");
        stream.set_nonblocking(true).expect("it is a socket");
        stream.set_nodelay(true).expect("it is a socket");
        let dialect = conn.dialect;
        let mirror = conn.is_mirror.then(Mirror::default);
        let mut peer = Peer {
            stream: Some(stream),
            id: record.open(conn),
            dialect,
            unsent: Vec::new(),
            unread: Vec::new(),
            asked: VecDeque::new(),
            prefixes: BTreeSet::new(),
            told: 0,
            marked: 0,
            pauses_until: 0,
            mirror,
            halved: false,
            ended: false,
            last_key: Word::new(),
            wants: Word::new(),
        };
        match dialect {
            Dialect::Resp3 => peer.ask(record, &["HELLO", "3"]),
            Dialect::Lines => peer.ask(record, &["PING"]),
            Dialect::Resp2 => {}
        }
        peer
    }

    pub fn ask(&mut self, record: &mut Record, words: &[&str]) {
        let words: Vec<_> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.send(record, &words);
    }

    pub fn send(&mut self, record: &mut Record, words: &[Vec<u8>]) {
        self.unsent.extend(wire::request(self.dialect, words));
        let words: Vec<Word> = words.iter().map(|bytes| word(bytes)).collect();
        record.push(self.id, Event::Sent(words.clone()));
        self.asked.push_back(words);
    }

    /// Whether it waits for the reply to something that changes the store.
    pub fn is_writing(&self) -> bool {
        let verbs = ["PUT", "UPDATE", "REMOVE", "DELETE"];
        !self.ended
            && self
                .asked
                .iter()
                .any(|words| verbs.contains(&words[0].as_str()))
    }

    /// What it waits for, or is told, unless it is gone; for whoever looks why a run hangs.
    pub fn waits(&self) -> Option<String> {
        let asked = self.asked.front();
        let mirror = self.mirror.as_ref().map(Mirror::is_whole);
        let text = format!(
            "c{} {:?}: told {}, progress {}, watches {:?}, asked {asked:?} of {}, half {}, \
             mirror whole {mirror:?}",
            self.id,
            self.dialect,
            self.told,
            self.marked,
            self.prefixes,
            self.asked.len(),
            self.halved
        );
        (!self.ended).then_some(text)
    }

    /// Whether it can be asked to do something.
    pub fn is_open(&self) -> bool {
        !self.halved && !self.ended
    }

    /// Says that it sends nothing more; what it has not sent yet goes first.
    pub fn halve(&mut self, record: &mut Record) {
        let shut = |stream: &TcpStream| stream.shutdown(Shutdown::Write);
        if self.unsent.is_empty() && self.stream().and_then(shut).is_ok() {
            self.halved = true;
            record.push(self.id, Event::Halved);
        }
    }

    /// Closes, with a reset if so wished.
    pub fn cut(&mut self, record: &mut Record, reset: bool) {
        if let Some(stream) = self.stream.take().filter(|_| reset) {
            let linger = Some(Duration::ZERO);
            let set = rustix::net::sockopt::set_socket_linger(&stream, linger);
            set.expect("it is a socket");
        }
        self.ended = true;
        record.push(self.id, Event::Cut);
    }

    /// Sends what it can, and reads a few chunks, unless it pauses; says whether anything moved.
    pub fn pump(&mut self, record: &mut Record, known: u64) -> bool {
        if self.ended {
            return false;
        }
        let mut moved = self.flush();
        if known < self.pauses_until {
            return moved;
        }
        let mut chunk = [0; CHUNK];
        for _ in 0..4 {
            match self.stream().and_then(|mut stream| stream.read(&mut chunk)) {
                Ok(0) => {
                    self.ended = true;
                    record.push(self.id, Event::Ended);
                    return true;
                }
                Ok(len) => self.unread.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What it sent when the server had ended the connection is answered so. Whether
                // its last words came before that, the validators look at.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    self.ended = true;
                    record.push(self.id, Event::Ended);
                    return true;
                }
                Err(error) => panic!("{}: {error}", record.conns[self.id].name),
            }
            moved = true;
            self.take_all(record);
        }
        moved
    }

    fn stream(&self) -> io::Result<&TcpStream> {
        let closed = || ErrorKind::NotConnected.into();
        self.stream.as_ref().ok_or_else(closed)
    }

    fn flush(&mut self) -> bool {
        let mut sent = 0;
        while sent < self.unsent.len() {
            let unsent = &self.unsent[sent..];
            match self.stream().and_then(|mut stream| stream.write(unsent)) {
                Ok(len) => sent += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // If the daemon has ended the connection, what it said before can still be read.
                Err(_) => break,
            }
        }
        self.unsent.drain(..sent);
        sent > 0
    }

    fn take_all(&mut self, record: &mut Record) {
        let mut at = 0;
        loop {
            let asked = self.asked.front().map(Vec::as_slice);
            let Some(event) = wire::take(self.dialect, &self.unread, &mut at, asked) else {
                break;
            };
            match &event {
                Event::Replied(reply) => {
                    let asked = self.asked.pop_front().expect("a reply answers a request");
                    let reply = reply.clone();
                    record.push(self.id, event);
                    self.replied(record, &asked, &reply);
                }
                Event::Pushed(push) => {
                    self.pushed(push);
                    record.push(self.id, event);
                }
                _ => {}
            }
            self.list_on(record);
        }
        self.unread.drain(..at);
    }

    /// A mirror asks for its next page, if one is due.
    pub fn list_on(&mut self, record: &mut Record) {
        if self.prefixes.is_empty() || !self.is_open() {
            return;
        }
        if let Some(request) = self.mirror.as_mut().and_then(Mirror::request) {
            self.ask(
                record,
                &request.iter().map(String::as_str).collect::<Vec<_>>(),
            );
        }
    }

    fn replied(&mut self, record: &mut Record, asked: &[Word], reply: &Reply) {
        match (asked[0].as_str(), reply) {
            ("WATCH", Reply::Watching(..) | Reply::Ok) => {
                if let (Reply::Watching(_, revision), true) = (reply, self.prefixes.is_empty()) {
                    (self.told, self.marked) = (*revision, 0);
                    let resumed = asked.get(2).is_some_and(|word| word == "SINCE");
                    if let Some(mirror) = self.mirror.as_mut().filter(|_| !resumed) {
                        *mirror = Mirror::new(&asked[1]);
                    }
                }
                self.prefixes.insert(asked[1].clone());
            }
            ("WATCH", Reply::Gone(oldest, epoch)) if self.is_open() => {
                let since = (oldest - 1).to_string();
                let prefix = self.wants.clone();
                match oldest % 2 {
                    // A mirror must list again.
                    0 if self.mirror.is_none() => {
                        self.ask(record, &["WATCH", &prefix, "SINCE", epoch, &since]);
                    }
                    _ => self.ask(record, &["WATCH", &prefix]),
                }
            }
            ("UNWATCH", Reply::Ok) => match asked.get(1) {
                Some(prefix) => _ = self.prefixes.remove(prefix),
                None => self.prefixes.clear(),
            },
            (_, Reply::Page(page)) => self.mirror.iter_mut().for_each(|mirror| mirror.page(page)),
            _ => {}
        }
    }

    fn pushed(&mut self, push: &Push) {
        match push {
            Push::Notify(_, key, told) => {
                if key.ends_with(&format!("{LAST}{}", self.id)) {
                    self.last_key = key.clone();
                }
                self.told = told.as_ref().map_or(self.told, |told| told.0);
            }
            Push::Lost(_, last) => self.told = *last,
            Push::Progress(revision) => self.marked = *revision,
            Push::Drain => {}
        }
        self.mirror.iter_mut().for_each(|mirror| mirror.push(push));
    }
}
