//! Keeps short pieces of bytes in slots of a few sizes, many to a chunk.
//!
//! The system's allocator puts a word in front of each piece, makes it a multiple of two words, and
//! names it with a pointer of a word. With millions of pieces of some forty bytes that is a good
//! part of them all. Here a piece has nothing in front of it, is a multiple of 4 bytes, and is
//! named with four.
//!
//! The slots of a chunk are of one size. All chunks are of one length, so that one size can have
//! the memory that another gave back. A chunk that becomes empty is given back, all but one of each
//! size.

#[cfg(test)]
mod tests;

use crate::regions::{CHUNK_BYTES, Regions};
use std::mem;
use std::ops::Range;

/// The longest piece, in bytes.
pub(super) const SLOT_BYTES_MAX: usize = 3328;

/// A slot of a piece is less than this; from there on it may name something else.
pub(super) const SLOTS_MAX: u32 = 1 << 31;

/// How many bits of a slot say which one of its chunk is meant; the rest says which chunk.
const SLOT_BITS: u32 = (CHUNK_BYTES / SLOT_BYTES_MIN).ilog2();

/// How many chunks there may be: 32 GiB.
const CHUNKS_MAX: usize = (SLOTS_MAX >> SLOT_BITS) as usize;

/// From the first length to the second there is a size every 4 bytes, beyond it eight of them until
/// it doubles.
const SLOT_BYTES_MIN: usize = 16;
const EVEN_BYTES: usize = 256;
const EVEN_STEP: usize = 4;
const STEPS: usize = 8;

/// How many multiples of 4 bytes are too short, and how many are sizes.
const TOO_SHORT: usize = SLOT_BYTES_MIN / EVEN_STEP - 1;
const EVEN: usize = EVEN_BYTES / EVEN_STEP - TOO_SHORT;

/// How many sizes there are.
const CLASSES: usize = class_of(SLOT_BYTES_MAX) + 1;

/// No slot of a chunk.
const NONE: u16 = u16::MAX;

/// How many bytes of a free slot say which one is free next.
const LINK_BYTES: usize = 2;

/// Where a piece lies: the chunk, and in its lowest bits which slot of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u32);

/// The pieces.
#[derive(Debug)]
pub(super) struct Slots {
    memory: Regions,
    /// Each by its number, also those that are in no use.
    chunks: Vec<Chunk>,
    classes: [Class; CLASSES],
}

/// All slots of one size.
#[derive(Debug)]
struct Class {
    /// How many slots a chunk has.
    slots: u16,
    /// Chunks with free slots, the last first.
    open: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    /// The first of the slots that were given back.
    free: u16,
    /// How many slots were ever taken.
    used: u16,
    taken: u16,
    class: u8,
    /// What follows from the class, and is looked up with every piece.
    slot_bytes: u16,
    is_open: bool,
}

/// What is said where a slot names memory that is not there.
const TAKEN: &str = "a slot that was taken is there until it is given back";

impl Slots {
    pub(super) fn new() -> Slots {
        Slots {
            memory: Regions::new(CHUNKS_MAX),
            chunks: Vec::new(),
            classes: std::array::from_fn(Class::new),
        }
    }

