//! A full device, a failing one, and the threads around them.

use super::model::{Habits, Life, Loaded, Step, Story, load};
use super::sim::Sim;
use crate::journal::header::HEADER_BYTES;
use crate::journal::*;
use crate::protocol::notice::Op;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const ORIGIN: Origin = Origin {
    epoch: 7,
    always: true,
    segment_bytes: 4096,
};

/// With files of 256 blocks of a filesystem.
const LARGE: Origin = Origin {
    segment_bytes: 1 << 20,
    ..ORIGIN
};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn put(revision: u64, length: usize) -> Step {
    Step {
        op: Op::Put,
        key: revision.to_string().into_bytes(),
        old: Vec::new(),
        new: vec![b'x'; length],
    }
}

fn batch(revision: u64, length: usize) -> Batch {
    let mut batch = Batch::new();
    batch.push(&put(revision, length).entry(revision));
    batch
}

fn journal(folder: &Sim) -> Journal<Sim> {
    journal_of(folder, ORIGIN)
}

fn journal_of(folder: &Sim, origin: Origin) -> Journal<Sim> {
    let recovered = recover(folder, &mut Loaded::default()).unwrap();
    Journal::begin(folder.clone(), &recovered, origin).unwrap()
}

#[test]
fn what_has_no_room_is_written_when_there_is() {
    let folder = Sim::new();
    let mut journal = journal(&folder);
    folder.set_room(Some(folder.bytes()));
    let mut revision = 0;
    let mut refused = loop {
        let mut next = batch(revision + 1, 500);
        match journal.append(&mut next) {
            Ok(last) => revision = last,
            Err(error) => {
                assert!(matches!(error, Error::Full { .. }), "{error}");
                break next;
            }
        }
    };
    assert!(revision > 3);
    assert!(matches!(
        journal.append(&mut refused),
        Err(Error::Full { .. })
    ));
    assert!(matches!(
        journal.shared().prepare(),
        Err(Error::Full { .. })
    ));
    assert!(journal.shared().room().is_full);
    let (recovered, _) = load(&folder.killed()).unwrap();
    assert_eq!((recovered.revision, recovered.cut), (revision, None));

    folder.set_room(None);
    journal.shared().prepare().unwrap();
    assert!(!journal.shared().room().is_full);
    assert_eq!(journal.append(&mut refused).unwrap(), revision + 1);
    let (recovered, loaded) = load(&folder.killed()).unwrap();
    assert_eq!(recovered.revision, revision + 1);
    assert_eq!(loaded.keys.len() as u64, revision + 1);
}

#[test]
fn a_change_longer_than_a_segment_has_one_of_its_own() {
    let folder = Sim::new();
    let mut journal = journal(&folder);
    journal.shared().prepare().unwrap();
    for (revision, length) in [(1, 10), (2, 100_000), (3, 10), (4, 5000)] {
        journal.append(&mut batch(revision, length)).unwrap();
    }
    let (recovered, loaded) = load(&folder.killed()).unwrap();
    assert_eq!(recovered.revision, 4);
    assert_eq!(loaded.keys[&b"2"[..]], [vec![b'x'; 100_000]]);
}

#[test]
fn where_a_short_batch_goes_zeros_have_been_written_before() {
    for always in [true, false] {
        let folder = Sim::new();
        let mut journal = journal_of(&folder, Origin { always, ..LARGE });
        let before = folder.first_writes();
        for revision in 1..=5000 {
            journal.append(&mut batch(revision, 200)).unwrap();
        }
        // They fill more than one file, and 64 KiB of it at a time.
        let first = folder.first_writes() - before;
        match always {
            true => assert!((20..=50).contains(&first), "{first}"),
            false => assert!(first > 256, "{first}"),
        }
        let (recovered, loaded) = load(&folder.killed()).unwrap();
        assert_eq!((recovered.revision, recovered.cut), (5000, None));
        assert_eq!(loaded.keys.len(), 5000);
    }
}

#[test]
fn a_long_batch_is_written_once() {
    let folder = Sim::new();
    let mut journal = journal_of(&folder, LARGE);
    let before = folder.operations();
    for revision in 1..=5 {
        journal.append(&mut batch(revision, 70_000)).unwrap();
    }
    assert_eq!(folder.operations() - before, 5);
}

#[test]
fn nothing_is_written_after_a_sync_that_failed() {
    let folder = Sim::new();
    let mut journal = journal(&folder);
    journal.append(&mut batch(1, 10)).unwrap();
    folder.fail_syncs();
    let first = journal.shared().sync().unwrap_err().to_string();
    let expected = "cannot sync data/journal-0000000001: ";
    assert!(first.starts_with(expected), "{first}");
    for error in [
        journal.append(&mut batch(2, 10)).unwrap_err(),
        journal.shared().sync().unwrap_err(),
    ] {
        // Who hears of it now may be the first.
        assert_eq!(error.to_string(), first);
    }
}

#[test]
fn what_was_deleted_is_given_back() {
    let folder = Sim::new();
    let mut story = Story::default();
    let habits = Habits {
        always: false,
        snapshots: true,
        history: 10,
        long_values: true,
    };
    let (recovered, loaded) = load(&folder).unwrap();
    let mut life = Life::begin(&folder, &recovered, loaded.keys, habits, 1).unwrap();
    life.go_on(3000, &mut story).unwrap();
    // Six keys that hold a few values of 700 bytes at most; some 3 MB have been written.
    assert!(folder.bytes() < 150_000, "{}", folder.bytes());
    let usage = life.journal.shared().usage();
    assert!(usage.folder <= folder.bytes() as u64, "{usage:?}");
    let (recovered, loaded) = load(&folder.killed()).unwrap();
    assert_eq!(loaded.keys, story.keys(recovered.revision));
    assert_eq!(recovered.revision, story.told);
}

