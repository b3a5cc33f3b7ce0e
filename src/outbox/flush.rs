//! Writes what waits for a client, as far as the socket takes it and nothing holds it.

use super::Outbox;
use super::piece::Piece;
use crate::spare;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

/// How many pieces an empty outbox has room for.
const PIECES_KEPT: usize = 4;

/// How many pieces one system call writes at most.
const PIECES_A_WRITE: usize = 16;

/// Room for so little beside what waits is not given back, in bytes.
const KEPT_BYTES: usize = 1024;

/// How much of one client's is moved at once, out or in, before other tasks get their turn: 64 KiB,
/// as many a value is long, and what stands around that.
pub const SLICE_BYTES: usize = 72 * 1024;

/// What a flush came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Flushed {
    /// How many bytes the sink took.
    pub bytes: usize,
    /// How many notices of changes are now whole in the sink.
    pub delivered: u64,
    /// Whether the sink would block; otherwise there may be more, unless the outbox is empty.
    pub blocked: bool,
}

impl Outbox {
    /// Writes until nothing is left but what is held, the sink would block, or others should have
    /// their turn.
    ///
    /// # Errors
    ///
    /// Returns the sink's error, unless it is that it would block.
    pub fn flush(&mut self, sink: &mut impl Write) -> io::Result<Flushed> {
        let mut flushed = Flushed {
            bytes: 0,
            delivered: 0,
            blocked: false,
        };
        while self.has_released() && flushed.bytes < SLICE_BYTES {
            match self.write(sink, SLICE_BYTES - flushed.bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    flushed.bytes += bytes;
                    flushed.delivered += self.advance(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    flushed.blocked = true;
                    self.trim();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(flushed)
    }

    /// Gives back room that is not used: what waits now may wait for long, and only its length is
    /// charged.
    fn trim(&mut self) {
        for piece in &mut self.pieces {
            if let Piece::Bytes(bytes) = piece
                && bytes.capacity() > 2 * bytes.len() + KEPT_BYTES
            {
                bytes.shrink_to_fit();
            }
        }
    }

    /// Writes once, at most so many bytes.
    fn write(&mut self, sink: &mut impl Write, bytes_max: usize) -> io::Result<usize> {
        self.encode_first();
        let mut slices = [IoSlice::new(&[]); PIECES_A_WRITE];
        let mut count = 0;
        let end = self.holds.first().unwrap_or(u64::MAX);
        let left = usize::try_from(end - self.written).unwrap_or(usize::MAX);
        let mut left = left.min(bytes_max);
        for piece in self.pieces.iter().take(PIECES_A_WRITE) {
            let skipped = if count == 0 { self.head } else { 0 };
            let bytes = match piece {
                Piece::Bytes(bytes) => &bytes[skipped..],
                Piece::Value(value) => &value[skipped..],
                Piece::Values(_) => break,
            };
            if left < bytes.len() {
                slices[count] = IoSlice::new(&bytes[..left]);
                count += usize::from(left > 0);
                break;
            }
            left -= bytes.len();
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        match count {
            1 => sink.write(&slices[0]),
            _ => sink.write_vectored(&slices[..count]),
        }
    }

    /// If a long reply comes first, puts its next pieces in front of it.
    fn encode_first(&mut self) {
        let Some(Piece::Values(values)) = self.pieces.front_mut() else {
            return;
        };
        let pieces = Piece::next_of(values);
        if values.left() == 0 {
            self.pieces.pop_front();
        }
        for piece in pieces.into_iter().flatten().rev() {
            self.pieces.push_front(piece);
        }
        self.head = 0;
    }

    /// Drops what was written; returns how many notices of changes were in it to their end.
    fn advance(&mut self, bytes: usize) -> u64 {
        self.head += bytes;
        self.written += bytes as u64;
        while let Some(len) = self.pieces.front().and_then(Piece::len) {
            if self.head < len {
                break;
            }
            self.head -= len;
            if let Some(Piece::Bytes(bytes)) = self.pieces.pop_front() {
                spare::BYTES.with(|spare| spare.keep(bytes));
            }
        }
        if self.pieces.is_empty() && self.pieces.capacity() > PIECES_KEPT {
            self.pieces = VecDeque::new();
        }
        let mut delivered = 0;
        while let Some(mark) = self.marks.front().filter(|mark| mark.end <= self.written) {
            self.notice_bytes -= mark.len;
            delivered += u64::from(mark.is_change);
            self.marks.pop_front();
        }
        self.charge.set(self.waiting());
        delivered
    }
}
