//! Speaks to the daemon in raw bytes, as lines and as frames.

use super::{PATIENCE, Stats};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A client that speaks raw bytes. Reads time out after [`PATIENCE`].
pub struct Client {
    pub stream: TcpStream,
    /// What has been read from the socket and not been looked at yet.
    pub(super) buffer: Vec<u8>,
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
        let mut scanned = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[scanned..]) {
                let line: Vec<u8> = self.buffer.drain(..=scanned + at).collect();
                return String::from_utf8_lossy(&line[..line.len() - 1]).into_owned();
            }
            scanned = self.buffer.len();
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

    pub(super) fn read_at_most(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length && self.fill() > 0 {}
        self.buffer.drain(..length.min(self.buffer.len())).collect()
    }

    /// Reads what there is; 0 at the end.
    #[track_caller]
    pub(super) fn fill(&mut self) -> usize {
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
