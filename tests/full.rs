//! Holds that a full list and a full store refuse what is too much, and change nothing.

mod common;

use common::{Client, Daemon, frame};

/// The smallest that either limit can be.
const MAX: usize = 65536;

/// What a value counts in the store beside its length.
const OVERHEAD: usize = 64;

/// Sends a request in this dialect and returns the first line of the answer.
fn ask(client: &mut Client, framed: bool, words: &[&str]) -> String {
    match framed {
        true => client.send_frame(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>()),
        false => client.send(words.join(":") + "\n"),
    }
    client.line().trim_end_matches('\r').to_owned()
}

/// What must not change when a request is refused.
fn state(daemon: &Daemon) -> [u64; 4] {
    let stats = daemon.stats();
    ["revision", "keys", "values", "store_bytes"].map(|name| stats.get(name))
}

/// Refuses each request for this reason, changes nothing, and tells nobody.
fn expect_refused(daemon: &Daemon, reason: &str, requests: &[&[&str]]) {
    let mut watcher = daemon.connect();
    watcher.ask("PING\n", "PONG\n");
    for framed in [false, true] {
        let mut client = daemon.connect();
        for words in requests {
            let before = state(daemon);
            let error = ["Error: ", "-ERR "][usize::from(framed)];
            assert_eq!(ask(&mut client, framed, words), format!("{error}{reason}"));
            assert_eq!(state(daemon), before, "{}", words[0]);
        }
    }
    watcher.ask("PING\n", "PONG\n");
}

/// Makes each change.
fn expect_done(daemon: &Daemon, requests: &[&[&str]]) {
    let mut client = daemon.connect();
    for words in requests {
        let revision = state(daemon)[0];
        assert_eq!(
            ask(&mut client, true, words),
            format!(":{}", revision + 1),
            "{}",
            words[0]
        );
    }
}

#[test]
fn a_list_holds_values_bytes_max_to_the_byte_and_has_room_again_when_values_go() {
    let daemon = Daemon::start(&["--values-bytes-max", "65536"]);
    let reason = "the values of this key would exceed values_bytes_max (65536 bytes)";
    let (rest, longer) = ("r".repeat(MAX - 3), "r".repeat(MAX - 2));
    expect_refused(&daemon, reason, &[&["PUT", "k", &"x".repeat(MAX + 1)]]);
    expect_done(&daemon, &[&["PUT", "k", "abc"]]);
    expect_refused(&daemon, reason, &[&["PUT", "k", &longer]]);
    // Full: nothing but an empty value fits; another key has room of its own.
    expect_done(
        &daemon,
        &[
            &["PUT", "k", &rest],
            &["PUT", "k", ""],
            &["PUT", "other", &rest],
        ],
    );
    let too_much: [&[&str]; 3] = [
        &["PUT", "k", "1"],
        &["UPDATE", "k", "abc", "abcd"],
        &["UPDATE", "k", "", "1"],
    ];
    expect_refused(&daemon, reason, &too_much);
    daemon.connect().ask("GET:k\n", format!("abc\n{rest}\n\n"));
    let room: [&[&str]; 4] = [
        &["UPDATE", "k", "abc", "xyz"],
        &["REMOVE", "k", "xyz"],
        &["PUT", "k", "123"],
        &["DELETE", "k"],
    ];
    expect_done(&daemon, &room);
    expect_done(&daemon, &[&["PUT", "k", &"x".repeat(MAX)]]);
}

#[test]
fn the_store_holds_store_bytes_max_to_the_byte_and_has_room_again_when_keys_go() {
    let daemon = Daemon::start(&["--store-bytes-max", "65536"]);
    let reason = "the store would exceed store_bytes_max (65536 bytes)";
    expect_done(&daemon, &[&["PUT", "one", "abc"]]);
    let left = MAX - (3 + 3 + OVERHEAD);
    let (most, more) = (left - 3 - OVERHEAD, left - 3 - OVERHEAD + 1);
    expect_refused(&daemon, reason, &[&["PUT", "two", &"x".repeat(more)]]);
    // A key that exists is not counted again.
    expect_refused(&daemon, reason, &[&["PUT", "one", &"x".repeat(more + 3)]]);
    expect_done(&daemon, &[&["PUT", "two", &"x".repeat(most)]]);
    assert_eq!(state(&daemon)[3], MAX as u64);
    let too_much: [&[&str]; 3] = [
        &["PUT", "one", ""],
        &["PUT", "new", "1"],
        &["UPDATE", "one", "abc", "abcd"],
    ];
    expect_refused(&daemon, reason, &too_much);
    expect_done(
        &daemon,
        &[&["UPDATE", "one", "abc", "xyz"], &["DELETE", "one"]],
    );
    expect_done(
        &daemon,
        &[
            &["PUT", "red", "abc"],
            &["DELETE", "two"],
            &["DELETE", "red"],
        ],
    );
    assert_eq!(state(&daemon), [7, 0, 0, 0]);
}

#[test]
fn a_store_without_a_limit_is_held_by_that_of_its_lists_alone() {
    let daemon = Daemon::start(&["--store-bytes-max", "0", "--values-bytes-max", "65536"]);
    let mut client = daemon.connect();
    let value = "x".repeat(MAX);
    for key in 0..100 {
        client.ask(format!("PUT:{key}:{value}\n"), "OK\n");
    }
    assert!(state(&daemon)[3] > 100 * MAX as u64);
}

#[test]
fn what_is_refused_leaves_the_pipeline_in_step() {
    let daemon = Daemon::start(&["--values-bytes-max", "65536"]);
    let value = vec![b'x'; MAX];
    let request = [frame(&[b"PUT", b"k", &value]), frame(&[b"PING"])].concat();
    let mut client = daemon.connect();
    client.ask(request.repeat(2), ":1\r\n+PONG\r\n");
    assert!(
        client
            .line()
            .starts_with("-ERR the values of this key would exceed")
    );
    client.expect("+PONG\r\n");
}
