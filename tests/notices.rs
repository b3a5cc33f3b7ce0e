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
    for (echo, put, delete) in [
        ("false", "", ""),
        ("true", "NOTIFY PUT k\n", "NOTIFY DELETE k\n"),
    ] {
        let daemon = Daemon::start(&["--echo", echo]);
        let (mut client, mut other) = (daemon.connect(), listener(&daemon));
        client.ask("PUT:k:john\n", format!("OK\n{put}"));
        client.ask("GET:k\n", "john\n");
        client.ask("DELETE:k\nPING\n", format!("OK\n{delete}PONG\n"));
        other.expect("NOTIFY PUT k\nNOTIFY DELETE k\n");
        // The setting is for lines.
        let mut framed = Talker::watching(&daemon, true);
        assert_eq!(framed.ask("PUT:k:1"), revision(3));
        expect_last(framed.client, "");
        expect_last(client, "NOTIFY PUT k\n");
        expect_last(other, "NOTIFY PUT k\n");
    }
}

#[test]
fn a_line_client_can_stop_and_resume_being_told() {
    let daemon = Daemon::start(&[]);
    let (mut client, mut writer) = (daemon.connect(), writer(&daemon));
    client.ask("UNWATCH\n", "OK\n");
    let mut put = |key: &str| {
        assert!(matches!(
            writer.ask(&format!("PUT:{key}:v")),
            Heard::Reply(_)
        ))
    };
    put("a");
    client.ask("UNWATCH\nWATCH:\n", "OK\nOK\n");
    put("b");
    client.ask("WATCH:\nPING\n", "NOTIFY PUT b\nOK\nPONG\n");
    put("c");
    client.ask("WATCH:pre\n", "NOTIFY PUT c\nOK\n");
    put("d");
    client.ask("UNWATCH:\n", "NOTIFY PUT d\nOK\n");
    put("other");
    put("prefix");
    client.ask("UNWATCH\n", "NOTIFY PUT prefix\nOK\n");
    put("e");
    client.ask(
        "\nPING\nWATCH\n",
        "PONG\nError: wrong number of fields: WATCH:prefix\n",
    );
    put("f");
    expect_last(client, "");
}

#[test]
fn notices_come_after_a_long_reply_and_never_within_it() {
    let daemon = Daemon::start(&[]);
    let mut writer = writer(&daemon);
    // More than the kernel takes at once, so that most is encoded after the changes were made.
    let values: Vec<Vec<u8>> = (b'a'..b'p').map(|byte| vec![byte; MIB]).collect();
    for value in &values {
        writer.client.send_frame(&[b"PUT", b"k", value]);
        writer.hear();
    }
    for framed in [false, true] {
        let mut client = Talker::watching(&daemon, framed);
        client.send("GET:k");
        let reply = match framed {
            true => format!("*{}\r\n", values.len()),
            false => "a".to_owned(),
        };
        client.client.expect(&reply);
        for _ in 0..3 {
            writer.ask("PUT:other:1");
        }
        for (at, value) in values.iter().enumerate() {
            match framed {
                true => assert!(client.client.frame() == Frame::bulk(value)),
                false => {
                    let skipped = usize::from(at == 0);
                    let line = [&value[skipped..], b"\n"].concat();
                    client.client.expect(line);
                }
            }
        }
        for _ in 0..3 {
            assert_eq!(client.hear().change().0, "other");
        }
        client.client.end();
        assert_eq!(client.hear_all(), []);
    }
}

#[test]
fn half_close_gets_every_reply_and_the_notices_queued_by_then() {
    let daemon = Daemon::start(&[]);
    let mut writer = writer(&daemon);
    writer.ask(&format!("PUT:long:{}", "x".repeat(6 * MIB)));
    for framed in [false, true] {
        let mut client = Talker::watching(&daemon, framed);
        (0..3).for_each(|_| client.send("GET:long"));
        (0..100).for_each(|_| _ = writer.ask("PUT:k:v"));
        client.send("PUT:last:1");
        client.send("PING");
        client.client.end();
        let heard = client.hear_all();
        let (changes, replies): (Vec<_>, Vec<_>) = heard
            .iter()
            .partition(|heard| matches!(heard, Heard::Change(..)));
        assert_eq!(changes.len(), 100);
        assert_eq!(replies.len(), 5);
        assert_eq!(replies[4], &Heard::Reply(Frame::Status("PONG".to_owned())));
    }
}
