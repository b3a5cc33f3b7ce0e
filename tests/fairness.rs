//! Holds that nobody feels what another asks for, however much that is: clients take turns.

mod common;

use common::hostile::{Latencies, Observer, allow_descriptors};
use common::tools::skip;
use common::{Client, Daemon, frame, until};
use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

/// How long a greedy client is at it.
const GREED: Duration = Duration::from_millis(1500);

/// What 99 of 100 answers to another must be quicker than: many times what a turn takes, for this
/// machine has others at work, and little beside what a greedy client asks for.
const QUICK: Duration = Duration::from_millis(50);

/// Measures a neighbour while `work` goes on, and demands that it is answered quickly.
#[track_caller]
fn expect_quick(what: &str, address: SocketAddr, work: impl FnOnce() + Send + 'static) {
    let alone = Latencies::beside(address, || ());
    let beside = Latencies::beside(address, work);
    println!("{what}: {beside:?}, and alone {alone:?}");
    assert!(
        beside.p99 < QUICK,
        "{what}: {beside:?}, and alone {alone:?}"
    );
}

/// Pipelines without end for a while and reads the replies, then breaks off; returns how many
/// bytes of replies came.
fn pipeline(address: SocketAddr, requests: &[u8]) -> u64 {
    let mut client = Client::connect(address);
    let mut stream = client.stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut buffer = vec![0; 256 * 1024];
        let mut read = 0;
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            read += length as u64;
        }
        read
    });
    let begin = Instant::now();
    while begin.elapsed() < GREED {
        client.send(requests);
    }
    client.stream.shutdown(Shutdown::Both).unwrap();
    reading.join().unwrap()
}

/// Puts so many short values under `long`.
fn put_long(address: SocketAddr, values: usize) {
    let mut client = Client::connect(address);
    client.send("\n");
    let packet = "PUT:long:value\n".repeat(10_000);
    let replies = "OK\n".repeat(10_000);
    for _ in 0..values / 10_000 {
        client.ask(&packet, &replies);
    }
}

#[test]
fn beside_clients_that_pipeline_without_end_others_are_answered_quickly() {
    let put_and_delete = [frame(&[b"PUT", b"k", b"v"]), frame(&[b"DELETE", b"k"])].concat();
    let cases: [(&str, Vec<u8>); 4] = [
        ("PING", frame(&[b"PING"])),
        ("PUT and DELETE", put_and_delete),
        ("GET of a long list", frame(&[b"GET", b"long"])),
        ("HELP", b"HELP\n".to_vec()),
    ];
    for (what, request) in cases {
        let daemon = Daemon::start(&[]);
        put_long(daemon.address, 100_000);
        let address = daemon.address;
        let requests = request.repeat(64 * 1024 / request.len());
        expect_quick(what, address, move || {
            let read = pipeline(address, &requests);
            println!("{what}: {read} bytes of replies");
        });
    }
}

#[test]
fn beside_a_change_told_to_a_thousand_watchers_others_are_answered_quickly() {
    if !allow_descriptors(2500) {
        return skip("the hard limit of descriptors is too low for 1000 watchers");
    }
    let daemon = Daemon::start(&[]);
    let watchers: Vec<Client> = (0..1000)
        .map(|_| {
            let mut client = daemon.connect();
            client.send("\n");
            client
        })
        .collect();
    Observer::new(&daemon).until("all to watch", |stats| stats.get("watchers") >= 1000);
    let address = daemon.address;
    expect_quick("fan-out", address, move || {
        let mut writer = Client::connect(address);
        for _ in 0..200 {
            writer.ask("PUT:k:v\n", "OK\n");
        }
    });
    drop(watchers);
}

#[test]
fn a_list_of_a_million_values_that_is_read_changed_and_deleted_is_not_felt() {
    const VALUES: usize = 1_000_000;
    let daemon = Daemon::start(&[]);
    let address = daemon.address;
    expect_quick("putting", address, move || put_long(address, VALUES));
    let mut slow = Client::connect_narrow(address);
    slow.send("GET:long\n");
    Observer::new(&daemon).until("the reply to wait", |stats| {
        stats.get("clients_bytes") > 1 << 20
    });
    expect_quick("putting beside a slow reader", address, move || {
        put_long(address, 100_000)
    });
    expect_quick("deleting", address, move || {
        Client::connect(address).ask("DELETE:long\n", "OK\n");
    });
    let mut observer = Observer::new(&daemon);
    observer.until("all to be gone", |stats| stats.get("store_bytes") == 0);
    // The slow one gets the list as it was.
    drop(slow);
    until("memory to come back", || {
        (daemon.resident_bytes() < 64 << 20).then_some(())
    });
}
