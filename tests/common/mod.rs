//! Runs the real daemon on a free port and speaks to it in raw bytes.
//!
//! Nothing here sleeps to let things settle: a test waits for bytes, for a log line, for the end
//! of the process, or looks again until a condition holds; each within [`PATIENCE`].

#![allow(dead_code, reason = "every test file uses a part of this")]

pub mod cli;
pub mod client;
pub mod hostile;
pub mod talker;
pub mod terminal;
pub mod tools;
pub mod transcript;

pub use client::{Client, Frame, frame};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a test waits for what must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The daemon's binary.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvmsgd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KVMSGD_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("JOURNAL_STREAM");
    command
}

/// Looks again and again until `look` returns something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An address on which nobody listens, and what keeps it so: a listener that holds the same port
/// of another loopback address, so that the system gives it to nobody else.
pub fn free_address() -> (SocketAddr, TcpListener) {
    let held = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = held.local_addr().expect("it is bound").port();
    (SocketAddr::from(([127, 0, 0, 2], port)), held)
}

/// Starts a daemon from a prepared command; returns also what it logs to.
fn piped(mut command: Command) -> (Child, ChildStderr) {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the daemon starts");
    let stderr = child.stderr.take().expect("standard error is a pipe");
    (child, stderr)
}

/// A running daemon; killed when it goes out of scope.
pub struct Daemon {
    child: Child,
    pid: Pid,
    pub address: SocketAddr,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
    logger: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts one on a free port with these further flags.
    pub fn start(flags: &[&str]) -> Daemon {
        Daemon::start_at("127.0.0.1:0", flags)
    }

    /// Starts one at this address. To start one where another has been, see [`free_address`].
    pub fn start_at(address: &str, flags: &[&str]) -> Daemon {
        let mut command = binary();
        command.args(["-l", address]).args(flags);
        Daemon::spawn(command)
    }

    /// Starts one from a prepared command, and waits until it listens.
    pub fn spawn(command: Command) -> Daemon {
        let (child, stderr) = piped(command);
        Daemon::follow(child, stderr)
    }

    /// Starts one from a prepared command, and does not wait until it listens: it has no address.
    pub fn begin(command: Command) -> Daemon {
        let (child, stderr) = piped(command);
        Daemon::hear(child, stderr)
    }

    /// Waits until one that has been started listens; `stderr` is what it logs to.
    pub fn follow(child: Child, stderr: impl Read + Send + 'static) -> Daemon {
        let mut daemon = Daemon::hear(child, stderr);
        let line = daemon.wait_for_log("kvmsgd: listening on ");
        let address = line.rsplit(' ').next().and_then(|word| word.parse().ok());
        daemon.address = address.expect("an address stands at the end");
        daemon
    }

    /// Hears what one that has been started logs. Where it will listen is not known.
    fn hear(child: Child, stderr: impl Read + Send + 'static) -> Daemon {
        let pid = Pid::from_child(&child);
        let log = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let lines = BufReader::new(stderr).lines();
        let writer = log.clone();
        let logger = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                writer.0.lock().unwrap().push(line);
                writer.1.notify_all();
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Daemon {
            child,
            pid,
            address,
            log,
            logger: Some(logger),
        }
    }

    /// Waits for a line on standard error that contains `text`, and returns it.
    pub fn wait_for_log(&self, text: &str) -> String {
        let (lines, changed) = &*self.log;
        let has = |lines: &[String]| lines.iter().find(|line| line.contains(text)).cloned();
        let mut guard = lines.lock().unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = has(&guard) {
                return line;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {text:?} in the log: {guard:#?}");
            guard = changed.wait_timeout(guard, left).unwrap().0;
        }
    }

    /// All lines on standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap().clone()
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A framed client that has switched to RESP3.
    pub fn connect_resp3(&self) -> Client {
        let mut client = self.connect();
        client.send(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
        client.frame();
        client
    }

    /// The counters, asked for on a connection of their own.
    pub fn stats(&self) -> Stats {
        self.connect().stats()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the daemon is there");
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until standard output has begun with `line`, and returns that with its end.
    pub fn wait_for_output(&mut self, line: &str) -> String {
        let mut stdout = self.child.stdout.take().expect("standard output is a pipe");
        let mut output = vec![0; line.len() + 1];
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let read = stdout.read_exact(&mut output).map(|()| output);
            sender.send((read, stdout))
        });
        let (output, stdout) = receiver
            .recv_timeout(PATIENCE)
            .expect("the daemon says something");
        self.child.stdout = Some(stdout);
        let output = String::from_utf8(output.expect("it is not closed")).expect("it is text");
        assert_eq!(output, format!("{line}\n"));
        output
    }

    /// Waits for the end; returns the exit status and (the rest of) standard output.
    pub fn wait(mut self) -> Ended {
        let ended = || self.child.try_wait().expect("the daemon is our child");
        let status = until("the daemon to end", ended);
        let mut output = String::new();
        let mut stdout = self.child.stdout.take().expect("standard output is a pipe");
        stdout
            .read_to_string(&mut output)
            .expect("the report is text");
        Ended { status, output }
    }

    /// Waits for the end; returns also all lines on standard error.
    pub fn wait_with_log(mut self) -> (Ended, Vec<String>) {
        let (logger, log) = (self.logger.take(), self.log.clone());
        let ended = self.wait();
        let logger = logger.expect("it is waited for once");
        logger.join().expect("it only reads");
        let lines = log.0.lock().unwrap().clone();
        (ended, lines)
    }

    /// The resident memory of the daemon, in bytes.
    pub fn resident_bytes(&self) -> usize {
        let text = std::fs::read_to_string(self.proc("status")).expect("it runs");
        let line = text
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("it has memory");
        let kib = line
            .split_ascii_whitespace()
            .nth(1)
            .and_then(|word| word.parse::<usize>().ok());
        kib.expect("a number") * 1024
    }

    /// How many descriptors the daemon has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).expect("it runs").count()
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
}

impl Ended {
    /// A figure of the report, such as `Requests answered`.
    pub fn figure(&self, name: &str) -> u64 {
        let start = format!("{name}: ");
        let line = self
            .output
            .lines()
            .find_map(|line| line.strip_prefix(&start));
        line.and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.output))
    }
}

/// The counters of STATS by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats(pub HashMap<String, String>);

impl Stats {
    pub fn get(&self, name: &str) -> u64 {
        let text = self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"));
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    }
}
