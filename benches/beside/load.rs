//! A load generator of our own, for what redis-benchmark cannot do; and the filling of servers.
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
    let mut buffer = [0; 64 * 1024];
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
            Ask::Put(&key, &value).encode(server.dialect, &mut batch);
            lines += 1;
            if batch.len() >= BATCH_BYTES {
                exchange(&mut stream, &batch, lines)?;
                batch.clear();
                lines = 0;
            }
        }
    }
    exchange(&mut stream, &batch, lines)
}

/// The numbers of a range, each once, far from its neighbours.
fn scattered(range: Range<u64>) -> impl Iterator<Item = u64> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_visited_once() {
        for len in [0, 1, 2, 9, 10, 1000, 1023] {
            let mut visited: Vec<u64> = scattered(5..5 + len).collect();
            visited.sort_unstable();
            let all: Vec<u64> = (5..5 + len).collect();
            assert_eq!(visited, all);
        }
    }
}
