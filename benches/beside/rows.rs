//! The rows that can be measured, each with its name.

use crate::bench::{Bench, Found};
use crate::{
    durable, growth, latency, lines, memory, pauses, reloading, starting, throughput, watchers,
};

/// Something that can be measured by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// What it is chosen by.
    pub(crate) name: &'static str,
    /// What is done in it.
    pub(crate) work: &'static str,
    pub(crate) measure: fn(&Bench) -> Found,
}

const fn row(name: &'static str, work: &'static str, measure: fn(&Bench) -> Found) -> Row {
    Row {
        name,
        work,
        measure,
    }
}

/// All of them, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("put-1", "PUT, 1 in flight", throughput::put_1),
    row("get-1", "GET, 1 in flight", throughput::get_1),
    row("put-16", "PUT, 16 in flight", throughput::put_16),
    row("get-16", "GET, 16 in flight", throughput::get_16),
    row("put-64", "PUT, 64 in flight", throughput::put_64),
    row("get-64", "GET, 64 in flight", throughput::get_64),
    row(
        "get8-16",
        "GET of 8 values, 16 in flight",
        throughput::get8_16,
    ),
    row("put-1k", "PUT of 1 KiB, 16 in flight", throughput::put_1k),
    row("get-1k", "GET of 1 KiB, 16 in flight", throughput::get_1k),
    row("put-64k", "PUT of 64 KiB, 1 in flight", throughput::put_64k),
    row("get-64k", "GET of 64 KiB, 1 in flight", throughput::get_64k),
    row("lines-1", "lines, 1 in flight", lines::lines_1),
    row("lines-16", "lines, 16 in flight", lines::lines_16),
    row(
        "fan-1",
        "a change told to 100 watchers, 1 in flight",
        watchers::fan_1,
    ),
    row(
        "fan-16",
        "a change told to 100 watchers, 16 in flight",
        watchers::fan_16,
    ),
    row(
        "elsewhere",
        "PUT, 16 in flight, and a crowd that watches other prefixes",
        watchers::elsewhere,
    ),
    row(
        "stopped",
        "a write a millisecond to one of three servers, two of them with 100 watchers",
        latency::stopped,
    ),
    row(
        "greedy",
        "PING while one client pipelines PUTs without end",
        latency::greedy,
    ),
    row("idle", "idle clients", memory::idle),
    row(
        "keys-1m",
        "keys with one value of 16 bytes, no history",
        memory::keys,
    ),
    row(
        "keys-10",
        "keys with ten values of 16 bytes, no history",
        memory::values,
    ),
    row(
        "start",
        "start of the process to the first reply",
        starting::start,
    ),
    row(
        "durable-always-1",
        "PUT, 1 in flight, synced before it is answered",
        durable::always_1,
    ),
    row(
        "durable-always-16",
        "PUT, 16 in flight, synced before it is answered",
        durable::always_16,
    ),
    row(
        "durable-always-64",
        "PUT, 64 in flight, synced before it is answered",
        durable::always_64,
    ),
    row(
        "durable-interval-1",
        "PUT, 1 in flight, synced every second",
        durable::interval_1,
    ),
    row(
        "durable-interval-16",
        "PUT, 16 in flight, synced every second",
        durable::interval_16,
    ),
    row(
        "durable-interval-64",
        "PUT, 64 in flight, synced every second",
        durable::interval_64,
    ),
    row(
        "durable-start",
        "start of the process to the first reply, with data on the disk",
        reloading::start,
    ),
    row(
        "durable-pause",
        "a request a millisecond while snapshots are written under load",
        pauses::pause,
    ),
    row(
        "growth-clients",
        "GET, 1 in flight, more and more clients",
        growth::clients,
    ),
    row(
        "growth-keys",
        "GET, 16 in flight, more and more keys",
        growth::keys,
    ),
];

/// Those that are meant: a word chooses the row of that name, and those whose names begin with it
/// and a dash. No words choose all.
///
/// # Errors
///
/// Names a word that chooses nothing, and what there is.
pub(crate) fn choose(words: &[String]) -> Result<Vec<Row>, String> {
    let chosen = |row: &Row, word: &String| {
        let rest = row.name.strip_prefix(word.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let useless = words
        .iter()
        .find(|word| !ROWS.iter().any(|row| chosen(row, word)));
    if let Some(word) = useless {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(format!("no row {word:?}; there are {}", names.join(" ")));
    }
    let rows = ROWS.iter().copied();
    Ok(rows
        .filter(|row| words.is_empty() || words.iter().any(|word| chosen(row, word)))
        .collect())
}
