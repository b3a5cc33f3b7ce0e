//! Watches with the client from a position on: with cursor files, over restarts, up to a loss.

mod common;

use common::cli::{Ran, Running, cli, run};
use common::{Daemon, free_address, until};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of this name that is not there yet.
fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cursors");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

/// Up to where a daemon has got.
fn position(daemon: &Daemon) -> String {
    let stats = daemon.stats();
    format!("{}:{}", stats.0["epoch"], stats.get("revision"))
}

/// Puts a value under each of these keys.
fn put(daemon: &Daemon, keys: &[&str]) {
    for key in keys {
        daemon.cli(&["put", key, "v"]).prints("OK\n");
    }
}

fn watch(daemon: &Daemon, args: &[&str]) -> Ran {
    daemon.cli(&[&["watch"], args].concat())
}

#[test]
fn a_watch_hears_of_its_prefix_alone_from_a_position_on() {
    let daemon = Daemon::start(&[]);
    put(&daemon, &["a1", "b1"]);
    let since = position(&daemon);
    put(&daemon, &["a2", "b2", "a3"]);
    let told = watch(&daemon, &["a", "--since", &since, "--count", "2"]);
    told.prints("NOTIFY PUT a2\nNOTIFY PUT a3\n");
    let told = watch(&daemon, &["", "--since", &since, "--count=3"]);
    told.prints("NOTIFY PUT a2\nNOTIFY PUT b2\nNOTIFY PUT a3\n");
    let long = "p".repeat(1025);
    let refused = watch(&daemon, &[&long]);
    assert_eq!((refused.code, refused.err.lines().count()), (Some(2), 1));
}

#[test]
fn a_position_that_is_gone_is_told_and_the_watch_goes_on_from_the_present() {
    let daemon = Daemon::start(&[]);
    put(&daemon, &["a"]);
    let (since, now) = ("00000000000000ff:7", position(&daemon));
    let mut watcher = Running::watch(&daemon, &["--since", since]);
    assert_eq!(watcher.line(), format!("NOTIFY GONE {since} {now}"));
    put(&daemon, &["b"]);
    assert_eq!(watcher.line(), "NOTIFY PUT b");
    let document = format!(
        "{{\"gone\":{{\"since\":\"{since}\",\"oldest\":1,\"from\":\"{}\"}}}}\n",
        position(&daemon)
    );
    watch(&daemon, &["--json", "--since", since, "--count", "1"]).prints(document);
}

#[test]
fn a_loss_ends_it_with_a_status_of_its_own_where_that_is_asked_for() {
    let daemon = Daemon::start(&["--history-bytes", "65536"]);
    let cursor = file("loss");
    let (since, long) = (position(&daemon), "v".repeat(1000));
    let puts = format!("put k {long}\ndelete k\n").repeat(100);
    daemon.cli_fed(&["-q"], puts).prints("");
    let now = position(&daemon);
    let args = [
        "--since",
        &since,
        "--fail-on-loss",
        "--cursor-file",
        text(&cursor),
    ];
    let why = format!("kvmsg-cli: changes are gone: those after {since}, up to {now}\n");
    let gone = format!("NOTIFY GONE {since} {now}\n");
    watch(&daemon, &args).is(3, gone, &why);
    // It has been told, so the next run goes on behind it.
    assert_eq!(fs::read_to_string(&cursor).unwrap(), format!("{now}\n"));
    put(&daemon, &["a"]);
    let told = watch(&daemon, &[&args[..], &["--count", "1"]].concat());
    told.prints("NOTIFY PUT a\n");
}

#[test]
fn a_watch_that_reads_too_slowly_fails_with_the_range_that_was_lost() {
    let daemon = Daemon::start(&["--history-bytes", "65536"]);
    let mut watcher = Running::watch(&daemon, &["--fail-on-loss", "--json"]);
    // Nobody reads what it prints, so it stops to read what it is told; no kernel holds as much.
    let puts = format!("put k {}\ndelete k\n", "v".repeat(60_000)).repeat(400);
    daemon.cli_fed(&["-q"], puts).prints("");
    let mut last = watcher.line();
    while !last.starts_with("{\"lost\":[") {
        last = watcher.line();
    }
    let range = last
        .trim_start_matches("{\"lost\":[")
        .trim_end_matches("]}");
    let (first, last) = range.split_once(',').expect("a range has two ends");
    let why = format!("kvmsg-cli: changes were lost: revisions {first} to {last}\n");
    watcher.end().is(3, "", &why);
}

