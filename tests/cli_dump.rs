//! Dumps and loads: any bytes come through unchanged, and a dump is of one moment, though others
//! write meanwhile, and needs little memory, however much there is.

mod common;

use common::cli::{Ran, cli, run};
use common::{Daemon, until};
use kvmsg::client::{Client, Op, Page, Reply, Request, TIMEOUT};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

type Map = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// Does all this, over one connection.
fn ask<'a>(daemon: &Daemon, requests: impl IntoIterator<Item = Request<'a>>) {
    let address = daemon.address.to_string();
    let asked = smol::block_on(async {
        let mut client = Client::connect(&address, TIMEOUT).await?;
        for request in requests {
            client.send(&request).await?;
            while client.outstanding() > 1000 {
                assert!(matches!(client.receive().await?, Reply::Revision(_)));
            }
        }
        while client.outstanding() > 0 {
            assert!(matches!(client.receive().await?, Reply::Revision(_)));
        }
        client.close().await
    });
    asked.expect("the daemon does it");
}

fn fill(daemon: &Daemon, map: &Map) {
    let puts = map.iter().flat_map(|(key, values)| {
        let put = move |value| Request::Put { key, value };
        values.iter().map(Vec::as_slice).map(put)
    });
    ask(daemon, puts);
}

/// What a server holds, asked for without a dump.
fn held(daemon: &Daemon) -> Map {
    let address = daemon.address.to_string();
    let listed = smol::block_on(async {
        let mut client = Client::connect(&address, TIMEOUT).await?;
        let (mut map, mut after) = (Map::new(), None);
        loop {
            let Page { next, keys, .. } = client.list(b"", after.as_deref(), None).await?;
            map.extend(keys);
            after = next;
            if after.is_none() {
                return Ok::<_, kvmsg::client::Error>(map);
            }
        }
    });
    listed.expect("the daemon lists")
}

#[track_caller]
fn dump(daemon: &Daemon, args: &[&str]) -> Vec<u8> {
    let ran = daemon.cli(&[&["dump"], args].concat());
    ran.is(0, &ran.out, "");
    ran.out
}

#[track_caller]
fn load(daemon: &Daemon, args: &[&str], lines: &[u8]) {
    let ran = daemon.cli_fed(&[&["load", "-q"], args].concat(), lines);
    ran.prints("");
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("a key holds no line end", |byte| !b"\r\n".contains(byte));
    prop_oneof![
        vec(byte, 1..6),
        "[a-z:\"\\\\é\u{202e}]{1,8}".prop_map(String::into_bytes)
    ]
}

#[test]
fn any_bytes_come_through_a_dump_and_a_load_unchanged() {
    let (from, to) = (Daemon::start(&[]), Daemon::start(&[]));
    let value = prop_oneof![
        vec(any::<u8>(), 0..40),
        "\\PC{0,12}".prop_map(String::into_bytes)
    ];
    let maps = proptest::collection::btree_map(key(), vec(value, 1..5), 0..12);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(24)
    });
    let held_equal = runner.run(&maps, |map: Map| {
        for daemon in [&from, &to] {
            let before = held(daemon);
            ask(daemon, before.keys().map(|key| Request::Delete { key }));
        }
        fill(&from, &map);
        let lines = dump(&from, &[]);
        prop_assert!(std::str::from_utf8(&lines).is_ok());
        load(&to, &[], &lines);
        prop_assert_eq!(held(&to), map);
        prop_assert_eq!(dump(&to, &[]), lines);
        Ok(())
    });
    held_equal.unwrap();
}

#[test]
fn a_dump_is_an_object_a_line_in_the_order_of_the_keys_and_of_a_prefix_alone() {
    let daemon = Daemon::start(&[]);
    assert_eq!(dump(&daemon, &[]), b"");
    let requests = "put user john\nput b \"\\xff\"\nput user \"al ice\"\nput us 1\n";
    daemon.cli_fed(&["-q"], requests).prints("");
    let b = "{\"key\":\"b\",\"values\":[{\"base64\":\"/w==\"}]}\n";
    let us = "{\"key\":\"us\",\"values\":[\"1\"]}\n";
    let user = "{\"key\":\"user\",\"values\":[\"john\",\"al ice\"]}\n";
    daemon.cli(&["dump"]).prints(format!("{b}{us}{user}"));
    daemon.cli(&["--json", "dump", "use"]).prints(user);
    daemon.cli(&["dump", "nobody"]).prints("");
    daemon
        .cli(&["dump", "-0"])
        .fails("-0 is for verbs that print values or keys as they are");
}

/// How many keys there are that nobody changes, so that a dump takes many pages.
const STILL: usize = 20_000;

/// One of a series of changes that is the same each time; `n` counts from 0.
fn step(n: u64) -> (Op, Vec<u8>, Vec<Vec<u8>>) {
    let random = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Spread over the pages.
    let key = format!("k{:05}+", (random >> 20) % 300 * 67).into_bytes();
    let value = |random: u64| vec![b'a' + (random % 3) as u8];
    match (random >> 50) % 8 {
        0..4 => (Op::Put, key, vec![value(random >> 40)]),
        4 | 5 => (
            Op::Update,
            key,
            vec![value(random >> 40), value((random >> 40) + 1)],
        ),
        6 => (Op::Remove, key, vec![value(random >> 40)]),
        _ => (Op::Delete, key, vec![]),
    }
}

