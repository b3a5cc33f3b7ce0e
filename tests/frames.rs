//! Pins the framed protocol to its bytes: every request, every reply, every error.

mod common;

use common::transcript::framed;
use common::{Client, Daemon, frame};

/// Requests whose replies are the same in both versions of RESP.
const SAME: [(&[&str], &str); 22] = [
    (&["PUT", "user", "john"], ":1\r\n"),
    (&["PUT", "user", "alice"], ":2\r\n"),
    (&["put", "user", "john"], ":3\r\n"),
    (
        &["GET", "user"],
        "*3\r\n$4\r\njohn\r\n$5\r\nalice\r\n$4\r\njohn\r\n",
    ),
    (&["UPDATE", "user", "john", "johnsmith"], ":4\r\n"),
    (
        &["gEt", "user"],
        "*3\r\n$9\r\njohnsmith\r\n$5\r\nalice\r\n$4\r\njohn\r\n",
    ),
    (&["UPDATE", "user", "alice", "alice"], ":4\r\n"),
    (&["PUT", "user", ""], ":5\r\n"),
    (&["REMOVE", "user", "john"], ":6\r\n"),
    (
        &["GET", "user"],
        "*3\r\n$9\r\njohnsmith\r\n$5\r\nalice\r\n$0\r\n\r\n",
    ),
    (&["DELETE", "user"], ":7\r\n"),
    (&["PUT", "a:b", "c:d"], ":8\r\n"),
    (&["GET", "a:b"], "*1\r\n$3\r\nc:d\r\n"),
    (&["REMOVE", "a:b", "c:d"], ":9\r\n"),
    (&["PING"], "+PONG\r\n"),
    (&["PING", "text"], "$4\r\ntext\r\n"),
    (&["PING", ""], "$0\r\n\r\n"),
    (&["PING", "NOTIFY PUT user"], "$15\r\nNOTIFY PUT user\r\n"),
    (&["ECHO", "two\r\nlines"], "$10\r\ntwo\r\nlines\r\n"),
    (&["echo", ""], "$0\r\n\r\n"),
    (&["UNWATCH"], "+OK\r\n"),
    (&["UNWATCH", "user"], "+OK\r\n"),
];

/// What there is nothing to act on for, and the null that says so in RESP2.
const NOT_FOUND: [(&[&str], &str); 10] = [
    (&["GET", "nobody"], "*-1\r\n"),
    (&["UPDATE", "nobody", "old", "new"], "$-1\r\n"),
    (&["UPDATE", "nobody", "old", "old"], "$-1\r\n"),
    (&["REMOVE", "nobody", "john"], "$-1\r\n"),
    (&["DELETE", "nobody"], "$-1\r\n"),
    (&["UPDATE", "held", "old", "new"], "$-1\r\n"),
    (&["UPDATE", "held", "old", "old"], "$-1\r\n"),
    (&["UPDATE", "held", "", "old"], "$-1\r\n"),
    (&["REMOVE", "held", "old"], "$-1\r\n"),
    (&["REMOVE", "held", ""], "$-1\r\n"),
];