#[test]
fn commits_are_told_when_they_are_on_the_disk() {
    let folder = Sim::new();
    let (told, commits) = channel();
    let thread = Commits::start(journal(&folder), true, move |commit| {
        told.send(commit).unwrap();
    });
    let thread = thread.unwrap();
    for expected in 1..=20 {
        assert!(thread.submit(batch(expected, 300)));
        match commits.recv_timeout(PATIENCE).unwrap() {
            Commit::Done {
                revision, batch, ..
            } => assert!(revision == expected && batch.is_empty()),
            other => panic!("{other:?}"),
        }
        let (recovered, _) = load(&folder.without_power(None)).unwrap();
        assert!(recovered.revision == expected && recovered.is_certain);
    }
    thread.close().unwrap();
    assert!(load(&folder.without_power(None)).unwrap().0.is_certain);
}

#[test]
fn a_commit_without_room_waits_for_it_and_says_so() {
    let folder = Sim::new();
    let (told, commits) = channel();
    let thread = Commits::start(journal(&folder), true, move |commit| {
        told.send(commit).unwrap();
    });
    let thread = thread.unwrap();
    folder.set_room(Some(folder.bytes()));
    assert!(thread.submit(batch(1, 10_000)));
    assert!(matches!(
        commits.recv_timeout(PATIENCE).unwrap(),
        Commit::Full
    ));
    folder.set_room(None);
    let done = commits.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(done, Commit::Done { revision: 1, .. }), "{done:?}");
    thread.close().unwrap();
}

#[test]
fn a_disk_that_fails_is_told_and_nothing_more_is_taken() {
    let folder = Sim::new();
    let (told, commits) = channel();
    let thread = Commits::start(journal(&folder), true, move |commit| {
        told.send(commit).unwrap();
    });
    let thread = thread.unwrap();
    folder.fail_syncs();
    assert!(thread.submit(batch(1, 10)));
    assert!(matches!(
        commits.recv_timeout(PATIENCE).unwrap(),
        Commit::Failed(_)
    ));
    assert!(matches!(thread.close(), Err(Error::Failed { .. })));
}

#[test]
fn the_upkeep_syncs_sets_files_aside_and_writes_snapshots() {
    let folder = Sim::new();
    let mut journal = journal(&folder);
    let (told, outcomes) = channel();
    let interval = Some(Duration::from_millis(1));
    let upkeep = Upkeep::start(journal.shared(), interval, move |outcome| {
        // Nobody listens any more at the end.
        let _ = told.send(outcome);
    });
    let upkeep = upkeep.unwrap();
    journal.append(&mut batch(1, 10)).unwrap();
    let ask = |task| {
        let mut task = Some(task);
        while let Some(again) = task.and_then(|task| upkeep.ask(task)) {
            outcomes.recv_timeout(PATIENCE).unwrap();
            task = Some(again);
        }
    };
    ask(Task::Begin {
        epoch: 7,
        revision: 1,
    });
    let mut slice = Slice::new(1);
    slice.push(b"1", [&[b'x'; 10][..]].into_iter(), false);
    ask(Task::Slice(slice));
    ask(Task::Finish { revision: 1 });
    journal.shared().set_history_first(2);
    let (mut is_synced, mut is_whole) = (false, false);
    while !(is_synced && is_whole) {
        match outcomes.recv_timeout(PATIENCE).unwrap() {
            Outcome::Synced { revision, .. } => is_synced |= revision == 1,
            Outcome::Snapshot => is_whole = true,
            Outcome::Slice | Outcome::Room => {}
            other => panic!("{other:?}"),
        }
    }
    let end = Instant::now() + PATIENCE;
    while journal.shared().is_without_spare() {
        assert!(Instant::now() < end, "no file is set aside");
        std::thread::yield_now();
    }
    upkeep.stop();
    let (recovered, loaded) = load(&folder.without_power(None)).unwrap();
    assert_eq!((recovered.revision, loaded.keys.len()), (1, 1));
    assert!(
        folder
            .names()
            .unwrap()
            .contains(&"snapshot-00000000000000000001".to_owned())
    );
}

#[test]
fn a_snapshot_for_which_there_is_no_room_leaves_nothing_behind() {
    let folder = Sim::new();
    let journal = journal(&folder);
    journal.shared().prepare().unwrap();
    let (told, outcomes) = channel();
    let upkeep = Upkeep::start(journal.shared(), None, move |outcome| {
        told.send(outcome).unwrap();
    });
    let upkeep = upkeep.unwrap();
    let before = folder.names().unwrap();
    let (epoch, revision) = (7, 0);
    // There is none for its beginning, and then none for its end.
    for room in [0, HEADER_BYTES + 10] {
        folder.set_room(Some(folder.bytes() + room));
        assert!(upkeep.ask(Task::Begin { epoch, revision }).is_none());
        if room > 0 {
            assert!(upkeep.ask(Task::Finish { revision }).is_none());
        }
        match outcomes.recv_timeout(PATIENCE).unwrap() {
            Outcome::NoSnapshot(Error::Full { path }) => assert!(path.contains("snapshot-")),
            other => panic!("{other:?}"),
        }
        assert_eq!(folder.names().unwrap(), before);
    }
    upkeep.stop();
}
