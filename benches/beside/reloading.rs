//! How long a server that has kept its data takes from the start of its process to its first reply.

use crate::bench::{Bench, Found};
use crate::fill::{exchange, fill};
use crate::finding::{Finding, Goal};
use crate::folder::Folder;
use crate::keeping::{Keeping, Rewrite, Sync, written_anew};
use crate::report::grouped;
use crate::server::{Kind, PATIENCE, Server, Side};
use crate::wire::{self, Ask};
use std::thread;
use std::time::{Duration, Instant};

/// How many of the keys are asked for, to see that they are there.
const ASKED: u64 = 100;

/// The time between two looks at whether the AOF has been rewritten.
const LOOK: Duration = Duration::from_millis(10);

const KEEPING: Keeping = Keeping {
    sync: Sync::Interval,
    rewrite: Rewrite::Never,
};

/// Beside redis-server with an AOF of all that was asked of it, and with one that was rewritten.
pub(crate) fn start(bench: &Bench) -> Found {
    let (keys, theirs) = (bench.form.filled, &bench.theirs);
    let [ours, asked] = [&bench.ours, theirs].map(|side| filled(bench, side, keys, false));
    let rewritten = filled(bench, theirs, keys, true);
    let folders = [ours?, asked?, rewritten?];
    let sides = [&bench.ours, theirs, theirs];
    let rounds: Vec<[f64; 3]> = bench.turns(|turn| {
        let server = KEEPING.start(sides[turn], &folders[turn], &[])?;
        check(&server, keys)?;
        Ok(server.start.as_secs_f64() * 1e3)
    })?;
    let keys = grouped(&keys.to_string());
    let finding = |beside, what, goal| {
        let label = format!("{keys} keys{what}: time");
        let finding = Finding::compare((&label, "ms"), &rounds, [0, beside], |time| *time, goal);
        finding.beside(&theirs.name)
    };
    let mut findings = vec![finding(1, "", Goal::AtMost(1.0, None))];
    if theirs.kind == Kind::Redis {
        findings.push(finding(2, ", its AOF rewritten", Goal::None));
    }
    Ok(findings)
}

/// A folder in which a server has kept so many keys. It was asked to end: redis-server, killed
/// while its AOF is being synced, loses what it has answered since that began.
fn filled(bench: &Bench, side: &Side, keys: u64, rewritten: bool) -> Result<Folder, String> {
    let folder = Folder::new(&bench.out)?;
    let server = KEEPING.start(side, &folder, &[])?;
    fill(&server, 0..keys, 1, 16)?;
    if rewritten && side.kind == Kind::Redis {
        rewrite(side, &server, &folder)?;
    }
    server.end()?;
    Ok(folder)
}

/// Has redis-server write its AOF anew, and waits until it has.
fn rewrite(side: &Side, server: &Server, folder: &Folder) -> Result<(), String> {
    let before = written_anew(side, folder);
    let mut stream = server.connect()?;
    exchange(&mut stream, b"*1\r\n$12\r\nBGREWRITEAOF\r\n", 1)?;
    let deadline = Instant::now() + PATIENCE;
    while written_anew(side, folder) == before {
        if Instant::now() > deadline {
            return Err("the AOF is not rewritten".into());
        }
        thread::sleep(LOOK);
    }
    // The file has its name; once this is answered, the list of files knows it too.
    exchange(&mut stream, b"*1\r\n$4\r\nPING\r\n", 1)
}

/// Asks for some of the keys, from the first to the last: one that is not there has a reply that
/// is too short, so that the rest is waited for in vain.
fn check(server: &Server, keys: u64) -> Result<(), String> {
    let (mut asked, mut lines) = (Vec::new(), 0);
    for number in 0..ASKED {
        let key = wire::key((keys - 1) * number / (ASKED - 1));
        lines += Ask::Get(&key, 1).say(server.dialect, &mut asked);
    }
    exchange(&mut server.connect()?, &asked, lines)
}
