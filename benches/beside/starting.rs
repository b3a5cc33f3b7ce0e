//! How long a server takes from the start of its process to its first reply.

use crate::bench::{Bench, Found};
use crate::figures::median;
use crate::finding::Goal;

/// How often each is started in a round.
const STARTS: usize = 10;

pub(crate) fn start(bench: &Bench) -> Found {
    let rounds = bench.rounds(|side| {
        let starts = (0..STARTS).map(|_| Ok(side.start(&[])?.start.as_secs_f64() * 1e3));
        let starts: Result<Vec<f64>, String> = starts.collect();
        Ok(median(&starts?))
    })?;
    let goal = Goal::AtMost(0.5, None);
    Ok(vec![bench.finding(
        ("time", "ms"),
        &rounds,
        |time| *time,
        goal,
    )])
}
