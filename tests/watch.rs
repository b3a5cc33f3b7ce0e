//! Tests `WATCH` and `UNWATCH` in frames, and the pushes that come of them, byte for byte.

mod common;

use common::talker::{Heard, Talker};
use common::{Client, Daemon, Frame, frame};
use rustix::process::Signal;

const MIB: usize = 1 << 20;

/// A client that watches every key, and the revision after which it begins.
fn watcher(daemon: &Daemon) -> (Client, i64) {
    let mut client = daemon.connect_resp3();
    client.send_frame(&[b"WATCH", b""]);
    match client.frame() {
        Frame::Array(parts) => match &parts[..] {
            [Frame::Bulk(epoch), Frame::Integer(revision)] => {
                assert!(epoch.len() == 16 && epoch.iter().all(u8::is_ascii_hexdigit));
                (client, *revision)
            }
            other => panic!("no epoch and revision: {other:?}"),
        },
        other => panic!("no array: {other:?}"),
    }
}

/// A push of a change.
fn notify(op: &str, key: &[u8], revision: i64, values: &[&[u8]]) -> Frame {
    let head = [Frame::bulk("notify"), Frame::bulk(op), Frame::bulk(key)];
    let values = values.iter().map(Frame::bulk);
    Frame::Push(
        head.into_iter()
            .chain([Frame::Integer(revision)])
            .chain(values)
            .collect(),
    )
}

/// Ends its side; nothing more must come.
#[track_caller]
fn expect_nothing(mut client: Client) {
    client.end();
    assert_eq!(client.rest().escape_ascii().to_string(), "");
}

#[test]
fn a_push_tells_the_operation_the_key_the_revision_and_the_values() {
    let daemon = Daemon::start(&[]);
    let (mut watcher, begin) = watcher(&daemon);
    assert_eq!(begin, 0);
    let (mut line, mut framed) = (daemon.connect(), daemon.connect());
    line.ask("PUT:user:john\n", "OK\n");
    watcher.expect(">5\r\n$6\r\nnotify\r\n$3\r\nPUT\r\n$4\r\nuser\r\n:1\r\n$4\r\njohn\r\n");
    framed.ask(frame(&[b"UPDATE", b"user", b"john", b""]), ":2\r\n");
    watcher.expect(
        ">6\r\n$6\r\nnotify\r\n$6\r\nUPDATE\r\n$4\r\nuser\r\n:2\r\n$4\r\njohn\r\n$0\r\n\r\n",
    );
    line.ask("\nREMOVE:user:\n", "NOTIFY UPDATE user\nOK\n");
    watcher.expect(">5\r\n$6\r\nnotify\r\n$6\r\nREMOVE\r\n$4\r\nuser\r\n:3\r\n$0\r\n\r\n");
    framed.ask(frame(&[b"PUT", b"user", b"alice"]), ":4\r\n");
    watcher.expect(">5\r\n$6\r\nnotify\r\n$3\r\nPUT\r\n$4\r\nuser\r\n:4\r\n$5\r\nalice\r\n");
    framed.ask(frame(&[b"DELETE", b"user"]), ":5\r\n");
    watcher.expect(">4\r\n$6\r\nnotify\r\n$6\r\nDELETE\r\n$4\r\nuser\r\n:5\r\n");
    watcher.ask(frame(&[b"PUT", b"own", b"1"]), ":6\r\n");
    expect_nothing(watcher);
}

#[test]
fn values_of_any_bytes_and_length_are_told_whole() {
    let daemon = Daemon::start(&[]);
    let (mut watcher, _) = watcher(&daemon);
    let (mut line, mut writer) = (daemon.connect(), daemon.connect());
    line.ask("PING\n", "PONG\n");
    let key = b" \x00\xff:*$>\t\xc3\xa9";
    let bytes: Vec<u8> = (0..=255).cycle().take(4 * MIB).collect();
    let mut revision = 0;
    let mut change = |op: &str, words: &[&[u8]]| {
        revision += 1;
        let request: Vec<&[u8]> = [op.as_bytes(), key]
            .into_iter()
            .chain(words.to_vec())
            .collect();
        writer.ask(frame(&request), format!(":{revision}\r\n"));
        assert!(
            watcher.frame() == notify(op, key, revision, words),
            "{op} {revision}"
        );
        line.expect([b"NOTIFY ", op.as_bytes(), b" ", key, b"\n"].concat());
    };
    for length in [0, 1, 2, 256, 4095, 4096, 4097, 8192, 65_536, 3 * MIB] {
        let old = &bytes[13..13 + length];
        let new = &bytes[7..7 + length.max(1)];
        change("PUT", &[old]);
        change("UPDATE", &[old, new]);
        change("PUT", &[b"\r\n"]);
        change("REMOVE", &[new]);
        change("DELETE", &[]);
    }
}

