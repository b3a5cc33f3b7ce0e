//! Holds how many clients there can be: clients_max, and the descriptors that they need.

mod common;

use common::hostile::{Observer, allow_descriptors};
use common::tools::skip;
use common::{Client, Daemon, binary, frame};
use std::process::Command;

/// All that one client too many is told.
const REFUSAL: &str = "-ERR max number of clients reached\r\n";

#[test]
fn one_client_too_many_is_told_so_whatever_it_has_sent_and_is_counted_apart() {
    let daemon = Daemon::start(&["--clients-max", "3"]);
    let mut observer = Observer::new(&daemon);
    let mut clients = [daemon.connect(), daemon.connect()];
    let megabyte = frame(&[b"PUT", b"k", &vec![b'v'; 1 << 20]]);
    let put = frame(&[b"PUT", b"k", b"v"]);
    let sent: [&[u8]; 6] = [b"", b"PUT:k:v\n", b"PUT:k", &put, &put[..9], &megabyte];
    for bytes in sent {
        let mut client = daemon.connect();
        // The daemon discards what comes, so this ends; and it may close before all has come.
        let sending = client.send_aside(bytes.to_vec());
        assert_eq!(
            client.rest().escape_ascii().to_string(),
            REFUSAL.escape_debug().to_string()
        );
        sending.join().unwrap().ok();
    }
    let stats = observer.stats();
    let counts =
        ["refused", "dropped", "active"].map(|name| stats.get(&format!("connections_{name}")));
    assert_eq!((counts, stats.get("keys")), ([sent.len() as u64, 0, 3], 0));
    for client in &mut clients {
        client.ask("PING\n", "PONG\n");
    }
    drop(clients);
    observer.until("both to be gone", |stats| {
        stats.get("connections_dropped") == 2
    });
    for _ in 0..2 {
        daemon.connect().ask("PING\n", "PONG\n");
    }
    assert_eq!(
        observer.stats().get("connections_refused"),
        sent.len() as u64
    );
}

#[test]
fn a_crowd_that_is_refused_keeps_nothing() {
    let daemon = Daemon::start(&["--clients-max", "1", "--linger-secs", "60"]);
    let mut observer = Observer::new(&daemon);
    observer.stats();
    let descriptors = daemon.descriptors();
    let mut crowd: Vec<Client> = (0..300).map(|_| daemon.connect()).collect();
    for client in &mut crowd {
        client.expect(REFUSAL);
        assert_eq!(client.rest(), b"");
    }
    observer.until("all to be refused", |stats| {
        stats.get("connections_refused") == 300
    });
    assert!(
        daemon.descriptors() < descriptors + 100,
        "{} descriptors",
        daemon.descriptors()
    );
    drop(crowd);
    observer.until("all to be closed", |_| daemon.descriptors() == descriptors);
}

/// A daemon behind a `ulimit` of the shell.
fn start_limited(ulimit: &str, flags: &[&str]) -> Daemon {
    let plain = binary();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {ulimit} && exec \"$0\" \"$@\"")]);
    command
        .arg(plain.get_program())
        .args(["-l", "127.0.0.1:0"])
        .args(flags);
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    Daemon::spawn(command)
}

#[test]
fn where_descriptors_are_few_clients_max_is_lowered_with_a_warning_and_holds() {
    let daemon = start_limited("-n 200", &[]);
    let line = daemon.wait_for_log("clients_max is lowered from 10000 to ");
    assert!(
        line.contains("WARN") && line.contains("open files is 200"),
        "{line}"
    );
    let number = line
        .split("10000 to ")
        .nth(1)
        .and_then(|rest| rest.split(':').next());
    let fits: usize = number.and_then(|text| text.parse().ok()).expect("a number");
    assert!((20..200).contains(&fits), "{line}");
    let mut clients: Vec<Client> = (0..fits).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.ask("PING\n", "PONG\n");
    }
    for _ in 0..10 {
        daemon.connect().expect(REFUSAL);
    }
    assert_eq!(clients[0].stats().get("connections_active"), fits as u64);
    assert!(
        daemon
            .log()
            .iter()
            .all(|line| !line.contains("cannot accept")),
        "{:?}",
        daemon.log()
    );
}

#[test]
fn where_only_the_soft_limit_is_low_it_is_raised_to_what_clients_max_needs() {
    if !allow_descriptors(2000) {
        return skip("the hard limit of descriptors is too low for 1000 clients");
    }
    let daemon = start_limited("-Sn 64", &["--clients-max", "1000"]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let row = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    let soft: u64 = row
        .split_ascii_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1000..2000).contains(&soft), "{row}");
    let mut clients: Vec<Client> = (0..300).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.ask("PING\n", "PONG\n");
    }
    assert_eq!(daemon.log().len(), 1, "{:?}", daemon.log());
}