/// What is no command, or none as it stands, and what is said of it after `-ERR `.
const ERRORS: [(&[&str], &str); 46] = [
    (&["NONSENSE"], "unknown command 'NONSENSE'"),
    (&[""], "unknown command ''"),
    (&["", "", ""], "unknown command ''"),
    (&[" GET", "user"], "unknown command ' GET'"),
    (&["GET user"], "unknown command 'GET user'"),
    (&["HELP"], "unknown command 'HELP'"),
    (&["a\r\nb"], r"unknown command 'a\r\nb'"),
    (&["PUT"], "wrong number of arguments: PUT key value"),
    (&["PUT", "user"], "wrong number of arguments: PUT key value"),
    (
        &["put", "user", "a", "b"],
        "wrong number of arguments: PUT key value",
    ),
    (&["GET"], "wrong number of arguments: GET key"),
    (
        &["GET", "user", "user"],
        "wrong number of arguments: GET key",
    ),
    (
        &["UPDATE", "user", "old"],
        "wrong number of arguments: UPDATE key old new",
    ),
    (
        &["UPDATE", "user", "a", "b", "c"],
        "wrong number of arguments: UPDATE key old new",
    ),
    (
        &["REMOVE", "user"],
        "wrong number of arguments: REMOVE key value",
    ),
    (
        &["REMOVE", "user", "a", "b"],
        "wrong number of arguments: REMOVE key value",
    ),
    (&["DELETE"], "wrong number of arguments: DELETE key"),
    (
        &["DELETE", "user", "john"],
        "wrong number of arguments: DELETE key",
    ),
    (
        &["PING", "a", "b"],
        "wrong number of arguments: PING [message]",
    ),
    (&["ECHO"], "wrong number of arguments: ECHO message"),
    (
        &["ECHO", "a", "b"],
        "wrong number of arguments: ECHO message",
    ),
    (
        &["WATCH"],
        "wrong number of arguments: WATCH prefix [SINCE epoch revision] [ECHO]",
    ),
    (
        &["LIST"],
        "wrong number of arguments: LIST prefix [AFTER key] [COUNT n]",
    ),
    (
        &["LIST", "", "COUNT", "0"],
        "COUNT is a number from 1 on, not '0'",
    ),
    (
        &["LIST", "", "UPTO", "k"],
        "LIST takes prefix [AFTER key] [COUNT n], not 'UPTO'",
    ),
    (
        &["WATCH", "", "SINCE", "0123456789abcdeg", "1"],
        "an epoch is 16 hexadecimal digits, not '0123456789abcdeg'",
    ),
    (
        &[
            "WATCH",
            "",
            "SINCE",
            "0123456789abcdef",
            "9223372036854775808",
        ],
        "a revision is a number below 2^63, not '9223372036854775808'",
    ),
    (
        &["WATCH", "", "ECHO", "ECHO"],
        "WATCH takes prefix [SINCE epoch revision] [ECHO], not 'ECHO'",
    ),
    (
        &["UNWATCH", "a", "b"],
        "wrong number of arguments: UNWATCH [prefix]",
    ),
    (&["STATS", "all"], "wrong number of arguments: STATS"),
    (&["QUIT", "now"], "wrong number of arguments: QUIT"),
    (
        &["HELLO", "3", "a", "b", "c", "d", "e", "f"],
        "wrong number of arguments: HELLO [2 or 3] [SETNAME name]",
    ),
    (
        &["HELLO", "3", "AUTH", "user", "secret"],
        "HELLO takes [2 or 3] [SETNAME name], not 'AUTH'",
    ),
    (
        &["PUT", "", "john"],
        "a key has 1 to 1024 bytes, this one 0",
    ),
    (&["GET", ""], "a key has 1 to 1024 bytes, this one 0"),
    (
        &["UPDATE", "", "a", "b"],
        "a key has 1 to 1024 bytes, this one 0",
    ),
    (
        &["REMOVE", "", "a"],
        "a key has 1 to 1024 bytes, this one 0",
    ),
    (&["DELETE", ""], "a key has 1 to 1024 bytes, this one 0"),
    (&["PUT", "a\rb", "john"], r"a key holds no line end: 'a\rb'"),
    (&["PUT", "a\nb", "john"], r"a key holds no line end: 'a\nb'"),
    (&["GET", "\r\n"], r"a key holds no line end: '\r\n'"),
    (
        &["UPDATE", "a\n", "a", "b"],
        r"a key holds no line end: 'a\n'",
    ),
    (&["REMOVE", "\na", "a"], r"a key holds no line end: '\na'"),
    (&["DELETE", "\r"], r"a key holds no line end: '\r'"),
    (&["SET", "user", "john"], "unknown command 'SET'"),
    (&["SELECT", "0"], "unknown command 'SELECT'"),
];

/// A client for each version of RESP, on a daemon of its own.
fn each_version() -> [(Daemon, Client); 2] {
    let (two, three) = (Daemon::start(&[]), Daemon::start(&[]));
    let clients = (two.connect_resp2(), three.connect_resp3());
    [(two, clients.0), (three, clients.1)]
}

#[track_caller]
fn quit(mut client: Client) {
    client.part(framed(&["QUIT"]), "+OK\r\n");
}

#[test]
fn every_request_is_answered() {
    for (_daemon, mut client) in each_version() {
        client.converse_in_frames(&SAME);
        quit(client);
    }
}

#[test]
fn not_found_is_a_null_of_the_version_spoken() {
    let [(_two, mut resp2), (_three, mut resp3)] = each_version();
    for client in [&mut resp2, &mut resp3] {
        client.exchange(&framed(&["PUT", "held", "john"]), b":1\r\n");
    }
    for (request, null) in NOT_FOUND {
        resp2.exchange(&framed(request), null.as_bytes());
        resp3.exchange(&framed(request), b"_\r\n");
    }
    quit(resp2);
    quit(resp3);
}

