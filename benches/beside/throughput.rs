//! PUT and GET: requests a second, and processor time for each.
//!
//! The load is that of redis-benchmark, whose own cost bounds the throughput that it can show:
//! hence the floor. Our own generator costs less, and can be chosen instead.

use crate::bench::{Bench, Found};
use crate::contest::{Contender, Speed, contest};
use crate::fill::fill;
use crate::finding::{Finding, Goal, Label};
use crate::load::{self, Work};
use crate::redis_benchmark::{Load, Verb};
use crate::server::{Kind, Server, Side};
use crate::wire::{self, Ask};
use std::rc::Rc;

/// How many clients ask, unless something else is said.
pub(crate) const CLIENTS: usize = 50;

/// The goals of a row: of throughput, and of processor time for a request.
pub(crate) type Goals = (Goal, Goal);

const AS_GOOD: Goals = (Goal::AtLeast(1.0, Some(1.1)), Goal::AtMost(1.0, Some(0.95)));

/// So many times the throughput.
pub(crate) const fn faster(times: f64) -> Goals {
    (Goal::AtLeast(times, None), Goal::None)
}

pub(crate) fn put_1(bench: &Bench) -> Found {
    short(bench, load(bench, Verb::Put, 1, 100_000), AS_GOOD)
}

pub(crate) fn get_1(bench: &Bench) -> Found {
    short(bench, load(bench, Verb::Get, 1, 100_000), AS_GOOD)
}

pub(crate) fn put_16(bench: &Bench) -> Found {
    short(bench, load(bench, Verb::Put, 16, 800_000), faster(2.5))
}

pub(crate) fn get_16(bench: &Bench) -> Found {
    short(bench, load(bench, Verb::Get, 16, 800_000), faster(2.5))
}

pub(crate) fn put_64(bench: &Bench) -> Found {
    short(bench, load(bench, Verb::Put, 64, 1_500_000), faster(3.0))
}

pub(crate) fn get_64(bench: &Bench) -> Found {
    short(bench, load(bench, Verb::Get, 64, 1_500_000), faster(3.0))
}

pub(crate) fn get8_16(bench: &Bench) -> Found {
    let mut load = load(bench, Verb::Get, 16, 400_000);
    load.keys = (load.keys / 10).max(1);
    compare(bench, load, 8, faster(1.2))
}

pub(crate) fn put_1k(bench: &Bench) -> Found {
    let load = sized(bench, Verb::Put, 16, 300_000, 1024);
    compare(bench, load, 1, faster(1.2))
}

pub(crate) fn get_1k(bench: &Bench) -> Found {
    let load = sized(bench, Verb::Get, 16, 400_000, 1024);
    compare(bench, load, 1, faster(1.2))
}

pub(crate) fn put_64k(bench: &Bench) -> Found {
    let load = sized(bench, Verb::Put, 1, 12_000, 64 * 1024);
    compare(bench, load, 1, faster(1.0))
}

pub(crate) fn get_64k(bench: &Bench) -> Found {
    let load = sized(bench, Verb::Get, 1, 20_000, 64 * 1024);
    compare(bench, load, 1, faster(1.0))
}

/// Values of so many bytes; so many keys that all values together are within the store's limit.
fn sized(bench: &Bench, verb: Verb, in_flight: usize, requests: u64, value_bytes: usize) -> Load {
    let load = load(bench, verb, in_flight, requests);
    Load {
        value_bytes,
        keys: load.keys.min((256 << 20) / value_bytes as u64),
        ..load
    }
}

/// PUT or GET of short values, which all clients make.
pub(crate) fn load(bench: &Bench, verb: Verb, in_flight: usize, requests: u64) -> Load {
    Load {
        verb,
        clients: CLIENTS,
        in_flight,
        value_bytes: 16,
        keys: match verb {
            Verb::Put => bench.form.keys,
            Verb::Get => bench.form.filled,
        },
        requests: bench.form.requests(requests),
    }
}

/// Short values: the floor can be measured too.
fn short(bench: &Bench, load: Load, goals: Goals) -> Found {
    let rounds = measure(bench, load, 1, [&bench.ours, &bench.theirs, &bench.floor])?;
    let mut findings = speeds(bench, &rounds, goals);
    for (finding, (label, figure)) in findings.iter_mut().zip(FIGURES) {
        finding.floor = Some(Finding::alone(label, &rounds, 2, figure, Goal::None).ours());
    }
    Ok(findings)
}

fn compare(bench: &Bench, load: Load, values: usize, goals: Goals) -> Found {
    let rounds = measure(bench, load, values, [&bench.ours, &bench.theirs])?;
    Ok(speeds(bench, &rounds, goals))
}

/// Puts into servers that have just started, so that keys are created; gets from servers that
/// hold every key, with so many values.
fn measure<const N: usize>(
    bench: &Bench,
    load: Load,
    values: usize,
    sides: [&Side; N],
) -> Result<Vec<[Speed; N]>, String> {
    let start = |side: &Side| side.start(&[]).map(Rc::new);
    if load.verb == Verb::Put {
        return contest(bench, load.requests, |turn| {
            contender(bench, load, values, sides[turn], start(sides[turn])?)
        });
    }
    let servers: Result<Vec<_>, String> = sides.into_iter().map(start).collect();
    let servers = servers?;
    for (side, server) in sides.into_iter().zip(&servers) {
        if side.kind != Kind::Floor {
            fill(server, 0..load.keys, values, load.value_bytes)?;
        }
    }
    contest(bench, load.requests, |turn| {
        contender(bench, load, values, sides[turn], Rc::clone(&servers[turn]))
    })
}

/// A server under that load, from the generator that was chosen.
///
/// # Errors
///
/// Says so if clients cannot connect.
pub(crate) fn contender<'a>(
    bench: &Bench,
    load: Load,
    values: usize,
    side: &'a Side,
    server: Rc<Server>,
) -> Result<Contender<'a>, String> {
    if !bench.own_load {
        return Ok(Contender::by_redis_benchmark(server, side.kind, load));
    }
    let value = wire::value(load.value_bytes);
    let dialect = server.dialect;
    let mut own = load::Load::new(dialect)?;
    own.askers(&server, load.clients, &[Ask::Ping])?;
    let ask = move |numbers| {
        own.run(&Work {
            numbers,
            in_flight: load.in_flight as u64,
            make: &|number, out| {
                let key = wire::key(wire::random(number, load.keys));
                let lines = match load.verb {
                    Verb::Put => Ask::Put(&key, &value).say(dialect, out),
                    Verb::Get => Ask::Get(&key, values).say(dialect, out),
                };
                // The floor says the same to everything.
                if side.kind == Kind::Floor { 1 } else { lines }
            },
            lines_heard: 0,
        })
    };
    Ok(Contender::new(server, ask))
}

/// A figure of a speed, and what it is called.
type Figure = (Label<'static>, fn(&Speed) -> f64);

const FIGURES: [Figure; 2] = [
    (("throughput", "requests/s"), |speed| speed.throughput),
    (("CPU a request", "us"), |speed| speed.cpu_us),
];

/// Throughput and processor time, each with its goal.
pub(crate) fn speeds<const N: usize>(
    bench: &Bench,
    rounds: &[[Speed; N]],
    goals: Goals,
) -> Vec<Finding> {
    let goals = [goals.0, goals.1];
    let findings = FIGURES.into_iter().zip(goals);
    findings
        .map(|((label, figure), goal)| bench.finding(label, rounds, figure, goal))
        .collect()
}
