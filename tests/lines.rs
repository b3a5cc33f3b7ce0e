//! Pins the line protocol to its bytes: every request, every reply, every error.

mod common;

use common::transcript::UNTYPABLE;
use common::{Client, Daemon};

/// What HELP answers.
const HELP: &str = "\
PUT:key:value        append a value
GET:key              all values, in order
UPDATE:key:old:new   replace the first value equal to old
REMOVE:key:value     remove the first value equal to this
DELETE:key           remove a key and all its values
LIST:prefix[:after]  the keys that begin with prefix, 1000 at a time
WATCH:prefix         be told of changes to keys that begin with prefix
UNWATCH[:prefix]     be told of them no more, or of nothing
PING[:text]          PONG, or the text
STATS                what the server counts
HELP                 this list
QUIT                 close the connection

";

/// Says good-bye; fails if anything is left to read but the answer to that.
#[track_caller]
fn quit(mut client: Client) {
    client.part("QUIT\n", "OK\n");
}

#[test]
fn every_request_is_answered() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.converse(&[
        ("GET:user\n", "NOT_FOUND\n"),
        ("PUT:user:john\n", "OK\n"),
        ("PUT:user:alice\n", "OK\n"),
        ("PUT:user:john\n", "OK\n"),
        ("GET:user\n", "john\nalice\njohn\n"),
        ("UPDATE:user:john:johnsmith\n", "OK\n"),
        ("GET:user\n", "johnsmith\nalice\njohn\n"),
        ("UPDATE:user:bob:john\n", "NOT_FOUND\n"),
        ("UPDATE:nobody:john:bob\n", "NOT_FOUND\n"),
        ("REMOVE:user:bob\n", "NOT_FOUND\n"),
        ("REMOVE:nobody:john\n", "NOT_FOUND\n"),
        ("REMOVE:user:alice\n", "OK\n"),
        ("GET:user\n", "johnsmith\njohn\n"),
        ("DELETE:user\n", "OK\n"),
        ("DELETE:user\n", "NOT_FOUND\n"),
        ("GET:user\n", "NOT_FOUND\n"),
        ("PUT:user:john\n", "OK\n"),
        ("REMOVE:user:john\n", "OK\n"),
        ("GET:user\n", "NOT_FOUND\n"),
        ("PING\n", "PONG\n"),
        ("PING:text\n", "text\n"),
        ("PING:\n", "\n"),
        ("HELP\n", HELP),
        ("WATCH:\n", "OK\n"),
        ("WATCH:\n", "OK\n"),
        ("UNWATCH\n", "OK\n"),
        ("UNWATCH\n", "OK\n"),
        ("UNWATCH:\n", "OK\n"),
        ("UNWATCH:other\n", "OK\n"),
    ]);
    quit(client);
}

#[test]
fn an_update_to_the_same_value_is_no_change() {
    let daemon = Daemon::start(&[]);
    let mut listener = daemon.connect();
    listener.exchange(b"PING\n", b"PONG\n");
    let mut client = daemon.connect();
    client.converse(&[
        ("PUT:user:john\n", "OK\n"),
        ("UPDATE:user:john:john\n", "OK\n"),
        ("UPDATE:user:alice:alice\n", "NOT_FOUND\n"),
        ("UPDATE:nobody:john:john\n", "NOT_FOUND\n"),
        ("REMOVE:user:alice\n", "NOT_FOUND\n"),
        ("DELETE:nobody\n", "NOT_FOUND\n"),
        ("GET:user\n", "john\n"),
    ]);
    assert_eq!(client.stats().get("revision"), 1);
    listener.part("QUIT\n", "NOTIFY PUT user\nOK\n");
}

#[test]
fn the_verb_may_be_written_as_one_likes_and_the_fields_are_verbatim() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.converse(&[
        ("put:user:john\n", "OK\n"),
        ("  Put\t :user: alice \n", "OK\n"),
        ("gEt:user\n", "john\n alice \n"),
        ("get: user\n", "NOT_FOUND\n"),
        ("get:user \n", "NOT_FOUND\n"),
        ("GET:User\n", "NOT_FOUND\n"),
        (" ping \n", "PONG\n"),
        ("Ping : a  b \n", " a  b \n"),
        ("PUT: :\t\n", "OK\n"),
        ("GET: \n", "\t\n"),
        ("\tunwatch\n", "OK\n"),
    ]);
    quit(client);
}

