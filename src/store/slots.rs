//! Keeps short pieces of bytes in slots of a few sizes, many to a chunk.
//!
//! The system's allocator puts a word in front of each piece, makes it a multiple of two words, and
//! names it with a pointer of a word. With millions of pieces of some forty bytes that is a good
//! part of them all. Here a piece has nothing in front of it, is a multiple of 8 bytes, and is
//! named with five.
//!
//! A chunk that becomes empty is freed, all but one of each size.

#[cfg(test)]
mod tests;

use std::mem;

/// The longest piece, in bytes.
pub(super) const SLOT_BYTES_MAX: usize = 3328;

/// How long a chunk is, whatever its slots: so one size can have the memory that another gave back.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many bits of an index say which slot of a chunk is meant; the rest says which chunk.
const SLOT_BITS: u32 = (CHUNK_BYTES / EVEN_STEP).ilog2();

/// How many chunks a size may have.
const CHUNKS_MAX: usize = 1 << (u32::BITS - SLOT_BITS);

/// Up to this length there is a size every 8 bytes, beyond it eight of them until it doubles.
const EVEN_BYTES: usize = 128;
const EVEN_STEP: usize = 8;
const STEPS: usize = 8;

/// How many sizes there are.
const CLASSES: usize = class_of(SLOT_BYTES_MAX) + 1;

/// No slot.
const NONE: u32 = u32::MAX;

/// How many bytes of a free slot say which one is free next.
const LINK_BYTES: usize = 4;

/// Where a piece lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub class: u8,
    pub index: u32,
}

/// The pieces.
#[derive(Debug)]
pub(super) struct Slots {
    classes: [Class; CLASSES],
}

/// All slots of one size.
#[derive(Debug)]
struct Class {
    slot_bytes: usize,
    /// How many slots a chunk has.
    slots: u32,
    chunks: Vec<Chunk>,
    /// Chunks with free slots, the last first.
    open: Vec<u32>,
    /// Chunks without memory.
    gone: Vec<u32>,
}

#[derive(Debug, Default)]
struct Chunk {
    /// The slots that were ever taken; room for the others, which is not touched before that.
    bytes: Vec<u8>,
    /// The first of the slots that were given back.
    free: u32,
    /// How many slots were ever taken.
    used: u32,
    taken: u32,
    is_open: bool,
}

impl Slots {
    pub(super) fn new() -> Slots {
        Slots {
            classes: std::array::from_fn(Class::new),
        }
    }

    /// A slot for a piece of this length, at most [`SLOT_BYTES_MAX`]; what is in it is not said.
    /// Nothing only if there are as many chunks of that size and of all larger ones as an index can
    /// say: 32 GiB of each.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Slot> {
        let mut fitting = self.classes.iter_mut().enumerate().skip(class_of(bytes));
        fitting.find_map(|(class, slots)| {
            let index = slots.take()?;
            let class = class as u8;
            Some(Slot { class, index })
        })
    }

    /// Gives a slot back.
    pub(super) fn give_back(&mut self, slot: Slot) {
        self.classes[usize::from(slot.class)].give_back(slot.index);
    }

    pub(super) fn get(&self, slot: Slot) -> &[u8] {
        let class = &self.classes[usize::from(slot.class)];
        let (chunk, place) = class.place(slot.index);
        &class.chunks[chunk].bytes[place..place + class.slot_bytes]
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut [u8] {
        let class = &mut self.classes[usize::from(slot.class)];
        let (chunk, place) = class.place(slot.index);
        &mut class.chunks[chunk].bytes[place..place + class.slot_bytes]
    }

    /// The bytes of a slot, whether it has been taken or not; none if there is no such slot.
    pub(super) fn peek(&self, slot: Slot) -> &[u8] {
        let class = self.classes.get(usize::from(slot.class));
        let bytes = class.and_then(|class| {
            let (chunk, place) = class.place(slot.index);
            class
                .chunks
                .get(chunk)?
                .bytes
                .get(place..place + class.slot_bytes)
        });
        bytes.unwrap_or_default()
    }

    /// Whether a piece of this length belongs into this slot, and not into a larger or smaller one.
    pub(super) fn suits(&self, slot: Slot, bytes: usize) -> bool {
        usize::from(slot.class) == class_of(bytes)
    }

    /// Moves the first `kept` bytes of a piece to a slot for one of this length, and gives the
    /// other back; nothing if there is none.
    pub(super) fn refit(&mut self, slot: Slot, kept: usize, bytes: usize) -> Option<Slot> {
        let to = self.take(bytes)?;
        let [from_class, to_class] = [slot.class, to.class].map(usize::from);
        match self.classes.get_disjoint_mut([from_class, to_class]) {
            Ok([from, into]) => {
                let ((from_chunk, from_place), (chunk, place)) =
                    (from.place(slot.index), into.place(to.index));
                let piece = &from.chunks[from_chunk].bytes[from_place..from_place + kept];
                into.chunks[chunk].bytes[place..place + kept].copy_from_slice(piece);
            }
            Err(_) => {
                let piece = self.get(slot)[..kept].to_vec();
                self.get_mut(to)[..kept].copy_from_slice(&piece);
            }
        }
        self.give_back(slot);
        Some(to)
    }

    /// What the chunks take, in bytes.
    #[cfg(test)]
    pub(super) fn chunks_bytes(&self) -> usize {
        let chunks = self.classes.iter().flat_map(|class| &class.chunks);
        chunks.map(|chunk| chunk.bytes.capacity()).sum()
    }
}

