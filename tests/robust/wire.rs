//! Turns bytes into what a record holds: frames and lines, replies and pushes.

use crate::common::Frame;
use crate::record::{Dialect, Event, Page, Push, Reply, Word, word};
use std::borrow::Cow;

/// A request as bytes. In the record a long value is its digest.
pub fn request(dialect: Dialect, words: &[Vec<u8>]) -> Vec<u8> {
    if dialect != Dialect::Lines {
        return crate::common::frame(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    let bare = matches!(&words[0][..], b"PING" | b"UNWATCH");
    let words = if bare { &words[..1] } else { words };
    let fields: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let fields: Vec<_> = fields
        .into_iter()
        .filter(|word| *word != b"AFTER")
        .collect();
    [fields.join(&b':'), b"\n".to_vec()].concat()
}

/// Takes the next reply or push from the front of what was read; nothing if it is not whole.
/// `asked` is the oldest request that was not answered yet.
pub fn take(
    dialect: Dialect,
    bytes: &[u8],
    at: &mut usize,
    asked: Option<&[Word]>,
) -> Option<Event> {
    if dialect == Dialect::Lines {
        let mut end = *at;
        let event = line_event(bytes, &mut end, asked.map_or("", |words| &words[0]))?;
        *at = end;
        return Some(event);
    }
    let mut end = *at;
    let frame = frame(bytes, &mut end)?;
    *at = end;
    Some(frame_event(dialect, frame, asked))
}

/// Reads a line from `at` on.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Option<Cow<'a, str>> {
    let end = *at + memchr::memchr(b'\n', &bytes[*at..])?;
    let line = String::from_utf8_lossy(&bytes[*at..end]);
    *at = end + 1;
    Some(line)
}

/// Reads one notice from `at` on, or one reply to this verb.
fn line_event(bytes: &[u8], at: &mut usize, verb: &str) -> Option<Event> {
    let begin = *at;
    let first = line(bytes, at)?;
    let Some(notice) = first.strip_prefix("NOTIFY ") else {
        return Some(Event::Replied(match &first[..] {
            error if error.starts_with("Error: ") => Reply::Refused(error.to_owned()),
            _ if verb == "LIST" => {
                *at = begin;
                Reply::Keys(keys(bytes, at)?)
            }
            "OK" => Reply::Ok,
            _ => Reply::Other,
        }));
    };
    let number = |text: &str| text.parse().expect("a revision");
    Some(Event::Pushed(
        match notice.split(' ').collect::<Vec<_>>()[..] {
            ["LOST", first, last] => Push::Lost(number(first), number(last)),
            ["DRAIN", _] => Push::Drain,
            [op, key] => Push::Notify(op.to_owned(), key.to_owned(), None),
            _ => panic!("no notice: {first}"),
        },
    ))
}

/// Reads the keys of a LIST, up to an empty line.
fn keys(bytes: &[u8], at: &mut usize) -> Option<Vec<Word>> {
    let mut keys = Vec::new();
    loop {
        match line(bytes, at)?.into_owned() {
            end if end.is_empty() => return Some(keys),
            key => keys.push(key),
        }
    }
}

/// Reads one frame from `at` on.
fn frame(bytes: &[u8], at: &mut usize) -> Option<Frame> {
    let end = *at + memchr::memchr(b'\n', &bytes[*at..])?;
    let line = std::str::from_utf8(&bytes[*at + 1..end - 1]).expect("a head is text");
    let mark = bytes[*at];
    *at = end + 1;
    let number = || line.parse::<i64>().expect("a number");
    let many = |count: i64, at: &mut usize| -> Option<Vec<Frame>> {
        (0..count).map(|_| frame(bytes, at)).collect()
    };
    Some(match mark {
        b'+' => Frame::Status(line.to_owned()),
        b'-' => Frame::Error(line.to_owned()),
        b':' => Frame::Integer(number()),
        b'_' => Frame::Null,
        b'$' | b'*' if number() == -1 => Frame::Null,
        b'$' => {
            let whole = bytes.get(*at..*at + number() as usize + 2)?;
            *at += whole.len();
            Frame::Bulk(whole[..whole.len() - 2].to_vec())
        }
        b'*' => Frame::Array(many(number(), at)?),
        b'>' => Frame::Push(many(number(), at)?),
        b'%' => {
            let mut flat = many(2 * number(), at)?.into_iter();
            let pairs = std::iter::from_fn(|| flat.next().zip(flat.next()));
            Frame::Map(pairs.collect())
        }
        _ => panic!("no RESP: {line}"),
    })
}

fn frame_event(dialect: Dialect, frame: Frame, asked: Option<&[Word]>) -> Event {
    match (dialect, frame) {
        (Dialect::Resp3, Frame::Push(parts)) => Event::Pushed(push(&parts)),
        (Dialect::Resp2, Frame::Array(parts)) if is_push(&parts) => Event::Pushed(push(&parts)),
        (_, Frame::Push(parts)) => panic!("a push in RESP2: {parts:?}"),
        (_, other) => Event::Replied(reply(other, asked.map_or("", |words| &words[0]))),
    }
}

/// In RESP2 notices are arrays, and begin with one of these words.
fn is_push(parts: &[Frame]) -> bool {
    let names = ["notify", "lost", "progress", "drain"];
    names
        .iter()
        .any(|name| parts.first() == Some(&Frame::bulk(name)))
}

fn push(parts: &[Frame]) -> Push {
    let numbers: Vec<u64> = parts[1..].iter().filter_map(number).collect();
    match (text(&parts[0]).as_str(), &parts[1..]) {
        ("notify", [op, key, revision, values @ ..]) => {
            let revision = number(revision).expect("a revision");
            let told = (revision, values.iter().map(text).collect());
            Push::Notify(text(op), text(key), Some(told))
        }
        ("lost", [_, _]) => Push::Lost(numbers[0], numbers[1]),
        ("progress", [_]) => Push::Progress(numbers[0]),
        ("drain", [_]) => Push::Drain,
        _ => panic!("no push: {parts:?}"),
    }
}

fn reply(frame: Frame, verb: &str) -> Reply {
    match (verb, frame) {
        ("PUT" | "UPDATE" | "REMOVE" | "DELETE", Frame::Integer(revision)) => {
            Reply::Done(revision as u64)
        }
        ("UPDATE" | "REMOVE" | "DELETE", Frame::Null) => Reply::Missing,
        ("WATCH", Frame::Array(parts)) => {
            Reply::Watching(text(&parts[0]), number(&parts[1]).expect("a revision"))
        }
        ("LIST", Frame::Array(parts)) => Reply::Page(page(&parts)),
        ("STATS", Frame::Map(pairs)) => {
            let pairs = pairs
                .iter()
                .filter_map(|(name, value)| Some((text(name), number(value)?)));
            Reply::Stats(pairs.collect())
        }
        (_, Frame::Error(error)) => match error.split(' ').collect::<Vec<_>>()[..] {
            ["GONE", "oldest", oldest, "epoch", epoch] => {
                Reply::Gone(oldest.parse().expect("a revision"), epoch.to_owned())
            }
            _ => Reply::Refused(error),
        },
        (_, Frame::Status(status)) if status == "OK" => Reply::Ok,
        _ => Reply::Other,
    }
}

fn page(parts: &[Frame]) -> Page {
    let [_, revision, next, Frame::Array(keys)] = parts else {
        panic!("no page: {parts:?}")
    };
    let key = |frame: &Frame| match frame {
        Frame::Array(pair) => match &pair[..] {
            [key, Frame::Array(values)] => (text(key), values.iter().map(text).collect()),
            _ => panic!("no key: {pair:?}"),
        },
        _ => panic!("no key: {frame:?}"),
    };
    Page {
        revision: number(revision).expect("a revision"),
        next: (*next != Frame::Null).then(|| text(next)),
        keys: keys.iter().map(key).collect(),
    }
}

fn text(frame: &Frame) -> Word {
    match frame {
        Frame::Bulk(bytes) => word(bytes),
        Frame::Integer(number) => number.to_string(),
        other => panic!("neither text nor number: {other:?}"),
    }
}

fn number(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
