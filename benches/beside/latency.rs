//! How long one client waits for its replies, while others are many, slow or greedy.

use crate::bench::{Bench, Found};
use crate::figures::quantile;
use crate::fill::{come_and_go, exchange};
use crate::finding::{Finding, Goal};
use crate::load::{Load, connect, connect_one};
use crate::server::{PATIENCE, Server};
use crate::watchers::{PREFIX, WATCHERS};
use crate::wire::{self, Ask, Dialect};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The time between two requests whose latency is measured.
const PACE: Duration = Duration::from_millis(1);

/// How many of the watchers stop reading.
const STOPPED: usize = 10;

/// What is written before it counts, in values of 64 KiB: about what the kernel holds for a client
/// that does not read; and how often it is written at most until that no longer takes everything.
const FILL_VALUES: u64 = 64;
const FILLS_MAX: u64 = 8;

/// What the kernel may keep for one that has stopped.
const RECEIVE_BYTES: usize = 64 * 1024;

/// What many latencies come to, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// How many watchers each of three servers has, and how many of them stop.
const CROWDS: [(usize, usize); 3] = [(0, 0), (WATCHERS, 0), (WATCHERS, STOPPED)];

type Figure = (&'static str, fn(&Latency) -> f64);

const FIGURES: [Figure; 3] = [
    ("p50", |latency| latency.p50),
    ("p99", |latency| latency.p99),
    ("max", |latency| latency.max),
];

/// Write latency without watchers, with those who read, and with some who have stopped. Each
/// server has one of these crowds, and each write goes to one by lot: what disturbs the machine
/// now and then, which is what the slowest of a hundred writes tells, disturbs all alike.
pub(crate) fn stopped(bench: &Bench) -> Found {
    let writes = CROWDS.len() as u64 * bench.form.requests(3_000);
    let start = || bench.ours.start(&[]);
    let servers = [start()?, start()?, start()?];
    let rounds = writing(&servers, bench.form.rounds, writes)?;
    let mut findings = Vec::new();
    for (name, figure) in FIGURES {
        let label = format!("all read: {name}");
        let finding = Finding::compare((&label, "us"), &rounds, [1, 0], figure, Goal::None);
        findings.push(finding.beside("no watchers"));
    }
    for (name, figure) in FIGURES {
        let label = format!("{STOPPED} have stopped: {name}");
        let goal = if name == "p99" {
            Goal::AtMost(1.1, None)
        } else {
            Goal::None
        };
        let finding = Finding::compare((&label, "us"), &rounds, [2, 1], figure, goal);
        findings.push(finding.beside("all read"));
    }
    Ok(findings)
}

fn writing(servers: &[Server; 3], rounds: usize, writes: u64) -> Result<Vec<[Latency; 3]>, String> {
    let mut reading = Load::new(Dialect::Framed)?;
    let silent = gather(servers, &mut reading)?;
    let heard = AtomicU64::new(0);
    let value = wire::value(16);
    let latencies = meanwhile(
        |stop| reading.listen(stop, &heard),
        || {
            for (server, (watchers, stopped)) in servers.iter().zip(CROWDS) {
                fall_behind(server, watchers as u64, stopped as u64, &heard)?;
            }
            let round = |_| {
                paced(
                    servers.each_ref(),
                    |number| number < writes,
                    |number, out| Ask::Put(&wire::key(number), &value).say(Dialect::Framed, out),
                )
            };
            (0..rounds).map(round).collect()
        },
    );
    drop(silent);
    latencies
}

/// Connects the crowds; returns those who have stopped.
fn gather(servers: &[Server; 3], reading: &mut Load) -> Result<Vec<TcpStream>, String> {
    let hear = [Ask::Hello, Ask::Hear(PREFIX)];
    let mut silent = Vec::new();
    for (server, (watchers, stopped)) in servers.iter().zip(CROWDS) {
        reading.listeners(server, watchers - stopped, &hear)?;
        silent.extend(connect(server, Dialect::Framed, stopped, |_, say| {
            hear.iter().for_each(|ask| say(*ask));
        })?);
    }
    for stream in &silent {
        let set = set_socket_recv_buffer_size(stream, RECEIVE_BYTES);
        set.map_err(|error| format!("SO_RCVBUF: {error}"))?;
    }
    Ok(silent)
}

/// Tells of large changes until those who have stopped cannot take them all, and those who read
/// have.
fn fall_behind(
    server: &Server,
    watchers: u64,
    stopped: u64,
    heard: &AtomicU64,
) -> Result<(), String> {
    let lines = wire::lines_heard(Dialect::Framed) + wire::LINES_OF_DELETE;
    let before = heard.load(Ordering::Relaxed);
    for fill in 1..=FILLS_MAX {
        come_and_go(server, FILL_VALUES, 64 * 1024)?;
        let expected = before + (watchers - stopped) * fill * FILL_VALUES * lines;
        let deadline = Instant::now() + PATIENCE;
        while heard.load(Ordering::Relaxed) < expected {
            if Instant::now() > deadline {
                return Err("those who read do not hear of every change".into());
            }
            thread::sleep(PACE);
        }
        let all = watchers * fill * FILL_VALUES * 2;
        if stopped == 0 || delivered(server)? < all {
            return Ok(());
        }
    }
    Err("those who have stopped reading take everything all the same".into())
}

/// How many notices the server has handed to sockets.
fn delivered(server: &Server) -> Result<u64, String> {
    let mut stream = connect_one(server, Dialect::Lines, &[Ask::Unwatch])?;
    let sent = stream.write_all(b"STATS\n");
    sent.map_err(|error| format!("sending: {error}"))?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let delivered = lines.find_map(|line| line.strip_prefix("notices_delivered ")?.parse().ok());
    delivered.ok_or_else(|| "STATS does not tell notices_delivered".into())
}

/// What another client waits while one asks for more and more.
pub(crate) fn greedy(bench: &Bench) -> Found {
    let pings = bench.form.requests(3_000);
    let rounds = bench.rounds(|side| {
        let server = side.start(&[])?;
        let greedy = connect_one(&server, server.dialect, &[Ask::Ping])?;
        meanwhile(
            |stop| without_end(greedy, &server, stop),
            || {
                let ping = |_, out: &mut Vec<u8>| Ask::Ping.say(server.dialect, out);
                let [latency] = paced([&server], |number| number < pings, ping)?;
                Ok(latency)
            },
        )
    })?;
    let findings = FIGURES.into_iter().map(|(name, figure)| {
        let goal = if name == "p99" {
            Goal::Below(1000.0)
        } else {
            Goal::None
        };
        bench.finding((name, "us"), &rounds, figure, goal)
    });
    Ok(findings.collect())
}

/// Does one thing while another goes on in a thread of its own, which ends when it is told to.
pub(crate) fn meanwhile<T>(
    background: impl FnOnce(&AtomicBool) -> Result<(), String> + Send,
    foreground: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let running = scope.spawn(|| background(&stop));
        let done = foreground();
        stop.store(true, Ordering::Relaxed);
        let ended = running
            .join()
            .map_err(|_| "the load has failed".to_owned())?;
        ended.and(done)
    })
}