#[test]
fn only_changes_after_its_reply_are_told_to_one_who_watches() {
    let daemon = Daemon::start(&[]);
    let mut writer = Talker::connect(&daemon, true);
    writer.ask("PUT:early:1");
    let (mut first, begin) = watcher(&daemon);
    assert_eq!(begin, 1);
    writer.ask("PUT:late:1");
    let (second, begin) = watcher(&daemon);
    assert_eq!(begin, 2);
    assert_eq!(first.frame(), notify("PUT", b"late", 2, &[b"1"]));
    // To watch again changes nothing: a change is told once.
    first.send_frame(&[b"WATCH", b""]);
    assert!(matches!(first.frame(), Frame::Array(parts) if parts[1] == Frame::Integer(2)));
    writer.ask("PUT:later:1");
    assert_eq!(writer.stats().get("watchers"), 2);
    for mut client in [first, second] {
        assert_eq!(client.frame(), notify("PUT", b"later", 3, &[b"1"]));
        expect_nothing(client);
    }
}

#[test]
fn after_the_reply_to_unwatch_nothing_more_is_told() {
    let daemon = Daemon::start(&[]);
    let mut writer = Talker::connect(&daemon, true);
    for unwatch in [frame(&[b"UNWATCH"]), frame(&[b"unwatch", b""])] {
        let (mut client, revision) = watcher(&daemon);
        // A watch that is not there is ended too, and the one that is there goes on.
        client.ask(frame(&[b"UNWATCH", b"other"]), "+OK\r\n");
        writer.ask("PUT:k:v");
        client.send(&unwatch);
        assert_eq!(client.frame(), notify("PUT", b"k", revision + 1, &[b"v"]));
        client.expect("+OK\r\n");
        writer.ask("PUT:k:v");
        client.ask(&unwatch, "+OK\r\n");
        writer.ask("PUT:k:v");
        client.ask(frame(&[b"PING"]), "+PONG\r\n");
        assert_eq!(writer.stats().get("watchers"), 0);
        expect_nothing(client);
    }
}

#[test]
fn unwatch_takes_effect_in_the_middle_of_a_stream_of_changes() {
    let daemon = Daemon::start(&[]);
    let mut writer = Talker::connect(&daemon, true);
    let mut watcher = Talker::watching(&daemon, true);
    let writing = writer
        .client
        .send_aside(writer.bytes("PUT:k:v").repeat(20_000));
    let reading = std::thread::spawn(move || (0..20_000).for_each(|_| _ = writer.hear()));
    watcher.hear().change();
    watcher.send("UNWATCH");
    let is_reply = |heard: &Heard| matches!(heard, Heard::Reply(_));
    let reply = std::iter::repeat_with(|| watcher.hear()).find(is_reply);
    assert_eq!(reply, Some(Heard::Reply(Frame::Status("OK".to_owned()))));
    let pong = Heard::Reply(Frame::Status("PONG".to_owned()));
    assert_eq!(watcher.ask("PING"), pong);
    writing.join().unwrap().expect("the daemon reads");
    reading.join().expect("every change is answered");
    assert_eq!(watcher.ask("PING"), pong);
    expect_nothing(watcher.client);
}

/// A change as RESP2 tells it.
fn notify_resp2(key: &[u8], revision: i64, value: &[u8]) -> Frame {
    match notify("PUT", key, revision, &[value]) {
        Frame::Push(parts) => Frame::Array(parts),
        other => panic!("no push: {other:?}"),
    }
}