#[test]
fn a_cursor_file_goes_on_without_a_gap_and_without_repeating() {
    let daemon = Daemon::start(&[]);
    let cursor = file("resume");
    let args = ["--cursor-file", text(&cursor)];
    // One that is not there yet begins at the present, and is there at once.
    put(&daemon, &["before"]);
    let watcher = Running::watch(&daemon, &args);
    let began = until("the cursor file", || fs::read_to_string(&cursor).ok());
    assert_eq!(began, format!("{}\n", position(&daemon)));
    drop(watcher);
    for round in 0..5 {
        let keys = [format!("a{round}"), format!("b{round}")];
        put(&daemon, &[&keys[0], &keys[1]]);
        let mut watcher = Running::watch(&daemon, &args);
        for key in &keys {
            assert_eq!(watcher.line(), format!("NOTIFY PUT {key}"));
        }
        let kept = format!("{}\n", position(&daemon));
        until("the cursor to be kept", || {
            (fs::read_to_string(&cursor).ok()? == kept).then_some(())
        });
        // Killed, as it goes out of scope.
    }
    put(&daemon, &["last"]);
    let told = watch(&daemon, &[&args[..], &["--count=1"]].concat());
    told.prints("NOTIFY PUT last\n");
    // The file goes before --since.
    put(&daemon, &["x"]);
    let since = position(&daemon);
    let told = watch(
        &daemon,
        &[&args[..], &["--count=1", "--since", &since]].concat(),
    );
    told.prints("NOTIFY PUT x\n");
    let names = fs::read_dir(cursor.parent().unwrap()).unwrap();
    let beside = names.filter(|name| name.as_ref().unwrap().file_name() == "resume.new");
    assert_eq!(beside.count(), 0, "nothing is left beside it");
}

#[test]
fn a_cursor_behind_a_link_is_kept_there_and_the_link_stays() {
    let daemon = Daemon::start(&[]);
    let (cursor, link) = (file("behind"), file("link"));
    let _ = (fs::remove_file(&cursor), fs::remove_file(&link));
    std::os::unix::fs::symlink("behind", &link).unwrap();
    for key in ["a", "b"] {
        let watcher = Running::watch(&daemon, &["--cursor-file", text(&link), "--count=1"]);
        put(&daemon, &[key]);
        watcher.end().prints(format!("NOTIFY PUT {key}\n"));
        let kept = fs::read_to_string(&cursor).unwrap();
        assert_eq!(kept, format!("{}\n", position(&daemon)));
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("behind"));
    }
}

#[test]
fn a_cursor_file_that_holds_no_position_is_a_mistake_and_stays_as_it_is() {
    let daemon = Daemon::start(&[]);
    let cursor = file("broken");
    let no_position = "it holds no position, which is EPOCH:REVISION";
    let empty = "it is empty; remove it to begin at the present";
    let long = "0123456789abcdef:1\n".repeat(100);
    let cases = [
        ("", empty),
        ("\n", no_position),
        ("0123456789abcdef", no_position),
        (&long, no_position),
    ];
    for (content, why) in cases {
        fs::write(&cursor, content).unwrap();
        let path = text(&cursor);
        watch(&daemon, &["--cursor-file", path]).fails(&format!("cursor file \"{path}\": {why}"));
        assert_eq!(fs::read_to_string(&cursor).unwrap(), content);
    }
    let nowhere = cursor.join("nowhere");
    let ran = watch(&daemon, &["--cursor-file", text(&nowhere), "--count=1"]);
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{ran:?}");
}

#[test]
fn with_a_cursor_it_connects_again_and_says_what_it_could_not_hear() {
    let (address, _held) = free_address();
    let (cursor, address) = (file("again"), address.to_string());
    let daemon = Daemon::start_at(&address, &[]);
    let mut watcher = Running::watch(&daemon, &["--cursor-file", text(&cursor)]);
    put(&daemon, &["a"]);
    assert_eq!(watcher.line(), "NOTIFY PUT a");
    let since = position(&daemon);
    daemon.signal(Signal::KILL);
    drop(daemon.wait());
    let daemon = Daemon::start_at(&address, &[]);
    put(&daemon, &["b", "c"]);
    let gone = watcher.line();
    let from = gone
        .strip_prefix(&format!("NOTIFY GONE {since} "))
        .expect("it is gone");
    // Where it goes on stands in what it said: what is after that, it tells.
    let (_, revision) = from.split_once(':').expect("a position has two parts");
    for key in &["b", "c"][revision.parse().unwrap()..] {
        assert_eq!(watcher.line(), format!("NOTIFY PUT {key}"));
    }
    put(&daemon, &["d"]);
    assert_eq!(watcher.line(), "NOTIFY PUT d");
    watcher.stdout = None;
    let ended = watcher.end();
    assert_eq!(
        (ended.code, ended.err.lines().count()),
        (Some(0), 2),
        "{ended:?}"
    );
    assert!(ended.err.contains("; trying again\n") && ended.err.ends_with("connected again\n"));
}

#[test]
fn a_server_that_was_never_there_is_a_failure_also_with_a_cursor() {
    let mut command = cli("127.0.0.1:1");
    command.args(["watch", "--cursor-file", text(&file("never"))]);
    let ran = run(command, "");
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{ran:?}");
}

#[test]
fn a_reader_that_goes_away_ends_it_though_there_is_nothing_to_print() {
    let daemon = Daemon::start(&[]);
    let mut watcher = Running::watch(&daemon, &[]);
    watcher.stdout = None;
    watcher.end().prints("");
}
