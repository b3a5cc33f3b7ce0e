//! Tests who is told of which change in lines, without having asked: `NOTIFY`, between replies.

mod common;

use common::talker::{Heard, Talker};
use common::{Client, Daemon, Frame, frame, until};

const MIB: usize = 1 << 20;

/// A client that makes changes and asks for counters, and is told of nothing.
fn writer(daemon: &Daemon) -> Talker {
    Talker::connect(daemon, true)
}

/// A line client that is told of changes.
fn listener(daemon: &Daemon) -> Client {
    let mut client = daemon.connect();
    client.ask("PING\n", "PONG\n");
    client
}

/// Ends its side, and compares what comes until the daemon closes.
#[track_caller]
fn expect_last(mut client: Client, expected: &str) {
    client.end();
    client.expect(expected);
    assert_eq!(client.rest().escape_ascii().to_string(), "");
}

fn revision(revision: i64) -> Heard {
    Heard::Reply(Frame::Integer(revision))
}

#[test]
fn a_line_client_is_told_of_changes_from_its_first_complete_line_on() {
    let cases = [
        ("", "\n", ""),
        ("", "\r\n", ""),
        ("  ", "  \n", ""),
        ("PI", "NG\n", "PONG\n"),
        (
            "nonsen",
            "se\r\n",
            "Error: unknown request 'nonsense'; HELP lists the requests\n",
        ),
        ("GET:nobody", "\n", "NOT_FOUND\n"),
        ("PUT:a", ":b\n", "OK\n"),
        ("WATCH", ":\n", "OK\n"),
    ];
    for (begin, end, reply) in cases {
        let daemon = Daemon::start(&[]);
        let mut writer = writer(&daemon);
        // The second time it asks, what it holds itself while it asks is what it always holds.
        let (_, idle) = (writer.stats(), writer.stats().get("clients_bytes"));
        let mut client = daemon.connect();
        client.send(begin);
        if !begin.is_empty() {
            let arrived = || (writer.stats().get("clients_bytes") > idle).then_some(());
            until("the beginning of the line to arrive", arrived);
        }
        assert_eq!(writer.ask("PUT:before:1"), revision(1));
        client.send(end);
        until("it to be told", || {
            (writer.stats().get("watchers") == 1).then_some(())
        });
        writer.ask("PUT:after:1");
        client.expect(format!("{reply}NOTIFY PUT after\n"));
        expect_last(client, "");
    }
}

#[test]
fn a_client_that_has_said_nothing_or_speaks_frames_is_told_nothing() {
    let daemon = Daemon::start(&[]);
    let (silent, mut framed, mut writer) = (daemon.connect(), daemon.connect(), writer(&daemon));
    framed.ask(frame(&[b"PING"]), "+PONG\r\n");
    let mut listener = listener(&daemon);
    writer.ask("PUT:user:john");
    listener.expect("NOTIFY PUT user\n");
    assert_eq!(
        writer.ask("PING"),
        Heard::Reply(Frame::Status("PONG".to_owned()))
    );
    framed.ask(frame(&[b"PING"]), "+PONG\r\n");
    for client in [silent, framed, writer.client] {
        expect_last(client, "");
    }
}

#[test]
fn every_kind_of_change_has_its_notice() {
    let daemon = Daemon::start(&[]);
    let (mut watcher, mut other) = (listener(&daemon), listener(&daemon));
    for (request, notice) in [
        ("PUT:user:john\n", "NOTIFY PUT user\n"),
        ("PUT:user:john\n", "NOTIFY PUT user\n"),
        ("UPDATE:user:john:alice\n", "NOTIFY UPDATE user\n"),
        ("REMOVE:user:alice\n", "NOTIFY REMOVE user\n"),
        ("DELETE:user\n", "NOTIFY DELETE user\n"),
        ("PUT:user:bob\n", "NOTIFY PUT user\n"),
        ("REMOVE:user:bob\n", "NOTIFY REMOVE user\n"),
        (
            "PUT: blanks and \u{e9} :\n",
            "NOTIFY PUT  blanks and \u{e9} \n",
        ),
    ] {
        other.ask(request, "OK\n");
        watcher.expect(notice);
    }
    expect_last(watcher, "");
    expect_last(other, "");
}

#[test]
fn what_changes_nothing_notifies_nobody() {
    let daemon = Daemon::start(&["--values-bytes-max", "65536"]);
    let long = "x".repeat(65_000);
    for framed in [false, true] {
        let mut watchers = [false, true].map(|framed| Talker::watching(&daemon, framed));
        let mut talker = Talker::connect(&daemon, framed);
        let before = writer(&daemon).stats().get("revision");
        let (put, again) = (format!("PUT:k:{long}"), format!("PUT:k:x{long}"));
        for request in [&put, "PUT:m:v", "DELETE:m"] {
            talker.ask(request);
            watchers
                .iter_mut()
                .for_each(|watcher| _ = watcher.hear().change());
        }
        for request in [
            again.as_str(),
            &format!("UPDATE:k:{long}:{long}xxxxxxxxx{long}"),
            &format!("UPDATE:k:{long}:{long}"),
            "UPDATE:k:none:new",
            "UPDATE:none:a:b",
            "REMOVE:k:none",
            "REMOVE:none:a",
            "DELETE:none",
            "DELETE:m",
            "GET:k",
            "GET:none",
            "PUT:k",
            "PUT::v",
            "PING",
            "STATS",
            "WATCH:",
            "UNWATCH",
            "nonsense",
        ] {
            assert!(
                !matches!(talker.ask(request), Heard::Change(..)),
                "{request}"
            );
        }
        talker.ask("DELETE:k");
        for watcher in &mut watchers {
            assert_eq!(watcher.hear().change().0, "k");
            watcher.client.end();
            assert_eq!(watcher.hear_all(), []);
        }
        assert_eq!(writer(&daemon).stats().get("revision"), before + 4);
    }
}

#[test]
fn own_changes_are_told_only_with_echo_and_after_the_reply() {
    for (echo, told) in [
        ("false", ""),
        ("true", "NOTIFY PUT user\nNOTIFY DELETE user\n"),
    ] {
        let daemon = Daemon::start(&["--echo", echo]);
        let (mut client, mut other) = (daemon.connect(), listener(&daemon));
        client.send("PUT:user:john\n");
        match echo {
            "true" => client.expect("OK\nNOTIFY PUT user\n"),
            _ => client.expect("OK\n"),
        }
        client.ask("GET:user\n", "john\n");
        client.send("DELETE:user\nPING\n");
        match echo {
            "true" => client.expect("OK\nNOTIFY DELETE user\nPONG\n"),
            _ => client.expect("OK\nPONG\n"),
        }
        other.expect("NOTIFY PUT user\nNOTIFY DELETE user\n");
        // Echo is for lines: frames ask for it themselves.
        let mut framed = Talker::watching(&daemon, true);
        framed.ask("PUT:mine:1");
        assert_eq!(
            framed.stats().get("notices_delivered"),
            told.lines().count() as u64 + 4
        );
        expect_last(client, "NOTIFY PUT mine\n");
        expect_last(other, "NOTIFY PUT mine\n");
    }
}