#[test]
fn a_watcher_in_resp2_hears_arrays_and_may_ask_little() {
    let daemon = Daemon::start(&[]);
    let (watch, unwatch) = (frame(&[b"WATCH", b""]), frame(&[b"UNWATCH"]));
    let (two, three) = (frame(&[b"HELLO", b"2"]), frame(&[b"HELLO", b"3"]));
    let mut client = daemon.connect_resp2();
    let mut writer = Talker::connect(&daemon, true);
    client.send(&watch);
    client.frame();
    writer.ask("PUT:k:1");
    assert_eq!(client.frame(), notify_resp2(b"k", 1, b"1"));
    for refused in [
        frame(&[b"GET", b"k"]),
        frame(&[b"STATS"]),
        frame(&[b"LIST", b""]),
        frame(&[b"PUT", b"k", b"v"]),
    ] {
        client.ask(refused, "-ERR use HELLO 3\r\n");
    }
    client.ask(frame(&[b"PING"]), "+PONG\r\n");
    client.ask(&two, "-ERR HELLO 2 while watching; UNWATCH first\r\n");

    client.ask(&three, "%9\r\n");
    (0..18).for_each(|_| _ = client.frame());
    writer.ask("PUT:k:2");
    assert_eq!(client.frame(), notify("PUT", b"k", 2, &[b"2"]));
    client.ask(&two, "-ERR HELLO 2 while watching; UNWATCH first\r\n");
    client.ask(frame(&[b"GET", b"none"]), "_\r\n");

    client.ask(&unwatch, "+OK\r\n");
    client.ask(&two, "*18\r\n");
    (0..18).for_each(|_| _ = client.frame());
    writer.ask("PUT:k:3");
    client.ask(frame(&[b"GET", b"none"]), "*-1\r\n");
    expect_nothing(client);
}

/// The next frame that is not this word of progress, which comes again while nothing else does.
fn frame_but(client: &mut Client, progress: &Frame) -> Frame {
    loop {
        let frame = client.frame();
        if frame != *progress {
            return frame;
        }
    }
}

#[test]
fn a_watcher_in_resp2_hears_of_losses_progress_and_the_end_in_arrays() {
    let daemon = Daemon::start(&["--progress-secs", "1", "--history-bytes", "0"]);
    let mut writer = Talker::connect(&daemon, true);
    let mut client = Client::connect_narrow(daemon.address);
    client.send_frame(&[b"WATCH", b""]);
    client.frame();
    let progress = |revision| Frame::Array(vec![Frame::bulk("progress"), Frame::Integer(revision)]);
    assert_eq!(client.frame(), progress(0));
    // One notice always fits, and what follows it does not.
    let value = "x".repeat(7 * MIB);
    writer.ask(&format!("PUT:large:{value}"));
    (0..2).for_each(|_| _ = writer.ask("PUT:k:v"));
    let large = notify_resp2(b"large", 1, value.as_bytes());
    assert!(frame_but(&mut client, &progress(0)) == large);
    let lost = [Frame::bulk("lost"), Frame::Integer(2), Frame::Integer(3)];
    assert_eq!(client.frame(), Frame::Array(lost.to_vec()));
    assert_eq!(client.frame(), progress(3));
    client.send_frame(&[b"PING"]);
    let pong = Frame::Status("PONG".to_owned());
    assert_eq!(frame_but(&mut client, &progress(3)), pong);
    daemon.signal(Signal::TERM);
    let said = client.rest();
    let mut said = &said[..];
    while let Some(rest) = said.strip_prefix(b"*2\r\n$8\r\nprogress\r\n:3\r\n") {
        said = rest;
    }
    assert_eq!(said, b"*2\r\n$5\r\ndrain\r\n:10\r\n");
}

#[test]
fn a_watcher_in_resp2_may_quit() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp2();
    client.send(frame(&[b"WATCH", b""]));
    client.frame();
    client.ask(frame(&[b"QUIT"]), "+OK\r\n");
    assert_eq!(client.rest(), b"");
}

