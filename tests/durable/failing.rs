//! A disk that fails ends the daemon, which says so in one line: nobody is told what may be lost.

use super::{SYNCS, change, daemon, folder, traced, values};
use crate::common::tools::tool_that;
use crate::common::{Client, Daemon, PATIENCE, frame};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

/// From which call on each thread's calls fail: those before are what a start needs, and some more.
const FAILS: &str = "error=EIO:when=8+";

/// How many requests wait at any time for their reply, where they need not wait for a sync.
const AHEAD: usize = 64;

/// What writing to a disk came to that failed.
struct Outcome {
    /// How many changes were sent.
    sent: usize,
    /// How many were answered.
    answered: usize,
    /// How many others were told of.
    told: usize,
}

/// Changes a key, with so many requests waiting at any time, until the connection ends.
fn write(client: &mut Client, ahead: usize) -> (usize, usize) {
    let (mut sent, mut answered) = (0, 0);
    let mut send = |client: &mut Client| {
        let put = frame(&[b"PUT", b"key", sent.to_string().as_bytes()]);
        sent += 1;
        client.stream.write_all(&put).is_ok()
    };
    let mut goes_on = (0..ahead).all(|_| send(client));
    let end = Instant::now() + PATIENCE;
    while goes_on {
        assert!(Instant::now() < end, "it goes on without a disk");
        let expected = format!(":{}\r\n", answered + 1);
        let mut reply = vec![0; expected.len()];
        if client.stream.read_exact(&mut reply).is_err() {
            break;
        }
        assert_eq!(String::from_utf8_lossy(&reply), expected);
        answered += 1;
        goes_on = send(client);
    }
    (sent, answered)
}

/// Writes until the disk fails, and sees that the daemon ends as it should: it says what cannot be
/// done to a file of the journal.
fn fail(daemon: Daemon, folder: &Path, ahead: usize, doing: &str) -> Outcome {
    let mut watcher = daemon.connect();
    watcher.ask("WATCH:\n", "OK\n");
    let (sent, answered) = write(&mut daemon.connect(), ahead);
    let notices = String::from_utf8(watcher.rest()).expect("it is text");
    let told = notices.matches("NOTIFY PUT key\n").count();

    let (ended, log) = daemon.wait_with_log();
    assert_eq!(ended.status.code(), Some(1), "{log:?}");
    assert_eq!(log.len(), 2, "where it listens, and why it ends: {log:#?}");
    let begin = format!(" ERROR {doing} {}/journal-", folder.display());
    let (_, line) = log[1].split_once(&begin).expect(&log[1]);
    let expected = ": Input/output error (os error 5); the daemon ends, for it cannot keep what it \
                    would answer";
    let number = line.strip_suffix(expected).expect(line);
    assert!(number.parse::<u64>().is_ok(), "{line}");
    assert!(answered > 0, "the first were well");
    Outcome {
        sent,
        answered,
        told,
    }
}

/// Starts again, on a disk that works: everything that was told is there, in its order, and
/// nothing that was never sent. Returns how much there is.
fn held(folder: &Path, sync: &str, outcome: &Outcome) -> usize {
    let running = daemon(folder, &["--sync", sync]);
    let mut client = running.connect();
    let held = values(&mut client, "key");
    let expected: Vec<_> = (0..held.len()).map(|at| at.to_string()).collect();
    assert_eq!(held, expected, "{sync}");
    let told = outcome.answered.max(outcome.told);
    let bounds = told..=outcome.sent;
    assert!(bounds.contains(&held.len()), "{}: {bounds:?}", held.len());
    let next = held.len() as i64 + 1;
    assert_eq!(change(&mut client, &["PUT", "key", "on"]), next, "{sync}");
    held.len()
}

#[test]
fn with_always_a_change_that_cannot_be_synced_is_told_to_nobody() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    let folder = folder();
    let fails = format!("inject=fdatasync:{FAILS}");
    let tracing = ["-e", "trace=fdatasync", "-e", &fails];
    let flags = ["--sync", "always", "--log", "error"];
    let daemon = traced(&strace, &tracing, folder.path(), &flags);
    let epoch = daemon.stats().0["epoch"].clone();
    let outcome = fail(daemon, folder.path(), 1, "cannot sync");
    // Each of the others has had a sync of its own.
    assert_eq!((outcome.sent, outcome.answered), (8, 7));
    assert!(outcome.told <= outcome.answered);
    held(folder.path(), "always", &outcome);
    let again = self::daemon(folder.path(), &[]);
    assert_eq!(again.stats().0["epoch"], epoch, "nothing told was lost");
}

#[test]
fn with_interval_a_sync_that_fails_ends_it_and_the_next_start_begins_another_epoch() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    let folder = folder();
    let fails = format!("inject=fdatasync:{FAILS}");
    let tracing = ["-e", "trace=fdatasync", "-e", &fails];
    let often = ["--sync-interval-ms", "10"];
    let flags = [&["--sync", "interval", "--log", "error"], &often[..]].concat();
    let daemon = traced(&strace, &tracing, folder.path(), &flags);
    let epoch = daemon.stats().0["epoch"].clone();
    let outcome = fail(daemon, folder.path(), AHEAD, "cannot sync");
    // What was answered is there, for the disk was well. Nobody could have known.
    held(folder.path(), "interval", &outcome);
    let again = self::daemon(folder.path(), &["--sync", "interval"]);
    assert_ne!(again.stats().0["epoch"], epoch);
}

#[test]
fn a_change_that_cannot_be_written_is_told_to_nobody() {
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "true"]) else {
        return;
    };
    for sync in SYNCS {
        let folder = folder();
        let journal = folder.path().join("journal-0000000001");
        let journal = journal.to_str().expect("it is text");
        let fails = format!("inject=pwrite64:{FAILS}");
        // Of all files only this one fails.
        let tracing = ["-P", journal, "-e", "trace=pwrite64", "-e", &fails];
        let flags = ["--sync", sync, "--log", "error"];
        let daemon = traced(&strace, &tracing, folder.path(), &flags);
        let outcome = fail(daemon, folder.path(), 1, "cannot write");
        assert_eq!(outcome.sent, outcome.answered + 1, "{sync}");
        assert!(outcome.told <= outcome.answered, "{sync}");
        let held = held(folder.path(), sync, &outcome);
        assert_eq!(held, outcome.answered, "{sync}: the last was not written");
    }
}
