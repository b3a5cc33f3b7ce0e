//! Pins STATS: its names and their order in each dialect, and that they say what happened.

mod common;

use common::{Client, Daemon, Frame, Stats};

/// Whether a figure is text; the others are numbers.
const TEXT: bool = true;
const NUMBER: bool = false;

/// What STATS tells, in this order.
const STATS: [(&str, bool); 17] = [
    ("version", TEXT),
    ("uptime_seconds", NUMBER),
    ("epoch", TEXT),
    ("revision", NUMBER),
    ("keys", NUMBER),
    ("values", NUMBER),
    ("store_bytes", NUMBER),
    ("connections_active", NUMBER),
    ("connections_dropped", NUMBER),
    ("connections_refused", NUMBER),
    ("requests", NUMBER),
    ("notices_delivered", NUMBER),
    ("notices_lost", NUMBER),
    ("watchers", NUMBER),
    ("history_bytes", NUMBER),
    ("history_first_revision", NUMBER),
    ("clients_bytes", NUMBER),
];

/// Figures that are not the same at two looks, though nothing happens in between.
const MOVING: [&str; 3] = ["uptime_seconds", "requests", "clients_bytes"];

fn is_epoch(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 16 && text.bytes().all(digit)
}

/// What STATS answers in lines, in its order.
fn in_lines(client: &mut Client) -> Vec<(String, String)> {
    client.send("STATS\n");
    let pair = |line: &String| {
        line.split_once(' ')
            .expect("a name and a value")
            .clone_pair()
    };
    client.lines().iter().map(pair).collect()
}

/// What STATS answers in frames, in its order; numbers must be integers.
fn in_frames(client: &mut Client) -> Vec<(String, String)> {
    client.send_frame(&[b"STATS"]);
    let pairs = match client.frame() {
        Frame::Map(pairs) => pairs,
        Frame::Array(flat) => flat
            .chunks(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
        other => panic!("{other:?}"),
    };
    let text = |frame: Frame| match frame {
        Frame::Bulk(bytes) => String::from_utf8(bytes).expect("it is text"),
        other => panic!("{other:?}"),
    };
    let value = |name: &str, frame: Frame| match (frame, is_text(name)) {
        (Frame::Integer(number), NUMBER) => number.to_string(),
        (bulk, TEXT) => text(bulk),
        (other, _) => panic!("{name}: {other:?}"),
    };
    let pair = |(name, frame)| {
        let name = text(name);
        let value = value(&name, frame);
        (name, value)
    };
    pairs.into_iter().map(pair).collect()
}

fn is_text(name: &str) -> bool {
    STATS.contains(&(name, TEXT))
}

trait ClonePair {
    fn clone_pair(self) -> (String, String);
}

impl ClonePair for (&str, &str) {
    fn clone_pair(self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}
