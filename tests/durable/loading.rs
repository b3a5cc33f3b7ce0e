//! A daemon that is told to stop while it loads does so at once, and leaves the data alone.

use super::{command, daemon, folder};
use crate::common::{Daemon, Frame};
use kvmsg::journal::{Batch, Directory, How, Journal, Load, Origin, Values, recover};
use kvmsg::protocol::notice::{Change, Op};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a load is to take, about: the first line of progress comes after a second.
const LOADING: Duration = Duration::from_secs(4);

/// How many changes show how fast this machine loads, and how many there are at most.
const PROBE: u64 = 100_000;
const CHANGES_MAX: u64 = 20_000_000;

/// How many of them stand in a frame.
const TOGETHER: u64 = 1000;

/// What is said on standard output, whenever it ends in order.
const REPORT: &str = "Shutting down server...\n\
                      Active connections: 0\n\
                      Dropped connections: 0\n\
                      Requests answered: 0\n\
                      Notices delivered: 0\n\
                      Notices lost: 0\n\
                      Server shutdown complete\n";

/// Takes in nothing.
struct Nothing;

impl Load for Nothing {
    fn series(&mut self, _: u64, _: u64) {}

    fn held(&mut self, _: &[u8], _: Values<'_>, _: bool) {}

    fn change(&mut self, _: &Change<'_>, _: How) -> bool {
        true
    }

    fn progress(&mut self, _: u64, _: u64) -> bool {
        true
    }
}

/// How many changes take so long to load.
fn changes() -> u64 {
    let folder = folder();
    fill(folder.path(), PROBE);
    // The quickest of some: what else the machine does must not make it look slow.
    let probe = || {
        let begun = Instant::now();
        daemon(folder.path(), &[]);
        begun.elapsed()
    };
    let quickest = (0..3).map(|_| probe()).min().expect("there are some");
    let times = LOADING.as_secs_f64() / quickest.as_secs_f64();
    let changes = (PROBE as f64 * times.max(1.0)) as u64;
    changes.next_multiple_of(TOGETHER).min(CHANGES_MAX)
}

/// Writes what a daemon would, had it been asked for so many changes.
fn fill(folder: &Path, changes: u64) {
    let directory = Directory::open(folder).expect("it is there");
    let recovered = recover(&directory, &mut Nothing).expect("it is empty");
    let origin = Origin {
        epoch: 1,
        always: false,
        segment_bytes: 16 << 20,
    };
    let mut journal = Journal::begin(directory, &recovered, origin).expect("it can be written");
    let mut batch = Batch::new();
    for revision in 1..=changes {
        let key = format!("key-{revision}");
        batch.push(&Change {
            revision,
            op: Op::Put,
            key: key.as_bytes().into(),
            old: None,
            new: Some(b"value"[..].into()),
        });
        if revision % TOGETHER == 0 {
            journal.append(&mut batch).expect("there is room");
            batch.clear(1 << 20);
        }
    }
    journal.close().expect("there is room");
}

/// What the files of a folder hold, by their names.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let content = |entry: fs::DirEntry| {
        let content = fs::read(entry.path()).expect("it can be read");
        (entry.file_name().to_string_lossy().into_owned(), content)
    };
    entries.map(content).collect()
}

/// Has a daemon load a folder, and stops it meanwhile; returns how long that took.
fn stop_amid(folder: &Path, signal: Signal) -> Duration {
    let daemon = Daemon::begin(command(folder, &["--clients-max", "16"]));
    daemon.wait_for_log("loading, ");
    let begun = Instant::now();
    daemon.signal(signal);
    let (ended, log) = daemon.wait_with_log();
    let took = begun.elapsed();
    assert_eq!(ended.status.code(), Some(0), "{log:#?}");
    assert_eq!(ended.output, REPORT);
    let expected = format!(
        "kvmsgd: {}: loading was stopped, and nothing in the folder has been changed",
        folder.display()
    );
    let (last, before) = log.split_last().expect("it says why it ends");
    assert_eq!(*last, expected);
    let is_progress = |line: &String| line.contains(": loading, ");
    assert!(before.iter().all(is_progress), "one line: {log:#?}");
    took
}

#[test]
fn a_signal_during_loading_ends_it_at_once_and_changes_nothing_in_the_folder() {
    let (folder, changes) = (folder(), changes());
    fill(folder.path(), changes);
    let before = contents(folder.path());
    let stopped = [Signal::TERM, Signal::INT].map(|signal| stop_amid(folder.path(), signal));
    let after = contents(folder.path());
    let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    assert!(after == before, "the files hold what they held");

    let begun = Instant::now();
    let running = daemon(folder.path(), &[]);
    let whole = begun.elapsed();
    let slowest = stopped.into_iter().max().expect("there are two");
    assert!(slowest < whole / 4, "{slowest:?} of {whole:?}");
    let stats = running.stats();
    assert_eq!(stats.get("revision"), changes);
    assert_eq!(stats.get("keys"), changes);
    let mut client = running.connect();
    let last = format!("key-{changes}");
    client.send_frame(&[b"GET", last.as_bytes()]);
    assert_eq!(client.frame(), Frame::Array(vec![Frame::bulk("value")]));
}