#[test]
fn prefixes_add_up_and_a_change_is_told_once_to_whom_it_concerns() {
    let daemon = Daemon::start(&[]);
    let mut writer = Talker::connect(&daemon, true);
    let mut client = daemon.connect_resp3();
    for prefix in [&b"user:"[..], b"user:j", b"x"] {
        client.send_frame(&[b"WATCH", prefix]);
        client.frame();
    }
    for key in ["user", "user.j", "user.", "x"] {
        writer
            .client
            .send_frame(&[b"PUT", key.replace('.', ":").as_bytes(), b"v"]);
        writer.hear();
    }
    for (key, revision) in [(&b"user:j"[..], 2), (b"user:", 3), (b"x", 4)] {
        assert_eq!(client.frame(), notify("PUT", key, revision, &[b"v"]));
    }
    // Its own changes only with ECHO, and then after the reply.
    client.ask(frame(&[b"PUT", b"x", b"v"]), ":5\r\n");
    client.send_frame(&[b"WATCH", b"x", b"ECHO"]);
    client.frame();
    client.ask(frame(&[b"PUT", b"x", b"v"]), ":6\r\n");
    assert_eq!(client.frame(), notify("PUT", b"x", 6, &[b"v"]));
    // The same prefix again keeps its place, and no ECHO any more.
    client.send_frame(&[b"WATCH", b"x"]);
    client.frame();
    client.ask(frame(&[b"PUT", b"x", b"v"]), ":7\r\n");
    writer.client.send_frame(&[b"PUT", b"x", b"v"]);
    writer.hear();
    assert_eq!(client.frame(), notify("PUT", b"x", 8, &[b"v"]));
    expect_nothing(client);
}

#[test]
fn since_continues_after_the_revision_or_says_what_is_gone() {
    let daemon = Daemon::start(&["--history-bytes", "0"]);
    let held = Daemon::start(&[]);
    let resumed = |daemon: &Daemon, epoch: &str, revision: &str| {
        let mut client = daemon.connect_resp3();
        client.send_frame(&[
            b"WATCH",
            b"",
            b"SINCE",
            epoch.as_bytes(),
            revision.as_bytes(),
        ]);
        let reply = client.line();
        (client, reply)
    };
    for daemon in [&daemon, &held] {
        let mut writer = Talker::connect(daemon, true);
        (0..3).for_each(|_| _ = writer.ask("PUT:k:v"));
    }
    let (epoch, other) = (
        daemon.stats().0["epoch"].clone(),
        held.stats().0["epoch"].clone(),
    );
    let gone = format!("-GONE oldest 4 epoch {epoch}\r");
    for (epoch, revision) in [(&epoch, "2"), (&epoch, "4"), (&other, "3")] {
        assert_eq!(resumed(&daemon, epoch, revision).1, gone);
    }
    assert_eq!(resumed(&daemon, &epoch, "3").1, "*2\r");
    // The options come in any order; own changes are told from there on too.
    let mut client = held.connect_resp3();
    client.send_frame(&[b"watch", b"k", b"echo", b"since", other.as_bytes(), b"3"]);
    client.expect(format!("*2\r\n$16\r\n{other}\r\n:3\r\n"));
    client.ask(frame(&[b"DELETE", b"k"]), ":4\r\n");
    assert_eq!(client.frame(), notify("DELETE", b"k", 4, &[]));
    expect_nothing(client);
    let (mut client, reply) = resumed(&held, &other, "1");
    assert_eq!(reply, "*2\r");
    client.expect(format!("$16\r\n{other}\r\n:1\r\n"));
    for revision in [2, 3] {
        assert_eq!(client.frame(), notify("PUT", b"k", revision, &[b"v"]));
    }
    let text = "-ERR SINCE is for a connection that watches nothing; UNWATCH first\r\n";
    assert_eq!(client.frame(), notify("DELETE", b"k", 4, &[]));
    client.ask(
        frame(&[b"WATCH", b"x", b"SINCE", other.as_bytes(), b"1"]),
        text,
    );
    expect_nothing(client);
}

#[test]
fn silence_is_broken_by_word_of_progress_in_frames() {
    let daemon = Daemon::start(&["--progress-secs", "1"]);
    let mut writer = Talker::connect(&daemon, true);
    let (mut client, _) = watcher(&daemon);
    let progress = |revision| Frame::Push(vec![Frame::bulk("progress"), Frame::Integer(revision)]);
    for revision in 1..=2 {
        writer.ask("PUT:k:v");
        let heard = frame_but(&mut client, &progress(revision - 1));
        assert_eq!(heard, notify("PUT", b"k", revision, &[b"v"]));
        for _ in 0..2 {
            assert_eq!(client.frame(), progress(revision));
        }
    }
}
