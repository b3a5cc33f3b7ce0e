//! Measures that to read a request takes time in proportion to its length, however it is cut.

mod common;

use common::{Client, Daemon, PATIENCE, frame};
use kvmsg::protocol::{Parsed, Parser};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
const REQUEST_BYTES_MAX: usize = 1 << 30;

/// What begins a line or a frame of one field of this length, and what ends it.
fn enclosed(framed: bool, length: usize) -> (Vec<u8>, &'static str) {
    match framed {
        true => (
            format!("*2\r\n$4\r\nECHO\r\n${length}\r\n").into_bytes(),
            "\r\n",
        ),
        false => (b"PUT:user:".to_vec(), "\n"),
    }
}

/// This many requests of 64 empty arguments.
fn empty_arguments(frames: usize) -> Vec<u8> {
    frame(&[&b""[..]; 64]).repeat(frames)
}

/// Feeds a parser one byte at a time, as a session would; returns how many requests it found.
fn feed(bytes: &[u8]) -> usize {
    let end = Instant::now() + PATIENCE;
    let mut parser = Parser::new(bytes[0]);
    let mut found = 0;
    let mut start = 0;
    for (at, _) in bytes.iter().enumerate() {
        loop {
            match parser.next(&bytes[..=at], start, REQUEST_BYTES_MAX) {
                Parsed::Request(_, next) => (start, found) = (next, found + 1),
                Parsed::Nothing(next) => start = next,
                Parsed::Incomplete => break,
            }
        }
        if at % 4096 == 0 {
            assert!(Instant::now() < end, "after {at} of {} bytes", bytes.len());
        }
    }
    assert_eq!(start, bytes.len());
    found
}

/// To look at everything again with each byte would take hours here.
#[test]
fn a_parser_looks_once_at_what_comes_one_byte_at_a_time() {
    for framed in [false, true] {
        let (begin, end) = enclosed(framed, 4 * MIB);
        let request = [&begin, &vec![b'x'; 4 * MIB][..], end.as_bytes()].concat();
        // The first line of a client also makes it a listener.
        assert_eq!(feed(&request), if framed { 1 } else { 2 });
    }
    assert_eq!(feed(&empty_arguments(10_000)), 10_000);
}

/// What `work` costs the daemon, but not less than can be told from noise.
fn cost(daemon: &Daemon, work: impl FnOnce(&Daemon)) -> Duration {
    let before = daemon.processor_time();
    work(daemon);
    (daemon.processor_time() - before).max(Duration::from_millis(50))
}

/// Sends one request in small packets. The answers to another client make sure that the daemon
/// has looked at about every packet before the next comes.
fn send_slowly(daemon: &Daemon, framed: bool, length: usize) -> Client {
    let (mut client, mut other) = (daemon.connect(), daemon.connect_resp2());
    let (begin, end) = enclosed(framed, length);
    client.send(begin);
    for packet in vec![b'x'; length].chunks(16 * 1024) {
        client.send(packet);
        other.exchange(b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n");
    }
    client.send(end);
    client
}

/// Eight times the work may cost a little more than eight times the time; where it is quadratic it
/// costs 64 times as much.
const TIMES: usize = 8;
const COST_MAX: u32 = 24;

#[track_caller]
fn assert_linear(what: &str, work: impl Fn(&Daemon, usize)) {
    let limit = (64 * MIB).to_string();
    let limits = ["--request-bytes-max", &limit, "--values-bytes-max", &limit];
    let daemon = Daemon::start(&[&limits[..], &["--request-timeout-secs", "600"]].concat());
    let little = cost(&daemon, |daemon| work(daemon, 1));
    let much = cost(&daemon, |daemon| work(daemon, TIMES));
    assert!(
        much < little * COST_MAX,
        "{what}: {little:?} for one, {much:?} for {TIMES} times"
    );
}

#[test]
fn a_huge_line_in_small_packets_takes_linear_time() {
    assert_linear("a line", |daemon, times| {
        send_slowly(daemon, false, times * 4 * MIB).expect("OK\n");
    });
}

#[test]
fn a_huge_frame_in_small_packets_takes_linear_time() {
    assert_linear("a frame", |daemon, times| {
        let length = times * 4 * MIB;
        send_slowly(daemon, true, length).expect(format!("${length}\r\n"));
    });
}

#[test]
fn a_million_empty_arguments_in_small_packets_take_linear_time() {
    assert_linear("empty arguments", |daemon, times| {
        let frames = times * 2000;
        let mut client = daemon.connect();
        let reading = client.stream.try_clone().expect("a socket can be shared");
        let reading = std::thread::spawn(move || {
            let mut client = Client::from_stream(reading);
            client.expect("-ERR unknown command ''\r\n".repeat(frames));
        });
        for packet in empty_arguments(frames).chunks(50) {
            client.send(packet);
        }
        reading.join().expect("every frame is answered");
    });
}
