//! Runs the real kvmsg-cli with its streams in pipes, and says how it ended.

use super::talker::Talker;
use super::{Daemon, PATIENCE, until};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// The client's binary, for this server, with nothing of ours in the environment.
pub fn cli(server: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvmsg-cli"));
    command.env_remove("KVMSG_SERVER").args(["-s", server]);
    command
}

/// How a client ended, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ran {
    /// Holds the exit status and both streams against what they must be.
    #[track_caller]
    pub fn is(&self, code: i32, out: impl AsRef<[u8]>, err: &str) {
        let shown = self.out.escape_ascii();
        assert_eq!(
            (self.code, &self.err[..]),
            (Some(code), err),
            "it printed {shown}"
        );
        assert_eq!(shown.to_string(), out.as_ref().escape_ascii().to_string());
    }

    /// The same for one that did what it was asked.
    #[track_caller]
    pub fn prints(&self, out: impl AsRef<[u8]>) {
        self.is(0, out, "");
    }

    /// The same for one that says on a single line why it failed, and prints nothing.
    #[track_caller]
    pub fn fails(&self, why: &str) {
        self.is(2, "", &format!("kvmsg-cli: {why}\n"));
    }
}

/// Runs a command with this on its standard input.
pub fn run(mut command: Command, input: impl Into<Vec<u8>>) -> Ran {
    let mut running = Running::start(&mut command);
    let (mut stdin, input) = (running.stdin.take().expect("it is a pipe"), input.into());
    // One that fails early does not read it all.
    let fed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ran = running.end();
    fed.join().expect("it is fed");
    ran
}

/// A client that runs; killed when it goes out of scope.
pub struct Running {
    child: Child,
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<BufReader<ChildStdout>>,
    err: Option<JoinHandle<String>>,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let command = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let mut stderr = child.stderr.take().expect("it is a pipe");
        let err = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("errors are text");
            text
        });
        Running {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            err: Some(err),
            child,
        }
    }

    /// One that watches; returns when it is told of what happens from here on.
    pub fn watch(daemon: &Daemon, args: &[&str]) -> Running {
        let before = watchers(daemon);
        let running = Running::start(cli(&daemon.address.to_string()).arg("watch").args(args));
        until("the client to watch", || {
            (watchers(daemon) > before).then_some(())
        });
        running
    }

    /// The next line of standard output, without its end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let mut stdout = self.stdout.take().expect("it is open");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| line);
            sender.send((read, stdout))
        });
        let (line, stdout) = receiver.recv_timeout(PATIENCE).expect("it prints a line");
        self.stdout = Some(stdout);
        let mut line = line.expect("lines are text");
        assert_eq!(line.pop(), Some('\n'), "it ended");
        line
    }

    /// Writes to standard input.
    pub fn send(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(text.as_bytes()).expect("it reads");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Waits for the end; the output is what has not been read yet.
    pub fn end(mut self) -> Ran {
        let stdout = self.stdout.take();
        let out = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stdout) = stdout {
                stdout.read_to_end(&mut bytes).expect("a pipe can be read");
            }
            bytes
        });
        let ended = || self.child.try_wait().expect("it is our child");
        let status = until("the client to end", ended);
        let err = self.err.take().expect("it is read once");
        Ran {
            code: status.code(),
            out: out.join().expect("it is read"),
            err: err.join().expect("it is read"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    /// Runs a client of this daemon.
    pub fn cli(&self, args: &[impl AsRef<OsStr>]) -> Ran {
        self.cli_fed(args, "")
    }

    /// The same with this on its standard input.
    pub fn cli_fed(&self, args: &[impl AsRef<OsStr>], input: impl Into<Vec<u8>>) -> Ran {
        let mut command = cli(&self.address.to_string());
        command.args(args);
        run(command, input)
    }
}

/// How many clients watch; who asks is none of them.
pub fn watchers(daemon: &Daemon) -> u64 {
    Talker::connect(daemon, true).stats().get("watchers")
}

/// A server that accepts and says nothing, and its address. The kernel accepts for it.
pub fn deaf() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    (listener, address)
}

/// What a server says to HELLO 3.
pub const GREETING: &[u8] =
    b"%5\r\n$6\r\nserver\r\n$5\r\nkvmsg\r\n$7\r\nversion\r\n$5\r\n0.1.0\r\n\
    $2\r\nid\r\n:1\r\n$5\r\nepoch\r\n$16\r\n0123456789abcdef\r\n$8\r\nrevision\r\n:0\r\n";
