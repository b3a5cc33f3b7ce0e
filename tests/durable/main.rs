//! Tests what a data folder promises, with the real daemon: what was answered survives, and nobody
//! is told what the disk does not have.

#[path = "../common/mod.rs"]
mod common;

mod failing;
mod held;
mod kills;
mod loading;
mod refusals;
mod repairs;
mod room;
mod space;
mod starts;

use common::{Client, Daemon, Frame, binary};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Every way to sync.
const SYNCS: [&str; 3] = ["always", "interval", "never"];

/// A folder that goes when the test is over.
fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made")
}

/// A daemon that keeps its data in this folder.
fn daemon(folder: &Path, flags: &[&str]) -> Daemon {
    Daemon::spawn(command(folder, flags))
}

fn command(folder: &Path, flags: &[&str]) -> Command {
    let mut command = binary();
    command
        .args(["-l", "127.0.0.1:0", "--data-dir"])
        .arg(folder)
        .args(flags);
    command
}

/// A daemon some of whose system calls strace delays, or makes fail.
fn traced(strace: &Path, tracing: &[&str], folder: &Path, flags: &[&str]) -> Daemon {
    let mut tracer = Command::new(strace);
    tracer
        // Who is traced is our child, and not the tracer: so it ends with the test.
        .args(["-D", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf"])
        .args(tracing);
    behind(tracer, folder, flags)
}

/// A daemon that another program starts, which takes it and its flags as its last arguments.
fn behind(mut starter: Command, folder: &Path, flags: &[&str]) -> Daemon {
    let started = command(folder, flags);
    for (name, value) in started.get_envs() {
        match value {
            Some(value) => starter.env(name, value),
            None => starter.env_remove(name),
        };
    }
    starter.arg(started.get_program()).args(started.get_args());
    Daemon::spawn(starter)
}

/// Kills the daemon, and waits until it is gone.
fn kill(daemon: Daemon) {
    drop(daemon);
}

/// The one line that a daemon says which refuses to start.
fn refused(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("it is text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let line = said.strip_prefix("kvmsgd: ").expect("it names itself");
    line.trim_end().to_owned()
}

/// Makes a change, and returns its revision.
fn change(client: &mut Client, words: &[&str]) -> i64 {
    client.send_frame(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
    match client.frame() {
        Frame::Integer(revision) => revision,
        other => panic!("{words:?}: {other:?}"),
    }
}

/// The values of a key.
fn values(client: &mut Client, key: &str) -> Vec<String> {
    client.send_frame(&[b"GET", key.as_bytes()]);
    let text = |value: Frame| match value {
        Frame::Bulk(value) => String::from_utf8(value).expect("it is text"),
        other => panic!("no value: {other:?}"),
    };
    match client.frame() {
        Frame::Array(values) => values.into_iter().map(text).collect(),
        Frame::Null => Vec::new(),
        other => panic!("no values: {other:?}"),
    }
}

/// A framed client whose notices come as pushes, that watches every key from after a revision.
fn resume(daemon: &Daemon, epoch: &str, revision: i64) -> (Client, Frame) {
    let mut client = daemon.connect_resp3();
    let revision = revision.to_string();
    let words = ["WATCH", "", "SINCE", epoch, &revision];
    client.send_frame(&words.map(str::as_bytes));
    let reply = client.frame();
    (client, reply)
}

/// What the notice of a change tells: the operation, the key and the revision.
fn told(client: &mut Client) -> (String, String, i64) {
    let text = |frame: &Frame| match frame {
        Frame::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("no text: {other:?}"),
    };
    match client.frame() {
        Frame::Push(parts) => match &parts[1..] {
            [op, key, Frame::Integer(revision), ..] => (text(op), text(key), *revision),
            other => panic!("no notice: {other:?}"),
        },
        other => panic!("no push: {other:?}"),
    }
}