    /// A slot for a piece of this length, at most [`SLOT_BYTES_MAX`]; what is in it is not said.
    /// Nothing if there is no chunk left for it.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Slot> {
        let number = class_of(bytes);
        let at = self.open(number)?;
        let (class, chunk) = (&mut self.classes[number], &mut self.chunks[at as usize]);
        let in_chunk = if chunk.free == NONE {
            chunk.used += 1;
            chunk.used - 1
        } else {
            let free = chunk.free;
            let piece = self.memory.piece(at, chunk.place(free));
            chunk.free = link(piece.expect(TAKEN));
            free
        };
        chunk.taken += 1;
        if chunk.taken == class.slots {
            chunk.is_open = false;
            class.open.pop();
        }
        Some(Slot(at << SLOT_BITS | u32::from(in_chunk)))
    }

    /// The chunk to take a slot from, the last that is open.
    fn open(&mut self, number: usize) -> Option<u32> {
        let class = &mut self.classes[number];
        if let Some(at) = class.open.last() {
            return Some(*at);
        }
        let at = self.memory.take()?;
        if self.chunks.len() <= at as usize {
            self.chunks.resize(at as usize + 1, Chunk::default());
        }
        self.chunks[at as usize] = Chunk {
            free: NONE,
            used: 0,
            taken: 0,
            slot_bytes: bytes_of(number) as u16,
            class: number as u8,
            is_open: true,
        };
        class.open.push(at);
        Some(at)
    }

    /// Gives a slot back.
    pub(super) fn give_back(&mut self, slot: Slot) {
        let (at, in_chunk) = parts(slot);
        let chunk = &mut self.chunks[at as usize];
        let class = &mut self.classes[usize::from(chunk.class)];
        let piece = self.memory.piece_mut(at, chunk.place(in_chunk));
        piece.expect(TAKEN)[..LINK_BYTES].copy_from_slice(&chunk.free.to_le_bytes());
        chunk.free = in_chunk;
        chunk.taken -= 1;
        if !mem::replace(&mut chunk.is_open, true) {
            class.open.push(at);
        }
        if chunk.taken == 0 && class.open.len() > 1 {
            class.open.retain(|open| *open != at);
            self.memory.give_back(at);
        }
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> &[u8] {
        let (chunk, place) = self.place(slot);
        self.memory.piece(chunk, place).expect(TAKEN)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut [u8] {
        let (chunk, place) = self.place(slot);
        self.memory.piece_mut(chunk, place).expect(TAKEN)
    }

    /// The bytes of a slot, whether it has been taken or not; none if there is no such slot.
    pub(super) fn peek(&self, slot: Slot) -> &[u8] {
        let (at, in_chunk) = parts(slot);
        let piece = |chunk: &Chunk| self.memory.piece(at, chunk.place(in_chunk));
        let chunk = self.chunks.get(at as usize);
        chunk.and_then(piece).unwrap_or_default()
    }

    /// Whether a piece of this length belongs into this slot, and not into a larger or smaller one.
    pub(super) fn suits(&self, slot: Slot, bytes: usize) -> bool {
        let (at, _) = parts(slot);
        usize::from(self.chunks[at as usize].class) == class_of(bytes)
    }

    /// Moves the first `kept` bytes of a piece to a slot for a piece of this length, and gives the
    /// other back. Nothing, and nothing done, if there is no such slot.
    pub(super) fn refit(&mut self, slot: Slot, kept: usize, bytes: usize) -> Option<Slot> {
        let to = self.take(bytes)?;
        let ((from_chunk, from_place), (chunk, place)) = (self.place(slot), self.place(to));
        let (from, into) = ((from_chunk, from_place.start), (chunk, place.start));
        self.memory.copy(from, into, kept);
        self.give_back(slot);
        Some(to)
    }

    /// What the chunks take that are in use, in bytes.
    #[cfg(test)]
    pub(super) fn chunks_bytes(&self) -> usize {
        self.memory.bytes().1
    }

    /// The chunk of a slot, and where in it the slot lies.
    #[inline]
    fn place(&self, slot: Slot) -> (u32, Range<usize>) {
        let (at, in_chunk) = parts(slot);
        (at, self.chunks[at as usize].place(in_chunk))
    }
}

impl Class {
    fn new(number: usize) -> Class {
        Class {
            slots: (CHUNK_BYTES / bytes_of(number)) as u16,
            open: Vec::new(),
        }
    }
}

impl Chunk {
    #[inline]
    fn place(&self, in_chunk: u16) -> Range<usize> {
        let slot_bytes = usize::from(self.slot_bytes);
        let begin = usize::from(in_chunk) * slot_bytes;
        begin..begin + slot_bytes
    }
}

/// The chunk of a slot, and which slot of that it is.
fn parts(slot: Slot) -> (u32, u16) {
    (
        slot.0 >> SLOT_BITS,
        (slot.0 & ((1 << SLOT_BITS) - 1)) as u16,
    )
}

/// The smallest size for a piece of this length.
const fn class_of(bytes: usize) -> usize {
    let last = bytes.saturating_sub(1);
    if last < SLOT_BYTES_MIN {
        return 0;
    }
    if last < EVEN_BYTES {
        return last / EVEN_STEP - TOO_SHORT;
    }
    let doublings = (last.ilog2() - EVEN_BYTES.ilog2()) as usize;
    let step = (EVEN_BYTES << doublings) / STEPS;
    EVEN + doublings * STEPS + last / step - STEPS
}

/// How long the slots of a class are.
const fn bytes_of(class: usize) -> usize {
    if class < EVEN {
        return (class + TOO_SHORT + 1) * EVEN_STEP;
    }
    let (doublings, steps) = ((class - EVEN) / STEPS, (class - EVEN) % STEPS);
    let from = EVEN_BYTES << doublings;
    from + (steps + 1) * (from / STEPS)
}

fn link(slot: &[u8]) -> u16 {
    let mut link = [0; LINK_BYTES];
    link.copy_from_slice(&slot[..LINK_BYTES]);
    u16::from_le_bytes(link)
}
