//! Tests that a slow client is told what it lost, and that nobody else loses anything.

use crate::common::talker::{Heard, Talker};
use crate::common::{Client, Daemon, Frame, until};
use crate::{NOTICES, SHORT, STEP, Writer, assert_logged, catch_up, lines_with, range, slow, sum};

/// Lets slow and normal clients listen to changes until every slow one has lost some.
fn listen(slow_ones: &[bool], normal_ones: &[bool]) {
    let daemon = Daemon::start(&SHORT);
    let mut writer = Writer::new(&daemon);
    let mut slow: Vec<_> = slow_ones
        .iter()
        .map(|framed| slow(&daemon, *framed))
        .collect();
    let mut normal: Vec<_> = normal_ones
        .iter()
        .map(|framed| Talker::watching(&daemon, *framed))
        .collect();
    let taken = writer.go_on_until_behind(&mut normal);

    // No further change is made: what is owed comes because the client reads.
    let mut all_lost = 0;
    for client in &mut slow {
        let lost = catch_up(client, 0, writer.made);
        let told_before = lost[0].0 - 1;
        assert!(told_before >= *NOTICES.start(), "{lost:?}");
        if slow_ones.len() == 1 {
            // What its kernel took, and what waited for it.
            let waited = told_before - taken;
            assert!(NOTICES.contains(&waited), "{waited} waited");
        }
        assert_logged(&daemon, client, sum(&lost));
        all_lost += sum(&lost);
    }
    let stats = writer.talker.stats();
    assert_eq!(stats.get("notices_lost"), all_lost);
    let listeners = (slow.len() + normal.len()) as u64;
    assert_eq!(
        stats.get("notices_delivered"),
        writer.made * listeners - all_lost
    );

    // From here on it hears as before; the others have heard everything, and nothing twice.
    let caught_up = writer.made;
    normal.append(&mut slow);
    writer.step(&mut normal);
    assert_eq!(writer.made, caught_up + STEP);
    for client in &mut normal {
        client.client.end();
        assert_eq!(client.hear_all(), []);
    }
}

#[test]
fn one_slow_client_loses_what_it_is_told_and_a_normal_one_nothing() {
    listen(&[false], &[true]);
    listen(&[true], &[false]);
}

#[test]
fn four_slow_clients_lose_what_they_are_told_and_two_normal_ones_nothing() {
    listen(&[false, true, false, true], &[false, true]);
}

#[test]
fn a_client_that_falls_behind_again_is_told_again_and_not_logged_again() {
    for framed in [false, true] {
        let daemon = Daemon::start(&SHORT);
        let mut writer = Writer::new(&daemon);
        let mut client = slow(&daemon, framed);
        writer.go_on_until_behind(&mut []);
        let first = catch_up(&mut client, 0, writer.made);
        assert_logged(&daemon, &client, sum(&first));

        let caught_up = writer.made;
        writer.go_on_until_behind(&mut []);
        let second = catch_up(&mut client, caught_up, writer.made);
        assert!(sum(&second) > 0);
        assert_logged(&daemon, &client, sum(&first));
        assert_eq!(
            writer.talker.stats().get("notices_lost"),
            sum(&first) + sum(&second)
        );
    }
}

#[test]
fn unwatch_forgets_what_a_slow_client_was_not_told() {
    for framed in [false, true] {
        let daemon = Daemon::start(&SHORT);
        let mut writer = Writer::new(&daemon);
        let mut client = slow(&daemon, framed);
        writer.go_on_until_behind(&mut []);
        client.send("UNWATCH");
        let executed = || (writer.talker.stats().get("watchers") == 0).then_some(());
        until("UNWATCH to be executed", executed);
        let mut told = 0;
        let reply = loop {
            match client.hear() {
                reply @ Heard::Reply(_) => break reply,
                notice => assert_eq!(range(&notice), (told + 1, told + 1)),
            }
            told += 1;
        };
        assert_eq!(reply, Heard::Reply(Frame::Status("OK".to_owned())));
        assert!(
            *NOTICES.start() <= told && told < writer.made,
            "{told} of {}",
            writer.made
        );
        client.watch();
        let mut listeners = [client];
        writer.step(&mut listeners);
        assert_eq!(writer.talker.stats().get("notices_lost"), 0);
        assert_eq!(writer.talker.stats().get("notices_delivered"), told + STEP);
    }
}

