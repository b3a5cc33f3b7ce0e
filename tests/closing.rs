//! Holds that the last words arrive, whatever is still unread on either side when a connection
//! is closed.

mod common;

use common::hostile::{Observer, fill};
use common::{Client, Daemon, frame, until};
use rustix::process::Signal;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

/// How many long replies a client is owed before the last one: 8 MiB.
const OWED: usize = 512;
const VALUE_BYTES: usize = 16 * 1024;

/// How much of what it is owed a client reads only when the daemon has closed: a part has arrived
/// in a receive buffer of this length, and the other waits to be sent.
const LAST: usize = 96 * 1024;
const RECEIVE_BYTES: usize = 16 * 1024;

/// Input that nobody wants, as requests that must not be executed: 4 MiB of it.
fn unread() -> Vec<u8> {
    let evil = b"\nPUT:evil:1\n*3\r\n$3\r\nPUT\r\n$4\r\nevil\r\n$1\r\n1\r\n";
    evil.repeat(4 * MIB / evil.len())
}

/// A client that sends these requests behind those for the long replies, then `unread` when the
/// daemon has had its last word, and reads the last of it only when the daemon has closed: nothing
/// may be missing then.
fn part(daemon: &Daemon, requests: &[u8], unread: &[u8], last_words: &str) {
    let framed = last_words.ends_with("\r\n");
    let value = "v".repeat(VALUE_BYTES);
    let (get, reply) = match framed {
        true => (
            frame(&[b"GET", b"k"]),
            format!("*1\r\n${VALUE_BYTES}\r\n{value}\r\n"),
        ),
        false => (b"GET:k\n".to_vec(), format!("{value}\n")),
    };
    let expected = reply.repeat(OWED) + last_words;
    let (first, last) = expected.as_bytes().split_at(expected.len() - LAST);

    let mut observer = Observer::new(daemon);
    let before = observer.stats();
    let mut client = Client::connect_with_buffer(daemon.address, RECEIVE_BYTES);
    let sending = client.send_aside([&get.repeat(OWED), requests].concat());
    observer.until("the outbox to fill", |stats| {
        stats.get("clients_bytes") > MIB as u64 / 2
    });
    client.expect(first);
    observer.until("the last request to be answered", |stats| {
        stats.get("requests") == before.get("requests") + OWED as u64 + 1
    });
    sending.join().unwrap().expect("the daemon reads on");
    assert!(client.held() > 0, "nothing waits to be sent");
    client.send(unread);
    client.end();
    observer.until("the daemon to close", |stats| {
        stats.get("connections_dropped") > before.get("connections_dropped")
    });
    let rest = client.rest();
    let shown = rest[rest.len().saturating_sub(100)..].escape_ascii();
    assert!(
        rest == last,
        "{} of {} bytes, the last {shown}",
        rest.len(),
        last.len()
    );
    assert_eq!(
        observer.stats().get("keys"),
        1,
        "what came after the end was executed"
    );
}

/// A daemon with the long value and nobody connected.
fn start(flags: &[&str]) -> Daemon {
    let daemon = Daemon::start(flags);
    fill(&daemon, VALUE_BYTES, 1);
    Observer::new(&daemon).until("nobody else", |stats| stats.get("connections_active") == 1);
    daemon
}

#[test]
fn whatever_ends_a_conversation_is_said_after_all_replies_and_arrives() {
    let daemon = start(&["--request-bytes-max", "65536", "--linger-secs", "60"]);
    let too_many = b"*65\r\n".to_vec();
    let cases: [(&[u8], &str); 8] = [
        (b"QUIT\n", "OK\n"),
        (
            &[b'x'; 65537],
            "Error: the line is longer than request_bytes_max (65536 bytes)\n",
        ),
        (
            b"POST / HTTP/1.1\n",
            "Error: this is no HTTP server; the connection is closed\n",
        ),
        (b"*1\r\n$4\r\nQUIT\r\n", "+OK\r\n"),
        (
            b"PING\r\n",
            "-ERR Protocol error: expected '*', got 'P'\r\n",
        ),
        (
            b"*1\r\n$4\r\nPING!!",
            "-ERR Protocol error: a bulk string does not end in CRLF\r\n",
        ),
        (
            b"*1\r\n$65537\r\n",
            "-ERR Protocol error: request beyond request_bytes_max (65536 bytes)\r\n",
        ),
        (
            &too_many,
            "-ERR Protocol error: invalid multibulk length, 1 to 64 bulk strings\r\n",
        ),
    ];
    for (last_request, last_words) in cases {
        let unread = unread();
        part(&daemon, last_request, &unread, last_words);
        part(&daemon, &[last_request, &unread].concat(), b"", last_words);
    }
}

#[test]
fn the_word_that_a_request_came_too_late_arrives_after_all_replies() {
    let daemon = start(&["--request-timeout-secs", "1", "--linger-secs", "60"]);
    let why = "the request was not finished within request_timeout_secs (1)";
    part(&daemon, b"PUT:k:", &unread(), &format!("Error: {why}\n"));
    part(
        &daemon,
        b"*2\r\n$3\r\nPUT\r\n$",
        &unread(),
        &format!("-ERR {why}\r\n"),
    );
}

#[test]
fn a_drain_delivers_every_reply_to_clients_that_have_much_on_its_way() {
    let daemon = Daemon::start(&["--drain-secs", "60"]);
    let request = |n: usize| frame(&[b"ECHO", format!("{n:01000}").as_bytes()]);
    let reply = |n: usize| format!("$1000\r\n{n:01000}\r\n").into_bytes();
    let requests: Vec<u8> = (0..12_000).flat_map(request).collect();
    let clients = [(); 4].map(|()| daemon.connect());
    let sending = clients
        .each_ref()
        .map(|client| client.send_aside(requests.clone()));
    for client in &clients {
        until("megabytes to be on their way", || {
            (client.unsent() > MIB).then_some(())
        });
    }
    daemon.signal(Signal::TERM);
    until("the port to close", || {
        TcpStream::connect(daemon.address).err()
    });
    let mut told = 0;
    for mut client in clients {
        let replies = client.rest();
        let whole = replies.len() / reply(0).len();
        assert!(replies == (0..whole).flat_map(reply).collect::<Vec<u8>>());
        told += whole as u64;
    }
    for sending in sending {
        sending.join().unwrap().ok();
    }
    let ended = daemon.wait();
    assert_eq!(ended.figure("Requests answered"), told);
    assert!(ended.status.success());
}

#[test]
fn who_sends_without_end_after_quit_hears_the_end_and_is_closed_after_linger_secs() {
    let daemon = Daemon::start(&["--linger-secs", "6"]);
    let mut observer = Observer::new(&daemon);
    let mut client = daemon.connect();
    let mut stream = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        stream.write_all(b"QUIT\n").unwrap();
        while stream.write_all(&[b'\n'; 1000]).is_ok() {}
        Instant::now()
    });
    client.expect("OK\n");
    assert_eq!(client.rest(), b"");
    let told = Instant::now();
    // Others are served as ever meanwhile.
    while !sending.is_finished() {
        observer.stats();
    }
    let closed = sending.join().unwrap();
    assert!(
        closed - told > Duration::from_secs(1),
        "{:?}",
        closed - told
    );
    observer.until("the connection to be gone", |stats| {
        stats.get("connections_active") == 1 && stats.get("connections_dropped") == 1
    });
}
