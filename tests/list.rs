//! Tests `LIST`: the order of keys, pages and their limits, in both dialects.

mod common;

use common::{Client, Daemon, Frame, frame};

/// The most that a page holds, in bytes, unless it holds one key alone.
const PAGE_BYTES: usize = 256 * 1024;

/// Puts keys with one value each, and waits for that.
fn put(client: &mut Client, keys: &[Vec<u8>], value: &[u8]) {
    for some in keys.chunks(100) {
        let puts = some.iter().map(|key| frame(&[b"PUT", key, value]));
        client.send(puts.collect::<Vec<_>>().concat());
        some.iter().for_each(|_| _ = client.frame());
    }
}

/// One page: its revision, the next key if there is one, and the keys with their values.
fn page(client: &mut Client, request: &[&[u8]]) -> (Frame, Option<Vec<u8>>, Vec<(Frame, Frame)>) {
    client.send_frame(request);
    let Frame::Array(parts) = client.frame() else {
        panic!("no page")
    };
    let [_, revision, next, Frame::Array(entries)] = &parts[..] else {
        panic!("no page: {parts:?}")
    };
    let next = match next {
        Frame::Bulk(next) => Some(next.clone()),
        _ => None,
    };
    let entries = entries.iter().map(|entry| match entry {
        Frame::Array(entry) => (entry[0].clone(), entry[1].clone()),
        other => panic!("a key and its values: {other:?}"),
    });
    (revision.clone(), next, entries.collect())
}

#[test]
fn keys_come_in_pages_in_the_order_of_their_bytes() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp3();
    let mut keys: Vec<Vec<u8>> = (0..2500).map(|n| format!("k{n}").into_bytes()).collect();
    keys.push(b"k\xff\xff".to_vec());
    put(&mut client, &keys, b"v");
    client.ask(frame(&[b"PUT", b"other", b"v"]), ":2502\r\n");
    keys.sort();
    for count in ["7", "1000", "99999999999"] {
        let (mut after, mut listed) = (Vec::new(), Vec::new());
        loop {
            let request = [
                b"LIST",
                &b"k"[..],
                b"AFTER",
                &after,
                b"COUNT",
                count.as_bytes(),
            ];
            let (revision, next, entries) = page(&mut client, &request);
            assert_eq!(revision, Frame::Integer(2502));
            listed.extend(entries.into_iter().map(|(key, _)| key));
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        let expected = keys.iter().map(|key| Frame::Bulk(key.clone()));
        assert!(listed.into_iter().eq(expected), "in pages of {count}");
    }
    // The key behind AFTER need not be there.
    let (_, next, entries) = page(&mut client, &[b"LIST", b"k24", b"AFTER", b"k2498x"]);
    assert_eq!((next, entries.len()), (None, 1));
    assert_eq!(entries[0].0, Frame::bulk("k2499"));
    let mut lines = daemon.connect();
    lines.ask("LIST:k24:k2498\n", "k2499\n\n");
    lines.ask("LIST:nothing\n", "\n");
}

#[test]
fn a_page_has_a_thousand_keys_unless_asked_otherwise() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp3();
    let keys: Vec<_> = (0..2500).map(|n| format!("{n:05}").into_bytes()).collect();
    put(&mut client, &keys, b"");
    for (count, expected) in [("", 1000), ("1", 1), ("2499", 2499)] {
        let all = [b"LIST", &b""[..], b"COUNT", count.as_bytes()];
        let request = if count.is_empty() { &all[..2] } else { &all };
        let (_, next, entries) = page(&mut client, request);
        assert_eq!(entries.len(), expected, "{count}");
        assert_eq!(next, Some(keys[expected - 1].clone()));
        assert_eq!(entries[0].1, Frame::Array(vec![Frame::bulk("")]));
    }
    let mut lines = daemon.connect();
    lines.send("LIST:\n");
    assert_eq!(lines.lines().len(), 1000);
    lines.send("LIST::02000\n");
    assert_eq!(lines.lines().len(), 499);
}

#[test]
fn a_page_has_about_256_kib_but_at_least_one_key_whole() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect_resp3();
    let keys: Vec<_> = (0..100).map(|n| format!("{n:02}").into_bytes()).collect();
    put(&mut client, &keys, &[b'v'; 10_000]);
    let (_, next, entries) = page(&mut client, &[b"LIST", b""]);
    let held = entries.len() * 10_000;
    assert!(
        held > PAGE_BYTES - 20_000 && held < PAGE_BYTES + 20_000,
        "{held}"
    );
    assert_eq!(next, Some(keys[entries.len() - 1].clone()));
    // Two values that are as long as three pages.
    let long = vec![b'w'; PAGE_BYTES * 3];
    for revision in [101, 102] {
        client.ask(frame(&[b"PUT", b"0", &long]), format!(":{revision}\r\n"));
    }
    let (_, next, entries) = page(&mut client, &[b"LIST", b""]);
    assert_eq!((next, entries.len()), (Some(b"0".to_vec()), 1));
    let values = Frame::Array(vec![Frame::Bulk(long.clone()), Frame::Bulk(long)]);
    assert!(entries[0] == (Frame::bulk("0"), values));
}

#[test]
fn in_lines_a_key_like_a_notice_is_not_listed_but_named_an_error() {
    let daemon = Daemon::start(&[]);
    let mut framed = daemon.connect_resp3();
    put(
        &mut framed,
        &[b"NOTIFY PUT a".to_vec(), b"a".to_vec()],
        b"v",
    );
    let mut lines = daemon.connect();
    lines.send("LIST:\n");
    assert!(lines.line().starts_with("Error: "));
    lines.ask("LIST:a\n", "a\n\n");
    assert_eq!(page(&mut framed, &[b"LIST", b""]).2.len(), 2);
}