fn request<'a>(op: Op, key: &'a [u8], values: &'a [Vec<u8>]) -> Request<'a> {
    match (op, values) {
        (Op::Put, [value]) => Request::Put { key, value },
        (Op::Update, [old, new]) => Request::Update { key, old, new },
        (Op::Remove, [value]) => Request::Remove { key, value },
        _ => Request::Delete { key },
    }
}

/// Makes change after change, and counts them in the store, until it is told to stop.
fn write(address: &str, is_over: &AtomicBool) -> Result<(), kvmsg::client::Error> {
    smol::block_on(async {
        let mut client = Client::connect(address, TIMEOUT).await?;
        for n in 0.. {
            let (op, key, values) = step(n);
            client.send(&request(op, &key, &values)).await?;
            let (old, new) = (n.to_string(), (n + 1).to_string());
            let (key, old, new) = (b"k10000 steps", old.as_bytes(), new.as_bytes());
            client.send(&Request::Update { key, old, new }).await?;
            while client.outstanding() > 64 {
                client.receive().await?;
            }
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        client.close().await
    })
}

/// What the keys that change hold after so many steps, taken in turn from `model`.
fn replay(model: &mut Map, from: u64, to: u64) {
    for n in from..to {
        let (op, key, values) = step(n);
        let list = model.entry(key.clone()).or_default();
        // The server does nothing either where there is nothing to change.
        let _ = op.apply(list, values);
        if list.is_empty() {
            model.remove(&key);
        }
    }
}

#[test]
fn a_dump_is_of_one_moment_though_others_write() {
    let daemon = Daemon::start(&[]);
    let still = (0..STILL).map(|n| (format!("k{n:05}").into_bytes(), vec![b"still".to_vec()]));
    fill(&daemon, &still.collect());
    daemon.cli(&["put", "k10000 steps", "0"]).prints("OK\n");
    let (address, is_over) = (daemon.address.to_string(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&address, &is_over));
        let (mut model, mut done, mut dumps) = (Map::new(), 0, Vec::new());
        let mut observer = daemon.connect();
        for _ in 0..6 {
            let before = observer.stats().get("revision");
            // Every other change at least is a count.
            until("the writer to write", || {
                (observer.stats().get("revision") > before + 1).then_some(())
            });
            dumps.push(dump(&daemon, &[]));
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap().expect("the writer writes");
        for lines in dumps {
            let text = String::from_utf8(lines).expect("JSON is text");
            let mut keys: Map = text.lines().map(entry).collect();
            assert_eq!(text.lines().count(), keys.len(), "a key has one line");
            let counted = keys
                .remove(&b"k10000 steps"[..])
                .expect("it is always there");
            let counted = String::from_utf8(counted[0].clone())
                .unwrap()
                .parse()
                .unwrap();
            assert!(counted > done, "nothing was written while it was dumped");
            keys.retain(|key, values| key.ends_with(b"+") || values[0] != b"still");
            replay(&mut model, done, counted);
            done = counted;
            if keys != model {
                // A step is made before it is counted.
                let mut next = model.clone();
                replay(&mut next, done, done + 1);
                assert!(
                    keys == next,
                    "no moment at which it was so, near step {done}"
                );
            }
        }
    });
}

/// A line of text values.
fn entry(line: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let document: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    let bytes = |value: &serde_json::Value| value.as_str().expect("a text").as_bytes().to_vec();
    let values = document["values"].as_array().expect("an array");
    (bytes(&document["key"]), values.iter().map(bytes).collect())
}

#[test]
fn neither_a_dump_nor_a_load_needs_memory_for_all_of_it() {
    let (from, to) = (Daemon::start(&[]), Daemon::start(&[]));
    let bytes = 96 << 20;
    let value = vec![b'v'; 64 << 10];
    let count = bytes / value.len();
    for n in 0..count {
        let key = format!("k{n:05}").into_bytes();
        ask(
            &from,
            [Request::Put {
                key: &key,
                value: &value,
            }],
        );
    }
    // Address space, in KiB: what the program maps, and half of the data.
    let narrow = |daemon: &Daemon, arg: &str, input: Vec<u8>| -> Ran {
        let program = cli(&daemon.address.to_string());
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 65536 && exec \"$@\"", "sh"]);
        command
            .arg(program.get_program())
            .args(program.get_args())
            .arg(arg);
        // A thread of the C library otherwise reserves 64 MiB of addresses.
        command
            .env_remove("KVMSG_SERVER")
            .env("MALLOC_ARENA_MAX", "1");
        run(command, input)
    };
    let dumped = narrow(&from, "dump", Vec::new());
    assert_eq!((dumped.code, &dumped.err[..]), (Some(0), ""));
    assert!(dumped.out.len() > bytes);
    narrow(&to, "load", dumped.out).prints(format!("{count} keys, {count} values\n"));
    assert_eq!(held(&to).len(), count);
}
