//! Holds README.md and kvmsg(7) to the program: what they show happens as it is printed.
//!
//! A session is a block whose lines that begin with `$ ` are commands; what follows one is what it
//! prints. Behind `$ nc` the lines that are requests, and empty ones, are typed. Notices may come
//! late, so they are the last lines of a session, and are looked for when all have been typed.

mod common;

use common::tools::tool;
use common::{Client, Daemon, PATIENCE, binary, until};
use kvmsg::protocol::command;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

const README: &str = include_str!("../README.md");
const MANUAL: &str = include_str!("../man/kvmsg.7");

/// The lines of each block between a line `begin` and the next line `end`.
fn blocks(text: &str, begin: &str, end: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    let mut blocks = Vec::new();
    while lines.any(|line| line == begin) {
        let block = lines.by_ref().take_while(|line| *line != end);
        blocks.push(block.map(str::to_owned).collect());
    }
    assert!(!blocks.is_empty(), "no block that begins with {begin}");
    blocks
}

/// The displays of the manual, as they are read.
fn displays() -> Vec<Vec<String>> {
    let read = |line: String| line.replace(r"\e", r"\").replace(r"\-", "-");
    let blocks = blocks(MANUAL, ".Bd -literal -offset indent", ".Ed");
    let blocks = blocks.into_iter();
    blocks
        .map(|block| block.into_iter().map(read).collect())
        .collect()
}

/// A shell command of a document, for this daemon instead of one at the default port.
fn shell(daemon: &Daemon, command: &str) -> Command {
    let port = daemon.address.port().to_string();
    assert!(command.contains("8080"), "no port: {command}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {}", command.replace("8080", &port))]);
    // redis-cli prints as on a terminal then.
    shell
        .env("FAKETTY", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    shell
}

/// Somebody who types at nc.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Receiver<String>,
    /// The notices that the document shows.
    notices: Vec<String>,
}

impl Terminal {
    fn open(mut nc: Command) -> Terminal {
        let nc = nc.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = nc.spawn().expect("a shell runs");
        let keyboard = child.stdin.take().expect("standard input is a pipe");
        let output = child.stdout.take().expect("standard output is a pipe");
        let (shown, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map(|line| shown.send(line)).all(|sent| sent.is_ok())
        });
        let notices = Vec::new();
        Terminal {
            child,
            keyboard,
            screen,
            notices,
        }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").expect("nc reads");
    }

    #[track_caller]
    fn expect(&self, line: &str) {
        let shown = self
            .screen
            .recv_timeout(PATIENCE)
            .expect("nc prints a line");
        assert_eq!(shown, line);
    }

    /// Looks for the notices, and for no more of them.
    #[track_caller]
    fn finish(mut self) {
        self.notices.iter().for_each(|notice| self.expect(notice));
        self.type_line("PING");
        self.expect("PONG");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody types this line, rather than reads it.
fn is_typed(line: &str) -> bool {
    let word = line.split(':').next().unwrap_or_default();
    line.is_empty() || command::find(word.as_bytes()).is_some_and(|verb| verb.line.is_some())
}

/// Types what a session with nc shows typed, and reads the replies.
fn converse(terminal: &mut Terminal, lines: &[String], mut has_begun: impl FnMut()) {
    for line in lines {
        if is_typed(line) {
            assert!(terminal.notices.is_empty(), "{line} stands behind notices");
            terminal.type_line(line);
            has_begun();
        } else if line.starts_with("NOTIFY ") {
            terminal.notices.push(line.clone());
        } else {
            terminal.expect(line);
        }
    }
}

/// Runs the sessions in order; those with nc stay open until another command comes.
fn run(daemon: &Daemon, sessions: &[Vec<String>]) {
    let mut observer = daemon.connect();
    let mut terminals: Vec<Terminal> = Vec::new();
    for session in sessions {
        let (command, lines) = session.split_first().expect("a session has lines");
        if let Some(nc) = command
            .strip_prefix("$ ")
            .filter(|nc| nc.starts_with("nc "))
        {
            let mut terminal = Terminal::open(shell(daemon, nc));
            let listening = terminals.len() as u64 + 2; // this one and the observer too
            let mut is_new = true;
            converse(&mut terminal, lines, || {
                if std::mem::take(&mut is_new) {
                    let count = || (observer.stats().get("watchers") == listening).then_some(());
                    until("the client to listen", count);
                }
            });
            if !lines.iter().any(|line| line == "QUIT") {
                terminals.push(terminal);
            }
            continue;
        }
        terminals.drain(..).for_each(Terminal::finish);
        let mut lines = session.iter().map(String::as_str).peekable();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").expect("a command begins with `$ `");
            let output = shell(daemon, command).output().expect("a shell runs");
            let printed = String::from_utf8(output.stdout).expect("it prints text");
            let shown = std::iter::from_fn(|| lines.next_if(|line| !line.starts_with("$ ")));
            assert_eq!(
                printed.lines().collect::<Vec<_>>(),
                shown.collect::<Vec<_>>(),
                "{command}"
            );
        }
    }
    terminals.drain(..).for_each(Terminal::finish);
}