#[test]
fn the_last_field_takes_the_rest_of_the_line_and_no_other_holds_a_colon() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.converse(&[
        ("PUT:user:a:b::c:\n", "OK\n"),
        ("PUT:user:old\n", "OK\n"),
        ("PUT:user:\n", "OK\n"),
        ("PUT:user::\n", "OK\n"),
        ("GET:user\n", "a:b::c:\nold\n\n:\n"),
        ("UPDATE:user:old:new:er:\n", "OK\n"),
        ("REMOVE:user:a:b::c:\n", "OK\n"),
        ("UPDATE:user::first\n", "OK\n"),
        ("GET:user\n", "new:er:\nfirst\n:\n"),
        ("UPDATE:user:first:\n", "OK\n"),
        ("REMOVE:user::\n", "OK\n"),
        ("GET:user\n", "new:er:\n\n"),
        ("REMOVE:user:\n", "OK\n"),
        ("GET:user\n", "new:er:\n"),
        ("GET:user:x\n", "Error: wrong number of fields: GET:key\n"),
        ("GET:user:\n", "Error: wrong number of fields: GET:key\n"),
        (
            "DELETE:user:x\n",
            "Error: wrong number of fields: DELETE:key\n",
        ),
        ("PING:a:b\n", "Error: wrong number of fields: PING[:text]\n"),
        ("GET:user\n", "new:er:\n"),
    ]);
    quit(client);
}

#[test]
fn what_is_no_request_is_an_error_that_says_what_would_be_right() {
    let errors = [
        ("HELO", "unknown request 'HELO'; HELP lists the requests"),
        (
            "GET user",
            "unknown request 'GET user'; HELP lists the requests",
        ),
        (
            "PUTS:user:john",
            "unknown request 'PUTS'; HELP lists the requests",
        ),
        (":user", "unknown request ''; HELP lists the requests"),
        (" : ", "unknown request ''; HELP lists the requests"),
        (
            "HELLO:3",
            "unknown request 'HELLO'; HELP lists the requests",
        ),
        (
            "ECHO:text",
            "unknown request 'ECHO'; HELP lists the requests",
        ),
        ("*1", "unknown request '*1'; HELP lists the requests"),
        ("PUT", "wrong number of fields: PUT:key:value"),
        ("PUT:user", "wrong number of fields: PUT:key:value"),
        ("GET", "wrong number of fields: GET:key"),
        ("UPDATE", "wrong number of fields: UPDATE:key:old:new"),
        (
            "UPDATE:user:old",
            "wrong number of fields: UPDATE:key:old:new",
        ),
        ("REMOVE", "wrong number of fields: REMOVE:key:value"),
        ("REMOVE:user", "wrong number of fields: REMOVE:key:value"),
        ("DELETE", "wrong number of fields: DELETE:key"),
        ("STATS:", "wrong number of fields: STATS"),
        ("HELP:PUT", "wrong number of fields: HELP"),
        ("QUIT:now", "wrong number of fields: QUIT"),
        ("WATCH", "wrong number of fields: WATCH:prefix"),
        ("WATCH:a:b", "wrong number of fields: WATCH:prefix"),
        ("UNWATCH:a:b", "wrong number of fields: UNWATCH[:prefix]"),
        ("LIST:a:b:c", "wrong number of fields: LIST:prefix[:after]"),
        ("GET:", "a key has 1 to 1024 bytes, this one 0"),
        ("PUT::john", "a key has 1 to 1024 bytes, this one 0"),
        ("UPDATE::old:new", "a key has 1 to 1024 bytes, this one 0"),
        ("REMOVE::john", "a key has 1 to 1024 bytes, this one 0"),
        ("DELETE:", "a key has 1 to 1024 bytes, this one 0"),
        ("PUT:a\rb:john", r"a key holds no line end: 'a\rb'"),
        ("GET:user\r\r", r"a key holds no line end: 'user\r'"),
        (
            "PING:NOTIFY ",
            "a reply must not begin with 'NOTIFY '; use the framed protocol",
        ),
        (
            "PING:NOTIFY PUT k",
            "a reply must not begin with 'NOTIFY '; use the framed protocol",
        ),
    ];
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    for (request, text) in errors {
        client.exchange(
            format!("{request}\n").as_bytes(),
            format!("Error: {text}\n").as_bytes(),
        );
    }
    client.converse(&[
        ("PING:NOTIFY\n", "NOTIFY\n"),
        ("PING:notify PUT k\n", "notify PUT k\n"),
        ("PING: NOTIFY PUT k\n", " NOTIFY PUT k\n"),
    ]);
    let stats = client.stats();
    assert_eq!((stats.get("revision"), stats.get("keys")), (0, 0));
    assert_eq!(
        stats.get("requests"),
        errors.len() as u64 + 3,
        "errors are answers too"
    );
    quit(client);
}

