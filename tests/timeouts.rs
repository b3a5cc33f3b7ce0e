//! Holds what time a client has to finish a request and to take its replies, and who is not
//! meant by that.

mod common;

use common::hostile::{Observer, fill};
use common::talker::Talker;
use common::{Client, Daemon, PATIENCE, frame};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

/// What a request that was not finished is answered with, after the word for an error.
const LATE: &str = "the request was not finished within request_timeout_secs (1)";

/// Lets at least this many times `request_timeout_secs` (1) go by, by the daemon's own clock.
fn outlast_request_timeouts(daemon: &Daemon, times: u32) {
    for _ in 0..times {
        let mut client = daemon.connect();
        client.ask("P", format!("Error: {LATE}\n"));
    }
}

/// Lets `write_timeout_secs` go by once, by the daemon's own clock.
fn outlast_write_timeout(daemon: &Daemon) {
    let mut client = Client::connect_narrow(daemon.address);
    client.send("GET:k\n".repeat(100));
    daemon.wait_for_log(&ended(&client));
}

/// What the log says of a client that takes no replies.
fn ended(client: &Client) -> String {
    format!(
        "client {} is ended: over write_timeout_secs",
        client.stream.local_addr().unwrap()
    )
}

#[test]
fn half_a_request_is_answered_with_an_error_in_time_and_closed() {
    let daemon = Daemon::start(&["--request-timeout-secs", "1"]);
    let line = format!("Error: {LATE}\n");
    let framed = format!("-ERR {LATE}\r\n");
    let cases = [
        ("P", "", &line),
        ("PUT:k:v", "", &line),
        ("\r", "", &line),
        ("PING\nPUT:k:", "PONG\n", &line),
        ("*", "", &framed),
        ("*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$1\r\nv", "", &framed),
        ("*0\r\n*1\r", "", &framed),
        ("*1\r\n$4\r\nPING\r\n*1\r\n", "+PONG\r\n", &framed),
    ];
    let begin = Instant::now();
    let mut clients = cases.map(|(request, replies, error)| {
        let mut client = daemon.connect();
        client.send(request);
        (client, format!("{replies}{error}"))
    });
    for (client, last_words) in &mut clients {
        client.expect(&last_words);
        assert_eq!(client.rest(), b"", "after {last_words}");
    }
    assert!(
        begin.elapsed() > Duration::from_millis(900),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(daemon.stats().get("keys"), 0);
}

#[test]
fn dribbled_bytes_do_not_extend_the_time_of_a_request() {
    let daemon = Daemon::start(&["--request-timeout-secs", "1", "--linger-secs", "1"]);
    for (begin, error) in [("PUT:k:", "Error: "), ("*2\r\n$9999\r\n", "-ERR ")] {
        let mut client = daemon.connect();
        client.send(begin);
        let mut stream = client.stream.try_clone().unwrap();
        let dribbling = std::thread::spawn(move || {
            let end = Instant::now() + PATIENCE;
            while stream.write_all(b"x").is_ok() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20)); // a byte now and then
            }
        });
        assert!(client.line().starts_with(error));
        assert_eq!(client.rest(), b"");
        drop(client);
        dribbling.join().unwrap();
    }
}

