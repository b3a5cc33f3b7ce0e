//! Plants faults, in records and on the disk, to see that each check can fail.

use crate::check::{Loss, Promise, check};
use crate::record::{Answer, Audit, Change, Heard, Life, Place, Sent, State};
use crate::world::{End, Habits, World};
use kvmsg::client::Op;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn put(client: &str, number: u64) -> Change {
    Change {
        op: Op::Put,
        key: "key".to_owned(),
        values: vec![format!("{client}.{number} ")],
    }
}

fn sent(change: Change, answer: Option<Answer>) -> Sent {
    Sent { change, answer }
}

/// A life in which everything went well: what was before it, what happened, and what is after it.
/// Client a was answered 1 and 2, client b has 3 in flight.
fn good() -> (Audit, Life, Audit) {
    let changes = [put("a", 1), put("a", 2), put("b", 1)];
    let told: Vec<_> = (1..).zip(changes.iter().cloned()).collect();
    let mut state = State::new();
    for change in &changes {
        assert!(change.apply(&mut state));
    }
    let epoch = "0123456789abcdef".to_owned();
    let before = Audit {
        epoch: epoch.clone(),
        ..Audit::default()
    };
    let answered = |change, revision| sent(change, Some(Answer::Revision(revision)));
    let place = |revision| Place {
        epoch: epoch.clone(),
        revision,
    };
    let heard = |since, range: std::ops::Range<usize>, end| Heard {
        since: place(since),
        gone: false,
        told: told[range].to_vec(),
        end,
        lost: Vec::new(),
    };
    let life = Life {
        sent: vec![
            vec![answered(put("a", 1), 1), answered(put("a", 2), 2)],
            vec![sent(put("b", 1), None), sent(put("b", 2), None)],
        ],
        read: vec!["a.1 ".to_owned()],
        heard: vec![heard(0, 0..1, None), heard(1, 1..3, Some(3))],
        died: false,
        synced: 2,
    };
    let after = Audit {
        epoch: epoch.clone(),
        revision: 3,
        state,
        told,
    };
    (before, life, after)
}

/// Which promises a record breaks.
fn broken(spoil: impl FnOnce(&mut Audit, &mut Life, &mut Audit)) -> BTreeSet<Promise> {
    let (mut before, mut life, mut after) = good();
    spoil(&mut before, &mut life, &mut after);
    let violations = check(&before, &life, &after, Loss::Nothing);
    violations
        .iter()
        .map(|violation| violation.promise)
        .collect()
}

#[test]
fn a_good_record_breaks_no_promise_and_each_fault_breaks_its_own() {
    assert_eq!(broken(|_, _, _| {}), BTreeSet::new());
    type Spoil = fn(&mut Audit, &mut Life, &mut Audit);
    let faults: [(Promise, &str, Spoil); 18] = [
        (
            Promise::Answered,
            "the last answered change is lost",
            |_, _, after| {
                after.told.truncate(1);
                after.revision = 1;
            },
        ),
        (
            Promise::Answered,
            "an answered change is another",
            |_, _, after| {
                after.told[1].1 = put("a", 9);
            },
        ),
        (
            Promise::Answered,
            "what was synced is lost",
            |_, life, _| life.synced = 4,
        ),
        (Promise::Sent, "a change from nowhere", |_, _, after| {
            after.told.push((4, put("c", 1)));
            after.revision = 4;
        }),
        (
            Promise::Sent,
            "a change in flight is there twice",
            |_, _, after| {
                after.told.push((4, put("b", 1)));
                after.revision = 4;
            },
        ),
        (Promise::Sent, "a change is half there", |_, life, after| {
            life.heard.clear();
            after.told[2].1.values[0].truncate(2);
        }),
        (
            Promise::Order,
            "the second in flight, without the first",
            |_, life, after| {
                life.heard.clear();
                after.told[2].1 = put("b", 2);
            },
        ),
        (
            Promise::Order,
            "what was in flight comes before what was answered",
            |_, life, _| {
                let answer = Some(Answer::Revision(7));
                life.sent[1].insert(0, sent(put("b", 0), answer));
            },
        ),
        (Promise::Order, "answers out of order", |_, life, _| {
            life.sent[0].swap(0, 1)
        }),
        (Promise::Same, "a hole in the middle", |_, life, after| {
            after.told.remove(2);
            life.heard.clear();
        }),
        (
            Promise::Same,
            "a watcher was told otherwise",
            |_, life, _| {
                life.heard[0].told[0].1 = put("a", 2);
            },
        ),
        (Promise::State, "a key lacks a value", |_, _, after| {
            after.state.get_mut("key").unwrap().pop();
        }),
        (Promise::State, "values in another order", |_, _, after| {
            after.state.get_mut("key").unwrap().swap(0, 1);
        }),
        (
            Promise::Revision,
            "a later revision was told",
            |_, life, _| {
                life.heard[1].told.push((4, put("b", 2)));
                life.heard[1].end = Some(4);
            },
        ),
        (Promise::Revision, "another series", |_, _, after| {
            after.epoch.clear()
        }),
        (
            Promise::Read,
            "somebody read what is not there",
            |_, life, _| {
                life.read.push("b.2 ".to_owned());
            },
        ),
        (Promise::Resumed, "a watcher is sent away", |_, life, _| {
            life.heard[1].gone = true
        }),
        (
            Promise::Resumed,
            "a watcher misses a change",
            |_, life, _| {
                life.heard[1].told.remove(0);
            },
        ),
    ];
    for (promise, what, spoil) in faults {
        let broken = broken(spoil);
        assert!(broken.contains(&promise), "{what}: {broken:?}");
    }
    let refused = broken(|_, life, _| {
        life.sent[0][0].answer = Some(Answer::Refused("full".to_owned()));
    });
    assert!(refused.contains(&Promise::Accepted));
}

/// Overwrites the second half of the last segment's frames with zeros, as if they had never been
/// written.
fn take_last_frames(world: &World) {
    let names = fs::read_dir(world.folder()).unwrap().map(Result::unwrap);
    let segments = names.map(|entry| entry.path());
    let mut segments: Vec<_> = segments
        .filter(|path| path.to_string_lossy().contains("/journal-"))
        .collect();
    segments.sort();
    let half = |path: &PathBuf| {
        let content = fs::read(path).unwrap();
        let frames: Vec<_> = memchr::memmem::find_iter(&content, b"\xf5kv").collect();
        let at = *frames.get(frames.len() / 2)?;
        Some((path.clone(), content, at))
    };
    let (path, mut content, at) = segments.iter().rev().find_map(half).expect("a frame");
    content[at..].fill(0);
    fs::write(path, content).unwrap();
}

#[test]
fn changes_taken_from_the_disk_are_missed() {
    let habits = Habits {
        sync: "always",
        snapshots: false,
        power: false,
    };
    let mut world = World::new(habits, 3);
    // So many that the second half cannot all have been in flight.
    let (_, violations) = world.live(End::Kill(400), take_last_frames);
    let found = |promise| {
        violations
            .iter()
            .any(|violation| violation.promise == promise)
    };
    assert!(found(Promise::Answered), "{violations:?}");
    assert!(found(Promise::Revision), "{violations:?}");
}