/// Asks one of the servers, by lot, at a steady pace: one request at a time, or what `make` makes
/// of several. `goes_on` is told the number of the next.
pub(crate) fn paced<const N: usize>(
    servers: [&Server; N],
    mut goes_on: impl FnMut(u64) -> bool,
    mut make: impl FnMut(u64, &mut Vec<u8>) -> u64,
) -> Result<[Latency; N], String> {
    let connect = |server: &&Server| connect_one(server, server.dialect, &[Ask::Ping]);
    let mut streams = servers.iter().map(connect).collect::<Result<Vec<_>, _>>()?;
    let mut latencies = [const { Vec::new() }; N];
    let mut request = Vec::new();
    let begin = Instant::now();
    for number in (0..).take_while(|number| goes_on(*number)) {
        request.clear();
        let lines = make(number, &mut request);
        let due = begin + PACE * number as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let turn = wire::random(number, N as u64) as usize;
        let sent = Instant::now();
        exchange(&mut streams[turn], &request, lines)?;
        latencies[turn].push(sent.elapsed().as_secs_f64() * 1e6);
    }
    Ok(latencies.map(|latencies| {
        let at = |q| quantile(&latencies, q);
        Latency {
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }))
}

/// Pipelines requests as fast as the server takes them, and reads the replies.
fn without_end(mut stream: TcpStream, server: &Server, stop: &AtomicBool) -> Result<(), String> {
    let value = wire::value(16);
    let mut requests = Vec::new();
    for number in 0..1000 {
        Ask::Put(&wire::key(number), &value).say(server.dialect, &mut requests);
    }
    let failed = |error: std::io::Error| format!("the greedy client: {error}");
    let mut reader = stream.try_clone().map_err(failed)?;
    thread::scope(|scope| {
        let replies = scope.spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            while reader.read(&mut buffer).is_ok_and(|length| length > 0) {}
        });
        let mut written = Ok(());
        while written.is_ok() && !stop.load(Ordering::Relaxed) {
            written = stream.write_all(&requests);
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = replies.join();
        match written {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(failed(error)),
            _ => Ok(()),
        }
    })
}
