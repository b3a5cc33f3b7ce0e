//! Loads lines with the client: what it does with those that are refused or broken.

mod common;

use common::cli::{GREETING, cli, deaf, run};
use common::terminal::{Home, Terminal};
use common::tools::tool;
use common::{Daemon, until};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::Command;

#[test]
fn values_are_appended_in_their_order_or_replace_what_was_there() {
    let daemon = Daemon::start(&[]);
    daemon.cli(&["put", "k", "old"]).prints("OK\n");
    let lines =
        "{\"key\":\"k\",\"values\":[\"a\",\"b\",\"a\"]}\n\n{\"values\":[\"\"],\"key\":\"l\"}";
    daemon
        .cli_fed(&["load"], lines)
        .prints("2 keys, 4 values\n");
    daemon.cli(&["get", "k"]).prints("old\na\nb\na\n");
    daemon.cli(&["get", "l"]).prints("\n");
    let replaced = daemon.cli_fed(&["load", "--replace", "--json"], lines);
    replaced.prints("{\"keys\":2,\"values\":4,\"refused\":0}\n");
    daemon.cli(&["get", "k"]).prints("a\nb\na\n");
    daemon.cli_fed(&["load", "-q"], "").prints("");
    daemon.cli_fed(&["load"], "").prints("0 keys, 0 values\n");
    daemon
        .cli(&["get", "k", "--replace"])
        .fails("--replace is for load");
}

#[test]
fn refused_and_broken_lines_are_reported_and_the_others_loaded() {
    let daemon = Daemon::start(&[]);
    let lines = "{\"key\":\"a\",\"values\":[\"1\"]}\n\
        nonsense\n\
        {\"key\":\"l\\nf\",\"values\":[\"1\",\"2\"]}\n\
        {\"key\":\"b\"}\n\
        {\"key\":\"c\",\"values\":[\"1\"]}";
    let ran = daemon.cli_fed(&["load"], lines);
    let mut said: Vec<&str> = ran.err.lines().collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "kvmsg-cli: line 2: it is no JSON: expected ident at column 2",
            "kvmsg-cli: line 3: a key holds no line end: 'l\\nf'",
            "kvmsg-cli: line 4: a line is {\"key\":KEY,\"values\":[VALUE,...]}",
        ]
    );
    ran.is(2, "2 keys, 2 values\n", &ran.err);
    daemon.cli(&["list"]).prints("a\nc\n");
}

#[test]
fn a_backup_is_not_taken_for_lines() {
    let (daemon, place) = (Daemon::start(&[]), tempfile::tempdir().unwrap());
    let file = place.path().join("backup");
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    let made = daemon.cli(&["backup", "-q", file.to_str().unwrap()]);
    made.prints("");
    daemon.cli_fed(&["load"], fs::read(&file).unwrap()).fails(
        "cannot read standard input: it is a backup, of which kvmsgd --restore makes a data folder",
    );
}

#[test]
fn a_full_store_refuses_line_after_line() {
    let daemon = Daemon::start(&["--store-bytes-max", "65536"]);
    let line = |n| {
        format!(
            "{{\"key\":\"k{n}\",\"values\":[\"{}\"]}}\n",
            "v".repeat(20_000)
        )
    };
    let lines: String = (1..=5).map(line).collect();
    let ran = daemon.cli_fed(&["load"], lines);
    ran.is(2, "3 keys, 3 values\n", &ran.err);
    let said: Vec<&str> = ran.err.lines().collect();
    assert!(
        said.len() == 2 && said[1].starts_with("kvmsg-cli: line 5: "),
        "{said:?}"
    );
    assert!(said[0].contains("store_bytes_max"), "{said:?}");
}

#[test]
fn what_stands_behind_a_value_that_is_too_long_is_loaded_once() {
    let daemon = Daemon::start(&["--request-bytes-max", "65536"]);
    let mut lines = String::new();
    for n in 0..3000 {
        let length = if n % 1000 == 500 { 100_000 } else { 10 };
        let value = "v".repeat(length);
        writeln!(
            lines,
            "{{\"key\":\"k{n:04}\",\"values\":[\"{value}\",\"after\"]}}"
        )
        .unwrap();
    }
    let ran = daemon.cli_fed(&["load"], lines);
    // Of each line that is refused the other value is there.
    ran.is(2, "2997 keys, 5997 values\n", &ran.err);
    let said: Vec<&str> = ran.err.lines().collect();
    assert_eq!(said.len(), 3);
    for (line, number) in said.iter().zip([501, 1501, 2501]) {
        assert!(
            line.starts_with(&format!("kvmsg-cli: line {number}: Protocol error")),
            "{line}"
        );
    }
    let stats = daemon.stats();
    assert_eq!((stats.get("keys"), stats.get("values")), (3000, 5997));
}

