//! What a connection and a key take of memory that is resident.

use crate::bench::{Bench, Found};
use crate::fill::fill;
use crate::finding::Goal;
use crate::load::connect;
use crate::report::grouped;
use crate::server::{Server, Side};
use crate::wire::Ask;
use std::thread;

/// No history: it would be counted as memory of the keys.
pub(crate) const NO_HISTORY: [&str; 2] = ["--history-bytes", "0"];

/// Bytes a connection that has asked once and asks no more.
pub(crate) fn idle(bench: &Bench) -> Found {
    let count = bench.form.crowd;
    let rounds = bench.once(|side| {
        grown(side, &[], count, |server| {
            let idle = connect(server, server.dialect, count, |_, say| say(Ask::Ping))?;
            thread::sleep(bench.form.settle);
            Ok(idle)
        })
    })?;
    let label = format!("{} of them: memory", grouped(&count.to_string()));
    let goal = Goal::AtMost(0.6, None);
    Ok(vec![bench.finding(
        (&label, "bytes each"),
        &rounds,
        |bytes| *bytes,
        goal,
    )])
}

pub(crate) fn keys(bench: &Bench) -> Found {
    filled(bench, 1_000_000, 1)
}

pub(crate) fn values(bench: &Bench) -> Found {
    filled(bench, 100_000, 10)
}

fn filled(bench: &Bench, keys: u64, values: usize) -> Found {
    let keys = keys.min(bench.form.keys);
    let rounds = bench.once(|side| {
        grown(side, &NO_HISTORY, keys as usize, |server| {
            fill(server, 0..keys, values, 16)
        })
    })?;
    let label = format!("{} of them: memory", grouped(&keys.to_string()));
    let goal = Goal::AtMost(0.5, None);
    Ok(vec![bench.finding(
        (&label, "bytes each"),
        &rounds,
        |bytes| *bytes,
        goal,
    )])
}

/// By how much a server grows when it is given so many of something, for each of them.
fn grown<T>(
    side: &Side,
    flags: &[&str],
    count: usize,
    give: impl FnOnce(&Server) -> Result<T, String>,
) -> Result<f64, String> {
    let server = side.start(flags)?;
    let before = server.resident()?;
    let given = give(&server)?;
    let bytes = (server.resident()? - before) / count as f64;
    drop(given);
    Ok(bytes)
}
