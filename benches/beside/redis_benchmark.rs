//! Drives a server with redis-benchmark, the same for every server.

use crate::children::Child;
use crate::server::Kind;
use crate::wire;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Put,
    Get,
}

/// One run of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) verb: Verb,
    pub(crate) clients: usize,
    /// How many requests each client sends before it waits for their replies.
    pub(crate) in_flight: usize,
    /// The bytes of a value that is put.
    pub(crate) value_bytes: usize,
    /// Keys are picked at random from so many.
    pub(crate) keys: u64,
    pub(crate) requests: u64,
}

impl Load {
    /// Makes so many of its requests of a server, and returns how long they took.
    ///
    /// # Errors
    ///
    /// Says so if redis-benchmark fails, is not understood, or takes too long.
    pub(crate) fn run(&self, requests: u64, kind: Kind, port: u16) -> Result<Duration, String> {
        let mut command = Command::new("redis-benchmark");
        let value = String::from_utf8_lossy(&wire::value(self.value_bytes)).into_owned();
        command
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "--csv"])
            .args(["-c", &self.clients.to_string()])
            .args(["-n", &requests.to_string()])
            .args(["-P", &self.in_flight.to_string()])
            .args(["-r", &self.keys.to_string()])
            .args(self.words(kind))
            .args((self.verb == Verb::Put).then_some(value))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let output = Child::start(&mut command)?.finish(LIMIT)?;
        Ok(Duration::from_secs_f64(
            requests as f64 / throughput(&output)?,
        ))
    }

    fn words(&self, kind: Kind) -> &'static [&'static str] {
        match (self.verb, kind) {
            (Verb::Put, Kind::Redis) => &["RPUSH", "key:__rand_int__"],
            (Verb::Put, _) => &["PUT", "key:__rand_int__"],
            (Verb::Get, Kind::Redis) => &["LRANGE", "key:__rand_int__", "0", "-1"],
            (Verb::Get, _) => &["GET", "key:__rand_int__"],
        }
    }
}

/// Requests a second: the second of the fields, all in quotes, of the last line.
pub(crate) fn throughput(csv: &str) -> Result<f64, String> {
    let line = csv.lines().last().unwrap_or_default();
    let mut fields = line.rsplit("\",\"").map(|field| field.trim_matches('"'));
    // From the end, for the first field is the command, and it holds what it likes.
    let number = fields.nth(6).and_then(|field| field.parse().ok());
    number.ok_or_else(|| format!("redis-benchmark said: {line:?}"))
}
