//! Tests clients that listen and do not read fast enough: what they miss, and that they are told.

#[path = "../common/mod.rs"]
mod common;
mod bounds;
mod leaving;
mod losses;

use common::talker::{Heard, Talker};
use common::{Daemon, Frame};

/// How many notices wait for a client beside what its kernel holds: 64 KiB of them.
const NOTICES: std::ops::RangeInclusive<u64> = 58..=65;
/// A history so short that whoever is behind for long loses changes.
const SHORT: [&str; 2] = ["--history-bytes", "65536"];
/// How many changes are made between two looks at the counters.
const STEP: u64 = 20;
/// More changes than any kernel holds the notices of.
const CHANGES_MAX: u64 = 100_000;

/// A key of 1000 bytes that tells which change it is of.
fn key(revision: u64) -> String {
    format!("{revision:x>1000}")
}

fn revision_of(key: &str) -> u64 {
    key.trim_start_matches('x')
        .parse()
        .expect("a number stands at the end")
}

/// One who listens and does not read until the test does. Its kernel holds a good deal for it, a
/// receive buffer full: a smaller one would save changes, but the kernel hands out the rest of a
/// full one a few hundred bytes at a time.
fn slow(daemon: &Daemon, framed: bool) -> Talker {
    Talker::watching(daemon, framed)
}

/// One who makes changes with new keys of 1000 bytes, and is told of none.
struct Writer {
    talker: Talker,
    made: u64,
}

impl Writer {
    fn new(daemon: &Daemon) -> Writer {
        Writer {
            talker: Talker::connect(daemon, true),
            made: 0,
        }
    }

    /// Makes some changes, and waits until those who read have heard of them.
    fn step(&mut self, normal: &mut [Talker]) {
        let revisions = self.made + 1..=self.made + STEP;
        let requests = revisions
            .clone()
            .map(|n| self.talker.bytes(&format!("PUT:{}:v", key(n))));
        self.talker
            .client
            .send(requests.collect::<Vec<_>>().concat());
        for revision in revisions {
            let made = Heard::Reply(Frame::Integer(revision as i64));
            assert_eq!(self.talker.hear(), made);
            for client in &mut *normal {
                assert_eq!(range(&client.hear()), (revision, revision));
            }
        }
        self.made += STEP;
    }

    /// Goes on until nothing more is taken for those who do not read, and then makes more changes
    /// than wait for them and than a short history holds. Returns how many notices their kernels
    /// have taken meanwhile.
    fn go_on_until_behind(&mut self, normal: &mut [Talker]) -> u64 {
        let (mut quiet, mut taken) = (0, 0);
        let mut delivered = self.talker.stats().get("notices_delivered");
        while quiet < 15 {
            assert!(self.made < CHANGES_MAX, "everything is taken");
            self.step(normal);
            let before = delivered + normal.len() as u64 * STEP;
            delivered = self.talker.stats().get("notices_delivered");
            taken += delivered - before;
            quiet = if delivered == before { quiet + 1 } else { 0 };
        }
        taken
    }
}

/// The range of changes that a notice tells of: one that is told whole, or several that are lost.
#[track_caller]
fn range(heard: &Heard) -> (u64, u64) {
    if let Heard::Lost(first, last) = *heard {
        return (first, last);
    }
    let (key, revision) = heard.change();
    let told = revision.unwrap_or_else(|| revision_of(key));
    (told, told)
}

/// Reads what a slow client is owed of the changes after `told` up to `made`; returns the ranges
/// that were lost. Told and lost follow each other without a gap and without an overlap.
#[track_caller]
fn catch_up(client: &mut Talker, told: u64, made: u64) -> Vec<(u64, u64)> {
    let (mut last_heard, mut lost) = (told, Vec::new());
    while last_heard < made {
        let heard = client.hear();
        let (first, last) = range(&heard);
        assert!(
            first == last_heard + 1 && last >= first,
            "{first} to {last} after {last_heard}"
        );
        lost.extend(matches!(heard, Heard::Lost(..)).then_some((first, last)));
        last_heard = last;
    }
    assert_eq!(last_heard, made);
    lost
}

fn sum(lost: &[(u64, u64)]) -> u64 {
    lost.iter().map(|(first, last)| last - first + 1).sum()
}

fn lines_with(daemon: &Daemon, text: &str) -> usize {
    daemon
        .log()
        .iter()
        .filter(|line| line.contains(text))
        .count()
}

/// Checks that the log has said once that this client loses notices and once that it has caught
/// up, and how many it had lost by then.
#[track_caller]
fn assert_logged(daemon: &Daemon, client: &Talker, lost: u64) {
    let address = client.address();
    let begun = format!(" WARN  client {address} does not read fast enough and loses notices");
    let ended = format!(" WARN  client {address} has caught up; it lost {lost} notices");
    for line in [begun, ended] {
        assert!(daemon.wait_for_log(&line).ends_with(&line));
    }
    assert_eq!(
        lines_with(daemon, &format!("client {address} ")),
        2,
        "{:#?}",
        daemon.log()
    );
}