#[test]
fn the_sessions_of_the_readme_happen_as_printed() {
    let (Some(_), Some(_)) = (tool("nc"), tool("redis-cli")) else {
        return;
    };
    let sessions = blocks(README, "```console", "```");
    assert_eq!(
        sessions.len(),
        3,
        "one that listens, one that writes, one with redis-cli"
    );
    run(&Daemon::start(&[]), &sessions);
}

#[test]
fn the_sessions_of_the_manual_happen_as_printed() {
    let Some(_) = tool("nc") else { return };
    let mut sessions = displays();
    sessions.retain(|lines| lines[0].starts_with("$ nc "));
    assert_eq!(sessions.len(), 2, "one that listens, one that writes");
    run(&Daemon::start(&[]), &sessions);
}

/// The bytes that the manual shows as `\r`, `\n` and themselves.
fn bytes(shown: &str) -> String {
    shown.replace(r"\r", "\r").replace(r"\n", "\n")
}

/// Without epochs, which are of every server's own.
fn comparable(text: &str) -> String {
    const HEAD: &str = "$16\r\n";
    let mut parts = text.split(HEAD);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + HEAD + part.get(16..).unwrap_or(part)
    })
}

#[test]
fn the_frames_of_the_manual_are_what_is_sent() {
    let daemon = Daemon::start(&[]);
    let displays = displays();
    let transcript = displays.iter().find(|lines| lines[0].starts_with("C: "));
    let version = env!("CARGO_PKG_VERSION");
    let version = format!("version\r\n${}\r\n{version}\r\n", version.len());
    let mut clients: HashMap<String, Client> = HashMap::new();
    for line in transcript.expect("there is one") {
        let (who, shown) = line.split_once(':').expect("a client or the server speaks");
        let (side, number) = who.split_at(1);
        let client = clients
            .entry(number.to_owned())
            .or_insert_with(|| daemon.connect());
        let shown = bytes(shown.trim_start());
        if side == "C" {
            client.send(&shown);
            continue;
        }
        assert_eq!(side, "S", "{line}");
        let shown = shown.replace("version\r\n$5\r\n0.1.0\r\n", &version);
        let mut came = vec![0; shown.len()];
        client
            .stream
            .read_exact(&mut came)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let came = String::from_utf8(came).expect("the transcript is text");
        assert_eq!(comparable(&came), comparable(&shown), "{line}");
    }
}

/// What the items of the manual's lists say behind `start`.
fn items<'a>(start: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    MANUAL
        .lines()
        .filter_map(move |line| line.strip_prefix(start))
}

#[test]
fn the_manual_names_the_figures_of_stats_in_order() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.send("STATS\n");
    let lines = client.lines();
    let names = lines.iter().filter_map(|line| line.split(' ').next());
    assert_eq!(
        items(".It Cm ").collect::<Vec<_>>(),
        names.collect::<Vec<_>>()
    );
}

#[test]
fn the_manual_has_the_limits_with_their_defaults() {
    let output = binary()
        .arg("--print-config")
        .output()
        .expect("kvmsgd runs");
    let config = String::from_utf8(output.stdout).expect("it prints text");
    let limits: Vec<_> = items(".It Ic ")
        .filter_map(|item| item.split_once(" Ta "))
        .collect();
    assert!(limits.len() >= 10, "{limits:?}");
    for (key, rest) in limits {
        let default = rest.split(" Ta ").next().unwrap_or_default();
        let line = format!("{key} = {default}  # default");
        assert!(config.lines().any(|said| said == line), "{line}");
    }
}

#[test]
fn the_example_of_the_readme_is_the_one_that_is_tested() {
    let server = include_str!("../src/server.rs");
    let tested = &blocks(server, "/// ```", "/// ```")[0];
    let lines = tested
        .iter()
        .map(|line| line.strip_prefix("/// ").unwrap_or_default());
    let tested: Vec<_> = lines.filter(|line| !line.starts_with("# ")).collect();
    assert_eq!(blocks(README, "```rust", "```")[0], tested);
}

#[test]
fn the_example_of_a_mirror_is_as_short_as_the_readme_says() {
    let length = include_str!("../examples/mirror.rs").lines().count();
    let said = format!("[examples/mirror.rs](examples/mirror.rs) is {length} lines");
    assert!(length < 40 && README.contains(&said), "{length}");
}
