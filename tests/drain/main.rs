//! Tests the end that SIGINT and SIGTERM ask for: what is still answered, told and reported.

#[path = "../common/mod.rs"]
mod common;
mod deadline;
mod requests;

use common::talker::{Heard, Talker};
use common::{Daemon, Ended, Frame, frame, until};
use rustix::process::Signal;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What the daemon says at the signal.
const SHUTTING_DOWN: &str = "Shutting down server...";

/// The report for these counters, in its order.
fn report(figures: [u64; 5]) -> String {
    let [active, dropped, answered, delivered, lost] = figures;
    format!(
        "{SHUTTING_DOWN}\nActive connections: {active}\nDropped connections: {dropped}\n\
         Requests answered: {answered}\nNotices delivered: {delivered}\nNotices lost: {lost}\n\
         Server shutdown complete\n"
    )
}

/// A daemon with one key, whose value has so many bytes.
fn daemon_with_value(flags: &[&str], length: usize) -> Daemon {
    let daemon = Daemon::start(flags);
    daemon
        .connect()
        .ask(format!("PUT:k:{}\n", "x".repeat(length)), "OK\n");
    daemon
}

/// Sends SIGTERM, and waits until the daemon has heard it.
fn terminate(daemon: &mut Daemon) {
    daemon.signal(Signal::TERM);
    daemon.wait_for_output(SHUTTING_DOWN);
}

#[track_caller]
fn assert_code(ended: &Ended, code: i32) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
}

#[test]
fn both_signals_end_it_with_a_report_of_what_was_done() {
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = Daemon::start(&["--clients-max", "3"]);
        let mut observer = Talker::connect(&daemon, true);
        for _ in 0..2 {
            let mut client = daemon.connect();
            client.ask(
                "nonsense\n",
                "Error: unknown request 'nonsense'; HELP lists the requests\n",
            );
        }
        let left = || (observer.stats().get("connections_dropped") == 2).then_some(());
        until("two to have left", left);
        let mut listeners = [false, true].map(|framed| Talker::watching(&daemon, framed));
        daemon
            .connect()
            .expect("-ERR max number of clients reached\r\n");
        for revision in 1..=3 {
            observer.ask("PUT:k:v");
            listeners.iter_mut().for_each(|client| _ = client.hear());
            listeners[0].send("PUT:k:v");
            assert_eq!(
                listeners[0].hear(),
                Heard::Reply(Frame::Status("OK".to_owned()))
            );
            assert_eq!(listeners[1].hear().change(), ("k", Some(2 * revision)));
        }
        let requests = observer.stats().get("requests");
        daemon.signal(signal);
        let ended = daemon.wait();
        assert_code(&ended, 0);
        assert_eq!(ended.output, report([3, 2, requests + 1, 9, 0]));
    }
}