impl Class {
    fn new(class: usize) -> Class {
        let slot_bytes = bytes_of(class);
        Class {
            slot_bytes,
            slots: (CHUNK_BYTES / slot_bytes) as u32,
            chunks: Vec::new(),
            open: Vec::new(),
            gone: Vec::new(),
        }
    }

    fn take(&mut self) -> Option<u32> {
        let at = self.open()?;
        let chunk = &mut self.chunks[at as usize];
        let in_chunk = if chunk.free == NONE {
            chunk.used += 1;
            chunk.bytes.resize(chunk.bytes.len() + self.slot_bytes, 0);
            chunk.used - 1
        } else {
            let place = chunk.free as usize * self.slot_bytes;
            let free = chunk.free;
            chunk.free = link(&chunk.bytes[place..]);
            free
        };
        chunk.taken += 1;
        if chunk.taken == self.slots {
            chunk.is_open = false;
            self.open.pop();
        }
        Some(at << SLOT_BITS | in_chunk)
    }

    /// The chunk to take a slot from, the last that is open; nothing if no index is left for a
    /// new one.
    fn open(&mut self) -> Option<u32> {
        while let Some(&at) = self.open.last() {
            let chunk = &mut self.chunks[at as usize];
            if chunk.bytes.capacity() > 0 {
                return Some(at);
            }
            chunk.is_open = false;
            self.open.pop();
            self.gone.push(at);
        }
        let at = match self.gone.pop() {
            Some(at) => at,
            None if self.chunks.len() == CHUNKS_MAX => return None,
            None => {
                self.chunks.push(Chunk::default());
                (self.chunks.len() - 1) as u32
            }
        };
        self.chunks[at as usize] = Chunk {
            bytes: Vec::with_capacity(CHUNK_BYTES),
            free: NONE,
            used: 0,
            taken: 0,
            is_open: true,
        };
        self.open.push(at);
        Some(at)
    }

    fn give_back(&mut self, index: u32) {
        let (at, place) = self.place(index);
        let chunk = &mut self.chunks[at];
        chunk.bytes[place..place + LINK_BYTES].copy_from_slice(&chunk.free.to_le_bytes());
        chunk.free = index & ((1 << SLOT_BITS) - 1);
        chunk.taken -= 1;
        if !mem::replace(&mut chunk.is_open, true) {
            self.open.push(at as u32);
        }
        // It is found among the open ones later.
        if chunk.taken == 0 && self.open.len() > 1 {
            chunk.bytes = Vec::new();
        }
    }

    /// The chunk of a slot, and where in it the slot lies.
    fn place(&self, index: u32) -> (usize, usize) {
        let in_chunk = index & ((1 << SLOT_BITS) - 1);
        let chunk = index >> SLOT_BITS;
        (chunk as usize, in_chunk as usize * self.slot_bytes)
    }
}

/// The smallest size for a piece of this length.
const fn class_of(bytes: usize) -> usize {
    let last = bytes.saturating_sub(1);
    if last < EVEN_BYTES {
        return last / EVEN_STEP;
    }
    let doublings = (last.ilog2() - EVEN_BYTES.ilog2()) as usize;
    let step = (EVEN_BYTES << doublings) / STEPS;
    EVEN_BYTES / EVEN_STEP + doublings * STEPS + last / step - STEPS
}

/// How long the slots of a class are.
const fn bytes_of(class: usize) -> usize {
    let even = EVEN_BYTES / EVEN_STEP;
    if class < even {
        return (class + 1) * EVEN_STEP;
    }
    let (doublings, steps) = ((class - even) / STEPS, (class - even) % STEPS);
    let from = EVEN_BYTES << doublings;
    from + (steps + 1) * (from / STEPS)
}

fn link(slot: &[u8]) -> u32 {
    let mut link = [0; LINK_BYTES];
    link.copy_from_slice(&slot[..LINK_BYTES]);
    u32::from_le_bytes(link)
}
