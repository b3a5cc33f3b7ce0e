//! Does what the EXAMPLES of kvmsg-cli(1) show, in their order, and compares what is printed.
//!
//! A display is a session: lines that begin with `$ ` are commands, and what follows one is what it
//! prints; `...` stands for anything more. One that begins with `kvmsg-cli watch` goes on while the
//! next session is done.

mod common;

use common::cli::watchers;
use common::terminal::Home;
use common::tools::tool;
use common::{Daemon, PATIENCE, until};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

const MANUAL: &str = include_str!("../man/kvmsg-cli.1");

/// A command, and the lines that it is shown to print.
type Step = (String, Vec<String>);

/// The sessions of the examples.
fn sessions() -> Vec<Vec<Step>> {
    let (_, examples) = MANUAL.split_once(".Sh EXAMPLES\n").expect("there are some");
    let (examples, _) = examples.split_once(".Sh ").expect("something follows");
    let displays = examples.split(".Bd -literal -offset indent\n").skip(1);
    displays
        .map(|display| session(display.split(".Ed").next().unwrap_or_default()))
        .collect()
}

fn session(display: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_continued = false;
    for line in display.lines() {
        let line = line.replace("\\&", "").replace("\\e", "\\");
        let begins = line.strip_prefix("$ ");
        match (begins, steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), Vec::new())),
            (None, Some((command, _))) if is_continued => *command += &format!("\n{line}"),
            (None, Some((_, printed))) => printed.push(line.clone()),
            (None, None) => panic!("{line}: no command stands before it"),
        }
        is_continued = line.ends_with('\\');
    }
    steps
}

/// Where the examples are done: a server, another one, and a directory with what they need.
struct Place {
    home: Home,
    daemon: Daemon,
    other: Daemon,
}

impl Place {
    fn new() -> Place {
        let home = Home::new();
        let script = "#!/bin/sh\necho \"$@\" >>reloads\n";
        let systemctl = home.path.join("systemctl");
        fs::write(&systemctl, script).expect("a file can be written");
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(
            home.path.join("cat.jpg"),
            [b"\xff\xd8\0\n".repeat(999), vec![7]].concat(),
        )
        .unwrap();
        Place {
            home,
            daemon: Daemon::start(&[]),
            other: Daemon::start(&[]),
        }
    }

    fn shell(&self, command: &str) -> Command {
        let folder = Path::new(env!("CARGO_BIN_EXE_kvmsg-cli"))
            .parent()
            .expect("a folder");
        let path = std::env::var("PATH").expect("it is text");
        let path = format!("{}:{}:{path}", self.home.path.display(), folder.display());
        let command = command.replace("db.example.org:8080", &self.other.address.to_string());
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &command])
            .current_dir(&self.home.path)
            .env("PATH", path)
            .env("KVMSG_SERVER", self.daemon.address.to_string())
            .stdin(Stdio::null());
        shell
    }

    fn run(&self, (command, expected): &Step) {
        let output = self.shell(command).output().expect("a shell runs");
        let printed = String::from_utf8(output.stdout).expect("it prints text");
        let mut lines: Vec<&str> = printed.lines().collect();
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        if expected.last() == Some(&"...") {
            expected.pop();
            assert!(lines.len() > expected.len(), "{command}: nothing more came");
            lines.truncate(expected.len());
        }
        assert_eq!(lines, expected, "{command}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{command}");
        assert!(output.status.success(), "{command}: {}", output.status);
    }

    /// Begins a watch, and waits until it is told.
    fn watch(&self, (command, expected): &Step) -> Watching {
        let before = watchers(&self.daemon);
        let mut shell = self.shell(&format!("exec {command}"));
        let mut child = shell.stdout(Stdio::piped()).spawn().expect("a shell runs");
        let stdout = child.stdout.take().expect("it is a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.map(|line| sender.send(line)).all(|sent| sent.is_ok())
        });
        let is_told = || (watchers(&self.daemon) > before).then_some(());
        until("the example to watch", is_told);
        Watching {
            child,
            lines,
            expected: expected.clone(),
        }
    }
}

/// A session that goes on.
struct Watching {
    child: Child,
    lines: Receiver<String>,
    expected: Vec<String>,
}

impl Watching {
    /// Waits for what it is shown to print.
    fn finish(self) {
        for expected in &self.expected {
            let line = self.lines.recv_timeout(PATIENCE).expect("it prints a line");
            assert_eq!(line, *expected);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_examples_of_the_manual_happen_as_printed() {
    let tools = [tool("sh"), tool("xargs"), tool("head"), tool("cmp")];
    if tools.contains(&None) {
        return;
    }
    let place = Place::new();
    let sessions = sessions();
    assert!(sessions.len() >= 10, "{}", sessions.len());
    let mut watching: Option<Watching> = None;
    for session in &sessions {
        let is_watch = |(command, _): &Step| command.split(' ').any(|word| word == "watch");
        if session.iter().any(is_watch) {
            let [step] = &session[..] else {
                panic!("a watch has a session of its own: {session:?}");
            };
            watching = Some(place.watch(step));
            continue;
        }
        session.iter().for_each(|step| place.run(step));
        if let Some(watching) = watching.take() {
            let reloads = place.home.path.join("reloads");
            if watching.expected.is_empty() {
                // This one prints nothing: what it does is the proof.
                until("two reloads", || {
                    let reloads = fs::read_to_string(&reloads).unwrap_or_default();
                    (reloads == "reload web\nreload web\n").then_some(())
                });
                let written = fs::read_to_string(place.home.path.join("web.conf"));
                assert_eq!(written.expect("it was written"), "port 8080");
            }
            watching.finish();
        }
    }
    assert!(watching.is_none(), "nothing happens after the last watch");
    assert_eq!(
        place.other.stats().get("values"),
        1,
        "what was copied is there"
    );
    assert!(place.home.path.join("web.cursor").is_file());
}
