//! How the processor time for a request grows with clients and with keys.

use crate::bench::{Bench, Found};
use crate::fill::fill;
use crate::finding::{Finding, Goal};
use crate::load::{Load, Work};
use crate::report::grouped;
use crate::server::Server;
use crate::throughput::CLIENTS;
use crate::wire::{self, Ask};

/// The keys that clients of a growing number ask for.
const KEYS: u64 = 100_000;

/// Ten million keys are more than the store's limit allows.
const NO_LIMIT: [&str; 2] = ["--store-bytes-max", "0"];

/// 10, 100, and so on, up to a crowd; all are connected before it is measured.
pub(crate) fn clients(bench: &Bench) -> Found {
    let keys = KEYS.min(bench.form.filled);
    let servers = start(bench)?;
    for server in &servers {
        fill(server, 0..keys, 1, 16)?;
    }
    let tens = (1..).map(|decade| 10_usize.pow(decade));
    let counts = tens.take_while(|count| *count < bench.form.crowd);
    let counts = counts.chain([bench.form.crowd]);
    let measure = |count| {
        let asked = Asked {
            clients: count,
            in_flight: 1,
            // If a client asked but once, its connection would be part of what is measured.
            requests: bench.form.requests(100_000).max(4 * count as u64),
            keys,
        };
        measure(bench, &servers, &asked, (count as u64, "clients"))
    };
    counts.map(measure).collect()
}

/// 10,000, 100,000, and so on, up to so many keys.
pub(crate) fn keys(bench: &Bench) -> Found {
    let servers = start(bench)?;
    let mut known = 0;
    let measure = |decade| {
        let keys = 10_u64.pow(decade);
        for server in &servers {
            fill(server, known..keys, 1, 16)?;
        }
        known = keys;
        let asked = Asked {
            clients: CLIENTS,
            in_flight: 16,
            requests: bench.form.requests(600_000),
            keys,
        };
        measure(bench, &servers, &asked, (keys, "keys"))
    };
    (4..=bench.form.decades).map(measure).collect()
}

fn start(bench: &Bench) -> Result<[Server; 2], String> {
    Ok([bench.ours.start(&NO_LIMIT)?, bench.theirs.start(&NO_LIMIT)?])
}

/// Who asks how often, for which keys.
struct Asked {
    clients: usize,
    in_flight: u64,
    requests: u64,
    keys: u64,
}

/// The clients of one server go before those of the other come: both together may be more than
/// one process can have.
fn measure(
    bench: &Bench,
    servers: &[Server; 2],
    asked: &Asked,
    (at, what): (u64, &str),
) -> Result<Finding, String> {
    let rounds: Vec<[f64; 2]> = bench.turns_plotted(|turn| cost(&servers[turn], asked))?;
    let label = format!("{} {what}: CPU a request", grouped(&at.to_string()));
    let finding = bench.finding((&label, "us"), &rounds, |cost| *cost, Goal::None);
    Ok(Finding {
        at: Some(at),
        ..finding
    })
}

/// Processor time for a GET, in microseconds.
fn cost(server: &Server, asked: &Asked) -> Result<f64, String> {
    let mut load = Load::new(server.dialect)?;
    load.askers(server, asked.clients, &[Ask::Ping])?;
    let before = server.cpu()?;
    load.run(&Work {
        numbers: 0..asked.requests,
        in_flight: asked.in_flight,
        make: &|number, out| {
            let key = wire::key(wire::random(number, asked.keys));
            Ask::Get(&key, 1).say(server.dialect, out)
        },
        lines_heard: 0,
    })?;
    let used = server.cpu()? - before;
    Ok(used.as_secs_f64() * 1e6 / asked.requests as f64)
}