#[test]
fn a_client_that_has_not_begun_a_request_may_take_any_time() {
    let daemon = Daemon::start(&["--request-timeout-secs", "1"]);
    fill(&daemon, 64 * 1024, 1);
    let mut silent = daemon.connect();
    let mut idle = ["PING\n", "\n\r\n", "*1\r\n$4\r\nPING\r\n", "*0\r\n*-1\r\n"].map(|sent| {
        let mut client = daemon.connect();
        client.send(sent);
        client
    });
    // One that has sent whole requests, and has them waiting because it does not read.
    let mut stalled = daemon.connect();
    let sending = stalled.send_aside("GET:k\n".repeat(1000).into_bytes());
    Observer::new(&daemon).until("it to stall", |stats| {
        stats.get("clients_bytes") > MIB as u64 / 2
    });
    outlast_request_timeouts(&daemon, 3);
    silent.ask("PING\n", "PONG\n");
    idle[0].ask("PING\n", "PONG\nPONG\n");
    idle[1].ask("PING\n", "PONG\n");
    idle[2].ask("*1\r\n$4\r\nPING\r\n", "+PONG\r\n+PONG\r\n");
    idle[3].ask("*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
    let reply = "v".repeat(64 * 1024) + "\n";
    (0..1000).for_each(|_| stalled.expect(&reply));
    sending.join().unwrap().unwrap();
    stalled.ask("PING\n", "PONG\n");
}

#[test]
fn who_takes_none_of_its_replies_is_ended_and_logged() {
    let daemon = Daemon::start(&["--write-timeout-secs", "1"]);
    fill(&daemon, MIB, 1);
    let mut observer = Observer::new(&daemon);
    let get = frame(&[b"GET", b"k"]);
    for request in [b"GET:k\n".as_slice(), &get] {
        let mut client = Client::connect_narrow(daemon.address);
        let begin = Instant::now();
        client.send(request.repeat(100));
        let line = daemon.wait_for_log(&ended(&client));
        assert!(line.contains("write_timeout_secs (1)"), "{line}");
        assert!(
            begin.elapsed() > Duration::from_millis(900),
            "{:?}",
            begin.elapsed()
        );
        observer.until("it to be gone", |stats| {
            stats.get("connections_active") == 1 && stats.get("clients_bytes") < 64 * 1024
        });
        client.wait_for_end();
    }
}

#[test]
fn who_takes_its_replies_slowly_but_steadily_is_served_to_the_end() {
    const BYTES_A_SECOND: f64 = 2.5 * 1024.0;
    const REPLIES: usize = 6000;
    let daemon = Daemon::start(&["--write-timeout-secs", "6", "--outbox-bytes-max", "65536"]);
    let reply = fill(&daemon, 1000, 1) + "\n";
    let mut client = Client::connect_narrow(daemon.address);
    let sending = client.send_aside("GET:k\n".repeat(REPLIES).into_bytes());
    Observer::new(&daemon).until("it to stall", |stats| {
        stats.get("clients_bytes") > 32 * 1024
    });
    let begin = Instant::now();
    let mut all = Vec::new();
    while begin.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(50)); // a slow reader
        let due = (begin.elapsed().as_secs_f64() * BYTES_A_SECOND) as u64 - all.len() as u64;
        (&client.stream)
            .take(due)
            .read_to_end(&mut all)
            .expect("the daemon goes on");
    }
    client.end();
    all.append(&mut client.rest());
    sending.join().unwrap().unwrap();
    assert!(
        !daemon.log().iter().any(|line| line.contains("is ended")),
        "{:?}",
        daemon.log()
    );
    assert_eq!(all.len(), REPLIES * reply.len());
    assert!(all == reply.repeat(REPLIES).into_bytes());
}

#[test]
fn a_watcher_that_falls_behind_is_not_ended_until_it_owes_reading_a_reply() {
    let daemon = Daemon::start(&["--write-timeout-secs", "1", "--history-bytes", "65536"]);
    fill(&daemon, MIB, 1);
    let mut writer = Talker::connect(&daemon, true);
    let mut watcher = daemon.connect();
    watcher.ask("PING\n", "PONG\n");
    writer.outrun();
    (0..3).for_each(|_| outlast_write_timeout(&daemon));
    let mut other = daemon.connect();
    other.ask("PING\n", "PONG\n");
    writer.outrun();
    // The one goes on where it was; the other asks something and does not read the answer, which
    // is more than the kernel may still take.
    other.send("GET:k\n".repeat(20));
    daemon.wait_for_log(&ended(&other));
    assert!(watcher.line().starts_with("NOTIFY PUT k"));
    while !watcher.line().starts_with("NOTIFY LOST ") {}
    watcher.send("PING:still here\n");
    while watcher.line() != "still here" {}
    assert!(
        !daemon
            .log()
            .iter()
            .any(|line| line.contains(&ended(&watcher)))
    );
}
