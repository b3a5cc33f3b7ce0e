//! The line dialect beside the framed one, on the same server and under the same load.

use crate::bench::{Bench, Found};
use crate::contest::{Contender, Speed, contest};
use crate::fill::fill;
use crate::finding::{Finding, Goal};
use crate::load::{Load, Work};
use crate::server::Server;
use crate::throughput::CLIENTS;
use crate::wire::{self, Ask, Dialect};
use std::rc::Rc;

/// What is put under every key.
const VALUE: &[u8] = &[b'v'; 16];

/// The dialects that take turns.
const DIALECTS: [Dialect; 2] = [Dialect::Lines, Dialect::Framed];

pub(crate) fn lines_1(bench: &Bench) -> Found {
    compare(bench, 1, 60_000)
}

pub(crate) fn lines_16(bench: &Bench) -> Found {
    compare(bench, 16, 600_000)
}

fn compare(bench: &Bench, in_flight: u64, requests: u64) -> Found {
    let requests = bench.form.requests(requests);
    let put = contest(bench, requests, |turn| {
        put(bench, DIALECTS[turn], in_flight)
    })?;
    let get = contest(bench, requests, |turn| {
        get(bench, DIALECTS[turn], in_flight)
    })?;
    let finding = |measure, rounds: &[[Speed; 2]]| {
        let (label, goal) = ((measure, "requests/s"), Goal::AtLeast(1.0, None));
        Finding::compare(label, rounds, [0, 1], |speed| speed.throughput, goal).beside("framed")
    };
    Ok(vec![
        finding("PUT throughput", &put),
        finding("GET throughput", &get),
    ])
}

/// Creates keys in a server that has just started.
fn put(bench: &Bench, dialect: Dialect, in_flight: u64) -> Result<Contender<'_>, String> {
    let server = bench.ours.start(&[])?;
    contender(server, dialect, in_flight, move |number, out| {
        let key = wire::key(wire::random(number, bench.form.keys));
        Ask::Put(&key, VALUE).say(dialect, out)
    })
}

fn get(bench: &Bench, dialect: Dialect, in_flight: u64) -> Result<Contender<'_>, String> {
    let (server, keys) = (bench.ours.start(&[])?, bench.form.filled);
    fill(&server, 0..keys, 1, VALUE.len())?;
    contender(server, dialect, in_flight, move |number, out| {
        let key = wire::key(wire::random(number, keys));
        Ask::Get(&key, 1).say(dialect, out)
    })
}

fn contender<'a>(
    server: Server,
    dialect: Dialect,
    in_flight: u64,
    make: impl Fn(u64, &mut Vec<u8>) -> u64 + 'a,
) -> Result<Contender<'a>, String> {
    let mut load = Load::new(dialect)?;
    load.askers(&server, CLIENTS, &[Ask::Unwatch])?;
    let ask = move |numbers| {
        load.run(&Work {
            numbers,
            in_flight,
            make: &make,
            lines_heard: 0,
        })
    };
    Ok(Contender::new(Rc::new(server), ask))
}
