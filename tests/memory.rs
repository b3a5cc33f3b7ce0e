//! Holds that memory is bounded whatever clients ask for and do not read, and comes back.

mod common;

use common::hostile::{Latencies, Observer, allow_descriptors, fill};
use common::tools::skip;
use common::{Client, Daemon, Stats, frame, until};
use rustix::process::Signal;
use std::net::Shutdown;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// No test here is about time.
const PATIENT: [&str; 4] = [
    "--write-timeout-secs",
    "3600",
    "--request-timeout-secs",
    "3600",
];

fn start(flags: &[&str]) -> Daemon {
    Daemon::start(&[&PATIENT, flags].concat())
}

#[test]
fn a_client_that_asks_for_a_hundred_gigabytes_and_reads_none_costs_and_disturbs_little() {
    let get = frame(&[b"GET", b"k"]);
    for request in ["GET:k\n".as_bytes(), &get] {
        let daemon = start(&[]);
        fill(&daemon, MIB, 1);
        let mut observer = Observer::new(&daemon);
        let charged = observer.stats().get("clients_bytes");
        let alone = Latencies::of(daemon.address, 100);
        let before = daemon.resident_bytes();

        let hog = daemon.connect();
        let sending = hog.send_aside(request.repeat(100_000));
        observer.until("the outbox to fill", |stats| {
            stats.get("clients_bytes") > charged + MIB as u64 / 2
        });
        let mut neighbour = daemon.connect();
        neighbour.ask(
            "PUT:near:a\nGET:near\nUPDATE:near:a:b\nDELETE:near\n",
            "OK\na\nOK\nOK\n",
        );
        let beside = Latencies::of(daemon.address, 100);
        let grown = daemon.resident_bytes().saturating_sub(before);
        let held = hog.held();
        println!(
            "alone {alone:?}\nbeside {beside:?}\n{} KiB more, {} KiB with the kernel",
            grown / 1024,
            held / 1024
        );
        assert!(grown < 24 * MIB, "{grown} bytes for one client");
        assert!(held < MIB / 2, "{held} bytes with the kernel");
        assert!(beside.p50 < alone.p50 + Duration::from_millis(20));

        drop((hog, neighbour));
        sending.join().unwrap().ok();
        observer.until("the buffers to be given back", |stats| {
            stats.get("clients_bytes") <= charged
        });
    }
}

#[test]
fn one_packet_whose_replies_exceed_the_outbox_a_thousand_times_is_answered_whole_and_in_order() {
    let daemon = start(&["--outbox-bytes-max", "65536"]);
    let value = fill(&daemon, 32 * 1024, 1);
    let before = daemon.resident_bytes();
    let line = |n: usize| format!("GET:k\nPING:{n}\n").into_bytes();
    let line_reply = |n: usize| format!("{value}\n{n}\n").into_bytes();
    let framed = |n: usize| [frame(&[b"GET", b"k"]), frame(&[b"PING", b"x"])][n % 2].clone();
    let framed_reply = |n: usize| match n % 2 {
        0 => format!("*1\r\n${}\r\n{value}\r\n", value.len()).into_bytes(),
        _ => b"$1\r\nx\r\n".to_vec(),
    };
    type Nth<'a> = &'a dyn Fn(usize) -> Vec<u8>;
    for (request, reply) in [(&line as Nth, &line_reply as Nth), (&framed, &framed_reply)] {
        let mut client = daemon.connect();
        let mut observer = Observer::new(&daemon);
        client.send((0..2500).flat_map(request).collect::<Vec<u8>>());
        observer.until("the outbox to fill", |stats| {
            stats.get("clients_bytes") > 32768
        });
        for n in 0..2500 {
            client.expect(reply(n));
            if n % 50 == 0 {
                let grown = daemon.resident_bytes().saturating_sub(before);
                assert!(grown < 16 * MIB, "{grown} bytes for one client");
            }
        }
        client.ask(request(1), reply(1));
    }
}

