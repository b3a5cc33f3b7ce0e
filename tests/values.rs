//! Puts values of every kind through both dialects and gets the same bytes back.

mod common;

use common::{Client, Daemon, Frame, frame};

/// All 256 bytes, line ends and NUL included.
fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

fn values() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 20] = [
        b"",
        b" ",
        b":",
        b"a:b:c",
        b"\n",
        b"\r",
        b"\r\n",
        b"two\nlines",
        b"end\r\n",
        b"NOTIFY ",
        b"NOTIFY PUT user",
        b"NOTIFY LOST 1 2\n",
        b"OK",
        b"NOT_FOUND",
        b"Error: no",
        b"*1\r\n$4\r\nPING\r\n",
        b"$-1\r\n",
        b"GET / HTTP/1.1",
        b"\0",
        b"\xff\xfe\xf0\x28\x8c\x28",
    ];
    let long = every_byte().repeat(1000);
    texts
        .iter()
        .map(|text| text.to_vec())
        .chain([every_byte(), long])
        .collect()
}

#[track_caller]
fn get(client: &mut Client, key: &[u8]) -> Vec<Vec<u8>> {
    client.send_frame(&[b"GET", key]);
    let values = match client.frame() {
        Frame::Array(values) => values,
        other => panic!("no values: {other:?}"),
    };
    let bytes = |value| match value {
        Frame::Bulk(bytes) => bytes,
        other => panic!("no value: {other:?}"),
    };
    values.into_iter().map(bytes).collect()
}

#[test]
fn frames_carry_any_value_in_every_request() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp3();
    let values = values();
    let mut revision = 0;
    let mut done = |client: &mut Client, words: &[&[u8]]| {
        revision += 1;
        client.exchange(&frame(words), format!(":{revision}\r\n").as_bytes());
    };
    for value in &values {
        done(&mut client, &[b"PUT", b"user", value]);
    }
    assert!(get(&mut client, b"user") == values);
    for (old, new) in values.iter().zip(values.iter().cycle().skip(1)) {
        done(&mut client, &[b"PUT", b"one", old]);
        done(&mut client, &[b"UPDATE", b"one", old, new]);
        assert!(get(&mut client, b"one") == [new.clone()]);
        done(&mut client, &[b"REMOVE", b"one", new]);
    }
    for value in &values {
        assert!(get(&mut client, b"user").contains(value));
        done(&mut client, &[b"REMOVE", b"user", value]);
    }
    client.exchange(&frame(&[b"GET", b"user"]), b"_\r\n");
    for value in &values {
        let bulk = [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
        client.exchange(&frame(&[b"ECHO", value]), &bulk);
        client.exchange(&frame(&[b"PING", value]), &bulk);
    }
}

#[test]
fn lines_carry_any_value_without_a_line_end() {
    let daemon = Daemon::start(&[]);
    let (mut lines, mut frames) = (daemon.connect(), daemon.connect_resp3());
    let values = values().into_iter().filter(|value| !value.contains(&b'\n'));
    // A CR before the LF belongs to the line's end, so that a value may end in one.
    for value in values {
        let put = [b"PUT:user:", &value[..], b"\r\n"].concat();
        lines.exchange(&put, b"OK\n");
        assert!(get(&mut frames, b"user") == [value.clone()]);
        if !value.contains(&b'\r') && !value.starts_with(b"NOTIFY ") {
            lines.exchange(b"GET:user\n", &[&value[..], b"\n"].concat());
        }
        let update = [b"UPDATE:user::", &value[..], b"\r\n"].concat();
        let reply: &[u8] = if value.is_empty() {
            b"OK\n"
        } else {
            b"NOT_FOUND\n"
        };
        lines.exchange(&update, reply);
        lines.exchange(&[b"REMOVE:user:", &value[..], b"\r\n"].concat(), b"OK\n");
    }
    assert_eq!(lines.stats().get("keys"), 0);
}

#[test]
fn lines_carry_every_byte_but_line_ends() {
    let daemon = Daemon::start(&[]);
    let mut lines = daemon.connect();
    let value: Vec<u8> = (0..=255)
        .filter(|byte| ![b'\r', b'\n'].contains(byte))
        .collect();
    let key: Vec<u8> = value.iter().copied().filter(|byte| *byte != b':').collect();
    lines.exchange(&[b"PUT:", &key[..], b":", &value, b"\n"].concat(), b"OK\n");
    let told = [&value[..], b"\n"].concat();
    lines.exchange(&[b"GET:", &key[..], b"\n"].concat(), &told);
    lines.exchange(
        &[b"PING:", &key[..], b"\n"].concat(),
        &[&key[..], b"\n"].concat(),
    );
    let mut frames = daemon.connect_resp3();
    assert_eq!(get(&mut frames, &key), [value]);
}
