//! Sends the longest request that is allowed, and one byte more, in both dialects.

mod common;

use common::{Client, Daemon, Frame, frame};

const MAX: usize = 65_536;
/// The daemon reads on after its last words until the client has sent all it wanted to.
const FLAGS: [&str; 4] = ["--request-bytes-max", "65536", "--linger-secs", "60"];
const LINE_TOO_LONG: &str = "Error: the line is longer than request_bytes_max (65536 bytes)\n";
const FRAME_TOO_LONG: &str =
    "-ERR Protocol error: request beyond request_bytes_max (65536 bytes)\r\n";

/// A PUT of this many bytes, without the line's end; its value holds colons.
fn line(length: usize) -> Vec<u8> {
    let mut line = b"PUT:user:".to_vec();
    line.extend(b"ab:".iter().cycle().take(length - line.len()));
    line
}

/// Sends in packets of this size.
fn send_in_packets(client: &mut Client, bytes: &[u8], size: usize) {
    bytes.chunks(size).for_each(|packet| client.send(packet));
}

#[test]
fn the_longest_line_is_taken_and_one_byte_more_is_not() {
    let daemon = Daemon::start(&FLAGS);
    let mut revision = 0;
    for end in ["\n", "\r\n"] {
        for size in [1000, MAX, 2 * MAX] {
            let mut client = daemon.connect();
            client.send("UNWATCH\n");
            client.expect("OK\n");
            send_in_packets(&mut client, &[&line(MAX), end.as_bytes()].concat(), size);
            client.expect("OK\n");
            revision += 1;
            assert_eq!(client.stats().get("revision"), revision);
            let longer = [&line(MAX + 1), end.as_bytes(), b"PUT:user:john\n"].concat();
            send_in_packets(&mut client, &longer, size);
            client.part("PUT:user:john\n", LINE_TOO_LONG);
            assert_eq!(
                daemon.stats().get("revision"),
                revision,
                "nothing was executed"
            );
        }
    }
}

#[test]
fn a_line_without_its_end_may_be_as_long_and_a_cr_more() {
    let daemon = Daemon::start(&FLAGS);
    let with = |end: &str| [&line(MAX), end.as_bytes()].concat();
    // Not too long yet, though its end does not come.
    for end in ["", "\r"] {
        let mut client = daemon.connect();
        client.send(with(end));
        client.leave("");
    }
    for end in ["x", "\rx", "\r\r", "\r\r\n"] {
        daemon.connect().part(with(end), LINE_TOO_LONG);
    }
    for (first, rest) in [("", "\n"), ("", "\r\n"), ("\r", "\n")] {
        let mut client = daemon.connect();
        client.send(with(first));
        client.exchange(rest.as_bytes(), b"OK\n");
    }
}

#[test]
fn what_came_before_the_line_that_is_too_long_is_answered() {
    let daemon = Daemon::start(&FLAGS);
    for size in [1000, 10 * MAX] {
        let mut client = daemon.connect();
        let requests = [b"PING\nPING:2\n", &line(2 * MAX)[..], b"\nPING\n"].concat();
        send_in_packets(&mut client, &requests, size);
        client.part("PING\n", ["PONG\n2\n", LINE_TOO_LONG].concat());
    }
}

#[test]
fn the_longest_frame_is_taken_and_one_byte_more_is_not() {
    let daemon = Daemon::start(&FLAGS);
    let value = |length: usize| vec![b'\n'; length - "PUTuser".len()];
    for (revision, size) in [(1, 1000), (2, MAX), (3, 2 * MAX)] {
        let mut client = daemon.connect();
        send_in_packets(&mut client, &frame(&[b"PUT", b"user", &value(MAX)]), size);
        assert_eq!(client.frame(), Frame::Integer(revision));
        let longer = frame(&[b"PUT", b"user", &value(MAX + 1)]);
        send_in_packets(&mut client, &longer, size);
        client.part(frame(&[b"DELETE", b"user"]), FRAME_TOO_LONG);
        assert_eq!(
            daemon.stats().get("revision"),
            revision as u64,
            "nothing was executed"
        );
    }
}

#[test]
fn the_bulk_strings_of_a_frame_count_together_and_before_they_come() {
    let daemon = Daemon::start(&FLAGS);
    let (verb, key) = ("$6\r\nUPDATE\r\n", "$4\r\nuser\r\n");
    let old = format!("$32000\r\n{}\r\n", "x".repeat(32_000));
    let new = MAX - "UPDATEuser".len() - 32_000;
    let mut client = daemon.connect();
    client.send(format!(
        "*4\r\n{verb}{key}{old}${new}\r\n{}\r\n",
        "x".repeat(new)
    ));
    assert_eq!(client.frame(), Frame::Null);
    client.part(
        format!("*4\r\n{verb}{key}{old}${}\r\n", new + 1),
        FRAME_TOO_LONG,
    );
    daemon
        .connect()
        .part(format!("*1\r\n${}\r\n", MAX + 1), FRAME_TOO_LONG);
    daemon
        .connect()
        .part(format!("*64\r\n{verb}${MAX}\r\n"), FRAME_TOO_LONG);
    daemon
        .connect()
        .part("*2\r\n$0\r\n\r\n$9223372036854775807\r\n", FRAME_TOO_LONG);
    // Each frame anew.
    let mut client = daemon.connect();
    let ping = frame(&[b"PING", &vec![b'x'; MAX - "PING".len()]]);
    for _ in 0..3 {
        client.send(&ping);
        assert!(matches!(client.frame(), Frame::Bulk(text) if text.len() == MAX - 4));
    }
}