#[test]
fn clients_that_vanish_while_they_owe_reading_leave_nothing_behind() {
    const CLIENTS: u64 = 48;
    let daemon = start(&[]);
    // Short enough to be copied for each reply, so that the outboxes take memory of their own.
    fill(&daemon, 16 * 1024, 3);
    let mut observer = Observer::new(&daemon);
    let alone = |stats: &Stats| stats.get("connections_active") == 1;
    let before = observer.until("nobody else to be there", alone);
    let base = before.get("clients_bytes");
    let vanish: [fn(Client); 3] = [drop, Client::reset, |mut client| client.end()];
    let resident = daemon.resident_bytes();
    let mut residents = Vec::new();
    for round in 0..6 {
        let clients: Vec<Client> = (0..CLIENTS).map(|_| daemon.connect()).collect();
        for client in &clients {
            client
                .send_aside(b"GET:k\n".repeat(2000))
                .join()
                .unwrap()
                .unwrap();
        }
        let stalled = observer.until("all outboxes to fill", |stats| {
            stats.get("watchers") == 1 + CLIENTS
                && stats.get("clients_bytes") > base + CLIENTS * MIB as u64 / 2
        });
        assert_eq!(stalled.get("connections_active"), 1 + CLIENTS);
        clients.into_iter().for_each(vanish[round % vanish.len()]);
        let after = observer.until("everything to be given back", |stats| {
            alone(stats) && stats.get("clients_bytes") <= base
        });
        let gone = before.get("connections_dropped") + CLIENTS * (round as u64 + 1);
        assert_eq!(after.get("connections_dropped"), gone);
        assert_eq!(after.get("watchers"), 1);
        residents.push(daemon.resident_bytes().saturating_sub(resident) / MIB);
    }
    println!("MiB more after each round: {residents:?}");
    // The allocator may keep what one round took, for the next; it must not take more each time.
    assert!(
        residents.iter().all(|more| *more < 2 * CLIENTS as usize),
        "{residents:?}"
    );
}

#[test]
fn ten_thousand_clients_with_half_a_request_take_little_and_give_it_back() {
    const CLIENTS: usize = 10_000;
    const HALF: usize = 1000;
    if !allow_descriptors(CLIENTS as u64 + 1000) {
        return skip("the hard limit of descriptors is too low for 10,000 clients");
    }
    let daemon = start(&["--clients-max", "10001"]);
    let mut observer = Observer::new(&daemon);
    let base = observer.stats().get("clients_bytes");
    let before = daemon.resident_bytes();
    let half = [&b"PUT:half:"[..], &[b'x'; HALF - 9]].concat();
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let mut client = daemon.connect();
            client.send(&half);
            client
        })
        .collect();
    let stats = observer.until("all to be read", |stats| {
        stats.get("clients_bytes") >= base + (CLIENTS * HALF) as u64
    });
    assert_eq!(stats.get("connections_active"), CLIENTS as u64 + 1);
    let counted = stats.get("clients_bytes") - base;
    let taken = daemon.resident_bytes().saturating_sub(before);
    println!(
        "a client: {} bytes counted, {} taken",
        counted as usize / CLIENTS,
        taken / CLIENTS
    );
    assert!(
        counted < 4 * (CLIENTS * HALF) as u64,
        "{counted} bytes for {HALF} each"
    );
    assert!(taken < CLIENTS * 16 * 1024, "{taken} bytes for {HALF} each");
    drop(clients);
    let stats = observer.until("all to be gone", |stats| {
        stats.get("connections_active") == 1 && stats.get("clients_bytes") <= base
    });
    assert_eq!(
        (stats.get("connections_dropped"), stats.get("keys")),
        (CLIENTS as u64, 0)
    );
}

