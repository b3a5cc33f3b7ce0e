//! With `always`, nobody is told of a change before the disk has it, and nobody else waits.

use super::{change, folder, traced, values};
use crate::common::tools::tool_that;
use crate::common::{Client, Daemon, Stats, frame, until};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each sync is made to take.
const DELAY: Duration = Duration::from_millis(700);

/// How long it is made to take where others must not wait for it, and what these take at most.
const LONG_DELAY: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(1);

/// A daemon whose syncs take long.
fn slow(strace: &Path, folder: &Path, sync: &str) -> Daemon {
    slowed(strace, folder, sync, DELAY)
}

/// The same, with syncs that take so long.
fn slowed(strace: &Path, folder: &Path, sync: &str, delay: Duration) -> Daemon {
    let delay = format!("inject=fdatasync:delay_enter={}", delay.as_micros());
    let tracing = ["-e", "trace=fdatasync", "-e", &delay];
    traced(strace, &tracing, folder, &["--sync", sync])
}

/// How long it took until the answer came.
fn time(client: &mut Client, request: &[&[u8]], answer: &str) -> Duration {
    let begun = Instant::now();
    client.ask(frame(request), answer);
    begun.elapsed()
}

#[test]
fn with_always_what_tells_of_a_change_waits_for_the_sync_and_nothing_else_does() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    let folder = folder();
    let daemon = slowed(&strace, folder.path(), "always", LONG_DELAY);
    let (mut writer, mut other) = (daemon.connect(), daemon.connect());
    for key in ["old", "older"] {
        change(&mut writer, &["PUT", key, "1"]);
    }
    let mut watcher = daemon.connect();
    watcher.ask("WATCH:\n", "OK\n");

    let begun = Instant::now();
    writer.send_frame(&[b"PUT", b"new", b"1"]);
    // It has been made, though nobody has been told: so much is told without being held.
    let waits = || {
        // Once in a while two keys are taken for one.
        let keys = [&b"old"[..], b"older"];
        let times = keys.map(|key| time(&mut other, &[b"GET", key], "*1\r\n$1\r\n1\r\n"));
        let quick = times.into_iter().min().expect("there are two");
        assert!(quick < SOON, "another key is read at once: {quick:?}");
        let quick = time(&mut other, &[b"PING"], "+PONG\r\n");
        assert!(quick < SOON, "{quick:?}");
        (begun.elapsed() > SOON / 4).then_some(())
    };
    until("a while to pass", waits);
    let mut reader = daemon.connect();
    reader.ask(frame(&[b"GET", b"new"]), "*1\r\n$1\r\n1\r\n");
    assert!(begun.elapsed() >= LONG_DELAY, "to read it would tell of it");
    writer.expect(":3\r\n");
    watcher.expect("NOTIFY PUT new\n");
}

#[test]
fn with_always_neither_reply_nor_notice_nor_revision_is_told_before_the_sync() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    let folder = folder();
    let daemon = slow(&strace, folder.path(), "always");
    let mut watcher = daemon.connect();
    watcher.ask("WATCH:\n", "OK\n");
    for kind in 0..4 {
        let (mut writer, mut asker) = (daemon.connect(), daemon.connect_resp3());
        let begun = Instant::now();
        writer.send_frame(&[b"PUT", b"key", b"value"]);
        let revision = kind + 1;
        match kind {
            0 => writer.expect(":1\r\n"),
            1 => watcher.expect("NOTIFY PUT key\nNOTIFY PUT key\n"),
            2 => {
                // Others may still be on their way when it asks; so it asks until it is told.
                let told = || {
                    asker.send_frame(&[b"WATCH", b""]);
                    let reply = format!("{:?}", asker.frame());
                    reply
                        .contains(&format!("Integer({revision})"))
                        .then_some(())
                };
                until("the revision", told);
            }
            _ => {
                let told = || (daemon.stats().get("revision") == revision).then_some(());
                until("the revision", told);
            }
        }
        assert!(begun.elapsed() >= DELAY, "{kind}: {:?}", begun.elapsed());
        let done = || (daemon.stats().get("commits_waiting") == 0).then_some(());
        until("all to be committed", done);
    }
}

#[test]
fn one_sync_serves_all_who_wait() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    let folder = folder();
    let daemon = slow(&strace, folder.path(), "always");
    let mut clients: Vec<_> = (0..20).map(|_| daemon.connect()).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        client.send_frame(&[b"PUT", format!("key-{at}").as_bytes(), b""]);
    }
    for client in &mut clients {
        assert!(client.line().starts_with(':'));
    }
    let commits = daemon.stats().get("commits");
    assert!((1..=4).contains(&commits), "{commits} commits for 20");
}

