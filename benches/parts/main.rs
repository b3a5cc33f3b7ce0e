//! Measures the parts that every request passes, each by itself, so that a loss of speed can be
//! found by part.
//!
//! `cargo bench --bench parts` measures all of them and compares with the run before; a word
//! behind `--` chooses those whose names hold it. Every figure is for a thousand requests, unless
//! the name says otherwise.

#![forbid(unsafe_code)]

mod feed;
mod protocol;
mod store;

use criterion::{Criterion, Throughput};
use kvmsg::store::{Limits, Store};
use std::time::Duration;

/// How many requests one turn of a benchmark makes.
const REQUESTS: usize = 1000;

/// A key of 16 bytes that stands for a number, as random as its hash.
fn key(number: usize) -> [u8; 16] {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key.copy_from_slice(format!("{:016x}", mixed ^ (mixed >> 29)).as_bytes());
    key
}

const VALUE: &[u8] = &[b'v'; 16];

/// A store that holds whatever is put into it.
fn empty_store() -> Store {
    let limits = Limits {
        values_bytes_max: 1 << 30,
        store_bytes_max: 0,
    };
    Store::new(limits, 1)
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(50)
        .configure_from_args();
    let parts: [Part; 4] = [
        ("parser", protocol::parse),
        ("encoder", protocol::encode),
        ("store", store::store),
        ("fan-out", feed::fan_out),
    ];
    for (name, part) in parts {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(REQUESTS as u64));
        part(&mut group);
        group.finish();
    }
    criterion.final_summary();
}

/// A part's name, and what measures it.
type Part = (&'static str, fn(&mut Group));

/// The benchmarks of one part.
type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;
