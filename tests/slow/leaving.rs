//! Tests a slow client that ends its sending side: it still gets all it is owed, then the end.

use crate::common::Daemon;
use crate::common::talker::{Heard, Talker};
use crate::{SHORT, Writer, range, slow, sum};

/// Half-closes a client that is behind, after requests; returns the ranges that it lost, and the
/// writer.
fn half_close(daemon: &Daemon, framed: bool) -> (Vec<(u64, u64)>, Talker) {
    let mut writer = Writer::new(daemon);
    let mut client = slow(daemon, framed);
    writer.go_on_until_behind(&mut []);
    for request in ["PING", "PUT:own:1", "PING"] {
        client.send(request);
    }
    client.client.end();
    let own = writer.made + 1;
    let executed = || (writer.talker.stats().get("revision") == own).then_some(());
    crate::common::until("its requests to be executed", executed);
    // These are made when it has left, or nearly so.
    writer.made = own;
    writer.step(&mut []);

    let (heard, mut told, mut lost) = (client.hear_all(), 0, Vec::new());
    let is_reply = |heard: &&Heard| matches!(heard, Heard::Reply(_));
    assert_eq!(heard.iter().filter(is_reply).count(), 3);
    for heard in heard.iter().filter(|heard| !is_reply(heard)) {
        let (first, last) = range(heard);
        // Its own change is not told to it.
        let skipped = u64::from(told + 1 == own && first > own);
        assert_eq!(first, told + 1 + skipped, "after {told}");
        lost.extend(matches!(heard, Heard::Lost(..)).then_some((first, last)));
        told = last;
    }
    assert!(told + 1 >= own && told <= writer.made, "{told} of {own}");
    (lost, writer.talker)
}

#[test]
fn a_slow_client_that_ends_its_side_is_still_told_what_there_was() {
    for framed in [false, true] {
        let daemon = Daemon::start(&[]);
        let (lost, mut observer) = half_close(&daemon, framed);
        assert_eq!(lost, []);
        assert_eq!(observer.stats().get("watchers"), 0);
    }
}

#[test]
fn a_slow_client_that_ends_its_side_is_still_told_what_it_lost() {
    for framed in [false, true] {
        let daemon = Daemon::start(&SHORT);
        let (lost, mut observer) = half_close(&daemon, framed);
        assert!(!lost.is_empty());
        assert_eq!(observer.stats().get("notices_lost"), sum(&lost));
        assert_eq!(observer.stats().get("watchers"), 0);
    }
}
