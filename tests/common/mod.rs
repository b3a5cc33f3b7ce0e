//! Runs the real daemon on a free port and speaks to it in raw bytes.
//!
//! Nothing here sleeps to let things settle: a test waits for bytes, for a log line, for the end
//! of the process, or looks again until a condition holds; each within [`PATIENCE`].

#![allow(dead_code, reason = "every test file uses a part of this")]

pub mod cli;
pub mod hostile;
pub mod talker;
pub mod terminal;
pub mod tools;
pub mod transcript;

use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
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

/// A running daemon; killed when it goes out of scope.
pub struct Daemon {
    child: Child,
    pid: Pid,
    pub address: SocketAddr,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Daemon {
    /// Starts one on a free port with these further flags.
    pub fn start(flags: &[&str]) -> Daemon {
        let mut command = binary();
        command.args(["-l", "127.0.0.1:0"]).args(flags);
        Daemon::spawn(command)
    }

    /// Starts one from a prepared command, and waits until it listens.
    pub fn spawn(mut command: Command) -> Daemon {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the daemon starts");
        let pid = Pid::from_child(&child);
        let log = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let lines = BufReader::new(child.stderr.take().expect("standard error is a pipe")).lines();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                writer.0.lock().unwrap().push(line);
                writer.1.notify_all();
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Daemon {
            child,
            pid,
            address,
            log,
        };
        let line = daemon.wait_for_log("kvmsgd: listening on ");
        let address = line.rsplit(' ').next().and_then(|word| word.parse().ok());
        daemon.address = address.expect("an address stands at the end");
        daemon
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

/// A client that speaks raw bytes. Reads time out after [`PATIENCE`].
pub struct Client {
    pub stream: TcpStream,
    /// What has been read from the socket and not been looked at yet.
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        Client::from_stream(TcpStream::connect(address).expect("the daemon accepts"))
    }

    pub fn from_stream(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            buffer: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the daemon reads");
    }

    /// Sends a request as a frame.
    pub fn send_frame(&mut self, words: &[&[u8]]) {
        self.send(frame(words));
    }

    /// Says that nothing more will be sent.
    pub fn end(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the connection is open");
    }

    /// Reads as many bytes as expected and compares.
    #[track_caller]
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let read = self.read_at_most(expected.len());
        let read_text = read.escape_ascii();
        assert!(
            read == expected,
            "expected {}\n   but read {read_text}",
            expected.escape_ascii()
        );
    }

    /// Sends, and compares what comes.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
        self.send(request);
        self.expect(expected);
    }

    /// Reads a line; without its LF.
    #[track_caller]
    pub fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return String::from_utf8_lossy(&line[..at]).into_owned();
            }
            assert!(
                self.fill() > 0,
                "the daemon closed after {}",
                self.buffer.escape_ascii()
            );
        }
    }

    /// Reads lines up to an empty one, as STATS and HELP end.
    #[track_caller]
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.line() {
                line if line.is_empty() => return lines,
                line => lines.push(line),
            }
        }
    }

    /// Reads one RESP reply or push.
    #[track_caller]
    pub fn frame(&mut self) -> Frame {
        let line = self.line();
        let line = line.strip_suffix('\r').expect("a head ends in CRLF");
        let (mark, text) = line.split_at(1);
        let number = || text.parse::<i64>().expect("a number");
        match mark {
            "+" => Frame::Status(text.to_owned()),
            "-" => Frame::Error(text.to_owned()),
            ":" => Frame::Integer(number()),
            "_" => Frame::Null,
            "$" | "*" if number() == -1 => Frame::Null,
            "$" => {
                let mut bytes = self.read_at_most(number() as usize + 2);
                assert!(bytes.ends_with(b"\r\n"));
                bytes.truncate(bytes.len() - 2);
                Frame::Bulk(bytes)
            }
            "*" => Frame::Array((0..number()).map(|_| self.frame()).collect()),
            ">" => Frame::Push((0..number()).map(|_| self.frame()).collect()),
            "%" => Frame::Map(
                (0..number())
                    .map(|_| (self.frame(), self.frame()))
                    .collect(),
            ),
            _ => panic!("no RESP: {line:?}"),
        }
    }

    /// Reads until the daemon closes, and returns what came.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the daemon has closed, and everything it sent has been looked at.
    #[track_caller]
    pub fn is_at_end(&mut self) -> bool {
        self.buffer.is_empty() && self.fill() == 0
    }

    /// The counters, asked for as a line client; skips notices that come before.
    #[track_caller]
    pub fn stats(&mut self) -> Stats {
        self.send("STATS\n");
        let lines = self.lines();
        let lines = lines.iter().filter(|line| !line.starts_with("NOTIFY "));
        let pairs = lines.map(|line| line.split_once(' ').expect("a name and a value"));
        Stats(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Closes so that the daemon gets a reset instead of an end.
    pub fn reset(self) {
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, linger).expect("it is a socket");
    }

    /// Makes the kernel hold little for this client, so that a test of one that does not read
    /// need not send megabytes.
    pub fn receive_little(&self) {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.stream, 4096).unwrap();
    }

    fn read_at_most(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length && self.fill() > 0 {}
        self.buffer.drain(..length.min(self.buffer.len())).collect()
    }

    /// Reads what there is; 0 at the end.
    #[track_caller]
    fn fill(&mut self) -> usize {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(length) => {
                self.buffer.extend_from_slice(&chunk[..length]);
                length
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.fill(),
            Err(error) => panic!("after {}: {error}", self.buffer.escape_ascii()),
        }
    }
}

/// A request as a frame.
pub fn frame(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A reply or push of RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Frame>),
    Push(Vec<Frame>),
    Map(Vec<(Frame, Frame)>),
}

impl Frame {
    /// A bulk string of this text.
    pub fn bulk(text: impl AsRef<[u8]>) -> Frame {
        Frame::Bulk(text.as_ref().to_vec())
    }
}
