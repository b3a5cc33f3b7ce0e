//! Tests the end that SIGINT and SIGTERM ask for: what is still answered, told and reported.

mod common;

use common::talker::{Heard, Talker};
use common::{Client, Daemon, Ended, Frame, until};
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
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
fn whole_requests_that_have_arrived_are_answered_and_half_ones_are_not() {
    let mut daemon = Daemon::start(&[]);
    let mut clients = [false, true].map(|framed| Talker::connect(&daemon, framed));
    clients
        .iter_mut()
        .for_each(|client| _ = client.ask("UNWATCH"));
    // While it is stopped it reads nothing: the requests wait in the kernel, as the signal does.
    daemon.signal(Signal::STOP);
    for client in &mut clients {
        let whole: Vec<u8> = (0..1000)
            .flat_map(|n| client.bytes(&format!("PING:{n}")))
            .collect();
        let half = client.bytes("PUT:half:a request");
        client
            .client
            .send([&whole, &half[..half.len() - 1]].concat());
        until("it all to arrive", || {
            (client.client.unsent() == 0).then_some(())
        });
    }
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::CONT);
    daemon.wait_for_output(SHUTTING_DOWN);
    for client in &mut clients {
        for n in 0..1000 {
            let text = n.to_string();
            let pong = if client.is_framed() {
                Frame::bulk(text)
            } else {
                Frame::Status(text)
            };
            assert_eq!(client.hear(), Heard::Reply(pong));
        }
        assert_eq!(client.hear_all(), []);
    }
    let ended = daemon.wait();
    assert_code(&ended, 0);
    assert_eq!(ended.figure("Requests answered"), 2003);
}

#[test]
fn a_stalled_client_that_begins_to_read_is_answered_to_the_end() {
    const REQUESTS: usize = 10_000;
    for framed in [false, true] {
        let mut daemon = daemon_with_value(&[], 1000);
        let mut client = Talker::new(Client::connect_narrow(daemon.address), framed);
        client.ask("UNWATCH");
        let requests = client.bytes("GET:k").repeat(REQUESTS);
        let sending = client
            .client
            .send_aside([&requests[..], &requests[..3]].concat());
        let mut observer = Talker::connect(&daemon, true);
        let stalled = || {
            let before = observer.stats().get("requests");
            let arrived = sending.is_finished() && client.client.unsent() == 0;
            (arrived && observer.stats().get("requests") == before + 1).then_some(before)
        };
        let answered = until("it to stall", stalled);
        assert!(answered < REQUESTS as u64);
        terminate(&mut daemon);
        for _ in 0..REQUESTS {
            assert!(matches!(client.hear(), Heard::Reply(_)));
        }
        assert_eq!(client.hear_all(), []);
        let ended = daemon.wait();
        assert_code(&ended, 0);
        assert!(ended.figure("Requests answered") > REQUESTS as u64);
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
        let mut writer = Talker::connect(&daemon, true);
        let mut client = Talker::new(Client::connect_narrow(daemon.address), framed);
        client.watch();
        let key = "k".repeat(1000);
        let mut made = 0;
        while !daemon
            .log()
            .iter()
            .any(|line| line.contains("loses notices"))
            || made % 50 > 0
        {
            made += 1;
            writer.ask(&format!("PUT:{key}:v"));
        }
        terminate(&mut daemon);
        let heard = client.hear_all();
        let told = heard
            .iter()
            .filter(|heard| matches!(heard, Heard::Change(..)))
            .count() as u64;
        let others = &heard[told as usize..];
        assert_eq!(others, [Heard::Drain(10), Heard::Lost(told + 1, made)]);
        let ended = daemon.wait();
        assert_code(&ended, 0);
        let requests = made + 2 + u64::from(framed);
        let expected = report([2, 0, requests, told, made - told]);
        assert_eq!(format!("{SHUTTING_DOWN}\n{}", ended.output), expected);
    }
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

/// Sends PINGs with growing numbers as long as it can, and returns the answers at the end.
fn pipeline_without_end(daemon: &Daemon) -> (JoinHandle<()>, JoinHandle<Vec<u8>>) {
    let client = daemon.connect();
    let (mut sender, mut receiver) = (client.stream.try_clone().unwrap(), client.stream);
    let sending = thread::spawn(move || {
        for hundred in 0.. {
            let requests = (0..100).map(|n| format!("PING:{}\n", hundred * 100 + n));
            if sender
                .write_all(requests.collect::<String>().as_bytes())
                .is_err()
            {
                return;
            }
        }
    });
    let receiving = thread::spawn(move || {
        let mut answers = Vec::new();
        // A reset after the last words is how it may end.
        let _ = receiver.read_to_end(&mut answers);
        answers
    });
    (sending, receiving)
}

#[test]
fn a_client_that_asks_without_end_is_answered_until_it_is_ended() {
    let mut daemon = Daemon::start(&["--drain-secs", "2"]);
    let mut observer = Talker::connect(&daemon, true);
    let (sending, receiving) = pipeline_without_end(&daemon);
    let (mut asked, mut before) = (1, 0);
    until("it to be busy", || {
        before = observer.stats().get("requests") - asked;
        asked += 1;
        (before > 10_000).then_some(())
    });
    let begin = Instant::now();
    terminate(&mut daemon);
    let ended = daemon.wait();
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    sending.join().expect("the daemon has closed");
    let answers = receiving.join().expect("the daemon has closed");
    let answers = String::from_utf8(answers).expect("they are numbers");
    let lines = answers
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("NOTIFY "));
    // Where it is cut off there may be a part of a line, and what the kernel held may be gone.
    let whole = lines
        .enumerate()
        .take_while(|(nth, line)| **line == format!("{nth}\n"));
    let (count, answered) = (
        whole.count() as u64,
        ended.figure("Requests answered") - asked,
    );
    assert!(
        before < count && count <= answered,
        "{before} {count} {answered}"
    );
    match ended.status.code() {
        Some(0) => assert_eq!(count, answered),
        code => assert_eq!(code, Some(1)),
    }
}