#[test]
fn a_slow_client_is_answered_and_no_later_notice_comes_before_the_answer() {
    for framed in [false, true] {
        let daemon = Daemon::start(&SHORT);
        let mut writer = Writer::new(&daemon);
        let mut client = slow(&daemon, framed);
        writer.go_on_until_behind(&mut []);
        client.send("PUT:own:1");
        client.send("GET:own");
        let own = writer.made + 1;
        let executed = || (writer.talker.stats().get("revision") == own).then_some(());
        until("the change to be made", executed);
        writer.made = own;
        writer.step(&mut []);
        let (mut heard_up_to, mut replies) = (0, Vec::new());
        while heard_up_to < writer.made {
            match client.hear() {
                Heard::Reply(reply) => replies.push(reply),
                notice => {
                    let (first, last) = range(&notice);
                    // Its own change is not told to it, but may lie in what is lost.
                    let skipped = u64::from(heard_up_to + 1 == own && first > own);
                    assert_eq!(first, heard_up_to + 1 + skipped);
                    assert!(
                        last < own || !replies.is_empty(),
                        "{notice:?} before the reply"
                    );
                    heard_up_to = last;
                }
            }
        }
        assert_eq!(replies.len(), 2, "{replies:?}");
    }
}

#[test]
fn a_client_however_far_behind_loses_nothing_that_the_history_holds() {
    for framed in [false, true] {
        let daemon = Daemon::start(&[]);
        let mut writer = Writer::new(&daemon);
        let mut client = slow(&daemon, framed);
        writer.go_on_until_behind(&mut []);
        // No further change is made: what is owed comes because the client reads.
        assert_eq!(catch_up(&mut client, 0, writer.made), []);
        let made = writer.made;
        writer.step(&mut [client]);
        let stats = writer.talker.stats();
        assert_eq!(stats.get("notices_lost"), 0);
        assert_eq!(stats.get("notices_delivered"), made + STEP);
    }
}

#[test]
fn of_a_client_that_goes_while_it_is_behind_the_log_does_not_say_that_it_has_caught_up() {
    let daemon = Daemon::start(&["--history-bytes", "15728640"]);
    let mut writer = Writer::new(&daemon);
    // The kernel holds less for it than a long notice.
    let narrow = Client::connect_with_buffer(daemon.address, 64 * 1024);
    let mut client = Talker::new(narrow, true);
    client.watch();
    let long = |key: &str| format!("PUT:{key}:{}", "x".repeat(7 << 20));
    writer.talker.ask(&long("a"));
    writer.made = 1;
    // It is behind with what follows, of which the history keeps the end alone.
    (0..60).for_each(|_| writer.step(&mut []));
    for request in [&long("b"), &long("c"), "PUT:k:v"] {
        writer.talker.ask(request);
    }
    assert_eq!(client.hear().change(), ("a", Some(1)));
    daemon.wait_for_log("loses notices");
    let name = format!("client {}", client.address());
    client.client.reset();
    let line = daemon.wait_for_log("has gone without catching up; it lost ");
    assert!(line.contains(&name), "{line}");
    let lost = writer.talker.stats().get("notices_lost");
    assert!(
        line.ends_with(&format!("it lost {lost} notices")),
        "{line}, {lost}"
    );
    assert_eq!(lines_with(&daemon, "has caught up"), 0);
    assert!(0 < lost && lost < 60 * STEP, "{lost}");
}
