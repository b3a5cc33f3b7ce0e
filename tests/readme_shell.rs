//! Holds the session with the shell in README.md to the program: it happens as it is printed.
//!
//! Lines that begin with `> ` are typed. One that the next such line goes on is completed by Tab,
//! and the rest is typed. A notice is what another client makes happen. Of the figures of stats
//! the names count.

mod common;

use common::terminal::{Home, Terminal};
use common::tools::tool;
use common::{Daemon, until};

const README: &str = include_str!("../README.md");

/// The lines of the session behind its command.
fn session() -> Vec<String> {
    let mut lines = README.lines().skip_while(|line| *line != "$ kvmsg-cli");
    assert_eq!(lines.next(), Some("$ kvmsg-cli"), "there is a session");
    let lines = lines.take_while(|line| *line != "```");
    lines.map(str::to_owned).collect()
}

/// Lines as they compare: without figures, and at the same server.
fn comparable(lines: &[String], server: &str) -> Vec<String> {
    let mut is_stats = false;
    let line = |line: &String| {
        if line.starts_with('>') {
            is_stats = line == "> stats";
        }
        match line.trim().split(' ').next() {
            Some(name) if is_stats => name.to_owned(),
            _ => line.replace(server, "SERVER"),
        }
    };
    lines.iter().map(line).collect()
}

/// Has another client do what a notice tells.
fn make_happen(daemon: &Daemon, change: &str) {
    let (op, key) = change.split_once(' ').expect("a change has a key");
    let value = if op == "PUT" { &["x"][..] } else { &[] };
    let ran = daemon.cli(&[&[&op.to_lowercase()[..], key], value].concat());
    ran.prints("OK\n");
}

#[test]
fn the_session_with_the_shell_happens_as_printed() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let address = daemon.address.to_string();
    // On a busy machine the connection may be made after the first prompt, which reads otherwise.
    let terminal = until("a connection above the first prompt", || {
        let terminal = Terminal::open(&tmux, &home, 80, &["-s", &address]);
        let screen = terminal.wait_for_connection();
        screen[0].starts_with("Connected ").then_some(terminal)
    });
    let session = session();
    // What has been typed of the next line, by Tab or because it is the prompt.
    let mut begun = "> ";
    for (at, line) in session.iter().enumerate() {
        let is_typed = line.starts_with("> ");
        let change = line.strip_prefix("NOTIFY ");
        if !is_typed && change.is_none() {
            continue;
        }
        let mut before = comparable(&session[..at], "127.0.0.1:8080");
        before.push(begun.trim_end().to_owned());
        terminal.wait(&format!("what stands above {line:?}"), |lines| {
            comparable(lines, &address) == before
        });
        if let Some(change) = change {
            make_happen(&daemon, change);
            continue;
        }
        terminal.write(&line[begun.len()..]);
        let after = session[at + 1..].iter().map(String::as_str);
        let shown: Vec<&str> = after.take_while(|line| !line.starts_with("> ")).collect();
        let next = session.get(at + 1 + shown.len());
        if next.is_some_and(|next| next != line && next.starts_with(&line[..])) {
            begun = line;
            terminal.complete(&[&[begun], &shown[..], &[begun]].concat());
        } else {
            begun = "> ";
            terminal.press(&["Enter"]);
        }
    }
    assert_eq!(begun, "> ");
    assert_eq!(terminal.ended(), 0);
}
