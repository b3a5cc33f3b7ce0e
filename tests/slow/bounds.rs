//! Tests that what waits for a client that does not read is bounded in bytes, and holds one notice.

use crate::common::talker::{Heard, Talker};
use crate::common::{Client, Daemon, Frame, until};
use crate::{SHORT, Writer, catch_up, slow, sum};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

#[test]
fn large_notices_that_wait_are_bounded_in_bytes() {
    let daemon = Daemon::start(&SHORT);
    let mut writer = Talker::connect(&daemon, true);
    let mut client = slow(&daemon, true);
    let value = "x".repeat(300 * KIB);
    let (put, delete) = (
        writer.bytes(&format!("PUT:k:{value}")),
        writer.bytes("DELETE:k"),
    );
    let (mut made, mut held_before) = (0, 0);
    for round in 0..300 {
        writer.client.send(&put);
        writer.client.send(&delete);
        for _ in 0..2 {
            made += 1;
            assert_eq!(writer.hear(), Heard::Reply(Frame::Integer(made)));
        }
        let held = writer.stats().get("clients_bytes") as usize;
        assert!(held < 512 * KIB, "{held} bytes wait after {made} changes");
        match round {
            30 => held_before = daemon.resident_bytes(),
            299 => {
                let held = daemon.resident_bytes();
                assert!(held < held_before + 16 * MIB, "{held_before}, then {held}");
            }
            _ => {}
        }
    }
    let lost = catch_up(&mut client, 0, made as u64);
    assert!(sum(&lost) > 100, "{lost:?}");
    assert_eq!(writer.stats().get("notices_lost"), sum(&lost));
}

#[test]
fn one_notice_always_fits_and_then_no_other() {
    let daemon = Daemon::start(&["--outbox-bytes-max", "65536", "--history-bytes", "0"]);
    let mut writer = Talker::connect(&daemon, true);
    let mut client = slow(&daemon, true);
    let value = "x".repeat(7 * MIB);
    writer.ask(&format!("PUT:large:{value}"));
    (0..10).for_each(|_| _ = writer.ask("PUT:k:v"));
    let Heard::Change(op, key, Some((revision, values))) = client.hear() else {
        panic!("a notice")
    };
    assert_eq!((op.as_str(), key.as_str(), revision), ("PUT", "large", 1));
    assert!(values == [value.into_bytes()]);
    assert_eq!(client.hear(), Heard::Lost(2, 11));
    assert_eq!(writer.stats().get("notices_lost"), 10);
    writer.ask("PUT:k:w");
    assert_eq!(client.hear().change(), ("k", Some(12)));
}

#[test]
fn a_value_longer_than_the_whole_history_is_told_live_and_otherwise_lost() {
    for framed in [false, true] {
        let daemon = Daemon::start(&SHORT);
        let mut writer = Writer::new(&daemon);
        let mut live = Talker::watching(&daemon, framed);
        let mut behind = slow(&daemon, framed);
        writer.go_on_until_behind(std::slice::from_mut(&mut live));
        let value = "x".repeat(100 * KIB);
        let long = writer.made + 1;
        writer.talker.ask(&format!("PUT:long:{value}"));
        let told = framed.then(|| (long, vec![value.into_bytes()]));
        let expected = Heard::Change("PUT".to_owned(), "long".to_owned(), told);
        assert_eq!(live.hear(), expected);

        // It has pushed all others out of the history, and does not stand there itself.
        let stats = writer.talker.stats();
        assert_eq!(stats.get("history_bytes"), 0);
        assert_eq!(stats.get("history_first_revision"), long + 1);
        let mut resumed = Talker::connect(&daemon, true);
        let epoch = &stats.0["epoch"];
        let gone = format!("GONE oldest {} epoch {epoch}", long + 1);
        for since in [0, long - 1] {
            let answer = resumed.ask(&format!("WATCH::SINCE:{epoch}:{since}"));
            assert_eq!(answer, Heard::Reply(Frame::Error(gone.clone())));
        }
        let answer = resumed.ask(&format!("WATCH::SINCE:{epoch}:{long}"));
        assert!(
            matches!(answer, Heard::Reply(Frame::Array(_))),
            "{answer:?}"
        );
        let lost = catch_up(&mut behind, 0, long);
        assert!(matches!(lost[..], [(_, last)] if last == long), "{lost:?}");

        // Everybody hears what comes after it.
        writer.made = long;
        writer.step(&mut [live, behind, resumed]);
        assert_eq!(writer.talker.stats().get("notices_lost"), sum(&lost));
    }
}

/// How many watchers stop to read.
const STOPPED: usize = 30;

#[test]
fn watchers_that_have_stopped_cost_their_share_of_notices_and_one_history() {
    const HISTORY: usize = 8 * MIB;
    let daemon = Daemon::start(&["--history-bytes", "8388608"]);
    let mut writer = Talker::connect(&daemon, true);
    let stopped: Vec<Talker> = (0..STOPPED)
        .map(|n| {
            let client = Client::connect_narrow(daemon.address);
            let mut client = Talker::new(client, n % 2 == 0);
            client.watch();
            client
        })
        .collect();
    let before = daemon.resident_bytes();
    // Four times what the history holds, and nothing of it stays in the store.
    let put = writer.bytes(&format!("PUT:{}:{}", "k".repeat(1000), "v".repeat(3000)));
    let delete = writer.bytes(&format!("DELETE:{}", "k".repeat(1000)));
    let batch = [put, delete].concat().repeat(50);
    for _ in 0..140 {
        writer.client.send(&batch);
        (0..100).for_each(|_| _ = writer.hear());
    }
    let stats = writer.stats();
    let taken = daemon.resident_bytes().saturating_sub(before);
    let (held, history) = (stats.get("clients_bytes"), stats.get("history_bytes"));
    println!("{STOPPED} stopped: {taken} bytes, {held} in buffers, {history} in the history");
    assert!(history as usize > HISTORY * 9 / 10 && history as usize <= HISTORY);
    let share = 64 * KIB + 4 * KIB;
    assert!(
        held as usize > STOPPED * 32 * KIB && (held as usize) < STOPPED * share,
        "{held}"
    );
    // The allocator may hold as much again.
    assert!(taken < 2 * (HISTORY + STOPPED * share), "{taken}");
    drop(stopped);
    let gone = || (writer.stats().get("clients_bytes") < 64 * KIB as u64).then_some(());
    until("what they held to be given back", gone);
}
