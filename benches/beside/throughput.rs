//! PUT and GET under redis-benchmark: requests a second, and processor time for each.

use crate::bench::Bench;
use crate::figures::median;
use crate::finding::{Finding, Goal};
use crate::load;
use crate::redis_benchmark::{Load, Speed, Verb};
use crate::server::{Server, Side};

/// How many clients ask, unless something else is said.
pub(crate) const CLIENTS: usize = 50;

/// The goals of a row: of throughput, and of processor time for a request.
type Goals = (Goal, Goal);

const AS_GOOD: Goals = (Goal::AtLeast(1.0, Some(1.1)), Goal::AtMost(1.0, Some(0.95)));

const fn faster(times: f64) -> Goals {
    (Goal::AtLeast(times, None), Goal::None)
}

type Found = Result<Vec<Finding>, String>;

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

fn load(bench: &Bench, verb: Verb, in_flight: usize, requests: u64) -> Load {
    Load {
        verb,
        clients: CLIENTS,
        in_flight,
        value_bytes: 16,
        keys: bench.form.keys,
        requests: bench.form.requests(requests),
    }
}

/// Short values: the floor can be measured too.
fn short(bench: &Bench, load: Load, goals: Goals) -> Found {
    let mut findings = compare(bench, load, 1, goals)?;
    let floors: Result<Vec<Speed>, String> = (0..bench.form.rounds)
        .map(|_| load.run(&bench.floor, &bench.floor.start(&[])?))
        .collect();
    let floors = floors?;
    let floor = |figure: fn(&Speed) -> f64| {
        let figures: Vec<f64> = floors.iter().map(figure).collect();
        Some(median(&figures))
    };
    findings[0].floor = floor(|speed| speed.throughput);
    findings[1].floor = floor(|speed| speed.cpu_us);
    Ok(findings)
}

/// Puts into servers that have just started, so that keys are created; gets from servers that
/// hold every key, with so many values.
fn compare(bench: &Bench, load: Load, values: usize, goals: Goals) -> Found {
    let rounds = match load.verb {
        Verb::Put => bench.rounds(|side| load.run(side, &side.start(&[])?))?,
        Verb::Get => {
            let filled = |side: &Side| {
                let server = side.start(&[])?;
                load::fill(&server, 0..load.keys, values, load.value_bytes)?;
                Ok::<Server, String>(server)
            };
            let (ours, theirs) = (filled(&bench.ours)?, filled(&bench.theirs)?);
            bench.rounds(|side| {
                let is_ours = std::ptr::eq(side, &raw const bench.ours);
                load.run(side, if is_ours { &ours } else { &theirs })
            })?
        }
    };
    let speed = ("throughput", "requests/s");
    let cost = ("CPU a request", "us");
    Ok(vec![
        bench.finding(&rounds, speed, |speed: &Speed| speed.throughput, goals.0),
        bench.finding(&rounds, cost, |speed: &Speed| speed.cpu_us, goals.1),
    ])
}
