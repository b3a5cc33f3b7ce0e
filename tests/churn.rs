//! Holds that clients that come and go in any manner leave nothing behind, and that the daemon
//! lives through a lack of descriptors.

mod common;

use common::hostile::Observer;
use common::{Client, Daemon, frame};
use std::net::Shutdown;
use std::time::Duration;

/// Five PUTs in lines.
fn lines(n: usize) -> Vec<u8> {
    (0..5)
        .flat_map(|put| format!("PUT:key {n}:value {put}\n").into_bytes())
        .collect()
}

/// Five PUTs in frames.
fn frames(n: usize) -> Vec<u8> {
    (0..5)
        .flat_map(|put| frame(&[b"PUT", format!("{n}").as_bytes(), &[put]]))
        .collect()
}

#[test]
fn five_hundred_clients_that_put_and_vanish_leave_only_what_they_put() {
    const CLIENTS: u64 = 500;
    type Vanish = fn(Client);
    let ways: [(&str, Vanish); 4] = [
        ("close with replies in flight", drop),
        ("reset", Client::reset),
        ("end, then close", |mut client| client.end()),
        ("close both ways, then close", |client| {
            client.stream.shutdown(Shutdown::Both).unwrap();
        }),
    ];
    let daemon = Daemon::start(&[]);
    let mut observer = Observer::new(&daemon);
    observer.stats();
    let descriptors = daemon.descriptors();
    let mut gone = 0;
    for (way, vanish) in ways {
        for n in 0..CLIENTS as usize {
            let mut client = daemon.connect();
            client.send([lines, frames][n % 2](n));
            vanish(client);
        }
        gone += CLIENTS;
        let stats = observer.until(way, |stats| {
            stats.get("connections_dropped") == gone
                && stats.get("connections_active") == 1
                && stats.get("watchers") == 1
        });
        observer.until(way, |_| daemon.descriptors() == descriptors);
        // What a client that resets has sent may be lost; of others every request counts.
        let (values, answered) = (stats.get("values"), stats.get("requests"));
        assert_eq!(
            (values, stats.get("revision")),
            (answered, answered),
            "after: {way}"
        );
        println!("{way}: {values} of {} values", 5 * gone);
    }
}

/// Waits for more than a second, by the daemon's own clock.
fn outlast_a_second(client: &mut Client) {
    client.ask(
        "P",
        "Error: the request was not finished within request_timeout_secs (1)\n",
    );
}

/// How often the daemon has said that it cannot accept.
fn complaints(daemon: &Daemon) -> usize {
    daemon
        .log()
        .iter()
        .filter(|line| line.contains("cannot accept a connection for now"))
        .count()
}

#[test]
fn without_descriptors_the_daemon_says_so_once_and_waits_without_spinning() {
    let daemon = Daemon::start(&["--request-timeout-secs", "1"]);
    let mut served = daemon.connect();
    let mut waits = [daemon.connect(), daemon.connect()];
    for client in waits.iter_mut().chain([&mut served]) {
        client.ask("PING\n", "PONG\n");
    }
    let [mut one, mut other] = waits;
    let limit = daemon.limit_descriptors(daemon.descriptors() as u64);
    // The kernel accepts these, the daemon cannot.
    let mut waiting: Vec<Client> = (0..50).map(|_| daemon.connect()).collect();
    waiting.iter_mut().for_each(|client| client.send("PING\n"));
    daemon.wait_for_log("cannot accept a connection for now");
    let before = daemon.processor_time();
    outlast_a_second(&mut one);
    let spent = daemon.processor_time() - before;
    assert!(
        spent < Duration::from_millis(200),
        "{spent:?} for waiting a second"
    );
    served.ask("PING\n", "PONG\n");
    assert_eq!(complaints(&daemon), 1);

    // `one` has gone: its descriptor serves one after the other of those who wait.
    let last = waiting.split_off(10);
    for mut client in waiting {
        client.expect("PONG\n");
    }
    outlast_a_second(&mut other);
    served.ask("PING\n", "PONG\n");
    daemon.limit_descriptors(limit);
    for mut client in last {
        client.expect("PONG\n");
    }
    daemon.connect().ask("PING\n", "PONG\n");
    let stats = Observer::new(&daemon).until("all to be gone", |stats| {
        stats.get("connections_active") == 2
    });
    assert_eq!(stats.get("connections_refused"), 0);
    assert_eq!(complaints(&daemon), 1);
}
