//! Pins STATS: its names and their order in every dialect, and that its figures are true.

mod common;

use common::{Client, Daemon, Frame, until};

/// What STATS tells, in this order. The version, the epoch and sync are text, the others numbers.
const NAMES: [&str; 22] = [
    "version",
    "uptime_seconds",
    "epoch",
    "revision",
    "keys",
    "values",
    "store_bytes",
    "connections_active",
    "connections_dropped",
    "connections_refused",
    "requests",
    "notices_delivered",
    "notices_lost",
    "watchers",
    "history_bytes",
    "history_first_revision",
    "clients_bytes",
    "sync",
    "last_sync_seconds",
    "data_bytes",
    "commits",
    "commits_waiting",
];

/// What is not the same at two looks, though nothing happens in between.
const MOVING: [&str; 3] = ["uptime_seconds", "requests", "clients_bytes"];

/// A name and its value, as a frame would have it.
type Figure = (String, Frame);

fn in_lines(client: &mut Client) -> Vec<Figure> {
    client.send("STATS\n");
    let figure = |line: String| {
        let (name, value) = line.split_once(' ').expect("a name and a value");
        let value = match name {
            "version" | "epoch" | "sync" => Frame::bulk(value),
            _ => Frame::Integer(value.parse().expect("a number")),
        };
        (name.to_owned(), value)
    };
    client.lines().into_iter().map(figure).collect()
}

fn in_frames(client: &mut Client) -> Vec<Figure> {
    client.send_frame(&[b"STATS"]);
    let figure = |name: &Frame, value: &Frame| match name {
        Frame::Bulk(name) => (String::from_utf8_lossy(name).into_owned(), value.clone()),
        other => panic!("no name: {other:?}"),
    };
    match client.frame() {
        Frame::Array(flat) => flat.chunks(2).map(|two| figure(&two[0], &two[1])).collect(),
        Frame::Map(pairs) => pairs
            .iter()
            .map(|(name, value)| figure(name, value))
            .collect(),
        other => panic!("no list of names and values: {other:?}"),
    }
}

#[test]
fn the_names_and_their_order_are_the_same_in_every_dialect() {
    let daemon = Daemon::start(&[]);
    let (mut lines, mut resp2) = (daemon.connect(), daemon.connect_resp2());
    let mut resp3 = daemon.connect_resp3();
    let told = [
        in_lines(&mut lines),
        in_frames(&mut resp2),
        in_frames(&mut resp3),
    ];
    resp2.send_frame(&[b"stats"]);
    assert_eq!(resp2.line(), "*44\r", "RESP2 has no maps");
    resp3.send_frame(&[b"Stats"]);
    assert_eq!(resp3.line(), "%22\r");
    let still = |figures: &[Figure]| -> Vec<Figure> {
        let is_still = |figure: &&Figure| !MOVING.contains(&figure.0.as_str());
        figures.iter().filter(is_still).cloned().collect()
    };
    for figures in &told {
        let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, NAMES);
        assert_eq!(still(figures), still(&told[0]));
        for (name, value) in figures {
            let is_text = matches!(value, Frame::Bulk(_));
            assert_eq!(
                is_text,
                ["version", "epoch", "sync"].contains(&name.as_str()),
                "{name}"
            );
        }
    }
}

#[test]
fn the_figures_say_what_has_happened() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let fresh = client.stats();
    assert_eq!(fresh.0["version"], env!("CARGO_PKG_VERSION"));
    let epoch = &fresh.0["epoch"];
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    assert!(
        epoch.len() == 16 && epoch.bytes().all(is_digit),
        "16 hex digits: {epoch}"
    );
    let zero = [
        "revision",
        "keys",
        "values",
        "store_bytes",
        "connections_dropped",
    ];
    let zero = zero
        .iter()
        .chain(&["connections_refused", "requests", "notices_delivered"]);
    for name in zero.chain(&["notices_lost", "history_bytes"]) {
        assert_eq!(fresh.get(name), 0, "{name}");
    }
    assert_eq!(fresh.get("connections_active"), 1);
    assert_eq!(
        fresh.get("watchers"),
        1,
        "a line client is told without asking"
    );
    assert_eq!(fresh.get("history_first_revision"), 1);

    let mut other = daemon.connect_resp3();
    other.send_frame(&[b"PUT", b"user", b"john"]);
    other.send_frame(&[b"PUT", b"user", b""]);
    other.send_frame(&[b"PUT", b"k", b"12345678"]);
    other.send_frame(&[b"NONSENSE"]);
    (0..4).for_each(|_| drop(other.frame()));
    (0..3).for_each(|_| drop(client.line()));
    let stats = client.stats();
    assert_eq!(stats.get("revision"), 3);
    assert_eq!((stats.get("keys"), stats.get("values")), (2, 3));
    assert_eq!(
        stats.get("store_bytes"),
        (4 + (4 + 64) + 64) + (1 + (8 + 64))
    );
    assert_eq!(
        stats.get("requests"),
        6,
        "HELLO, an error and the first STATS are requests too"
    );
    assert_eq!(stats.get("notices_delivered"), 3);
    assert_eq!(stats.get("history_first_revision"), 1);
    assert_eq!(stats.get("connections_active"), 2);
    assert_eq!(stats.0["epoch"], *epoch);

    other.part(b"*1\r\n$4\r\nQUIT\r\n", "+OK\r\n");
    drop(other);
    let gone = until("the count of dropped connections", || {
        let stats = client.stats();
        (stats.get("connections_dropped") == 1).then_some(stats)
    });
    assert_eq!(gone.get("connections_active"), 1);
    assert_eq!((gone.get("revision"), gone.get("values")), (3, 3));
}

#[test]
fn an_epoch_belongs_to_one_start() {
    let epoch = || Daemon::start(&[]).stats().0["epoch"].clone();
    assert_ne!(epoch(), epoch());
}
