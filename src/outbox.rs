//! Holds what waits for one client: replies without exception, notices while they fit.
//!
//! The broker alone fills an outbox, so what a client hears is in the order of the store. The
//! client's writer empties it. Two bells join them: the outbox rings the writer when there is
//! something to write, and the writer rings the broker ([`Outbox::takes_room`]) when an outbox
//! that was too full has been emptied by half.
//!
//! Replies and notices share one queue and are counted apart. Replies are never dropped: while
//! they exceed the limit the broker executes nothing more for this client. Notices never make
//! anyone wait: one that does not fit is refused, and the client is told it from the history when
//! there is room.
//!
//! What tells of a change that the disk does not have yet is held: it stands in the queue, and
//! counts, and the writer leaves it there until the broker releases it. Only what stands before
//! it is written, so the order stays that of the store.

mod holds;
mod piece;
mod flush;

use crate::bell::Bell;
use crate::ledger::Charge;
use crate::protocol::notice::{Encoded, Part};
use crate::protocol::values::Values;
use crate::spare::{self, Spare};
pub use flush::{Flushed, SLICE_BYTES};
use holds::Holds;
use piece::Piece;
use std::collections::VecDeque;
use std::rc::Rc;

/// How much of notices waits for one client at most, in bytes, unless it is one notice alone.
pub const NOTICE_BYTES_MAX: usize = 64 * 1024;

/// How long a piece of bytes may grow before the next begins; also a slice of a long reply.
const PIECE_BYTES: usize = 64 * 1024;

/// How long a piece may be that is made longer for a notice, in bytes.
const GROWING_BYTES_MAX: usize = 16 * 1024;

/// Where a notice ends in the stream, and how long it is.
#[derive(Debug)]
struct Mark {
    end: u64,
    len: usize,
    is_change: bool,
}

/// What waits for one client.
#[derive(Debug)]
pub struct Outbox {
    pieces: VecDeque<Piece>,
    /// What waited for a client that was given up.
    rubbish: VecDeque<Piece>,
    /// How much of the first piece has been written.
    head: usize,
    /// The length of all that was ever put in.
    queued: u64,
    /// The length of all that was ever written.
    written: u64,
    holds: Holds,
    marks: VecDeque<Mark>,
    notice_bytes: usize,
    bytes_max: usize,
    /// The broker waits for the client to read replies, and has not been rung.
    wants_room: bool,
    /// The broker waits for room for notices, and has not been rung.
    owes_notices: bool,
    closed: bool,
    dead: bool,
    rung: bool,
    /// There are notices of which the writer does not know, and somebody has been told to ring it.
    is_awaited: bool,
    bell: Rc<Bell>,
    charge: Charge,
}

impl Outbox {
    /// An empty outbox that holds replies up to `bytes_max`.
    pub fn new(bytes_max: usize, bell: Rc<Bell>, charge: Charge) -> Outbox {
        Outbox {
            pieces: VecDeque::new(),
            rubbish: VecDeque::new(),
            head: 0,
            queued: 0,
            written: 0,
            holds: Holds::default(),
            marks: VecDeque::new(),
            notice_bytes: 0,
            bytes_max,
            wants_room: false,
            owes_notices: false,
            closed: false,
            dead: false,
            rung: false,
            is_awaited: false,
            bell,
            charge,
        }
    }

    /// Whether the replies that wait exceed the limit: nothing more is to be executed for this
    /// client until there is room.
    pub fn is_full(&self) -> bool {
        self.reply_bytes() > self.bytes_max
    }

    /// Asks the writer to ring when there is room again.
    pub fn want_room(&mut self) {
        self.wants_room = true;
    }

    /// Whether replies wait that may be written: then the client must go on reading, or it is
    /// ended.
    pub fn has_replies(&self) -> bool {
        let Some(end) = self.holds.first() else {
            return self.reply_bytes() > 0;
        };
        let released = self.marks.iter().take_while(|mark| mark.end <= end);
        let notices: u64 = released
            .map(|mark| (mark.len as u64).min(mark.end - self.written))
            .sum();
        end - self.written > notices
    }

    /// The length of all that was ever put in: where what comes next begins.
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// What was put in from this place on is not to be written before this batch of changes is
    /// released. True if the caller has to see to that: it was not held for so late a batch yet.
    pub fn hold(&mut self, at: u64, batch: u64) -> bool {
        !self.dead && at < self.queued && self.holds.add(at, batch)
    }

    /// Lets the writer write what was held for this batch or one before it. It is not rung for
    /// that.
    pub fn release(&mut self, batch: u64) {
        self.holds.release(batch);
    }

    /// Whether something waits that may not be written yet.
    pub fn is_held(&self) -> bool {
        self.holds.first().is_some()
    }

    /// Rings the writer for what was released.
    pub fn ring_for_release(&mut self) {
        if self.has_released() {
            self.ring();
        }
    }

