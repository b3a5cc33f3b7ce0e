//! Sends the daemon what means nothing, or almost something: it answers, and goes on.

mod common;

use common::transcript::framed;
use common::{Client, Daemon};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::RefCell;

/// Bytes and words of both dialects in any order.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "\r\n",
        "\n",
        ":",
        "*1\r\n",
        "*2\r\n",
        "*3\r\n",
        "*-1\r\n",
        "$0\r\n\r\n",
        "$3\r\nGET\r\n",
        "$3\r\nPUT\r\n",
        "$1\r\nk\r\n",
        "$-1\r\n",
        "$65537\r\n",
        "PUT:k:v",
        "GET:k",
        "DELETE:k",
        "WATCH:\n",
        "UNWATCH\n",
        "HELLO",
        "$5\r\nHELLO\r\n",
        "$1\r\n3\r\n",
        "STATS\n",
        "HELP\n",
        "Host: x",
        " HTTP/1.1\r\n",
        "NOTIFY ",
    ];
    let words = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let marks = prop::sample::select(&b"*$\r\n:-0123456789 "[..]).prop_map(|byte| vec![byte]);
    let any = vec(any::<u8>(), 1..20);
    vec(prop_oneof![6 => words, 2 => marks, 1 => any], 1..60).prop_map(|parts| parts.concat())
}

/// Whether these bytes can have been said to a line client: whole lines.
fn are_lines(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.ends_with(b"\n")
}

/// Whether these bytes can have been said to a framed client: they begin with a mark and end a
/// line. Another test reads every frame.
fn are_frames(bytes: &[u8]) -> bool {
    bytes.is_empty() || (b"+-:$*%_".contains(&bytes[0]) && bytes.ends_with(b"\r\n"))
}

/// Says it to the daemon, in pieces; returns what it answers until it closes.
fn answer(daemon: &Daemon, noise: &[u8], piece: usize) -> Vec<u8> {
    let mut client: Client = daemon.connect();
    noise.chunks(piece).for_each(|piece| client.send(piece));
    client.end();
    client.rest()
}

#[test]
fn noise_is_answered_and_harms_nobody() {
    let daemon = Daemon::start(&["--request-bytes-max", "65536", "--linger-secs", "60"]);
    let witness = RefCell::new(daemon.connect_resp2());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1000)
    };
    let cases = (noise(), any::<bool>(), 1..40usize);
    let done = TestRunner::new(config).run(&cases, |(noise, framed_first, piece)| {
        let noise = if framed_first {
            [b"*", &noise[..]].concat()
        } else {
            noise
        };
        let said = answer(&daemon, &noise, piece);
        let is_framed = noise[0] == b'*';
        let fits = if is_framed {
            are_frames(&said)
        } else {
            are_lines(&said)
        };
        prop_assert!(
            fits,
            "{} is answered {}",
            noise.escape_ascii(),
            said.escape_ascii()
        );
        let again = answer(&daemon, &framed(&["DELETE", "k"]), 100);
        prop_assert!(again.starts_with(b":") || again == b"$-1\r\n");
        let mut witness = witness.borrow_mut();
        witness.exchange(&framed(&["PING"]), b"+PONG\r\n");
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
}
