//! Tests that each client hears replies and notices in the order in which the store changed.

mod common;

use common::talker::{Heard, Talker};
use common::{Daemon, Frame, PATIENCE};
use std::collections::HashMap;
use std::sync::{Arc, Barrier};
use std::time::Instant;

const WRITERS: usize = 10;
/// How many keys each writer puts, changes and removes again.
const KEYS: usize = 80;
/// How many requests a writer has on the way at once.
const WINDOW: usize = 40;
/// After how many changes a writer asks for the counters, which tell the revision.
const STATS_EVERY: usize = 16;

/// The verb and the key of a change, which no two changes here have in common.
type Name = (String, String);

/// What one writer heard: its own changes by their replies and others' by their notices.
#[derive(Debug)]
enum Told {
    Reply(Name, Option<i64>),
    Notice(Name, Option<u64>),
    /// The revision at which STATS was answered.
    Counted(u64),
}

/// The changes that a writer makes, and the requests for them.
fn changes(writer: usize) -> Vec<(Name, String)> {
    let of_key = |n: usize| {
        let key = format!("{writer}-{n}");
        let last = match n % 2 {
            0 => ("REMOVE", format!("{key}:new")),
            _ => ("DELETE", key.clone()),
        };
        let changes = [
            ("PUT", format!("{key}:old")),
            ("UPDATE", format!("{key}:old:new")),
            last,
        ];
        changes.map(|(op, rest)| ((op.to_owned(), key.clone()), format!("{op}:{rest}")))
    };
    (0..KEYS).flat_map(of_key).collect()
}

/// Makes a writer's changes while it listens; ends when it has heard of everyone's.
fn write(talker: &mut Talker, writer: usize, own_notices: bool) -> Vec<Told> {
    let changes = changes(writer);
    let notices = changes.len() * (WRITERS - usize::from(!own_notices));
    let (mut told, mut heard, mut sent, mut answered, mut counted) = (vec![], 0, 0, 0, 0);
    let end = Instant::now() + PATIENCE;
    while heard < notices || answered < changes.len() || counted < changes.len() / STATS_EVERY {
        while sent < changes.len() && sent < answered + WINDOW {
            let mut bytes = talker.bytes(&changes[sent].1);
            sent += 1;
            if sent % STATS_EVERY == 0 {
                bytes.extend(talker.bytes("STATS"));
            }
            talker.client.send(bytes);
        }
        told.push(match talker.hear() {
            Heard::Change(op, key, of_frame) => {
                heard += 1;
                Told::Notice((op, key), of_frame.map(|of_frame| of_frame.0))
            }
            Heard::Stats(stats) => {
                counted += 1;
                Told::Counted(stats.get("revision"))
            }
            Heard::Reply(reply) => {
                let revision = match reply {
                    Frame::Integer(revision) => Some(revision),
                    reply => {
                        assert_eq!(reply, Frame::Status("OK".to_owned()));
                        None
                    }
                };
                answered += 1;
                Told::Reply(changes[answered - 1].0.clone(), revision)
            }
            other => panic!("a client that reads was told {other:?}"),
        });
        assert!(
            Instant::now() < end,
            "after {} changes and {answered} replies",
            heard
        );
    }
    told
}

/// The revisions of what a writer was told, in the order of the telling.
fn revisions(told: &[Told], known: &HashMap<Name, u64>) -> Vec<u64> {
    let mut revisions = Vec::new();
    for told in told {
        let (name, revision) = match told {
            Told::Counted(revision) => {
                assert_eq!(revisions.last().copied().unwrap_or(0), *revision);
                continue;
            }
            Told::Reply(name, revision) => (name, revision.map(|number| number as u64)),
            Told::Notice(name, revision) => (name, *revision),
        };
        assert_eq!(revision.unwrap_or(known[name]), known[name], "{name:?}");
        revisions.push(known[name]);
    }
    revisions
}

/// Lets ten clients write and listen at once; returns what each heard as revisions, with whose
/// changes they are.
fn everyone_writes(daemon: &Daemon, echo: bool) -> (Vec<Vec<u64>>, HashMap<Name, u64>) {
    let mut observer = Talker::watching(daemon, true);
    let talkers: Vec<_> = (0..WRITERS)
        .map(|n| Talker::watching(daemon, n % 2 == 0))
        .collect();
    let start = Arc::new(Barrier::new(WRITERS));
    let writers: Vec<_> = talkers
        .into_iter()
        .enumerate()
        .map(|(writer, mut talker)| {
            let start = start.clone();
            std::thread::spawn(move || {
                start.wait();
                let own_notices = echo && !talker.is_framed();
                let told = write(&mut talker, writer, own_notices);
                assert_eq!(
                    talker.ask("PING"),
                    Heard::Reply(Frame::Status("PONG".to_owned()))
                );
                told
            })
        })
        .collect();
    let total = WRITERS * changes(0).len();
    let mut known = HashMap::new();
    for expected in 1..=total as u64 {
        let Heard::Change(op, key, Some((revision, _))) = observer.hear() else {
            panic!("the observer reads, and is told of every change")
        };
        assert_eq!(revision, expected);
        known.insert((op, key), revision);
    }
    let told = writers
        .into_iter()
        .map(|writer| writer.join().expect("it hears all"));
    let told = told.map(|told| revisions(&told, &known)).collect();
    assert_eq!(known.len(), total);
    (told, known)
}

#[test]
fn ten_clients_that_write_and_listen_hear_everything_in_the_order_of_the_store() {
    let daemon = Daemon::start(&[]);
    let (told, known) = everyone_writes(&daemon, false);
    for (writer, revisions) in told.iter().enumerate() {
        // Replies tell of its own changes and notices of all others: together, every revision.
        assert!(
            revisions.iter().copied().eq(1..=known.len() as u64),
            "{writer}: {revisions:?}"
        );
    }
}

#[test]
fn with_echo_a_line_client_hears_its_own_changes_right_after_their_replies() {
    let daemon = Daemon::start(&["--echo", "true"]);
    let (told, known) = everyone_writes(&daemon, true);
    let mut makers: Vec<_> = known
        .iter()
        .map(|((_, key), revision)| (*revision, key))
        .collect();
    makers.sort_unstable();
    for (writer, revisions) in told.iter().enumerate() {
        let own = format!("{writer}-");
        let is_line = writer % 2 == 1;
        let times = |key: &str| {
            if is_line && key.starts_with(&own) {
                2
            } else {
                1
            }
        };
        let expected = makers
            .iter()
            .flat_map(|(revision, key)| vec![*revision; times(key)]);
        assert!(
            revisions.iter().copied().eq(expected),
            "{writer}: {revisions:?}"
        );
    }
}
