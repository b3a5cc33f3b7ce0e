//! Tests which requests are still answered: the whole ones that have arrived.

use crate::common::talker::{Heard, Talker};
use crate::common::{Daemon, Frame, until};
use crate::{SHUTTING_DOWN, assert_code, daemon_with_value, terminate};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What answers a PING that carries a number.
fn pong(framed: bool, n: usize) -> Heard {
    let text = n.to_string();
    Heard::Reply(if framed {
        Frame::bulk(text)
    } else {
        Frame::Status(text)
    })
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
        let framed = client.is_framed();
        for n in 0..1000 {
            assert_eq!(client.hear(), pong(framed, n));
        }
        assert_eq!(client.hear_all(), []);
    }
    let ended = daemon.wait();
    assert_code(&ended, 0);
    assert_eq!(ended.figure("Requests answered"), 2003);
}

#[test]
fn a_stalled_client_that_begins_to_read_is_answered_to_the_end() {
    const GETS: usize = 1400;
    const PINGS: usize = 700;
    for framed in [false, true] {
        let mut daemon = daemon_with_value(&[], 8 * 1024);
        let mut client = Talker::connect(&daemon, framed);
        client.ask("UNWATCH");
        client.client.send(client.bytes("GET:k").repeat(GETS));
        let mut observer = Talker::connect(&daemon, true);
        let is_full = || (observer.stats().get("clients_bytes") > 1 << 20).then_some(());
        until("it to stall", is_full);
        // The daemon reads the first of these packets and leaves the others to the kernel.
        let pings = (0..PINGS).flat_map(|n| client.bytes(&format!("PING:{n}")));
        let pings: Vec<u8> = pings.collect();
        for packet in 0..5 {
            client.client.send(&pings);
            if packet == 4 {
                client.client.send(&pings[..3]);
            }
            until("it to arrive", || {
                (client.client.unsent() == 0).then_some(())
            });
        }
        terminate(&mut daemon);
        for _ in 0..GETS {
            assert!(matches!(client.hear(), Heard::Reply(_)));
        }
        for n in (0..5).flat_map(|_| 0..PINGS) {
            assert_eq!(client.hear(), pong(framed, n));
        }
        assert_eq!(client.hear_all(), []);
        let ended = daemon.wait();
        assert_code(&ended, 0);
        assert!(ended.figure("Requests answered") > (GETS + 5 * PINGS) as u64);
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