#[test]
fn the_port_closes_at_the_signal_and_others_wait_no_longer_than_the_last_client() {
    let mut daemon = daemon_with_value(&[], 8_000_000);
    let (mut reads, mut idle) = (daemon.connect(), daemon.connect());
    reads.ask("UNWATCH\nGET:k\n", "OK\nx");
    idle.ask("UNWATCH\n", "OK\n");
    terminate(&mut daemon);
    // The one that is owed nothing is closed, and nobody else comes in.
    assert_eq!(idle.rest(), b"");
    let refused = || TcpStream::connect(daemon.address).err();
    assert_eq!(
        until("the port to close", refused).kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(reads.rest().len(), 8_000_000);
    let ended = daemon.wait();
    assert_code(&ended, 0);
    assert_eq!(ended.figure("Active connections"), 2);
}

#[test]
fn watchers_are_told_within_what_time_the_server_closes() {
    for (flags, seconds) in [(&[] as &[&str], 10), (&["--drain-secs", "86400"], 86_400)] {
        let daemon = Daemon::start(flags);
        let clients = [
            ("", "", ""),
            ("PI", "", ""),
            ("PING\n", "PONG\n", "NOTIFY DRAIN {}\n"),
            ("UNWATCH\n", "OK\n", ""),
            ("*1\r\n$4\r\nPING\r\n", "+PONG\r\n", ""),
        ];
        let clients = clients.map(|(request, reply, last)| {
            let mut client = daemon.connect();
            client.ask(request, reply);
            (client, last)
        });
        let framed = [(false, ""), (true, ">2\r\n$5\r\ndrain\r\n:{}\r\n")];
        let framed = framed.map(|(watches, last)| {
            let mut talker = Talker::connect(&daemon, true);
            if watches {
                talker.watch();
            }
            (talker.client, last)
        });
        daemon.signal(Signal::TERM);
        for (mut client, last) in clients.into_iter().chain(framed) {
            let said = client.rest().escape_ascii().to_string();
            let last = last.replace("{}", &seconds.to_string());
            assert_eq!(said, last.as_bytes().escape_ascii().to_string());
        }
        assert_code(&daemon.wait(), 0);
    }
}

#[test]
fn a_watcher_that_is_behind_gets_one_last_word_of_what_it_lost() {
    for framed in [false, true] {
        let mut daemon = Daemon::start(&[]);
        let mut client = Talker::watching(&daemon, framed);
        let mut writer = Talker::connect(&daemon, true);
        let made = writer.outrun();
        terminate(&mut daemon);
        let mut heard = client.hear_all();
        heard.retain(|heard| *heard != Heard::Drain(10));
        let is_change = |heard: &&Heard| matches!(heard, Heard::Change(..));
        let told = heard.iter().filter(is_change).count() as u64;
        assert!(told < made);
        assert_eq!(heard[told as usize..], [Heard::Lost(told + 1, made)]);
        let ended = daemon.wait();
        assert_code(&ended, 0);
        let requests = made + 2 + u64::from(framed);
        let expected = report([2, 0, requests, told, made - told]);
        assert_eq!(format!("{SHUTTING_DOWN}\n{}", ended.output), expected);
    }
}

#[test]
fn what_a_client_says_to_its_last_words_does_not_destroy_those_that_it_has_not_read() {
    // As many as the kernel takes for one who does not read.
    const CHANGES: usize = 150;
    for framed in [false, true] {
        let mut daemon = Daemon::start(&["--linger-secs", "60", "--drain-secs", "60"]);
        let mut client = Talker::watching(&daemon, framed);
        let mut writer = Talker::connect(&daemon, true);
        let put = writer.bytes(&format!("PUT:{}:v", "k".repeat(1000)));
        writer.client.send(put.repeat(CHANGES));
        (0..CHANGES).for_each(|_| _ = writer.hear());
        // All of it is with the kernel: a part has arrived, the other waits to be sent.
        let taken = || (writer.stats().get("notices_delivered") == CHANGES as u64).then_some(());
        until("all to be handed over", taken);
        assert!(client.client.held() > 0, "nothing waits to be sent");
        terminate(&mut daemon);
        assert_eq!(writer.hear_all(), []);
        let closed = || TcpStream::connect(daemon.address).err();
        until("the port to close", closed);
        let mut heard = vec![client.hear()];
        client.send("PING");
        heard.extend(client.hear_all());
        let is_change = |heard: &&Heard| matches!(heard, Heard::Change(..));
        assert_eq!(heard.iter().filter(is_change).count(), CHANGES);
        assert_eq!(heard[CHANGES..], [Heard::Drain(60)]);
        drop(client);
        assert_code(&daemon.wait(), 0);
    }
}

#[test]
fn a_watcher_that_has_not_looked_at_all_yet_loses_nothing_that_is_not_its_own() {
    let daemon = Daemon::start(&[]);
    let mut writer = daemon.connect_resp3();
    for _ in 0..100 {
        writer.send(frame(&[b"PUT", b"other", b"v"]).repeat(1000));
        (0..1000).for_each(|_| _ = writer.frame());
    }
    let epoch = daemon.stats().0["epoch"].clone();
    let mut client = Talker::connect(&daemon, true);
    // It has a hundred thousand changes to look at when the daemon is to end.
    daemon.signal(Signal::STOP);
    client.send(&format!("WATCH:own:SINCE:{epoch}:0"));
    until("it to arrive", || {
        (client.client.unsent() == 0).then_some(())
    });
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::CONT);
    let heard = client.hear_all();
    let [reply, told] = &heard[..] else {
        panic!("it was told more: {heard:?}")
    };
    assert!(matches!(reply, Heard::Reply(_)) && *told == Heard::Drain(10));
    let ended = daemon.wait();
    assert_code(&ended, 0);
    assert_eq!(ended.figure("Notices lost"), 0);
}

#[test]
fn clients_that_are_owed_nothing_do_not_hold_it_up() {
    let daemon = Daemon::start(&[
        "--linger-secs",
        "60",
        "--drain-secs",
        "60",
        "--clients-max",
        "40",
    ]);
    let mut clients: Vec<_> = (0..40).map(|_| daemon.connect()).collect();
    for (nth, client) in clients.iter_mut().enumerate() {
        match nth % 4 {
            0 => {}
            1 => client.ask("PING\n", "PONG\n"),
            2 => client.ask("PUT:k:", ""),
            // It has been closed and does not close its own side.
            _ => client.ask("QUIT\n", "OK\n"),
        }
    }
    let mut refused = daemon.connect();
    refused.expect("-ERR max number of clients reached\r\n");
    let begin = Instant::now();
    let ended = daemon.stop();
    // Within a second, but for a machine that is busy with other things.
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    assert_code(&ended, 0);
}