/// Five clients ask again as soon as they are answered, and all are served by one sync each time.
fn are_served_together(ask: impl Fn(&mut Client), hear: impl Fn(&mut Client)) {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    const ROUNDS: u64 = 10;
    let folder = folder();
    let daemon = slowed(&strace, folder.path(), "always", Duration::from_millis(20));
    let mut other = daemon.connect_resp3();
    // Those who only listen are told as well, and not waited for.
    let mut listeners: Vec<_> = (0..12).map(|_| daemon.connect()).collect();
    for listener in &mut listeners {
        listener.ask("PING\n", "PONG\n");
    }
    let mut clients: Vec<_> = (0..5).map(|_| daemon.connect()).collect();
    clients.iter_mut().for_each(&ask);
    let mut commits = 0;
    // How soon they ask again depends on what else the machine does.
    until("one sync for each time that they ask", || {
        for _ in 0..ROUNDS {
            for client in &mut clients {
                hear(client);
                ask(client);
                // Without a wait the first would be handed over alone by now.
                other.ask(frame(&[b"PING"]), "+PONG\r\n");
            }
        }
        let before = std::mem::replace(&mut commits, daemon.stats().get("commits"));
        (commits - before <= ROUNDS + 1).then_some(())
    });
}

#[test]
fn one_sync_serves_all_who_ask_again_as_soon_as_they_are_answered() {
    let ask = |client: &mut Client| client.send_frame(&[b"PUT", b"key", b""]);
    are_served_together(ask, |client| assert!(client.line().starts_with(':')));
}

#[test]
fn one_sync_serves_all_who_send_several_changes_and_ask_before_them() {
    let ask = |client: &mut Client| {
        let frames: [&[&[u8]]; 3] = [&[b"PING"], &[b"PUT", b"key", b""], &[b"PUT", b"key", b""]];
        client.send(frames.map(frame).concat());
    };
    are_served_together(ask, |client| {
        assert_eq!(client.line(), "+PONG\r");
        assert!(client.line().starts_with(':'));
        assert!(client.line().starts_with(':'));
    });
}

#[test]
fn one_sync_serves_all_who_are_told_of_the_changes_of_the_others() {
    let ask = |client: &mut Client| client.send("PUT:key:\n");
    are_served_together(ask, |client| while client.line() != "OK" {});
}

#[test]
fn without_always_nobody_waits_for_a_sync() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    for sync in ["interval", "never"] {
        let folder = folder();
        let daemon = slowed(&strace, folder.path(), sync, LONG_DELAY);
        let mut client = daemon.connect();
        let slowest = (0..20).map(|at| {
            let revision = format!(":{}\r\n", at + 1);
            time(&mut client, &[b"PUT", b"key", b""], &revision)
        });
        let slowest = slowest.max();
        assert!(slowest < Some(SOON), "{sync}: {slowest:?}");
        assert_eq!(values(&mut client, "key").len(), 20);
    }
}

#[test]
fn stats_tell_how_much_waits_and_how_long_ago_the_last_sync_ended() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    let (folder, other) = (folder(), folder());
    let daemon = slow(&strace, folder.path(), "always");
    let mut client = daemon.connect();
    // Asked while the changes wait, and answered with them, for it tells of them.
    client.send("PUT:key:1\nPUT:key:2\nSTATS\n");
    client.expect("OK\nOK\n");
    let figures = client.lines();
    let waiting = |line: &String| line == "commits_waiting 2";
    assert!(figures.iter().any(waiting), "{figures:?}");
    let stats = client.stats();
    assert_eq!(stats.get("commits_waiting"), 0, "{stats:?}");
    assert!((1..=2).contains(&stats.get("commits")), "{stats:?}");

    let without = super::daemon(other.path(), &["--sync", "never"]);
    let old = |stats: &Stats| stats.get("last_sync_seconds") >= 2;
    let is_old = |daemon: &Daemon| old(&daemon.stats()).then_some(());
    until("a while to pass", || is_old(&daemon));
    until("a while to pass", || is_old(&without));
    let synced = || {
        client.ask("PUT:key:more\n", "OK\n");
        (!old(&client.stats())).then_some(())
    };
    until("a sync to count", synced);
    change(&mut without.connect(), &["PUT", "key", "more"]);
    assert!(old(&without.stats()), "nothing has synced that");
}
