//! Tests the promises of the change feed: lets many clients loose on a real daemon, records all
//! that they say and hear, and holds the record to one validator a promise.
//!
//! A run follows from its seed, but for the moments at which the kernel hands bytes over.
//! KVMSG_SOAK_SEED runs one seed again. KVMSG_SOAK_SECS goes on with new seeds for so long.

#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;
mod changes;
mod dice;
mod faults;
mod lives;
mod matching;
mod mirror;
mod peer;
mod planted;
mod record;
mod text;
mod validate;
mod wire;
mod world;

pub(crate) use validate::Violation;

use record::{Event, Push, Record, Reply};
use std::time::{Duration, Instant};
use world::World;

/// The steps of a run.
const STEPS: usize = 400;

/// The seeds of the short run: a short, a long and a middling history; the last two end by a
/// drain.
const SEEDS: [u64; 3] = [16, 3, 10];

/// How many entries are shown before the one where something is wrong.
const SHOWN: usize = 30;

/// Lets a run happen and returns its record.
fn run(seed: u64) -> Record {
    let mut world = World::new(seed);
    (0..STEPS).for_each(|_| world.step());
    world.end()
}

/// Leaves a record as a file, and returns its path.
pub(crate) fn keep(name: &str, record: &Record) -> String {
    let path = format!("{}/robust-{name}.record", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, record.to_string()).expect("the target folder can be written to");
    path
}

/// Holds a record to all promises; leaves it as a file if one is broken.
fn check(seed: u64, record: &Record) {
    let violations = validate::validate(record);
    let Some(first) = violations.first() else {
        return;
    };
    let path = keep(&seed.to_string(), record);
    let lines = violations.iter().take(20).map(|violation| {
        let (promise, text) = (violation.promise, &violation.text);
        let name = &record.conns[violation.conn].name;
        format!("{promise}: {name}, line {}: {text}", violation.at + 1)
    });
    let before = record.of(first.conn).filter(|(at, _)| *at <= first.at);
    let line = |at: usize| record.line(at).chars().take(200).collect::<String>();
    let mut last: Vec<_> = before
        .map(|(at, _)| format!("{}: {}", at + 1, line(at)))
        .collect();
    let last = last.split_off(last.len().saturating_sub(SHOWN));
    panic!(
        "seed {seed}: {} violations\n{}\n\nthe record: {path}\n{}",
        violations.len(),
        lines.collect::<Vec<_>>().join("\n"),
        last.join("\n"),
    );
}

/// What happened in a run, so that one in which nothing did is not taken for a good one.
#[derive(Debug, Default)]
struct Seen {
    changes: usize,
    told: usize,
    lost: usize,
    progress: usize,
    gone: usize,
    resumed: usize,
    pages: usize,
    /// Lists in lines, words of a drain, and ranges lost in one.
    lists: usize,
    drains: usize,
    last_lost: usize,
}

impl Seen {
    fn add(&mut self, record: &Record) {
        let mut stopped = false;
        for (_, event) in &record.entries {
            match event {
                Event::Replied(Reply::Done(_)) => self.changes += 1,
                Event::Replied(Reply::Gone(..)) => self.gone += 1,
                Event::Replied(Reply::Page(_)) => self.pages += 1,
                Event::Pushed(Push::Notify(..)) => self.told += 1,
                Event::Replied(Reply::Keys(_)) => self.lists += 1,
                Event::Pushed(Push::Lost(..)) if stopped => self.last_lost += 1,
                Event::Pushed(Push::Lost(..)) => self.lost += 1,
                Event::Pushed(Push::Drain) => self.drains += 1,
                Event::Stopped => stopped = true,
                Event::Pushed(Push::Progress(_)) => self.progress += 1,
                _ => {}
            }
        }
        let answers = record.answers().into_iter().flatten();
        let resumed =
            answers.filter(|it| it.since().is_some() && matches!(it.reply, Reply::Watching(..)));
        self.resumed += resumed.count();
    }

    fn counts(&self) -> [usize; 10] {
        let Seen {
            changes,
            told,
            lost,
            progress,
            gone,
            resumed,
            pages,
            lists,
            drains,
            last_lost,
        } = *self;
        [
            changes, told, lost, progress, gone, resumed, pages, lists, drains, last_lost,
        ]
    }
}

#[test]
fn the_promises_hold_for_many_clients() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let (one, secs) = (number("KVMSG_SOAK_SEED"), number("KVMSG_SOAK_SECS"));
    let (begin, mut seen) = (Instant::now(), Seen::default());
    for seed in one.map_or(SEEDS.to_vec(), |seed| vec![seed]) {
        let record = run(seed);
        seen.add(&record);
        check(seed, &record);
    }
    println!("{seen:?}");
    assert!(
        one.is_some() || seen.counts().iter().all(|count| *count > 0),
        "{seen:?}"
    );
    let new = || {
        std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| since.as_nanos() as u64)
    };
    while begin.elapsed() < Duration::from_secs(secs.unwrap_or(0)) {
        let seed = new();
        check(seed, &run(seed));
    }
}
