//! How the processor time for a request grows with clients and with keys.

use crate::bench::{Bench, Found};
use crate::fill::fill;
use crate::finding::{Finding, Goal};
use crate::load::{Load, Work};
use crate::report::grouped;
use crate::server::{Server, Side};
use crate::throughput::CLIENTS;
use crate::wire::{self, Ask};

/// The keys that clients of a growing number ask for.
const KEYS: u64 = 100_000;

/// Ten million keys are more than the store's limit allows.
const NO_LIMIT: [&str; 2] = ["--store-bytes-max", "0"];

/// Two servers and who asks them, which stay as clients or keys are added.
type Pair = [(Server, Load); 2];

/// 10, 100, and so on, up to so many clients; all are connected before it is measured.
pub(crate) fn clients(bench: &Bench) -> Found {
    let requests = bench.form.requests(200_000);
    let keys = KEYS.min(bench.form.filled);
    let mut pair = start(bench)?;
    for (server, _) in &pair {
        fill(server, 0..keys, 1, 16)?;
    }
    let mut findings = Vec::new();
    let (mut known, mut count) = (0, 10);
    while count <= bench.form.crowd {
        for (server, load) in &mut pair {
            load.askers(server, count - known, &[Ask::Ping])?;
        }
        known = count;
        // If a client asked but once, its connection would be part of what is measured.
        let requests = requests.max(4 * count as u64);
        findings.push(measure(
            bench,
            &mut pair,
            requests,
            1,
            keys,
            (count as u64, "clients"),
        )?);
        count *= 10;
    }
    Ok(findings)
}

/// 10,000, 100,000, and so on, up to so many keys.
pub(crate) fn keys(bench: &Bench) -> Found {
    let requests = bench.form.requests(600_000);
    let mut pair = start(bench)?;
    for (server, load) in &mut pair {
        load.askers(server, CLIENTS, &[Ask::Ping])?;
    }
    let mut findings = Vec::new();
    let mut known = 0;
    for decade in 4..=bench.form.decades {
        let keys = 10_u64.pow(decade);
        for (server, _) in &pair {
            fill(server, known..keys, 1, 16)?;
        }
        known = keys;
        findings.push(measure(
            bench,
            &mut pair,
            requests,
            16,
            keys,
            (keys, "keys"),
        )?);
    }
    Ok(findings)
}

fn start(bench: &Bench) -> Result<Pair, String> {
    let start = |side: &Side| {
        let server = side.start(&NO_LIMIT)?;
        let load = Load::new(server.dialect)?;
        Ok::<_, String>((server, load))
    };
    Ok([start(&bench.ours)?, start(&bench.theirs)?])
}

fn measure(
    bench: &Bench,
    pair: &mut Pair,
    requests: u64,
    in_flight: u64,
    keys: u64,
    (at, what): (u64, &str),
) -> Result<Finding, String> {
    let rounds: Vec<[f64; 2]> = bench.turns(|turn| {
        let (server, load) = &mut pair[turn];
        cost(server, load, requests, in_flight, keys)
    })?;
    let label = format!("{} {what}: CPU a request", grouped(&at.to_string()));
    let finding = bench.finding((&label, "us"), &rounds, |cost| *cost, Goal::None);
    Ok(Finding {
        at: Some(at),
        ..finding
    })
}

/// Processor time for a GET, in microseconds.
fn cost(
    server: &Server,
    load: &mut Load,
    requests: u64,
    in_flight: u64,
    keys: u64,
) -> Result<f64, String> {
    let before = server.cpu()?;
    load.run(&Work {
        requests,
        in_flight,
        make: &|number, out| {
            let key = wire::key(wire::random(number, keys));
            Ask::Get(&key, 1).say(server.dialect, out)
        },
        lines_heard: 0,
    })?;
    let used = server.cpu()? - before;
    Ok(used.as_secs_f64() * 1e6 / requests as f64)
}
