//! Watches with the client: what it prints as it comes, and each way in which it ends.

mod common;

use common::cli::{Running, cli};
use common::{Daemon, until};
use rustix::process::Signal;
use std::process::Stdio;

#[test]
fn notices_are_printed_as_they_come() {
    let daemon = Daemon::start(&[]);
    let mut watcher = Running::watch(&daemon, &[]);
    let steps: [(&[&str], &str); 4] = [
        (&["put", "user", "john"], "NOTIFY PUT user"),
        (&["update", "user", "john", "al"], "NOTIFY UPDATE user"),
        (&["remove", "user", "al"], "NOTIFY REMOVE user"),
        (&["put", "a b", "NOTIFY"], "NOTIFY PUT a b"),
    ];
    for (args, notice) in steps {
        daemon.cli(args).prints("OK\n");
        assert_eq!(watcher.line(), notice);
    }
}

#[test]
fn as_json_they_have_revision_and_values() {
    let daemon = Daemon::start(&[]);
    let mut watcher = Running::watch(&daemon, &["--json", "--count=4"]);
    let steps: [(&[&str], &str); 4] = [
        (
            &["put", "k", "a"],
            r#"{"op":"PUT","key":"k","revision":1,"values":["a"]}"#,
        ),
        (
            &["update", "k", "a", "b"],
            r#"{"op":"UPDATE","key":"k","revision":2,"values":["a","b"]}"#,
        ),
        (
            &["put", "k", "c"],
            r#"{"op":"PUT","key":"k","revision":3,"values":["c"]}"#,
        ),
        (
            &["delete", "k"],
            r#"{"op":"DELETE","key":"k","revision":4,"values":[]}"#,
        ),
    ];
    for (args, notice) in steps {
        daemon.cli(args).prints("OK\n");
        assert_eq!(watcher.line(), notice);
    }
    watcher.end().prints("");
}

#[test]
fn a_count_ends_it() {
    let daemon = Daemon::start(&[]);
    let watcher = Running::watch(&daemon, &["--count", "2"]);
    for value in ["a", "b", "c"] {
        daemon.cli(&["put", "k", value]).prints("OK\n");
    }
    watcher.end().prints("NOTIFY PUT k\nNOTIFY PUT k\n");
}

#[test]
fn that_the_server_stops_is_said_and_does_not_count() {
    let printed = ("NOTIFY DRAIN 10\n", "");
    let said = ("", "the server stops\n");
    let cases: [(&[&str], _); 2] = [(&[], printed), (&["--exec", "--", "true"], said)];
    for (command, (out, err)) in cases {
        let daemon = Daemon::start(&[]);
        let watcher = Running::watch(&daemon, &[&["--count", "1"], command].concat());
        daemon.signal(Signal::TERM);
        let ran = watcher.end();
        let address = daemon.address;
        let err = match err {
            "" => String::new(),
            err => format!("kvmsg-cli: {address}: {err}"),
        };
        let closed = format!("kvmsg-cli: {address}: the server closed the connection\n");
        ran.is(2, out, &(err + &closed));
    }
}

#[test]
fn a_time_out_does_not_end_it() {
    let daemon = Daemon::start(&[]);
    let mut watcher = Running::watch(&daemon, &["--timeout", "1", "--count", "1"]);
    // Longer than that: as long as another client needs to give up on a server that is deaf.
    let (_listener, address) = common::cli::deaf();
    let mut command = cli(&address);
    command.args(["--timeout", "2", "ping"]);
    assert_eq!(common::cli::run(command, "").code, Some(2));
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    assert_eq!(watcher.line(), "NOTIFY PUT k");
    watcher.end().prints("");
}

#[test]
fn a_server_that_stops_is_told_and_ends_it() {
    let daemon = Daemon::start(&[]);
    let server = daemon.address;
    let watcher = Running::watch(&daemon, &[]);
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    daemon.stop();
    let why = format!("kvmsg-cli: {server}: the server closed the connection\n");
    watcher.end().is(2, "NOTIFY PUT k\nNOTIFY DRAIN 10\n", &why);
}

#[test]
fn a_server_that_dies_ends_it() {
    let daemon = Daemon::start(&[]);
    let watcher = Running::watch(&daemon, &["--json"]);
    daemon.signal(Signal::KILL);
    let ran = watcher.end();
    assert_eq!(
        (ran.code, ran.out.len(), ran.err.lines().count()),
        (Some(2), 0, 1),
        "{ran:?}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let daemon = Daemon::start(&[]);
    let mut watcher = Running::watch(&daemon, &[]);
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    assert_eq!(watcher.line(), "NOTIFY PUT k");
    watcher.stdout = None;
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    watcher.end().prints("");
    until("the watcher to be gone", || {
        (common::cli::watchers(&daemon) == 0).then_some(())
    });
}

#[test]
fn every_verb_ends_quietly_when_nobody_reads() {
    let daemon = Daemon::start(&[]);
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    for args in [
        &["get", "k"][..],
        &["stats"],
        &["--help"],
        &["put", "k", "w"],
    ] {
        let mut command = cli(&daemon.address.to_string());
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        command.args(args).stdin(Stdio::null()).stdout(writer);
        let output = command
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let code = output.status.code();
        assert_eq!((code, &output.stderr[..]), (Some(0), &b""[..]), "{args:?}");
    }
}
