//! Kills the daemon at random moments and at named points, starts it again, and holds what it has
//! then to the record of what was answered before.
//!
//! KVMSG_SOAK_SECS goes on with new seeds for so long. The named points, and what was synced, are
//! there in builds with debug assertions alone.

#![forbid(unsafe_code)]

mod check;
mod clients;
#[path = "../common/mod.rs"]
mod common;
#[path = "../robust/dice.rs"]
mod dice;
mod planted;
mod power;
mod process;
mod record;
mod world;

use check::Violation;
use dice::Dice;
use record::Life;
use std::time::{Duration, Instant};
use world::{End, Habits, POINTS, World};

/// How many lives a world has in the short run.
const LIVES: usize = 3;

const SYNCS: [&str; 3] = ["interval", "always", "never"];

/// What came of the lives, so that a run in which nothing happened is not taken for a good one.
#[derive(Debug, Default)]
struct Seen {
    lives: usize,
    answered: usize,
    in_flight: usize,
    read: usize,
    heard: usize,
    /// Lives that ended by themselves, and those that did before the daemon listened.
    died: usize,
    unborn: usize,
    snapshots: usize,
    new_series: usize,
}

impl Seen {
    fn add(&mut self, life: &Life) {
        self.lives += 1;
        let all = || life.sent.iter().flatten();
        self.answered += all().filter(|sent| sent.answer.is_some()).count();
        self.in_flight += all().filter(|sent| sent.answer.is_none()).count();
        self.read += life.read.len();
        self.heard += life
            .heard
            .iter()
            .map(|heard| heard.told.len())
            .sum::<usize>();
        self.died += usize::from(life.died);
        self.unborn += usize::from(life.sent.is_empty());
    }
}

fn fail(habits: Habits, seed: u64, end: End, violations: &[Violation]) {
    if violations.is_empty() {
        return;
    }
    let lines = violations.iter().take(20);
    let lines: Vec<_> = lines
        .map(|violation| format!("{:?}: {}", violation.promise, violation.text))
        .collect();
    let count = violations.len();
    panic!(
        "{habits:?}, seed {seed}, {end:?}: {count} violations\n{}",
        lines.join("\n")
    );
}

/// Lets a world have so many lives, with these ends or any.
fn live(habits: Habits, seed: u64, ends: &[End], lives: usize, seen: &mut Seen) {
    let mut world = World::new(habits, seed);
    for number in 0..lives {
        let end = ends.get(number).copied().unwrap_or_else(|| world.any_end());
        let epoch = world.audit.epoch.clone();
        let (life, violations) = world.live(end, |_| {});
        fail(habits, seed, end, &violations);
        seen.add(&life);
        seen.new_series += usize::from(world.audit.epoch != epoch);
        let names = std::fs::read_dir(world.folder()).expect("the folder is there");
        let names = names.map(|entry| entry.expect("it can be read").file_name());
        seen.snapshots += names
            .filter(|name| name.to_string_lossy().starts_with("snapshot-"))
            .count();
    }
}

fn habits(sync: &'static str, snapshots: bool, power: bool) -> Habits {
    Habits {
        sync,
        snapshots,
        power,
    }
}

#[test]
fn what_was_answered_survives_a_kill_at_any_moment() {
    let mut seen = Seen::default();
    for (seed, sync) in (1..).zip(SYNCS) {
        let ends = [End::Kill(200)];
        live(
            habits(sync, seed == 1, false),
            seed,
            &ends,
            LIVES,
            &mut seen,
        );
    }
    println!("{seen:?}");
    assert!(seen.answered > 0 && seen.in_flight > 0 && seen.read > 0 && seen.heard > 0);
    assert_eq!(seen.new_series, 0);
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release has no named points")]
fn what_was_answered_survives_a_kill_at_each_named_point() {
    let mut seen = Seen::default();
    let ends = |points: &[&'static str]| -> Vec<End> {
        let end = |point: &&'static str| match *point {
            "snapshot" => End::Point(point, 3),
            // The first belongs to the start, the second to a snapshot.
            point if point.ends_with("rename") => End::Point(point, 2),
            point if point.ends_with("sync") => End::Point(point, 25),
            point => End::Point(point, 40),
        };
        points.iter().map(end).collect()
    };
    let all = ends(&POINTS);
    live(
        habits("interval", true, false),
        7,
        &all,
        all.len(),
        &mut seen,
    );
    println!("{seen:?}");
    assert_eq!(seen.died, all.len(), "{seen:?}");
    assert!(seen.snapshots > 0, "{seen:?}");
    assert_eq!(seen.new_series, 0);
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release has no named points")]
fn what_was_synced_survives_a_loss_of_power() {
    let (mut certain, mut uncertain) = (Seen::default(), Seen::default());
    let ends = [End::Kill(100), End::Kill(150)];
    live(
        habits("always", false, true),
        11,
        &ends,
        LIVES,
        &mut certain,
    );
    live(
        habits("interval", true, true),
        12,
        &ends,
        LIVES,
        &mut uncertain,
    );
    live(habits("never", false, true), 13, &ends, 2, &mut uncertain);
    println!("{certain:?} {uncertain:?}");
    // What was told is all there under the first, and need not be under the others.
    assert_eq!(certain.new_series, 0);
    assert!(uncertain.new_series > 0);
}

/// Hundreds of kills, for as long as `make soak` says; none otherwise.
#[test]
fn soak_of_crashes() {
    let secs = std::env::var("KVMSG_SOAK_SECS").ok();
    let secs = secs.map_or(0, |secs| secs.parse().expect("a number"));
    let (begun, mut seen) = (Instant::now(), Seen::default());
    while begun.elapsed() < Duration::from_secs(secs) {
        let since = std::time::UNIX_EPOCH
            .elapsed()
            .expect("it is later than that");
        let seed = since.as_nanos() as u64;
        let mut dice = Dice(seed);
        let sync = *dice.pick(&SYNCS);
        let habits = habits(sync, dice.one_in(2), dice.one_in(3));
        live(habits, seed, &[], 10, &mut seen);
        println!("{seen:?}");
    }
}
