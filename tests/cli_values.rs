//! Sends values of every kind through every path of the client, and looks whether they survive.

mod common;

use common::Daemon;
use common::cli::Running;
use common::tools::tool;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

/// What might not survive: NUL, line ends, other control bytes, what is no UTF-8, nothing at all,
/// what looks like a flag, a notice, a status or an error, and the quotes of the shell's syntax.
const VALUES: [&[u8]; 16] = [
    b"\0",
    b"a\0b\r\nc\n",
    b"\n",
    b"\r",
    b"\x1b[31m\x07\x7f",
    b"\xff\xfe\x80",
    "gr\u{fc}n \u{1f600}".as_bytes(),
    b"",
    b"-q",
    b"--",
    b"--json",
    b"NOTIFY PUT user",
    b"NOT_FOUND",
    b"Error: no",
    b"say \"it's\\n\" : now",
    b" blanks ",
];

/// What `--json` prints for a value.
fn as_json(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": "//6A" }),
    }
}

#[test]
fn values_survive_on_the_way_from_standard_input_to_each_output() {
    let daemon = Daemon::start(&[]);
    for (at, value) in VALUES.iter().enumerate() {
        let key = format!("k{at}");
        daemon.cli_fed(&["put", &key, "-"], *value).prints("OK\n");
        daemon
            .cli(&["get", &key])
            .prints([value, &b"\n"[..]].concat());
        daemon
            .cli(&["-0", "get", &key])
            .prints([value, &b"\0"[..]].concat());
        let document = daemon.cli(&["--json", "get", &key]).out;
        assert_eq!(document.iter().filter(|byte| **byte == b'\n').count(), 1);
        let document: Value = serde_json::from_slice(&document).expect("it is JSON");
        assert_eq!(document, json!([as_json(value)]));
    }
}

#[test]
fn values_survive_as_arguments_of_every_verb() {
    let daemon = Daemon::start(&[]);
    let typed = VALUES.iter().filter(|value| !value.contains(&0));
    for (at, value) in typed.enumerate() {
        let key = format!("k{at}");
        let run = |args: &[&[u8]]| {
            let args: Vec<&OsStr> = args.iter().map(|arg| OsStr::from_bytes(arg)).collect();
            daemon.cli(&args)
        };
        let key = key.as_bytes();
        run(&[b"put", key, value]).prints("OK\n");
        run(&[b"get", key]).prints([value, &b"\n"[..]].concat());
        run(&[b"update", key, value, b"other"]).prints("OK\n");
        run(&[b"update", key, b"other", value]).prints("OK\n");
        run(&[b"put", b"--", key, value]).prints("OK\n");
        run(&[b"remove", key, value]).prints("OK\n");
        run(&[b"get", key]).prints([value, &b"\n"[..]].concat());
        run(&[b"remove", key, value]).prints("OK\n");
        run(&[b"get", key]).is(1, "", "");
        run(&[b"ping", b"--", value]).prints([value, &b"\n"[..]].concat());
    }
}

#[test]
fn keys_survive_too() {
    let daemon = Daemon::start(&[]);
    let mut watcher = Running::watch(&daemon, &["--json", "--count", "3"]);
    for key in [&b"\xff\xfe\x80"[..], b"a:b c", b"\x1b"] {
        let args = [OsStr::new("put"), OsStr::from_bytes(key), OsStr::new("v")];
        daemon.cli(&args).prints("OK\n");
        daemon
            .cli(&[OsStr::new("get"), OsStr::from_bytes(key)])
            .prints("v\n");
        let notice: Value = serde_json::from_str(&watcher.line()).expect("it is JSON");
        assert_eq!(notice["key"], as_json(key));
    }
    watcher.end().prints("");
    let dashed = ["--", "put", "-k", "v"];
    daemon.cli(&dashed).prints("OK\n");
    daemon.cli(&["get", "--", "-k"]).prints("v\n");
}

#[test]
fn a_long_value_goes_through_in_both_directions() {
    let daemon = Daemon::start(&[]);
    let value: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    daemon
        .cli_fed(&["put", "k", "-"], &value[..])
        .prints("OK\n");
    let got = daemon.cli(&["get", "k"]);
    assert!(got.code == Some(0) && got.err.is_empty());
    assert!(got.out.strip_suffix(b"\n") == Some(&value[..]));
    // Only put reads it.
    daemon
        .cli_fed(&["remove", "k", "-"], &value[..])
        .is(1, "", "");
}

#[test]
fn a_terminal_gets_no_control_bytes() {
    let Some(script) = tool("script") else { return };
    let daemon = Daemon::start(&[]);
    daemon
        .cli_fed(&["put", "k", "-"], &b"a\x1b[31m\x07\nb\xff"[..])
        .prints("OK\n");
    let mut quoted = OsString::from("'");
    quoted.push(env!("CARGO_BIN_EXE_kvmsg-cli"));
    quoted.push("' get k");
    let mut command = Command::new(script);
    command.env("KVMSG_SERVER", daemon.address.to_string());
    command.arg("-qec").arg(&quoted).arg("/dev/null");
    let shown = common::cli::run(command, "");
    shown.prints("a\\x1b[31m\\x07\\nb\\xff\r\n");
    daemon.cli(&["get", "k"]).prints(b"a\x1b[31m\x07\nb\xff\n");
}
