//! A load generator of our own, for what redis-benchmark cannot do: lines, watchers, and clients
//! by the thousand that are all connected before anything is measured.
//!
//! Like redis-benchmark it sends what is to be in flight, waits for all of the replies, and sends
//! again. Replies are not parsed: their lines are counted, and every request knows how many it
//! gets. Sockets stay blocking, for they are read only when there is something to read.

use crate::fill::{await_lines, count_lines};
use crate::server::{PATIENCE, Server};
use crate::wire::{Ask, Dialect};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::fs::Timespec;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many events are taken from the kernel at once.
const EVENTS: usize = 1024;

/// How many clients connect before the first of them is waited for: fewer than wait to be
/// accepted at any server.
const GROUP: usize = 100;

/// How often a listener looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Clients that ask, and clients that listen.
#[derive(Debug)]
pub(crate) struct Load {
    epoll: OwnedFd,
    dialect: Dialect,
    askers: Vec<Asker>,
    listeners: Vec<TcpStream>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Asker {
    stream: TcpStream,
    /// How many lines of replies have not come.
    lines: u64,
}

/// What is to be asked, by all askers together.
pub(crate) struct Work<'a> {
    /// The numbers of the requests, each of which is made once.
    pub(crate) numbers: Range<u64>,
    /// How many requests a client sends before it waits for their replies.
    pub(crate) in_flight: u64,
    /// Appends the request of a number, and returns how many lines its reply has.
    pub(crate) make: &'a dyn Fn(u64, &mut Vec<u8>) -> u64,
    /// How many lines the listeners together hear of it.
    pub(crate) lines_heard: u64,
}

/// Connects so many clients, and has each say something first. They come in groups, for a server
/// that is waited for once for each of thousands is waited for long.
///
/// # Errors
///
/// Says so if a connection fails, or a reply does not come.
pub(crate) fn connect(
    server: &Server,
    dialect: Dialect,
    count: usize,
    say: impl Fn(usize, &mut dyn FnMut(Ask)),
) -> Result<Vec<TcpStream>, String> {
    let mut connected = Vec::new();
    while connected.len() < count {
        let mut group = Vec::new();
        for number in connected.len()..count.min(connected.len() + GROUP) {
            let (mut said, mut lines) = (Vec::new(), 0);
            say(number, &mut |ask| lines += ask.say(dialect, &mut said));
            let mut stream = server.connect()?;
            let sent = stream.write_all(&said);
            sent.map_err(|error| format!("sending: {error}"))?;
            group.push((stream, lines));
        }
        for (mut stream, lines) in group {
            await_lines(&mut stream, lines)?;
            connected.push(stream);
        }
    }
    Ok(connected)
}

/// Connects one client, and has it say something first.
///
/// # Errors
///
/// See [`connect`].
pub(crate) fn connect_one(
    server: &Server,
    dialect: Dialect,
    say: &[Ask],
) -> Result<TcpStream, String> {
    let streams = connect(server, dialect, 1, |_, out| {
        say.iter().for_each(|ask| out(*ask))
    })?;
    streams
        .into_iter()
        .next()
        .ok_or_else(|| "nobody has connected".into())
}

