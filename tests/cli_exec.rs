//! Runs commands for changes with the client: what they are given, and what becomes of a watch
//! whose commands fail.

mod common;

use common::Daemon;
use common::cli::{Ran, Running};
use common::tools::tool;
use std::fs;
use std::path::Path;

/// Where a daemon that was just started stands.
fn start(daemon: &Daemon) -> String {
    format!("{}:0", daemon.stats().0["epoch"])
}

/// Watches from the beginning, with this script for each change.
fn exec(daemon: &Daemon, flags: &[&str], script: &str) -> Ran {
    let since = start(daemon);
    let args = ["watch", "--since", &since];
    daemon.cli(&[&args[..], flags, &["--exec", "--", "sh", "-c", script]].concat())
}

#[test]
fn a_command_is_given_the_change_and_the_new_value() {
    if tool("sh").is_none() {
        return;
    }
    let daemon = Daemon::start(&[]);
    let requests =
        "put k john\nupdate k john \"jo\\nhn\"\nremove k \"jo\\nhn\"\nput k \"\"\ndelete k\n";
    daemon.cli_fed(&["-q"], requests).prints("");
    let script = r#"printf '%s %s %s [%s]\n' "$KVMSG_OP" "$KVMSG_KEY" "$KVMSG_REVISION" "$(cat)""#;
    let expected =
        "PUT k 1 [john]\nUPDATE k 2 [jo\nhn]\nREMOVE k 3 []\nPUT k 4 []\nDELETE k 5 []\n";
    exec(&daemon, &["--count=5"], script).prints(expected);
}

#[test]
fn keys_and_values_of_any_bytes_reach_a_command() {
    if tool("sh").is_none() {
        return;
    }
    let daemon = Daemon::start(&[]);
    let requests = "put \"\\xff = $(false)\" \"\\0\\r\\n\\xfe\"\n";
    daemon.cli_fed(&["-q"], requests).prints("");
    let ran = exec(&daemon, &["--count=1"], r#"printf '%s|' "$KVMSG_KEY"; cat"#);
    ran.prints(b"\xff = $(false)|\0\r\n\xfe");
}

#[test]
fn a_command_need_not_read_what_it_is_given() {
    if tool("sh").is_none() {
        return;
    }
    let daemon = Daemon::start(&[]);
    // More than any pipe holds.
    let long = "v".repeat(4 << 20);
    for _ in 0..3 {
        daemon
            .cli_fed(&["put", "k", "-"], long.clone())
            .prints("OK\n");
    }
    exec(&daemon, &["--count=3"], "exec <&-; echo done").prints("done\ndone\ndone\n");
    let ran = exec(&daemon, &["--count=3"], "echo $(wc -c)");
    ran.prints("4194304\n4194304\n4194304\n");
}

#[test]
fn a_failure_ends_it_and_the_cursor_stays_before_it() {
    if tool("sh").is_none() {
        return;
    }
    let daemon = Daemon::start(&[]);
    daemon
        .cli_fed(&["-q"], "put a v\nput b v\nput c v\n")
        .prints("");
    let cursor = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exec.cursor");
    let _ = fs::remove_file(&cursor);
    let flags = ["--cursor-file", cursor.to_str().unwrap(), "--count=2"];
    let script = r#"echo $KVMSG_KEY; test $KVMSG_KEY != b"#;
    let why = "kvmsg-cli: PUT b, revision 2: \"sh\" exited with status 1\n";
    exec(&daemon, &flags, script).is(2, "a\nb\n", why);
    // The next run begins with what was not done.
    exec(&daemon, &flags, "echo $KVMSG_KEY").prints("b\nc\n");
}

#[test]
fn it_can_keep_going_and_says_in_the_end_how_many_failed() {
    if tool("sh").is_none() {
        return;
    }
    let daemon = Daemon::start(&[]);
    let requests = "put a v\nput \"b\\0\" v\nput c v\nput d v\n";
    daemon.cli_fed(&["-q"], requests).prints("");
    let script = "echo $KVMSG_KEY; test $KVMSG_KEY != c || kill -9 $$";
    let why = "kvmsg-cli: PUT b\\x00, revision 2: a key with NUL cannot be given to a command\n\
               kvmsg-cli: PUT c, revision 3: \"sh\" was ended by signal 9\n\
               kvmsg-cli: 2 commands failed\n";
    exec(&daemon, &["--count=4", "--keep-going"], script).is(2, "a\nc\nd\n", why);
}

#[test]
fn a_command_that_is_not_there_is_a_failure() {
    let daemon = Daemon::start(&[]);
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    let since = start(&daemon);
    let args = [
        "watch",
        "--since",
        &since,
        "--exec",
        "--",
        "/nowhere/at-all",
    ];
    let ran = daemon.cli(&args);
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{ran:?}");
    assert!(
        ran.err.contains("cannot run \"/nowhere/at-all\""),
        "{ran:?}"
    );
}

#[test]
fn losses_are_said_on_standard_error_for_the_other_belongs_to_commands() {
    if tool("sh").is_none() {
        return;
    }
    let daemon = Daemon::start(&[]);
    let since = "00000000000000ff:7";
    let command = ["--exec", "--", "sh", "-c", "echo $KVMSG_KEY"];
    // What is lost is no command.
    let args = ["--since", since, "--count", "1"];
    let watcher = Running::watch(&daemon, &[&args[..], &command].concat());
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    let from = start(&daemon);
    let why = format!("kvmsg-cli: changes are gone: those after {since}, up to {from}\n");
    watcher.end().is(0, "k\n", &why);
    let args = ["watch", "--since", since, "--fail-on-loss"];
    let ran = daemon.cli(&[&args[..], &command].concat());
    assert_eq!((ran.code, &ran.out[..]), (Some(3), &b""[..]), "{ran:?}");
}
