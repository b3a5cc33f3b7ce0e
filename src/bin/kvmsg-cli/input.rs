//! Reads standard input on a thread of its own, and cuts it into lines.
//!
//! So whoever takes the lines can also learn that none is there yet, and do something else.

use crate::failure::Failure;
use async_channel::{Receiver, Sender, TryRecvError};
use std::io::{self, ErrorKind, Read as _};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many chunks may wait to be cut.
const CHUNKS_MAX: usize = 4;

/// The longest line, in bytes: 1 GiB.
const LINE_BYTES_MAX: usize = 1 << 30;

/// Lines as they come.
#[derive(Debug)]
pub struct Lines {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// What has come and not been cut yet, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    /// How far has been looked for the end of a line.
    scanned: usize,
    is_ended: bool,
}

/// What there was to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Something: there may be a line.
    Some,
    /// Nothing so far.
    Nothing,
    /// Nothing any more.
    End,
}

impl Lines {
    /// Begins to read standard input.
    pub fn of_stdin() -> Lines {
        let (sender, chunks) = async_channel::bounded(CHUNKS_MAX);
        std::thread::spawn(move || read(&sender));
        Lines {
            chunks,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            is_ended: false,
        }
    }

    /// The next line that is there whole, without its LF or CRLF. At the end of the input that is
    /// also what stands behind the last line end.
    pub fn next(&mut self) -> Option<&[u8]> {
        let (start, from) = (self.start, self.start.max(self.scanned));
        let end = match memchr::memchr(b'\n', &self.buffer[from..]) {
            Some(found) => {
                self.start = from + found + 1;
                from + found
            }
            None if self.is_ended && start < self.buffer.len() => {
                self.start = self.buffer.len();
                self.start
            }
            None => {
                self.scanned = self.buffer.len();
                return None;
            }
        };
        let line = &self.buffer[start..end];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Takes what has come meanwhile.
    ///
    /// # Errors
    ///
    /// [`Failure::Input`], and [`Failure::TooLong`].
    pub fn take(&mut self) -> Result<Taken, Failure> {
        match self.chunks.try_recv() {
            Ok(chunk) => self.add(Some(chunk)),
            Err(TryRecvError::Empty) => Ok(Taken::Nothing),
            Err(TryRecvError::Closed) => self.add(None),
        }
    }

    /// Whether a line is there that has not been taken, as far as that is known without a wait.
    pub fn are_left(&mut self) -> bool {
        self.next().is_some() || self.take().is_ok_and(|_| self.next().is_some())
    }

    /// Waits until something comes, or the end.
    ///
    /// # Errors
    ///
    /// See [`take`](Lines::take).
    pub async fn wait(&mut self) -> Result<Taken, Failure> {
        let chunk = self.chunks.recv().await;
        self.add(chunk.ok())
    }

    fn add(&mut self, chunk: Option<io::Result<Vec<u8>>>) -> Result<Taken, Failure> {
        let Some(chunk) = chunk.transpose().map_err(Failure::Input)? else {
            self.is_ended = true;
            return Ok(Taken::End);
        };
        self.buffer.drain(..self.start);
        self.scanned = self.scanned.saturating_sub(self.start);
        self.start = 0;
        if self.buffer.len() + chunk.len() > LINE_BYTES_MAX {
            return Err(Failure::TooLong("a line of standard input", LINE_BYTES_MAX));
        }
        self.buffer.extend_from_slice(&chunk);
        Ok(Taken::Some)
    }
}

/// Reads until the end, a mistake, or nobody takes it any more.
fn read(chunks: &Sender<io::Result<Vec<u8>>>) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = match stdin.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => {
                chunk.truncate(length);
                Ok(chunk)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        if chunks.send_blocking(read).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one\r\n\n\r\nt\rwo\nthree\nlast";

    #[test]
    fn pieces_of_any_size_give_the_same_lines() {
        for size in 1..=TEXT.len() {
            let (_sender, chunks) = async_channel::bounded(1);
            let (buffer, start, scanned, is_ended) = (Vec::new(), 0, 0, false);
            let mut lines = Lines {
                chunks,
                buffer,
                start,
                scanned,
                is_ended,
            };
            let mut found = Vec::new();
            let pieces = TEXT.chunks(size).map(|piece| Some(Ok(piece.to_vec())));
            for piece in pieces.chain([None]) {
                lines.add(piece).unwrap();
                while let Some(line) = lines.next() {
                    found.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            assert_eq!(
                found,
                ["one", "", "", "t\rwo", "three", "last"],
                "by {size}"
            );
        }
    }
}
