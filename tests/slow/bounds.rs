//! Tests that what waits for a client that does not read is bounded in bytes, and holds one notice.

use crate::common::talker::{Heard, Talker};
use crate::common::{Daemon, Frame};
use crate::{SHORT, catch_up, slow, sum};

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
