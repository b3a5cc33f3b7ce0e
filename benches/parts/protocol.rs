//! The parser of both dialects, and the encoder of replies and notices.

use crate::{Group, REQUESTS, VALUE, empty_store, key};
use kvmsg::protocol::notice::Notice;
use kvmsg::protocol::reply::Reply;
use kvmsg::protocol::{Dialect, Parsed, Parser, encode_notice, encode_reply};
use std::hint::black_box;

/// More than any request here.
const BYTES_MAX: usize = 1 << 20;

/// Appends a request of these words.
type Write = fn(&[&[u8]], &mut Vec<u8>);

fn framed(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn line(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(&words.join(&b':'));
    out.push(b'\n');
}

fn puts(write: Write) -> Vec<u8> {
    let mut out = Vec::new();
    (0..REQUESTS).for_each(|number| write(&[b"PUT", &key(number), VALUE], &mut out));
    out
}

fn gets(write: Write) -> Vec<u8> {
    let mut out = Vec::new();
    (0..REQUESTS).for_each(|number| write(&[b"GET", &key(number)], &mut out));
    out
}

/// Reads pipelined requests as they stand in one buffer.
pub(crate) fn parse(group: &mut Group) {
    for (name, input) in [
        ("framed PUT", puts(framed)),
        ("framed GET", gets(framed)),
        ("line PUT", puts(line)),
        ("line GET", gets(line)),
    ] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut parser = Parser::new(input[0]);
                let (mut start, mut count) = (0, 0);
                while start < input.len() {
                    match parser.next(black_box(&input), start, BYTES_MAX) {
                        Parsed::Request(request, end) => {
                            black_box(request);
                            start = end;
                            count += 1;
                        }
                        other => panic!("not a request: {other:?}"),
                    }
                }
                // A line client's first line also makes it listen.
                assert!(count == REQUESTS || count == REQUESTS + 1, "{count}");
            });
        });
    }
}

/// Encodes replies one behind the other, and notices.
pub(crate) fn encode(group: &mut Group) {
    let mut store = empty_store();
    for _ in 0..8 {
        store.put(b"eight", VALUE).expect("it fits");
    }
    let change = store.put(b"one", VALUE).expect("it fits");
    let replies = [
        ("a revision", Reply::Done(1_234_567)),
        (
            "1 value",
            Reply::Values(store.get(b"one").expect("it is there")),
        ),
        (
            "8 values",
            Reply::Values(store.get(b"eight").expect("it is there")),
        ),
    ];
    let mut out = Vec::with_capacity(BYTES_MAX);
    for (dialect, spoken) in [(Dialect::Resp2, "framed"), (Dialect::Lines, "line")] {
        for (what, reply) in &replies {
            group.bench_function(format!("{spoken} {what}"), |bench| {
                bench.iter(|| {
                    out.clear();
                    for _ in 0..REQUESTS {
                        encode_reply(black_box(reply), dialect, &mut out);
                    }
                    black_box(out.len())
                });
            });
        }
    }
    group.bench_function("framed notice", |bench| {
        bench.iter(|| {
            for _ in 0..REQUESTS {
                let notice = Notice::Change(black_box(&change));
                black_box(encode_notice(&notice, Dialect::Resp3));
            }
        });
    });
}
