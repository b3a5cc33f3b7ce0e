//! PUT to servers that keep their data on the disk: requests a second, and processor time for each.

use crate::bench::{Bench, Found};
use crate::contest::{Speed, contest};
use crate::folder::Folder;
use crate::keeping::{Keeping, Rewrite, Sync};
use crate::redis_benchmark::Verb;
use crate::throughput::{contender, faster, load, speeds};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

pub(crate) fn always_1(bench: &Bench) -> Found {
    compare(bench, Sync::Always, 1, 60_000)
}

pub(crate) fn always_16(bench: &Bench) -> Found {
    compare(bench, Sync::Always, 16, 400_000)
}

pub(crate) fn always_64(bench: &Bench) -> Found {
    compare(bench, Sync::Always, 64, 800_000)
}

pub(crate) fn interval_1(bench: &Bench) -> Found {
    compare(bench, Sync::Interval, 1, 100_000)
}

pub(crate) fn interval_16(bench: &Bench) -> Found {
    compare(bench, Sync::Interval, 16, 750_000)
}

pub(crate) fn interval_64(bench: &Bench) -> Found {
    compare(bench, Sync::Interval, 64, 1_000_000)
}

/// Changes are first synced a second after the start, by a clock: so long is waited at most that
/// it happens under the load, however short that is.
const BEFORE_SYNC: Duration = Duration::from_millis(900);

/// Puts into servers that have just started, each in a new folder, so that keys are created.
fn compare(bench: &Bench, sync: Sync, in_flight: usize, requests: u64) -> Found {
    let load = load(bench, Verb::Put, in_flight, requests);
    let keeping = Keeping {
        sync,
        rewrite: Rewrite::Default,
    };
    let sides = [&bench.ours, &bench.theirs];
    let rounds: Vec<[Speed; 2]> = contest(bench, load.requests, |turn| {
        let folder = Folder::new(&bench.out)?;
        let server = keeping.start(sides[turn], &folder, &[])?;
        // All have started then.
        if sync == Sync::Interval && turn == sides.len() - 1 {
            thread::sleep(BEFORE_SYNC.min(bench.form.settle));
        }
        let contender = contender(bench, load, 1, sides[turn], Rc::new(server))?;
        Ok(contender.with(folder))
    })?;
    Ok(speeds(bench, &rounds, faster(1.2)))
}
