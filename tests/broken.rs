//! Breaks the framing of RESP in every way: it is always said, then the connection closes, and
//! other clients notice nothing.

mod common;

use common::transcript::framed;
use common::{Client, Daemon};

/// The daemon reads on after its last words until the client has sent all it wanted to.
const FLAGS: [&str; 4] = ["--request-bytes-max", "65536", "--linger-secs", "60"];

/// What begins no frame, and what is said of it after `-ERR Protocol error: `.
const BROKEN: [(&str, &str); 58] = [
    ("*\r\n", "invalid multibulk length"),
    ("*-\r\n", "invalid multibulk length"),
    ("*-0\r\n", "invalid multibulk length"),
    ("*+1\r\n", "invalid multibulk length"),
    ("* 1\r\n", "invalid multibulk length"),
    ("*1 \r\n", "invalid multibulk length"),
    ("*1\n", "invalid multibulk length"),
    ("*1\rx", "invalid multibulk length"),
    ("*1\r\r\n", "invalid multibulk length"),
    ("*\n", "invalid multibulk length"),
    ("*\0", "invalid multibulk length"),
    ("*x\r\n", "invalid multibulk length"),
    ("*1x\r\n", "invalid multibulk length"),
    ("*--1\r\n", "invalid multibulk length"),
    ("*1-\r\n", "invalid multibulk length"),
    ("*1.0\r\n", "invalid multibulk length"),
    ("*1e1\r\n", "invalid multibulk length"),
    ("*0x1\r\n", "invalid multibulk length"),
    ("*?\r\n", "invalid multibulk length"),
    ("**1\r\n", "invalid multibulk length"),
    ("*$4\r\n", "invalid multibulk length"),
    ("*9223372036854775808\r\n", "invalid multibulk length"),
    ("*18446744073709551617\r\n", "invalid multibulk length"),
    ("*00000000000000000000001\r\n", "invalid multibulk length"),
    ("*-9223372036854775809\r\n", "invalid multibulk length"),
    ("*-2\r\n", "invalid multibulk length, 1 to 64 bulk strings"),
    (
        "*-9223372036854775807\r\n",
        "invalid multibulk length, 1 to 64 bulk strings",
    ),
    ("*65\r\n", "invalid multibulk length, 1 to 64 bulk strings"),
    (
        "*1048576\r\n",
        "invalid multibulk length, 1 to 64 bulk strings",
    ),
    (
        "*9223372036854775807\r\n",
        "invalid multibulk length, 1 to 64 bulk strings",
    ),
    ("*1\r\n:1\r\n", "expected '$', got ':'"),
    ("*1\r\n+PING\r\n", "expected '$', got '+'"),
    ("*1\r\n-ERR\r\n", "expected '$', got '-'"),
    ("*1\r\n_\r\n", "expected '$', got '_'"),
    ("*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    ("*1\r\n=8\r\ntxt:PING\r\n", "expected '$', got '='"),
    ("*1\r\n\r\n", r"expected '$', got '\r'"),
    ("*1\r\n\0", r"expected '$', got '\x00'"),
    ("*2\r\n$4\r\nPING\r\n4\r\ntext\r\n", "expected '$', got '4'"),
    (
        "*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
        "expected '$', got '*'",
    ),
    ("*1\r\n$\r\n", "invalid bulk length"),
    ("*1\r\n$-\r\n", "invalid bulk length"),
    ("*1\r\n$-0\r\n", "invalid bulk length"),
    ("*1\r\n$-1\r\n", "invalid bulk length"),
    ("*1\r\n$-4\r\n", "invalid bulk length"),
    ("*1\r\n$+4\r\nPING\r\n", "invalid bulk length"),
    ("*1\r\n$ 4\r\nPING\r\n", "invalid bulk length"),
    ("*1\r\n$4\nPING\n", "invalid bulk length"),
    ("*1\r\n$4\rPING\r\n", "invalid bulk length"),
    ("*1\r\n$four\r\n", "invalid bulk length"),
    ("*1\r\n$?\r\n", "invalid bulk length"),
    ("*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
    ("*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
    (
        "*1\r\n$9223372036854775807\r\n",
        "request beyond request_bytes_max (65536 bytes)",
    ),
    (
        "*1\r\n$65537\r\n",
        "request beyond request_bytes_max (65536 bytes)",
    ),
    ("*1\r\n$4\r\nPINGxx", "a bulk string does not end in CRLF"),
    ("*1\r\n$3\r\nPING\r\n", "a bulk string does not end in CRLF"),
    ("*1\r\n$4\r\nPING\n\r", "a bulk string does not end in CRLF"),
];

/// What cannot follow a whole frame.
const NO_FRAME: [(&str, &str); 8] = [
    ("PING\r\n", "expected '*', got 'P'"),
    ("\r\nPING\r\n", "expected '*', got 'P'"),
    ("\r\r\n", r"expected '*', got '\r'"),
    ("\n", r"expected '*', got '\n'"),
    (" *1\r\n", "expected '*', got ' '"),
    ("$4\r\nPING\r\n", "expected '*', got '$'"),
    (">1\r\n$4\r\nPING\r\n", "expected '*', got '>'"),
    ("\u{80}", r"expected '*', got '\xc2'"),
];

/// A change that must not happen, for it comes after something broken.
const PUT: &str = "*3\r\n$3\r\nPUT\r\n$4\r\nuser\r\n$4\r\njohn\r\n";

fn said(text: &str) -> String {
    format!("-ERR Protocol error: {text}\r\n")
}

/// A daemon, and a client that goes on being served.
struct Scene {
    daemon: Daemon,
    witness: Client,
}

impl Scene {
    fn new() -> Scene {
        let daemon = Daemon::start(&FLAGS);
        let witness = daemon.connect();
        Scene { daemon, witness }
    }

    /// The rest of the store and of the clients is as it was.
    #[track_caller]
    fn is_unharmed(&mut self) {
        self.witness.exchange(b"GET:user\n", b"NOT_FOUND\n");
    }
}

#[test]
fn whatever_is_broken_is_said_and_the_connection_closes() {
    let mut scene = Scene::new();
    for (bytes, text) in BROKEN {
        scene
            .daemon
            .connect()
            .part([bytes, PUT].concat(), said(text));
        scene.is_unharmed();
    }
}

#[test]
fn what_is_broken_may_come_one_byte_at_a_time() {
    let mut scene = Scene::new();
    for (bytes, text) in BROKEN {
        let mut client = scene.daemon.connect();
        bytes.bytes().for_each(|byte| client.send([byte]));
        client.part("", said(text));
        scene.is_unharmed();
    }
}

#[test]
fn what_came_before_is_answered_first() {
    let mut scene = Scene::new();
    let before = [
        framed(&["PING"]),
        framed(&["HELLO", "9"]),
        b"*0\r\n*-1\r\n".to_vec(),
    ]
    .concat();
    let replies = "+PONG\r\n-NOPROTO unsupported protocol version '9': HELLO 2 or 3\r\n";
    for (bytes, text) in BROKEN.into_iter().chain(NO_FRAME) {
        let packet = [&before, bytes.as_bytes(), PUT.as_bytes()].concat();
        scene
            .daemon
            .connect()
            .part(packet, format!("{replies}{}", said(text)));
        scene.is_unharmed();
    }
}

#[test]
fn an_error_says_what_it_says_in_resp3_too() {
    let scene = Scene::new();
    for (bytes, text) in BROKEN.into_iter().chain(NO_FRAME) {
        scene.daemon.connect_resp3().part(bytes, said(text));
    }
}

#[test]
fn empty_and_null_arrays_and_empty_lines_between_frames_are_ignored() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let ping = framed(&["PING"]);
    let ignored = [
        "*0\r\n",
        "*-1\r\n",
        "*00\r\n",
        "*0\r\n*-1\r\n",
        "*0\r\n\r\n",
    ];
    for before in ignored {
        client.exchange(&[before.as_bytes(), &ping].concat(), b"+PONG\r\n");
    }
    let before = "*0\r\n\r\n*-1\r\n".repeat(50_000);
    client.exchange(&[before.as_bytes(), &ping].concat(), b"+PONG\r\n");
    let requests = ignored.len() as u64 + 1;
    assert_eq!(
        daemon.stats().get("requests"),
        requests,
        "what is ignored is no request"
    );
    client.part(
        "*0\r\n*-2\r\n",
        said("invalid multibulk length, 1 to 64 bulk strings"),
    );
}
