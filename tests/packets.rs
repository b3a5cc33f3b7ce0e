//! Cuts conversations into packets in every way; what is said does not depend on that.

mod common;

use common::transcript::{Exchange, FrameExchange, framed};
use common::{Daemon, Frame, frame};

/// Leaves the store empty, so that it can be held again.
const IN_LINES: [Exchange<'_>; 14] = [
    ("PUT:user:john\n", "OK\n"),
    ("put:user:a:b\r\n", "OK\n"),
    ("\n", ""),
    ("\r\n", ""),
    ("GET:user\r\n", "john\na:b\n"),
    ("UPDATE:user:john:john smith\n", "OK\n"),
    ("PUT:user:\r\n", "OK\n"),
    ("PUT:user:\r\r\n", "OK\n"),
    ("REMOVE:user:\r\r\n", "OK\n"),
    ("GET:user\n", "john smith\na:b\n\n"),
    (
        "nonsense\r\n",
        "Error: unknown request 'nonsense'; HELP lists the requests\n",
    ),
    ("DELETE:user\r\n", "OK\n"),
    ("GET:user\n", "NOT_FOUND\n"),
    ("PING:done\r\n", "done\n"),
];

/// Leaves the store empty too, and tells no revision.
const IN_FRAMES: [FrameExchange<'_>; 8] = [
    (&["PING"], "+PONG\r\n"),
    (&["ECHO", "*2\r\n$4\r\n"], "$8\r\n*2\r\n$4\r\n\r\n"),
    (&["GET", "user"], "*-1\r\n"),
    (&["", ""], "-ERR unknown command ''\r\n"),
    (
        &["PUT", "", ""],
        "-ERR a key has 1 to 1024 bytes, this one 0\r\n",
    ),
    (&["PING", ""], "$0\r\n\r\n"),
    (&["DELETE", "user"], "$-1\r\n"),
    (&["PING", "\0\r\n\n\r$"], "$6\r\n\0\r\n\n\r$\r\n"),
];

/// Both conversations as bytes: all requests, all replies.
fn conversations() -> [(Vec<u8>, Vec<u8>); 2] {
    let (requests, replies): (String, String) = IN_LINES.into_iter().unzip();
    let mut framed_requests = b"*0\r\n*-1\r\n".to_vec();
    let mut framed_replies = Vec::new();
    for (words, reply) in IN_FRAMES {
        framed_requests.extend(framed(words));
        framed_requests.extend(b"*-1\r\n*0\r\n");
        framed_replies.extend(reply.as_bytes());
    }
    [
        (requests.into(), replies.into()),
        (framed_requests, framed_replies),
    ]
}

#[test]
fn one_request_at_a_time() {
    let daemon = Daemon::start(&[]);
    daemon.connect().converse(&IN_LINES);
    daemon.connect().converse_in_frames(&IN_FRAMES);
}

#[test]
fn all_requests_in_one_packet_and_cut_in_two_anywhere() {
    let daemon = Daemon::start(&[]);
    for (requests, replies) in conversations() {
        for cut in 0..=requests.len() {
            let (first, second) = requests.split_at(cut);
            let mut client = daemon.connect();
            client.send(first);
            client.send(second);
            client.leave(&replies);
        }
    }
}

#[test]
fn one_byte_at_a_time() {
    let daemon = Daemon::start(&[]);
    for (requests, replies) in conversations() {
        let mut client = daemon.connect();
        requests.iter().for_each(|byte| client.send([*byte]));
        client.leave(&replies);
    }
}

#[test]
fn a_request_over_many_packets_beside_other_clients() {
    let daemon = Daemon::start(&[]);
    let value: Vec<u8> = (0..3_000_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    let line = [b"PUT:lines:", &value[..], b"\n"].concat();
    let (mut lines, mut frames) = (daemon.connect(), daemon.connect());
    let mut other = daemon.connect();
    let packets = frame(&[b"PUT", b"frames", &value]);
    for (of_line, of_frame) in line.chunks(40_000).zip(packets.chunks(40_000)) {
        lines.send(of_line);
        frames.send(of_frame);
        other.exchange(b"UNWATCH\n", b"OK\n");
    }
    lines.expect("OK\n");
    let Frame::Integer(revision) = frames.frame() else {
        panic!("it was put")
    };
    assert!([1, 2].contains(&revision));
    other.exchange(b"GET:lines\n", &[&value[..], b"\n"].concat());
    other.exchange(b"GET:frames\n", &[&value[..], b"\n"].concat());
}

#[test]
fn ten_thousand_requests_in_one_go() {
    let daemon = Daemon::start(&[]);
    let many = 10_000;
    let mut lines = daemon.connect();
    let numbered = |n: usize| format!("PING:{n}\r\n");
    let requests: String = (0..many).map(numbered).collect();
    let replies: String = (0..many).map(|n| format!("{n}\n")).collect();
    lines.exchange(requests.as_bytes(), replies.as_bytes());
    let mut frames = daemon.connect();
    let puts: Vec<u8> = (0..many)
        .flat_map(|_| framed(&["PUT", "user", "john"]))
        .collect();
    let replies: String = (1..=many)
        .map(|revision| format!(":{revision}\r\n"))
        .collect();
    frames.exchange(&puts, replies.as_bytes());
}
