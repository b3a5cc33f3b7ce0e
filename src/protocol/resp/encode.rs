//! Writes replies and notices in RESP.

use super::super::command::{Refusal, Version};
use super::super::notice::{Encoded, Notice};
use super::super::reply::{Hello, Reply, SERVER, Stat, epoch_text};

/// Appends a reply's bytes.
pub fn reply(reply: &Reply<'_>, version: Version, out: &mut Vec<u8>) {
    match (reply, version) {
        (Reply::Done(revision), _) => integer(*revision, out),
        (Reply::Ok, _) => out.extend_from_slice(b"+OK\r\n"),
        (Reply::Missing, version) => missing(version, out),
        (Reply::MissingList, Version::Three) => missing(Version::Three, out),
        (Reply::MissingList, Version::Two) => out.extend_from_slice(b"*-1\r\n"),
        (Reply::Values(list), _) => {
            array_head(list.len(), out);
            list.iter().for_each(|value| bulk(value, out));
        }
        (Reply::Pong, _) => out.extend_from_slice(b"+PONG\r\n"),
        (Reply::Text(text), _) => bulk(text, out),
        (Reply::Watching { epoch, revision }, _) => {
            array_head(2, out);
            bulk(epoch_text(*epoch).as_bytes(), out);
            integer(*revision, out);
        }
        (
            Reply::Page {
                epoch,
                revision,
                next,
                keys,
            },
            version,
        ) => {
            array_head(4, out);
            bulk(epoch_text(*epoch).as_bytes(), out);
            integer(*revision, out);
            match next {
                Some(next) => bulk(next, out),
                None => missing(version, out),
            }
            array_head(*keys, out);
        }
        (Reply::Key(key), _) => {
            array_head(2, out);
            bulk(key, out);
        }
        (Reply::PageEnd, _) => {}
        (Reply::Hello(hello), version) => greet(hello, version, out),
        (Reply::Stats(stats), version) => {
            map_head(stats.len(), version, out);
            for (name, stat) in *stats {
                bulk(name.as_bytes(), out);
                match stat {
                    Stat::Number(number) => integer(*number, out),
                    Stat::Text(text) => bulk(text.as_bytes(), out),
                }
            }
        }
        (Reply::Help, _) => refuse(&Refusal::new("HELP is for the line protocol"), out),
        (Reply::Refused(refusal), _) => refuse(refusal, out),
    }
}

fn missing(version: Version, out: &mut Vec<u8>) {
    out.extend_from_slice(match version {
        Version::Two => b"$-1\r\n",
        Version::Three => b"_\r\n",
    });
}

fn refuse(refusal: &Refusal, out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend_from_slice(refusal.code.as_bytes());
    out.push(b' ');
    out.extend_from_slice(refusal.text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The fields are those of Redis, so that its client libraries understand them, and two of ours.
fn greet(hello: &Hello, version: Version, out: &mut Vec<u8>) {
    map_head(9, version, out);
    let proto = if hello.version == Version::Three {
        3
    } else {
        2
    };
    for (name, text) in [("server", SERVER.0), ("version", SERVER.1)] {
        bulk(name.as_bytes(), out);
        bulk(text.as_bytes(), out);
    }
    for (name, number) in [("proto", proto), ("id", hello.id)] {
        bulk(name.as_bytes(), out);
        integer(number, out);
    }
    for (name, text) in [("mode", "standalone"), ("role", "master")] {
        bulk(name.as_bytes(), out);
        bulk(text.as_bytes(), out);
    }
    bulk(b"modules", out);
    array_head(0, out);
    bulk(b"epoch", out);
    bulk(epoch_text(hello.epoch).as_bytes(), out);
    bulk(b"revision", out);
    integer(hello.revision, out);
}

/// Appends a notice: a push of RESP3; RESP2, which has none, gets an array.
pub fn notice(notice: &Notice<'_>, version: Version, out: &mut Encoded) {
    let mark = match version {
        Version::Two => b'*',
        Version::Three => b'>',
    };
    match notice {
        Notice::Change(change) => {
            let bytes = out.bytes();
            head(mark, 4 + change.values().count() as u64, bytes);
            bulk(b"notify", bytes);
            bulk(change.op.word().as_bytes(), bytes);
            bulk(&change.key, bytes);
            integer(change.revision, bytes);
            for value in change.values() {
                bulk_head(value.len(), out.bytes());
                out.held(value);
                out.bytes().extend_from_slice(b"\r\n");
            }
        }
        Notice::Lost { first, last } => push(mark, b"lost", &[*first, *last], out.bytes()),
        Notice::Progress { revision } => push(mark, b"progress", &[*revision], out.bytes()),
        Notice::Drain { seconds } => push(mark, b"drain", &[*seconds], out.bytes()),
    }
}

fn push(mark: u8, word: &[u8], numbers: &[u64], out: &mut Vec<u8>) {
    head(mark, 1 + numbers.len() as u64, out);
    bulk(word, out);
    numbers.iter().for_each(|number| integer(*number, out));
}

/// Appends the head of an array.
pub fn array_head(elements: usize, out: &mut Vec<u8>) {
    head(b'*', elements as u64, out);
}

/// Appends the head of a bulk string.
pub fn bulk_head(length: usize, out: &mut Vec<u8>) {
    head(b'$', length as u64, out);
}

/// RESP2 has no maps: their names and values stand in one flat array.
fn map_head(pairs: usize, version: Version, out: &mut Vec<u8>) {
    match version {
        Version::Two => array_head(2 * pairs, out),
        Version::Three => head(b'%', pairs as u64, out),
    }
}

fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    bulk_head(bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn integer(number: u64, out: &mut Vec<u8>) {
    head(b':', number, out);
}

/// Appends a mark, a number and CRLF; on the path of every reply, hence without `fmt`.
fn head(mark: u8, number: u64, out: &mut Vec<u8>) {
    let mut text = [0; 23];
    let mut at = text.len() - 2;
    text[at..].copy_from_slice(b"\r\n");
    let mut left = number;
    while left >= 10 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(left % 100) as usize]);
        left /= 100;
    }
    if left > 0 || at == text.len() - 2 {
        at -= 1;
        text[at] = b'0' + left as u8;
    }
    at -= 1;
    text[at] = mark;
    out.extend_from_slice(&text[at..]);
}

/// All numbers of two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};
