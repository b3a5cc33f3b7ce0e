//! What it costs to tell many of a change, and to have many who are not concerned.

use crate::bench::{Bench, Found};
use crate::contest::{Contender, Speed, contest};
use crate::finding::{Finding, Goal};
use crate::load::{Load, Work, connect};
use crate::redis_benchmark::{self, Verb};
use crate::report::grouped;
use crate::server::{Server, Side};
use crate::throughput::{CLIENTS, contender};
use crate::wire::{self, Ask, Dialect};
use std::net::TcpStream;
use std::ops::Range;
use std::rc::Rc;

/// How many are told of every change.
pub(crate) const WATCHERS: usize = 100;

/// What every key that is changed begins with.
pub(crate) const PREFIX: &[u8] = b"key:";

pub(crate) fn fan_1(bench: &Bench) -> Found {
    fan(bench, 1, 3_000, 1.2)
}

pub(crate) fn fan_16(bench: &Bench) -> Found {
    fan(bench, 16, 24_000, 2.0)
}

/// One client makes changes, and all watchers hear of each.
fn fan(bench: &Bench, in_flight: u64, requests: u64, goal: f64) -> Found {
    let requests = bench.form.requests(requests);
    let sides = [&bench.ours, &bench.theirs];
    let rounds: Vec<[Speed; 2]> = contest(bench, requests, |turn| watched(sides[turn], in_flight))?;
    let speed = ("deliveries", "a second");
    let cost = ("CPU a delivery", "us");
    Ok(vec![
        bench.finding(
            speed,
            &rounds,
            |speed| speed.throughput * WATCHERS as f64,
            Goal::AtLeast(goal, None),
        ),
        bench.finding(
            cost,
            &rounds,
            |speed| speed.cpu_us / WATCHERS as f64,
            Goal::None,
        ),
    ])
}

/// One who makes changes; it has its turn until the last watcher has heard of the last of them.
fn watched(side: &Side, in_flight: u64) -> Result<Contender<'static>, String> {
    let server = side.start(&[])?;
    let dialect = server.dialect;
    // A watcher follows all keys; a subscriber follows one channel.
    let channel = wire::key(0);
    let is_redis = dialect == Dialect::Redis;
    let heard = if is_redis { &channel } else { PREFIX };
    let mut load = Load::new(dialect)?;
    load.listeners(&server, WATCHERS, &[Ask::Hello, Ask::Hear(heard)])?;
    load.askers(&server, 1, &[Ask::Ping])?;
    let value = wire::value(16);
    let lines = WATCHERS as u64 * wire::lines_heard(dialect);
    let ask = move |numbers: Range<u64>| {
        load.run(&Work {
            lines_heard: (numbers.end - numbers.start) * lines,
            numbers,
            in_flight,
            make: &|number, out| {
                let key = if is_redis { channel } else { wire::key(number) };
                Ask::Tell(&key, &value).say(dialect, out)
            },
        })
    };
    Ok(Contender::new(Rc::new(server), ask))
}

/// The same load on a server with a crowd of watchers whom it does not concern, and without.
pub(crate) fn elsewhere(bench: &Bench) -> Found {
    let load = redis_benchmark::Load {
        verb: Verb::Put,
        clients: CLIENTS,
        in_flight: 16,
        value_bytes: 16,
        keys: bench.form.keys,
        requests: bench.form.requests(800_000),
    };
    let start = || bench.ours.start(&[]).map(Rc::new);
    let servers = [start()?, start()?];
    let crowd = crowd(&servers[0], bench.form.crowd)?;
    // Both know the keys when it counts.
    for server in &servers {
        load.run(load.requests, bench.ours.kind, server.port)?;
    }
    let rounds: Vec<[Speed; 2]> = contest(bench, load.requests, |turn| {
        contender(bench, load, 1, &bench.ours, Rc::clone(&servers[turn]))
    })?;
    drop(crowd);
    let finding = |label, figure: fn(&Speed) -> f64, goal| {
        Finding::compare(label, &rounds, [0, 1], figure, goal).beside("no watchers")
    };
    let watchers = format!(
        "{} watchers: throughput",
        grouped(&bench.form.crowd.to_string())
    );
    let goal = Goal::AtLeast(0.95, None);
    Ok(vec![
        finding((&watchers, "requests/s"), |speed| speed.throughput, goal),
        finding(("CPU a request", "us"), |speed| speed.cpu_us, Goal::None),
    ])
}

fn crowd(server: &Server, count: usize) -> Result<Vec<TcpStream>, String> {
    connect(server, server.dialect, count, |number, say| {
        say(Ask::Hello);
        say(Ask::Hear(format!("other:{number}:").as_bytes()));
    })
}
