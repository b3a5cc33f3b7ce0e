//! Keeps emptied buffers for use again, a few for all clients.
//!
//! So an idle client holds none, and a busy one does not ask the allocator for each request. What
//! is in such a buffer is charged to the client; the room around it is the server's. While buffers
//! are kept it is bounded here; who holds one for long takes none that is much too large.

use std::cell::{Cell, RefCell};

/// How many are kept.
const BUFFERS_MAX: usize = 64;

/// How much they hold together, in bytes.
const BYTES_MAX: usize = 1024 * 1024;

/// How large a buffer may be to be kept, in bytes.
const BUFFER_BYTES_MAX: usize = BYTES_MAX / 4;

/// Room for so little is given away without a thought, in bytes.
const SPARED_BYTES: usize = 4096;

/// How many are looked at, of those kept last, for one that fits. Long input and short replies take
/// turns; who looked at the last one alone would have one made for each.
const LOOKED_AT: usize = 4;

/// A new one has room for this part more than is asked for: what comes next may be a little longer.
const MORE: usize = 8;

thread_local! {
    /// Buffers of bytes.
    pub static BYTES: Spare<u8> = const { Spare::new() };
}

/// Emptied buffers of one kind.
#[derive(Debug)]
pub struct Spare<T> {
    buffers: RefCell<Vec<Vec<T>>>,
    /// What they hold together, in bytes.
    bytes: Cell<usize>,
}

impl<T> Spare<T> {
    /// None yet.
    pub const fn new() -> Spare<T> {
        Spare {
            buffers: RefCell::new(Vec::new()),
            bytes: Cell::new(0),
        }
    }

    /// An empty buffer, with room if one is kept.
    pub fn take(&self) -> Vec<T> {
        let buffer = self.buffers.borrow_mut().pop().unwrap_or_default();
        self.bytes.set(self.bytes.get() - size(&buffer));
        buffer
    }

    /// An empty buffer for so many, kept or new, and hardly larger: it may be held for long.
    pub fn take_for(&self, length: usize) -> Vec<T> {
        let bytes = length * size_of::<T>();
        let fitting = bytes..=SPARED_BYTES.max(bytes * 2);
        let mut buffers = self.buffers.borrow_mut();
        let far = buffers.len().saturating_sub(LOOKED_AT);
        let is_fit = |buffer: &Vec<T>| fitting.contains(&size(buffer));
        let Some(at) = buffers[far..].iter().rposition(is_fit) else {
            return Vec::with_capacity(length + length / MORE);
        };
        let buffer = buffers.swap_remove(far + at);
        self.bytes.set(self.bytes.get() - size(&buffer));
        buffer
    }

    /// Empties a buffer and keeps it, if it has room and there are not enough already.
    pub fn keep(&self, mut buffer: Vec<T>) {
        buffer.clear();
        let mut kept = self.buffers.borrow_mut();
        let bytes = self.bytes.get() + size(&buffer);
        let is_fit = (1..=BUFFER_BYTES_MAX).contains(&size(&buffer));
        if is_fit && bytes <= BYTES_MAX && kept.len() < BUFFERS_MAX {
            self.bytes.set(bytes);
            kept.push(buffer);
        }
    }
}

/// What a buffer has room for, in bytes.
fn size<T>(buffer: &Vec<T>) -> usize {
    buffer.capacity() * size_of::<T>()
}

impl<T> Default for Spare<T> {
    fn default() -> Spare<T> {
        Spare::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_kept_and_none_that_is_large() {
        let spare = Spare::new();
        spare.keep(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        spare.keep(Vec::new());
        assert_eq!(spare.take().capacity(), 0);
        (0..2 * BUFFERS_MAX).for_each(|_| spare.keep(vec![1u8; 9]));
        let all = (0..2 * BUFFERS_MAX).map(|_| spare.take());
        let kept: Vec<_> = all.filter(|buffer| buffer.capacity() > 0).collect();
        assert_eq!(kept.len(), BUFFERS_MAX);
        assert!(kept.iter().all(Vec::is_empty));
        (0..9).for_each(|_| spare.keep(Vec::with_capacity(BUFFER_BYTES_MAX)));
        let kept = (0..9).map(|_| spare.take());
        assert_eq!(kept.filter(|buffer| buffer.capacity() > 0).count(), 4);
        assert_eq!(spare.bytes.get(), 0);
    }

    #[test]
    fn one_that_fits_is_found_behind_others_and_none_that_does_not() {
        let spare = Spare::<u8>::new();
        let keep = |bytes: &[usize]| {
            let buffers = bytes.iter().map(|bytes| Vec::with_capacity(*bytes));
            buffers.for_each(|buffer| spare.keep(buffer));
        };
        let taken = |length| spare.take_for(length).capacity();
        keep(&[60_000, 6000]);
        assert_eq!(taken(40_000), 60_000);
        // A new one, with a little more room than is asked for.
        assert_eq!((taken(6008), taken(2992)), (6759, 3366));
        assert_eq!(taken(3000), 6000);
        keep(&[1000, 4096, 4097]);
        assert_eq!(taken(16), 4096);
        assert_eq!(taken(8), 1000);
        assert_eq!(taken(8), 9);
        keep(&[100, 5000, 5000, 5000, 5000]);
        assert_eq!(taken(80), 90, "one so far behind is not looked at");
    }
}