#[test]
fn what_is_no_command_is_an_error_and_the_connection_stays_open() {
    for (daemon, mut client) in each_version() {
        for (request, text) in ERRORS {
            client.exchange(&framed(request), format!("-ERR {text}\r\n").as_bytes());
        }
        let stats = daemon.stats();
        assert_eq!((stats.get("revision"), stats.get("keys")), (0, 0));
        assert_eq!(
            stats.get("requests"),
            1 + ERRORS.len() as u64,
            "errors are answers too"
        );
        quit(client);
    }
}

#[test]
fn a_key_has_1_to_1024_bytes() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp2();
    let (longest, longer) = ("k".repeat(1024), "k".repeat(1025));
    let null = "$-1\r\n";
    for (revision, key) in [(1, "\0"), (4, &longest)] {
        let done = |more: usize| format!(":{}\r\n", revision + more);
        client.converse_in_frames(&[
            (&["PUT", key, "old"], &done(0)),
            (&["GET", key], "*1\r\n$3\r\nold\r\n"),
            (&["UPDATE", key, "old", "new"], &done(1)),
            (&["REMOVE", key, "new"], &done(2)),
            (&["DELETE", key], null),
        ]);
    }
    let error = "-ERR a key has 1 to 1024 bytes, this one 1025\r\n";
    client.converse_in_frames(&[
        (&["PUT", &longer, "john"], error),
        (&["GET", &longer], error),
        (&["UPDATE", &longer, "a", "b"], error),
        (&["REMOVE", &longer, "a"], error),
        (&["DELETE", &longer], error),
    ]);
    quit(client);
}

#[test]
fn errors_show_what_was_sent_escaped_and_at_most_64_bytes_of_it() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp2();
    let cases = [
        (
            b"\0\x1b[31m\xff'\"\\\r\n.".to_vec(),
            r#"\x00\x1b[31m\xff\'\"\\\r\n."#.to_owned(),
        ),
        (b"x".repeat(64), "x".repeat(64)),
        (b"x".repeat(65), format!("{}...", "x".repeat(64))),
        (
            b"\x80".repeat(100_000),
            format!("{}...", r"\x80".repeat(64)),
        ),
    ];
    for (sent, shown) in &cases {
        let errors = [
            (
                frame(&[sent]),
                format!("-ERR unknown command '{shown}'\r\n"),
            ),
            (
                frame(&[b"HELLO", sent]),
                format!("-NOPROTO unsupported protocol version '{shown}': HELLO 2 or 3\r\n"),
            ),
            (
                frame(&[b"HELLO", b"3", sent]),
                format!("-ERR HELLO takes [2 or 3] [SETNAME name], not '{shown}'\r\n"),
            ),
        ];
        for (request, error) in errors {
            client.exchange(&request, error.as_bytes());
        }
    }
    let key = "k".repeat(64);
    let error = format!("-ERR a key holds no line end: '{key}...'\r\n");
    client.exchange(&framed(&["DELETE", &format!("{key}\n.")]), error.as_bytes());
    quit(client);
}

#[test]
fn a_request_has_at_most_64_bulk_strings() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let most = ["PUT"; 64];
    client.exchange(
        &framed(&most),
        b"-ERR wrong number of arguments: PUT key value\r\n",
    );
    let error = "-ERR Protocol error: invalid multibulk length, 1 to 64 bulk strings\r\n";
    // What is wrong is known before the first of them comes.
    client.part("*65\r\n", error);
    let mut client = daemon.connect();
    client.part(framed(&["PUT"; 65]), error);
}

#[test]
fn nothing_is_executed_after_quit() {
    let daemon = Daemon::start(&[]);
    let put = framed(&["PUT", "user", "john"]);
    let packet = [&put[..], &framed(&["quit"]), &put, &framed(&["PING"])].concat();
    daemon.connect().part(packet, ":1\r\n+OK\r\n");
    assert_eq!(daemon.stats().get("values"), 1);
}

#[test]
fn a_frame_that_never_ends_is_discarded() {
    let daemon = Daemon::start(&[]);
    let put = framed(&["PUT", "user", "john"]);
    for cut in 1..put.len() {
        let mut client = daemon.connect();
        client.send(&put[..cut]);
        client.leave("");
    }
    assert_eq!(daemon.stats().get("values"), 0);
    let mut client = daemon.connect();
    client.send([&put[..], &put[..put.len() - 1]].concat());
    client.leave(":1\r\n");
    assert_eq!(daemon.stats().get("values"), 1);
}