impl Load {
    /// Nobody yet. The dialect need not be that in which the server was greeted.
    pub(crate) fn new(dialect: Dialect) -> Result<Load, String> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC);
        Ok(Load {
            epoll: epoll.map_err(|error| format!("epoll: {error}"))?,
            dialect,
            askers: Vec::new(),
            listeners: Vec::new(),
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Connects so many more clients that ask; each says this first.
    pub(crate) fn askers(&mut self, server: &Server, n: usize, say: &[Ask]) -> Result<(), String> {
        let all = |_, out: &mut dyn FnMut(Ask)| say.iter().for_each(|ask| out(*ask));
        for stream in connect(server, self.dialect, n, all)? {
            self.register(&stream, 2 * self.askers.len() as u64)?;
            self.askers.push(Asker { stream, lines: 0 });
        }
        Ok(())
    }

    /// Connects so many more clients that listen; each says this first.
    pub(crate) fn listeners(
        &mut self,
        server: &Server,
        n: usize,
        say: &[Ask],
    ) -> Result<(), String> {
        let all = |_, out: &mut dyn FnMut(Ask)| say.iter().for_each(|ask| out(*ask));
        for stream in connect(server, self.dialect, n, all)? {
            self.register(&stream, 2 * self.listeners.len() as u64 + 1)?;
            self.listeners.push(stream);
        }
        Ok(())
    }

    /// An even token is that of an asker, an odd one that of a listener.
    fn register(&self, stream: &TcpStream, token: u64) -> Result<(), String> {
        let token = EventData::new_u64(token);
        let added = epoll::add(&self.epoll, stream, token, EventFlags::IN);
        added.map_err(|error| format!("epoll: {error}"))
    }

    /// Asks all of it, and returns how long it took until the last reply and the last that
    /// listeners hear.
    ///
    /// # Errors
    ///
    /// Says so if a connection fails, or nothing comes any more.
    pub(crate) fn run(&mut self, work: &Work) -> Result<Duration, String> {
        let begin = Instant::now();
        let (mut asked, mut heard, mut busy) = (work.numbers.start, 0, 0);
        let mut requests = Vec::new();
        for asker in &mut self.askers {
            busy += usize::from(asker.ask(work, &mut asked, &mut requests)?);
        }
        let mut events = Vec::with_capacity(EVENTS);
        // Listeners hear something now and then also when nothing is asked.
        let mut replied = begin;
        while busy > 0 || heard < work.lines_heard {
            if !self.wait(&mut events, PATIENCE)? || replied.elapsed() > PATIENCE {
                let missing = work.lines_heard.saturating_sub(heard);
                return Err(format!(
                    "{busy} clients wait for replies, {missing} lines unheard"
                ));
            }
            for event in &events {
                let token = event.data.u64();
                let at = (token / 2) as usize;
                if token % 2 == 1 {
                    heard += take(&mut self.listeners[at], &mut self.buffer)?;
                    continue;
                }
                let asker = &mut self.askers[at];
                let lines = take(&mut asker.stream, &mut self.buffer)?;
                let left = asker.lines.checked_sub(lines);
                asker.lines = left.ok_or("a reply has more lines than expected")?;
                replied = Instant::now();
                if asker.lines == 0 {
                    busy -= usize::from(!asker.ask(work, &mut asked, &mut requests)?);
                }
            }
        }
        Ok(begin.elapsed())
    }

    /// Reads what listeners hear until it is told to stop, and counts its lines.
    ///
    /// # Errors
    ///
    /// Says so if a connection fails.
    pub(crate) fn listen(&mut self, stop: &AtomicBool, heard: &AtomicU64) -> Result<(), String> {
        let mut events = Vec::with_capacity(EVENTS);
        while !stop.load(Ordering::Relaxed) {
            self.wait(&mut events, LOOK)?;
            for event in &events {
                let at = (event.data.u64() / 2) as usize;
                let lines = take(&mut self.listeners[at], &mut self.buffer)?;
                heard.fetch_add(lines, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Waits for events; false if none came in time.
    fn wait(&self, events: &mut Vec<Event>, limit: Duration) -> Result<bool, String> {
        events.clear();
        let limit = Timespec::try_from(limit).ok();
        match epoll::wait(&self.epoll, spare_capacity(events), limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!events.is_empty()),
            Err(error) => Err(format!("epoll: {error}")),
        }
    }
}

impl Asker {
    /// Sends the next requests; false if there are none left.
    fn ask(&mut self, work: &Work, asked: &mut u64, out: &mut Vec<u8>) -> Result<bool, String> {
        out.clear();
        for _ in 0..work.in_flight.min(work.numbers.end - *asked) {
            self.lines += (work.make)(*asked, out);
            *asked += 1;
        }
        let sent = self.stream.write_all(out);
        sent.map_err(|error| format!("sending: {error}"))?;
        Ok(!out.is_empty())
    }
}

/// Reads what there is, and counts its lines.
fn take(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u64, String> {
    match stream.read(buffer) {
        Ok(0) => Err("the server closed a connection".into()),
        Ok(length) => Ok(count_lines(&buffer[..length])),
        Err(error) => Err(format!("reading: {error}")),
    }
}