#[test]
fn a_key_has_1_to_1024_bytes() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let (longest, longer) = ("k".repeat(1024), "k".repeat(1025));
    for key in ["k", &longest] {
        client.exchange(format!("PUT:{key}:old\n").as_bytes(), b"OK\n");
        client.exchange(format!("GET:{key}\n").as_bytes(), b"old\n");
        client.exchange(format!("UPDATE:{key}:old:new\n").as_bytes(), b"OK\n");
        client.exchange(format!("REMOVE:{key}:new\n").as_bytes(), b"OK\n");
        client.exchange(format!("DELETE:{key}\n").as_bytes(), b"NOT_FOUND\n");
    }
    for (verb, rest) in [
        ("PUT", ":v"),
        ("GET", ""),
        ("UPDATE", ":a:b"),
        ("REMOVE", ":v"),
    ] {
        let error = b"Error: a key has 1 to 1024 bytes, this one 1025\n";
        client.exchange(format!("{verb}:{longer}{rest}\n").as_bytes(), error);
    }
    quit(client);
}

#[test]
fn errors_show_what_was_sent_escaped_and_at_most_64_bytes_of_it() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let cases = [
        (
            b"\0\x1b[31m\x07\xff'\"\\\t.".to_vec(),
            r#"\x00\x1b[31m\x07\xff\'\"\\\t."#.to_owned(),
        ),
        (b"x".repeat(64), "x".repeat(64)),
        (b"x".repeat(65), format!("{}...", "x".repeat(64))),
        (
            b"\x80".repeat(100_000),
            format!("{}...", r"\x80".repeat(64)),
        ),
    ];
    for (sent, shown) in cases {
        let error = format!("Error: unknown request '{shown}'; HELP lists the requests\n");
        client.exchange(&[&sent, &b"\n"[..]].concat(), error.as_bytes());
    }
    let key = "k".repeat(64);
    let error = format!("Error: a key holds no line end: '{key}...'\n");
    client.exchange(format!("DELETE:{key}\r.\n").as_bytes(), error.as_bytes());
    quit(client);
}

#[test]
fn a_value_that_lines_cannot_carry_is_refused_and_the_framed_protocol_named() {
    let daemon = Daemon::start(&[]);
    let mut framed = daemon.connect();
    let mut client = daemon.connect();
    client.exchange(b"UNWATCH\n", b"OK\n");
    let untypable: [&[u8]; 6] = [
        b"\n",
        b"two\nlines",
        b"end\r",
        b"a\rb",
        b"NOTIFY ",
        b"NOTIFY PUT user",
    ];
    for value in untypable {
        framed.send_frame(&[b"PUT", b"user", value]);
        framed.send_frame(&[b"PUT", b"user", b"john"]);
        framed.frame();
        framed.frame();
        client.exchange(b"GET:user\n", UNTYPABLE.as_bytes());
        framed.send_frame(&[b"REMOVE", b"user", value]);
        framed.frame();
        client.exchange(b"GET:user\n", b"john\n");
        framed.send_frame(&[b"DELETE", b"user"]);
        framed.frame();
    }
    // A reply that is sent in slices.
    framed.send_frame(&[b"PUT", b"user", &[b'x'; 200_000]]);
    framed.frame();
    framed.send_frame(&[b"PUT", b"user", b"\r"]);
    framed.frame();
    client.exchange(b"GET:user\n", UNTYPABLE.as_bytes());
    client.converse(&[
        ("PUT:mine:NOTIFY PUT user\n", "OK\n"),
        ("GET:mine\n", UNTYPABLE),
        ("UPDATE:mine:NOTIFY PUT user:NOTIFY\n", "OK\n"),
        ("PUT:mine: NOTIFY PUT user\n", "OK\n"),
        ("PUT:mine:notify PUT user\n", "OK\n"),
        ("PUT:mine:NOT_FOUND\n", "OK\n"),
        (
            "GET:mine\n",
            "NOTIFY\n NOTIFY PUT user\nnotify PUT user\nNOT_FOUND\n",
        ),
    ]);
    quit(client);
}

#[test]
fn an_empty_line_is_ignored_and_an_unterminated_one_discarded() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.exchange(b"\n\r\n \n\t\r\nPING\n\n", b"PONG\n");
    client.send("PUT:user:john\nPUT:user:alice");
    client.leave("OK\n");
    assert_eq!(daemon.stats().get("values"), 1);
    let mut client = daemon.connect();
    client.send("DELETE:user");
    client.leave("");
    assert_eq!(daemon.stats().get("values"), 1);
}

#[test]
fn nothing_is_executed_after_quit() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.part("PUT:user:john\nquit\nPUT:user:alice\nPING\n", "OK\nOK\n");
    assert_eq!(daemon.stats().get("values"), 1);
}
