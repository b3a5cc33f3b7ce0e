//! Fills servers with keys before they are asked for them.
//!
//! Replies are not parsed: their lines are counted, and every request knows how many it gets.

use crate::server::Server;
use crate::wire::{self, Ask};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;

/// How many bytes of requests are sent before their replies are waited for.
const BATCH_BYTES: usize = 64 * 1024;

/// Sends requests that have been encoded, and waits for so many lines of replies.
///
/// # Errors
///
/// Says so if the connection fails, or no reply comes.
pub(crate) fn exchange(stream: &mut TcpStream, requests: &[u8], lines: u64) -> Result<(), String> {
    let sent = stream.write_all(requests);
    sent.map_err(|error| format!("sending: {error}"))?;
    await_lines(stream, lines)
}

/// Waits for so many lines of replies.
///
/// # Errors
///
/// Says so if the connection fails, or no reply comes.
pub(crate) fn await_lines(stream: &mut TcpStream, lines: u64) -> Result<(), String> {
    let mut buffer = [0; 4096];
    let mut left = lines;
    while left > 0 {
        let read = stream.read(&mut buffer);
        let length = read.map_err(|error| format!("waiting for a reply: {error}"))?;
        if length == 0 {
            return Err("the server closed the connection".into());
        }
        left = left.saturating_sub(count_lines(&buffer[..length]));
    }
    Ok(())
}

pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Puts so many values of so many bytes under each of these keys, which are taken in no order.
///
/// # Errors
///
/// Says so if the server does not take them.
pub(crate) fn fill(
    server: &Server,
    keys: Range<u64>,
    values: usize,
    value_bytes: usize,
) -> Result<(), String> {
    let mut stream = server.connect()?;
    let value = wire::value(value_bytes);
    let (mut batch, mut lines) = (Vec::new(), 0);
    for key in scattered(keys) {
        let key = wire::key(key);
        for _ in 0..values {
            lines += Ask::Put(&key, &value).say(server.dialect, &mut batch);
            if batch.len() >= BATCH_BYTES {
                exchange(&mut stream, &batch, lines)?;
                batch.clear();
                lines = 0;
            }
        }
    }
    exchange(&mut stream, &batch, lines)
}

/// Makes so many values of so many bytes come and go again: changes, for those who watch.
///
/// # Errors
///
/// Says so if the server does not take them.
pub(crate) fn come_and_go(server: &Server, count: u64, value_bytes: usize) -> Result<(), String> {
    fill(server, 0..count, 1, value_bytes)?;
    let mut stream = server.connect()?;
    let (mut batch, mut lines) = (Vec::new(), 0);
    for key in 0..count {
        lines += Ask::Delete(&wire::key(key)).say(server.dialect, &mut batch);
    }
    exchange(&mut stream, &batch, lines)
}

/// The numbers of a range, each once, far from its neighbours.
pub(crate) fn scattered(range: Range<u64>) -> impl Iterator<Item = u64> {
    let len = (range.end - range.start).max(1);
    // Any step that has no divisor in common with the length visits every number.
    let mut step = (len as f64 * 0.618) as u64 | 1;
    while greatest_common_divisor(step, len) != 1 {
        step += 2;
    }
    (0..range.end - range.start).map(move |at| {
        let offset = u128::from(at) * u128::from(step) % u128::from(len);
        range.start + offset as u64
    })
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
