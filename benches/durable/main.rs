//! Compares what can keep changes on the disk: the journal, and fjall.
//!
//! `cargo bench --bench durable` prints how many puts a second each one takes, in batches of
//! several sizes, with a sync for each batch and with one a second. Rounds take turns, and the
//! medians of the rounds are printed, with the ratio of each to the journal.

#![forbid(unsafe_code)]

mod engines;

use engines::{Engine, FjallEngine, JournalEngine};
use std::path::Path;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;

/// How long a round of one engine takes.
const ROUND: Duration = Duration::from_millis(700);

/// How many puts are read back.
const PUTS: u64 = 1_000_000;

const BATCHES: [usize; 3] = [1, 64, 2000];

const NAMES: [&str; 3] = ["journal", "fjall, keys alone", "fjall, keys and history"];

fn main() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    for (syncs, title) in [(true, "a sync for each batch"), (false, "a sync a second")] {
        println!("\nPuts a second, {title}; keys and values of 16 bytes.\n");
        println!(
            "| engine | {} |",
            BATCHES.map(|size| format!("batches of {size}")).join(" | ")
        );
        println!("|---|---|---|---|");
        let columns = BATCHES.map(|size| column(place.path(), size, syncs));
        for (row, name) in NAMES.iter().enumerate() {
            let cells = columns
                .iter()
                .map(|column| format!("{:.0} ({:.2})", column[row], column[row] / column[0]));
            println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
    start(place.path());
}

/// How long it takes to read back what was put, in milliseconds.
fn start(place: &Path) {
    let folder = place.join("start");
    std::fs::create_dir(&folder).expect("a folder");
    let mut engine = JournalEngine::open(&folder, false);
    for batch in 0..PUTS / 64 {
        engine.append((1..=64).map(|nth| put(batch * 64 + nth)));
    }
    engine.stop();
    let begun = Instant::now();
    let keys = engines::read_back(&folder);
    println!(
        "\nA journal of {} puts read back into a map of {keys} keys: {} ms.",
        PUTS / 64 * 64,
        begun.elapsed().as_millis()
    );
}

fn put(revision: u64) -> (u64, String, [u8; 16]) {
    let key = format!(
        "{:016x}",
        revision.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44
    );
    (revision, key, *b"sixteen bytes...")
}

/// The median of each engine.
fn column(place: &Path, size: usize, syncs: bool) -> [f64; 3] {
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        for (which, rates) in rates.iter_mut().enumerate() {
            let folder = place.join(format!("{size}-{syncs}-{round}-{which}"));
            std::fs::create_dir(&folder).expect("a folder");
            let rate = match which {
                0 => measure(JournalEngine::open(&folder, syncs), size, syncs),
                1 => measure(FjallEngine::open(&folder, false), size, syncs),
                _ => measure(FjallEngine::open(&folder, true), size, syncs),
            };
            rates.push(rate);
            std::fs::remove_dir_all(&folder).expect("the folder can go");
        }
    }
    rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    })
}

fn measure(mut engine: impl Engine, size: usize, syncs: bool) -> f64 {
    let mut revision = 0;
    let begun = Instant::now();
    while begun.elapsed() < ROUND {
        let puts = (0..size).map(|_| {
            revision += 1;
            put(revision)
        });
        engine.append(puts);
        if syncs {
            engine.sync();
        }
    }
    engine.sync();
    revision as f64 / begun.elapsed().as_secs_f64()
}
