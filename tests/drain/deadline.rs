//! Tests an end that is cut off: by the deadline, or by a second signal.

use crate::common::talker::Talker;
use crate::common::{Client, Daemon};
use crate::{SHUTTING_DOWN, assert_code, report, terminate};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// A daemon that must give up on one client: it is owed megabytes and does not read.
fn daemon_that_cannot_end(drain_secs: &str) -> (Daemon, Client) {
    let daemon = Daemon::start(&["--drain-secs", drain_secs]);
    let mut client = Client::connect_narrow(daemon.address);
    let put = format!("PUT:k:{}\n", "x".repeat(8_000_000));
    client.ask([&put, "GET:k\n"].concat(), "OK\nx");
    (daemon, client)
}

/// The report of such a daemon, without its first line.
fn cut_report() -> String {
    report([1, 0, 2, 0, 0])[SHUTTING_DOWN.len() + 1..].to_owned()
}

#[test]
fn a_client_that_never_reads_is_given_up_at_the_deadline() {
    let (mut daemon, _client) = daemon_that_cannot_end("1");
    let begin = Instant::now();
    terminate(&mut daemon);
    let ended = daemon.wait();
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    assert_code(&ended, 1);
    assert_eq!(ended.output, cut_report());
}

#[test]
fn a_watcher_that_never_reads_is_given_up_and_what_it_got_is_counted() {
    let mut daemon = Daemon::start(&["--drain-secs", "1"]);
    let mut client = Talker::watching(&daemon, false);
    let made = Talker::connect(&daemon, true).outrun();
    terminate(&mut daemon);
    let ended = daemon.wait();
    assert_code(&ended, 1);
    // What the kernel held still arrives; the last notice may be cut.
    let said = String::from_utf8(client.client.rest()).expect("it is text");
    let told = said.matches('\n').count() as u64;
    assert_eq!(ended.figure("Notices delivered"), told);
    // The daemon itself kept 64 KiB, notices of more than 1000 bytes.
    let kept = made - told - ended.figure("Notices lost");
    assert!(kept <= 65, "{kept}: {ended:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let (mut daemon, _client) = daemon_that_cannot_end("86400");
        terminate(&mut daemon);
        daemon.signal(second);
        let ended = daemon.wait();
        assert_code(&ended, 1);
        assert_eq!(ended.output, cut_report());
    }
}