#[test]
fn the_memory_of_long_values_goes_back_to_the_system_when_they_are_deleted() {
    const VALUES: usize = 1000;
    let values_bytes_max = (VALUES * 64 * 1024).to_string();
    // The history would hold them on.
    let daemon = start(&[
        "--values-bytes-max",
        &values_bytes_max,
        "--history-bytes",
        "0",
    ]);
    let before = daemon.resident_bytes();
    fill(&daemon, 64 * 1024, VALUES);
    let held = daemon.resident_bytes().saturating_sub(before);
    assert!(held > VALUES * 60 * 1024, "{held}");
    let mut client = daemon.connect();
    client.ask("DELETE:k\n", "OK\n");
    until("the memory to be given back", || {
        let left = daemon.resident_bytes().saturating_sub(before);
        (left < 4 * MIB).then_some(())
    });
}

#[test]
fn who_has_left_without_reading_is_closed_and_nobody_who_holds_nothing() {
    let daemon = start(&["--clients-bytes-max", "1048576"]);
    let mut observer = Observer::new(&daemon);
    let mut writer = daemon.connect();
    let value = "v".repeat(60_000);
    for _ in 0..100 {
        writer.ask(format!("PUT:long:{value}\n"), "OK\n");
    }
    let mut others: Vec<Client> = (0..8).map(|_| daemon.connect()).collect();
    for other in &mut others {
        other.ask("PING\n", "PONG\n");
    }
    // What each asks has come with its end: most have been answered, and are gone, when it is seen
    // how much they hold.
    daemon.signal(Signal::STOP);
    let left: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = Client::connect_narrow(daemon.address);
            client.send("GET:long\n");
            client.stream.shutdown(Shutdown::Write).unwrap();
            client
        })
        .collect();
    daemon.signal(Signal::CONT);
    observer.until("them to be gone", |stats| {
        stats.get("connections_dropped") == 20 && stats.get("clients_bytes") < 100_000
    });
    for other in others.iter_mut().chain([&mut writer]) {
        other.ask("PING\n", "PONG\n");
    }
    let names = left
        .iter()
        .map(|client| client.stream.local_addr().unwrap());
    let log = daemon.log();
    for name in names {
        let closed = format!("client {name} is closed: its buffers hold");
        assert!(log.iter().any(|line| line.contains(&closed)), "{log:?}");
    }
}

#[test]
fn beyond_clients_bytes_max_the_largest_holder_is_closed_and_the_others_live() {
    let half = [b"PUT:k:".to_vec(), vec![b'x'; 4 * MIB]].concat();
    // One holds much of a request, the other is owed many replies.
    for sent in [half, b"GET:long\n".repeat(10_000)] {
        let daemon = start(&["--clients-bytes-max", "1048576"]);
        let mut observer = Observer::new(&daemon);
        daemon
            .connect()
            .ask(format!("PUT:long:{}\n", "v".repeat(60_000)), "OK\n");
        let mut small: Vec<Client> = (0..8).map(|_| daemon.connect()).collect();
        for client in &mut small {
            client.send(format!("PUT:k:{}", "x".repeat(30_000)));
        }
        observer.until("the small ones", |stats| {
            stats.get("clients_bytes") > 8 * 30_000
        });

        let mut large = daemon.connect();
        let name = large.stream.local_addr().unwrap().to_string();
        let sending = large.send_aside(sent);
        let line = daemon.wait_for_log("clients_bytes_max");
        assert!(line.contains(&format!("client {name} is closed")), "{line}");
        assert!(line.contains("clients_bytes_max (1048576 bytes)"), "{line}");
        large.wait_for_end();
        sending.join().unwrap().ok();
        observer.until("the large one to be gone", |stats| {
            stats.get("connections_dropped") == 2 && stats.get("clients_bytes") < 10 * 30_000
        });
        for client in &mut small {
            client.ask("\n", "OK\n");
        }
        let closed = daemon
            .log()
            .iter()
            .filter(|line| line.contains("is closed"))
            .count();
        let stats = observer.stats();
        let counts = ["connections_active", "values"].map(|name| stats.get(name));
        assert_eq!((closed, counts), (1, [9, 9]));
    }
}
