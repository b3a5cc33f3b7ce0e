//! Lets the programs of Redis speak to the daemon: redis-cli and redis-benchmark.

mod common;

use common::tools::tool;
use common::transcript::framed;
use common::{Daemon, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What stock clients send on connecting, before their user has said anything.
const ON_CONNECTING: [&[&str]; 14] = [
    &["COMMAND"],
    &["COMMAND", "DOCS"],
    &["COMMAND", "INFO"],
    &["CLIENT", "SETINFO", "LIB-NAME", "redis-py"],
    &["CLIENT", "SETINFO", "LIB-VER", "5.0.0"],
    &["CLIENT", "SETNAME", "worker"],
    &["CLIENT", "ID"],
    &["CLIENT", "TRACKING", "ON"],
    &["CONFIG", "GET", "save"],
    &["CONFIG", "GET", "appendonly"],
    &["SELECT", "0"],
    &["AUTH", "default", "secret"],
    &["INFO"],
    &["READONLY"],
];

/// A program of Redis that will speak to this daemon.
fn program(path: &Path, daemon: &Daemon, args: &[&str]) -> Child {
    let mut command = Command::new(path);
    let port = daemon.address.port().to_string();
    command
        .env("REDISCLI_RCFILE", "/dev/null")
        .env_remove("REDISCLI_AUTH");
    command.args(["-h", "127.0.0.1", "-p", &port]).args(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// Gives it this input, and returns whether it succeeded and what it printed.
fn outcome(mut child: Child, input: &[u8]) -> (bool, String) {
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("it reads");
    drop(stdin);
    let status = until("the program to end", || {
        child.try_wait().expect("it is ours")
    });
    let mut printed = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut printed).expect("it is text");
    (status.success(), printed)
}

#[test]
fn redis_cli_asks_one_thing_at_a_time() {
    let Some(redis_cli) = tool("redis-cli") else {
        return;
    };
    let transcript: [(&[&str], &str); 15] = [
        (&["PUT", "user", "john"], "(integer) 1\n"),
        (&["put", "user", "john smith"], "(integer) 2\n"),
        (&["GET", "user"], "1) \"john\"\n2) \"john smith\"\n"),
        (&["UPDATE", "user", "john", ""], "(integer) 3\n"),
        (&["GET", "user"], "1) \"\"\n2) \"john smith\"\n"),
        (&["REMOVE", "user", ""], "(integer) 4\n"),
        (&["REMOVE", "user", ""], "(nil)\n"),
        (&["DELETE", "user"], "(integer) 5\n"),
        (&["DELETE", "user"], "(nil)\n"),
        (&["GET", "user"], "(nil)\n"),
        (&["PING"], "PONG\n"),
        (&["PING", "text"], "\"text\"\n"),
        (&["ECHO", "text"], "\"text\"\n"),
        (
            &["SET", "user", "john"],
            "(error) ERR unknown command 'SET'\n",
        ),
        (&["QUIT"], "OK\n"),
    ];
    for version in [&["--no-raw"][..], &["--no-raw", "-3"]] {
        let daemon = Daemon::start(&[]);
        for (words, printed) in transcript {
            let child = program(&redis_cli, &daemon, &[version, words].concat());
            assert_eq!(
                outcome(child, b""),
                (true, printed.to_owned()),
                "{version:?} {words:?}"
            );
        }
    }
}

#[test]
fn redis_cli_shows_the_counters_and_the_greeting_by_name() {
    let Some(redis_cli) = tool("redis-cli") else {
        return;
    };
    let daemon = Daemon::start(&[]);
    daemon.connect().exchange(b"PUT:user:john\n", b"OK\n");
    for words in ["STATS", "HELLO"] {
        let (done, printed) = outcome(program(&redis_cli, &daemon, &["--no-raw", words]), b"");
        let (_, revision) = printed.split_once("\"revision\"\n").expect("it is told");
        let revision = revision.lines().next().expect("it is told");
        assert!(done && revision.ends_with(") (integer) 1"), "{printed}");
        let map = program(&redis_cli, &daemon, &["--no-raw", "-3", words]);
        let (done, printed) = outcome(map, b"");
        assert!(
            done && printed.contains("# \"revision\" => (integer) 1\n"),
            "{printed}"
        );
    }
}

#[test]
fn redis_cli_holds_a_session_through_a_pipe() {
    let Some(redis_cli) = tool("redis-cli") else {
        return;
    };
    let requests = b"PUT user \"two\\nlines\"\nPUT user \"\\x00\\xff\"\nGET user\nCOMMAND DOCS\n\
        CLIENT SETINFO LIB-NAME x\nCONFIG GET save\nSELECT 0\nGET nobody\nDELETE user\nPING\n";
    let printed = "(integer) 1\n(integer) 2\n1) \"two\\nlines\"\n2) \"\\x00\\xff\"\n\
        (error) ERR unknown command 'COMMAND'\n(error) ERR unknown command 'CLIENT'\n\
        (error) ERR unknown command 'CONFIG'\n(error) ERR unknown command 'SELECT'\n\
        (nil)\n(integer) 3\nPONG\n";
    for version in [&["--no-raw"][..], &["--no-raw", "-3"]] {
        let daemon = Daemon::start(&[]);
        let child = program(&redis_cli, &daemon, version);
        assert_eq!(outcome(child, requests), (true, printed.to_owned()));
        let stats = daemon.stats();
        let connections = stats.get("connections_dropped") + stats.get("connections_active");
        assert_eq!(connections, 2, "one session, and one for the counters");
    }
}

#[test]
fn redis_cli_loads_in_bulk() {
    let Some(redis_cli) = tool("redis-cli") else {
        return;
    };
    let daemon = Daemon::start(&[]);
    let count = 5000;
    let key = |n: usize| format!("key:{}", n % 7);
    let requests = (0..count).flat_map(|n| framed(&["PUT", &key(n), "two\r\nlines"]));
    let requests: Vec<u8> = requests.chain(framed(&["NONSENSE"])).collect();
    let (done, printed) = outcome(program(&redis_cli, &daemon, &["--pipe"]), &requests);
    let replies = format!("errors: 1, replies: {}", count + 1);
    assert!(printed.contains(&replies), "{printed}");
    assert!(!done, "one was no command");
    let stats = daemon.stats();
    assert_eq!((stats.get("keys"), stats.get("values")), (7, count as u64));
}

#[test]
fn redis_cli_shows_what_others_change() {
    let Some(redis_cli) = tool("redis-cli") else {
        return;
    };
    let daemon = Daemon::start(&[]);
    let mut writer = daemon.connect_resp2();
    let mut child = program(
        &redis_cli,
        &daemon,
        &["-3", "--no-raw", "--show-pushes", "yes"],
    );
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next_line = || lines.next().expect("it goes on").expect("it is text");
    stdin.write_all(b"WATCH \"\"\n").expect("it reads");
    assert_eq!(next_line(), format!("1) \"{}\"", daemon.stats().0["epoch"]));
    assert_eq!(next_line(), "2) (integer) 0");
    writer.exchange(&framed(&["PUT", "user", "john"]), b":1\r\n");
    stdin.write_all(b"PING\n").expect("it reads");
    for line in [
        "1) \"notify\"",
        "2) \"PUT\"",
        "3) \"user\"",
        "4) (integer) 1",
        "5) \"john\"",
    ] {
        assert_eq!(next_line(), line);
    }
    assert_eq!(next_line(), "PONG");
    drop(stdin);
    assert!(until("redis-cli to end", || child.try_wait().expect("it is ours")).success());
}

#[test]
fn redis_benchmark_runs_with_custom_commands() {
    let Some(redis_benchmark) = tool("redis-benchmark") else {
        return;
    };
    let daemon = Daemon::start(&[]);
    let runs: [&[&str]; 4] = [
        &["-c", "1", "PUT", "key:1", "value"],
        &[
            "-c",
            "50",
            "-P",
            "16",
            "-r",
            "10",
            "PUT",
            "key:__rand_int__",
            "value",
        ],
        &["-3", "-c", "50", "-P", "64", "PUT", "key:1", "value"],
        &["-c", "10", "-P", "16", "GET", "nobody"],
    ];
    for words in runs {
        let flags = ["-n", "5000", "-q"];
        let child = program(&redis_benchmark, &daemon, &[&flags[..], words].concat());
        let (done, printed) = outcome(child, b"");
        assert!(
            done && printed.contains("requests per second"),
            "{words:?}: {printed}"
        );
    }
    // It sends whole pipelines, so up to one more of them than was asked.
    let stats = daemon.stats();
    assert!(
        (15_000..15_100).contains(&stats.get("revision")),
        "{stats:?}"
    );
    assert_eq!(stats.get("values"), stats.get("revision"));
    assert!((1..=11).contains(&stats.get("keys")), "{stats:?}");
}

#[test]
fn what_stock_clients_send_on_connecting_is_answered_and_closes_nothing() {
    let daemon = Daemon::start(&[]);
    for mut client in [daemon.connect_resp2(), daemon.connect_resp3()] {
        let mut pipeline = Vec::new();
        let mut replies = String::new();
        for words in ON_CONNECTING {
            let error = format!("-ERR unknown command '{}'\r\n", words[0]);
            client.exchange(&framed(words), error.as_bytes());
            client.exchange(&framed(&["PING"]), b"+PONG\r\n");
            pipeline.extend(framed(words));
            replies += &error;
        }
        client.exchange(&pipeline, replies.as_bytes());
        client.part(framed(&["QUIT"]), "+OK\r\n");
    }
}
