//! How long requests wait at most while all data is written anew, again and again, under load.

use crate::bench::{Bench, Found};
use crate::fill::fill;
use crate::finding::{Finding, Goal};
use crate::folder::Folder;
use crate::keeping::{Keeping, Rewrite, Sync, written_anew};
use crate::latency::{meanwhile, paced};
use crate::memory::NO_HISTORY;
use crate::server::{PATIENCE, Server, Side};
use crate::wire::{self, Ask};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// How many keys there are at most: with more it takes long until all are written anew.
const KEYS_MAX: u64 = 100_000;

/// How many keys the load makes and removes again every millisecond, and the bytes of their values.
const COME_AND_GO: u64 = 20;
const VALUE_BYTES: usize = 256;

/// After how many requests it is looked whether the data has been written anew.
const LOOK: u64 = 16;

const KEEPING: Keeping = Keeping {
    sync: Sync::Interval,
    rewrite: Rewrite::Often,
};

/// The longest waits, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Longest {
    ping: f64,
    put: f64,
}

type Figure = (&'static str, fn(&Longest) -> f64);

const FIGURES: [Figure; 2] = [
    ("PING: max", |longest| longest.ping),
    ("PUT: max", |longest| longest.put),
];

/// Beside redis-server that rewrites its AOF, and beside the same without any disk.
pub(crate) fn pause(bench: &Bench) -> Found {
    let sides = [&bench.ours, &bench.theirs, &bench.ours];
    let rounds: Vec<[Longest; 3]> = bench.turns(|turn| match turn {
        2 => in_memory(bench, sides[turn]),
        _ => kept(bench, sides[turn]),
    })?;
    let findings = [(1, &*bench.theirs.name), (2, "in memory")];
    let findings = findings.into_iter().flat_map(|(beside, name)| {
        let goal = match beside {
            1 => Goal::Below(10.0),
            _ => Goal::None,
        };
        let rounds = &rounds;
        FIGURES.into_iter().map(move |(label, figure)| {
            let finding = Finding::compare((label, "ms"), rounds, [0, beside], figure, goal);
            finding.beside(name)
        })
    });
    Ok(findings.collect())
}

fn kept(bench: &Bench, side: &Side) -> Result<Longest, String> {
    let folder = Folder::new(&bench.out)?;
    let server = KEEPING.start(side, &folder, &NO_HISTORY)?;
    longest(bench, &server, || written_anew(side, &folder))
}

fn in_memory(bench: &Bench, side: &Side) -> Result<Longest, String> {
    let server = side.start(&NO_HISTORY)?;
    let mut looks = 0;
    longest(bench, &server, || {
        looks += 1;
        looks
    })
}

/// The longest waits until enough was asked and `written` has told of a second time since the
/// beginning: then the time from one to the next lies in it.
fn longest(
    bench: &Bench,
    server: &Server,
    mut written: impl FnMut() -> u64,
) -> Result<Longest, String> {
    let (keys, least) = (bench.form.filled.min(KEYS_MAX), bench.form.requests(4_000));
    fill(server, 0..keys, 1, 16)?;
    let value = wire::value(16);
    let (mut seen, mut times) = (written(), 0);
    let deadline = Instant::now() + PATIENCE;
    let enough = AtomicBool::new(false);
    let goes_on = |number: u64| {
        if number.is_multiple_of(LOOK) {
            let now = written();
            times += u64::from(now != seen);
            seen = now;
        }
        (number < least || times < 2) && Instant::now() < deadline
    };
    let put = |_| !enough.load(Ordering::Relaxed);
    let asked = meanwhile(
        |stop| load(server, keys, stop),
        || {
            thread::scope(|scope| {
                let put = scope.spawn(|| {
                    paced([server], put, |number, out| {
                        let key = wire::key(wire::random(number, keys));
                        Ask::Put(&key, &value).say(server.dialect, out)
                    })
                });
                let ping = paced([server], goes_on, |_, out| {
                    Ask::Ping.say(server.dialect, out)
                });
                enough.store(true, Ordering::Relaxed);
                let put = put.join().map_err(|_| "the PUTs have failed".to_owned())?;
                Ok((ping?, put?))
            })
        },
    );
    let ([ping], [put]) = asked?;
    if times < 2 {
        return Err(format!(
            "the data was not written anew twice within {PATIENCE:?}"
        ));
    }
    Ok(Longest {
        ping: ping.max / 1e3,
        put: put.max / 1e3,
    })
}

/// Makes and removes keys beyond the first `keys` at a steady pace, so that what is there stays
/// about the same.
fn load(server: &Server, keys: u64, stop: &AtomicBool) -> Result<(), String> {
    let value = wire::value(VALUE_BYTES);
    let goes_on = |_| !stop.load(Ordering::Relaxed);
    let asked = paced([server], goes_on, |number, out| {
        let numbers = number * COME_AND_GO..(number + 1) * COME_AND_GO;
        let lines = numbers.map(|number| {
            let key = wire::key(keys + wire::random(number, keys));
            let put = Ask::Put(&key, &value).say(server.dialect, out);
            put + Ask::Delete(&key).say(server.dialect, out)
        });
        lines.sum()
    });
    asked.map(|_| ())
}
