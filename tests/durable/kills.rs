//! A kill, at any time, takes nothing that was answered.

use super::{SYNCS, change, daemon, folder, kill, resume, told, values};
use crate::common::{Frame, frame};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// How many clients write at once.
const CLIENTS: usize = 4;

#[test]
fn what_was_answered_survives_a_kill_whenever_it_is_synced() {
    for sync in SYNCS {
        let folder = folder();
        let flags = ["--sync", sync];
        let running = daemon(folder.path(), &flags);
        let epoch = running.stats().0["epoch"].clone();
        let mut client = running.connect();
        let words: [&[&str]; 6] = [
            &["PUT", "user", "john"],
            &["PUT", "user", "alice"],
            &["UPDATE", "user", "john", "johnsmith"],
            &["PUT", "gone", "x"],
            &["DELETE", "gone"],
            &["REMOVE", "user", "alice"],
        ];
        for (at, words) in words.iter().enumerate() {
            assert_eq!(change(&mut client, words), at as i64 + 1, "{sync}");
        }
        let long = "long".repeat(5000);
        assert_eq!(change(&mut client, &["PUT", "long", &long]), 7);
        let before = running.stats();
        assert_eq!(before.get("commits_waiting"), 0, "{sync}");
        assert_eq!(before.0["sync"], sync);
        assert!((1..=7).contains(&before.get("commits")), "{before:?}");
        assert!(before.get("data_bytes") > 0);
        kill(running);

        let running = daemon(folder.path(), &flags);
        let after = running.stats();
        for name in ["epoch", "revision", "keys", "values", "store_bytes"] {
            assert_eq!(after.0[name], before.0[name], "{sync}: {name}");
        }
        assert_eq!(after.get("history_first_revision"), 1, "{sync}");
        let mut client = running.connect();
        assert_eq!(values(&mut client, "user"), ["johnsmith"]);
        assert_eq!(values(&mut client, "long"), [long]);
        let (mut watcher, reply) = resume(&running, &epoch, 2);
        let expected = [Frame::bulk(&epoch), Frame::Integer(2)];
        assert_eq!(reply, Frame::Array(expected.to_vec()), "{sync}");
        assert_eq!(change(&mut client, &["PUT", "new", ""]), 8, "{sync}");
        let heard: Vec<_> = (3..=8).map(|_| told(&mut watcher)).collect();
        let heard: Vec<_> = heard
            .iter()
            .map(|(op, key, revision)| (&**op, &**key, *revision))
            .collect();
        let expected = [
            ("UPDATE", "user", 3),
            ("PUT", "gone", 4),
            ("DELETE", "gone", 5),
            ("REMOVE", "user", 6),
            ("PUT", "long", 7),
            ("PUT", "new", 8),
        ];
        assert_eq!(heard, expected, "{sync}");
    }
}

#[test]
fn a_kill_amid_many_changes_leaves_all_that_were_answered_and_each_client_in_its_order() {
    for sync in SYNCS {
        let folder = folder();
        let flags = ["--sync", sync];
        let mut answered = [0; CLIENTS];
        for round in 0..3 {
            let running = daemon(folder.path(), &flags);
            let is_over = AtomicBool::new(false);
            let counts = std::thread::scope(|scope| {
                let write = |client: usize| {
                    let (mut connection, first) = (running.connect(), answered[client]);
                    let is_over = &is_over;
                    scope.spawn(move || {
                        let mut next = first;
                        // Eight are under way at any time.
                        let put = |n: usize| {
                            let (key, value) = (format!("key-{client}"), n.to_string());
                            frame(&[b"PUT", key.as_bytes(), value.as_bytes()])
                        };
                        for n in next..next + 8 {
                            connection.send(put(n));
                        }
                        while !is_over.load(SeqCst) {
                            assert!(matches!(connection.frame(), Frame::Integer(_)));
                            next += 1;
                            connection.send(put(next + 7));
                        }
                        next
                    })
                };
                let writers: Vec<_> = (0..CLIENTS).map(write).collect();
                let time = Duration::from_millis(100 + 50 * round);
                std::thread::sleep(time); // a kill may come at any time
                is_over.store(true, SeqCst);
                let counts: Vec<_> = writers.into_iter().map(|one| one.join().unwrap()).collect();
                counts
            });
            kill(running);
            let running = daemon(folder.path(), &flags);
            let mut client = running.connect();
            for (at, count) in counts.iter().enumerate() {
                let held = values(&mut client, &format!("key-{at}"));
                let expected: Vec<_> = (0..held.len()).map(|n| n.to_string()).collect();
                assert_eq!(held, expected, "{sync}: in order, each once");
                assert!(held.len() >= *count, "{sync}: {} of {count}", held.len());
                assert!(held.len() <= count + 8, "{sync}: none that was never sent");
                answered[at] = held.len();
            }
            let total: usize = answered.iter().sum();
            assert_eq!(running.stats().get("revision"), total as u64, "{sync}");
            kill(running);
        }
    }
}