    /// Whether something waits that may be written.
    pub fn has_released(&self) -> bool {
        !self.pieces.is_empty() && self.holds.first().is_none_or(|end| end > self.written)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether nothing more will be put in.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the client is gone: what is put in goes nowhere.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Appends what `encode` writes, as (part of) a reply.
    pub fn reply(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.dead {
            return;
        }
        let tail = self.tail(0);
        let before = tail.len();
        encode(tail);
        let added = tail.len() - before;
        self.grown(added);
        self.ring();
    }

    /// Appends a long reply, to be encoded as it is sent.
    pub fn reply_values(&mut self, values: Values) {
        if self.dead {
            return;
        }
        let added = values.left();
        self.pieces.push_back(Piece::Values(Box::new(values)));
        self.grown(added);
        self.ring();
    }

    /// Appends the notice of a change if it fits; if not, the writer rings when there is room. One
    /// always fits, however long. The writer is not rung for it: see [`Outbox::is_to_be_rung`].
    pub fn offer(&mut self, notice: &Encoded) -> bool {
        let fits =
            self.marks.is_empty() || self.notice_bytes + notice.bytes_len() <= NOTICE_BYTES_MAX;
        if fits {
            self.notice(notice, true);
        } else {
            self.owes_notices = true;
        }
        fits
    }

    /// Whether the caller has to see to it that the writer is rung for notices, in its turn: it
    /// has not been since they were added, and nobody else was told to.
    pub fn is_to_be_rung(&mut self) -> bool {
        !self.rung && !std::mem::replace(&mut self.is_awaited, true)
    }

    /// Rings the writer for notices, if it has not been rung for a reply meanwhile.
    pub fn ring_for_notices(&mut self) {
        self.is_awaited = false;
        if !self.is_empty() {
            self.ring();
        }
    }

    /// Appends a notice that is not of a change, whatever waits.
    pub fn tell(&mut self, notice: &Encoded) {
        self.add(notice);
        self.ring();
    }

    /// Does so and does not ring the writer: see [`Outbox::is_to_be_rung`].
    pub fn add(&mut self, notice: &Encoded) {
        self.notice(notice, false);
    }

    /// Whether notices wait.
    pub fn has_notices(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether half of what notices may take is free; if not, the writer rings when it is.
    pub fn has_room_for_notices(&mut self) -> bool {
        let has_room = self.is_half_free();
        self.owes_notices |= !has_room;
        has_room
    }

    fn is_half_free(&self) -> bool {
        self.notice_bytes <= NOTICE_BYTES_MAX / 2
    }

    /// Puts nothing more in; the writer ends the connection when the rest is written.
    pub fn close(&mut self) {
        self.closed = true;
        self.ring();
    }

    /// Gives the client up: what waits is not sent, and the writer ends the connection.
    pub fn kill(&mut self) {
        self.dead = true;
        self.rubbish.append(&mut self.pieces);
        self.marks.clear();
        self.holds.clear();
        (self.notice_bytes, self.head) = (0, 0);
        self.written = self.queued;
        self.charge.set(0);
        // A writer that waits for the socket has taken the bell and not answered it.
        self.bell.ring();
    }

    /// Frees a part of what waited for a client that was given up; false when nothing is left.
    pub fn tidy(&mut self) -> bool {
        if self.rubbish.back_mut().is_some_and(|piece| !piece.forget()) {
            self.rubbish.pop_back();
        }
        !self.rubbish.is_empty()
    }

    /// Says that the writer has heard the bell and looks at what is there now.
    pub fn answer_bell(&mut self) {
        self.rung = false;
    }

    /// Whether there is room now that the broker waits for: for replies, or for notices. Says so
    /// once.
    pub fn takes_room(&mut self) -> bool {
        let for_replies = self.wants_room && self.reply_bytes() <= self.bytes_max / 2;
        let for_notices = self.owes_notices && self.is_half_free();
        self.wants_room &= !for_replies;
        self.owes_notices &= !for_notices;
        for_replies || for_notices
    }

    fn notice(&mut self, notice: &Encoded, is_change: bool) {
        if self.dead || self.closed {
            return;
        }
        for part in notice.parts() {
            match part {
                Part::Bytes(bytes) => self.tail(bytes.len()).extend_from_slice(bytes),
                Part::Value(value) => self.pieces.push_back(Piece::Value(value.clone())),
            }
        }
        self.notice_bytes += notice.bytes_len();
        let end = self.queued + notice.bytes_len() as u64;
        self.marks.push_back(Mark {
            end,
            len: notice.bytes_len(),
            is_change,
        });
        self.grown(notice.bytes_len());
    }

    /// The bytes to which the next are appended, `more` of them if that is known. What waits may do
    /// so for long: then a used buffer may be too large, and one that grows leaves gaps behind.
    fn tail(&mut self, more: usize) -> &mut Vec<u8> {
        let fits = |bytes: &Vec<u8>| {
            let grows = bytes.len() + more > bytes.capacity();
            bytes.len() < PIECE_BYTES && (!grows || bytes.len() + more <= GROWING_BYTES_MAX)
        };
        if !matches!(self.pieces.back(), Some(Piece::Bytes(bytes)) if fits(bytes)) {
            let bytes = match self.pieces.is_empty() {
                true => spare::BYTES.with(Spare::take),
                false => Vec::with_capacity(more.min(GROWING_BYTES_MAX)),
            };
            self.pieces.push_back(Piece::Bytes(bytes));
        }
        match self.pieces.back_mut() {
            Some(Piece::Bytes(bytes)) => bytes,
            _ => unreachable!("the last piece was just made of bytes"),
        }
    }

    fn grown(&mut self, bytes: usize) {
        self.queued += bytes as u64;
        self.charge.set(self.waiting());
    }

    fn ring(&mut self) {
        if !self.rung {
            self.rung = true;
            self.bell.ring();
        }
    }

    fn waiting(&self) -> usize {
        usize::try_from(self.queued - self.written).unwrap_or(usize::MAX)
    }

    fn reply_bytes(&self) -> usize {
        let begun = |mark: &Mark| (self.written + mark.len as u64).saturating_sub(mark.end);
        let written = self.marks.front().map_or(0, begun) as usize;
        self.waiting() - (self.notice_bytes - written)
    }
}

#[cfg(test)]
mod tests;