#[test]
fn lines_that_were_not_answered_are_named() {
    let (listener, address) = deaf();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(GREETING).unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"$1\r\nx\r\n") {
            let mut chunk = [0; 1024];
            let read = stream.read(&mut chunk).unwrap();
            asked.extend_from_slice(&chunk[..read]);
        }
        stream.write_all(b":1\r\n").unwrap();
    });
    let mut command = cli(&address);
    command.arg("load");
    let line = |key, value| format!("{{\"key\":\"{key}\",\"values\":[\"{value}\"]}}\n");
    // The server goes when it has the third, and answers the first alone.
    let lines = [line("a", "1"), line("b", "2"), line("c", "x")].concat();
    let why = format!("were not answered: {address}: the server closed the connection");
    let told = format!("kvmsg-cli: lines 2 to 3 {why}\n");
    run(command, lines).is(2, "1 key, 1 value\n", &told);
    server.join().unwrap();
}

#[test]
fn that_there_are_lines_which_were_not_sent_is_said() {
    for (verb, line) in [
        (Some("load"), r#"{"key":"k","values":["v","v","v"]}"#),
        (None, "put k v"),
    ] {
        let (listener, address) = deaf();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(GREETING).unwrap();
            stream.read_exact(&mut [0; 100]).unwrap();
        });
        let mut command = cli(&address);
        command.args(verb);
        // The first chunk that is read has more than are sent ahead of their replies.
        let ran = run(command, format!("{line}\n").repeat(50_000));
        let said = ran.err.strip_prefix("kvmsg-cli: lines 1 to ").unwrap();
        let (last, why) = said.split_once(' ').unwrap();
        assert!(last.parse::<u64>().unwrap() < 50_000, "{said}");
        let told = format!("were not answered, and none behind was sent: {address}: ");
        assert!(why.starts_with(&told), "{said}");
        assert_eq!((ran.code, ran.out.len()), (Some(2), 0));
        server.join().unwrap();
    }
}

#[test]
fn a_terminal_shows_how_far_it_is_and_is_left_clean() {
    let Some(tmux) = tool("tmux") else { return };
    for columns in [80, 40] {
        let (daemon, home) = (Daemon::start(&[]), Home::new());
        let fifo = home.path.join("lines");
        let made = Command::new(tool("mkfifo").expect("coreutils are there"))
            .arg(&fifo)
            .status();
        assert!(made.expect("mkfifo runs").success());
        let address = daemon.address.to_string();
        let args = ["-s", &address, "load"];
        let from_fifo = ["sh", "-c", "exec \"$@\" <lines", "sh"];
        let terminal = Terminal::open_with(&tmux, &home, columns, &args, &from_fifo);
        let mut lines = OpenOptions::new().write(true).open(&fifo).unwrap();
        let loaded = |count: u64| {
            until("keys", || {
                (daemon.stats().get("keys") == count).then_some(())
            })
        };
        writeln!(lines, "{{\"key\":\"a\",\"values\":[\"1\"]}}").unwrap();
        loaded(1);
        writeln!(lines, "x\n{{\"key\":\"b\",\"values\":[\"1\"]}}").unwrap();
        loaded(2);
        terminal.wait("the progress", |lines| {
            let is_shown = |line: &String| line.contains(" key") && line.ends_with("/s");
            lines.last().is_some_and(is_shown)
        });
        drop(lines);
        assert_eq!(terminal.ended(), 2);
        let mistake = "kvmsg-cli: line 2: it is no JSON: expected value at column 1";
        let screen = terminal.lines();
        let (said, rest) = screen.split_at(screen.len() - 2);
        assert_eq!(rest, ["2 keys, 2 values", "status 2"], "{screen:#?}");
        assert_eq!(said.concat(), mistake, "{screen:#?}");
    }
}
