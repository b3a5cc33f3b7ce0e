//! Keeps emptied buffers for use again, a few for all clients.
//!
//! So an idle client holds none, and a busy one does not ask the allocator for each request. What
//! is in such a buffer is charged to the client; the room around it is the server's, and bounded
//! here.

use std::cell::RefCell;

/// How many are kept.
const BUFFERS_MAX: usize = 64;

/// How large a buffer may be to be kept, in bytes: as much as is read at once.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// Buffers of bytes.
    pub static BYTES: Spare<u8> = const { Spare::new() };
}

/// Emptied buffers of one kind.
#[derive(Debug)]
pub struct Spare<T>(RefCell<Vec<Vec<T>>>);

impl<T> Spare<T> {
    /// None yet.
    pub const fn new() -> Spare<T> {
        Spare(RefCell::new(Vec::new()))
    }

    /// An empty buffer, with room if one is kept.
    pub fn take(&self) -> Vec<T> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// An empty buffer with room for so many, kept or new.
    pub fn take_for(&self, length: usize) -> Vec<T> {
        if length * size_of::<T>() > BUFFER_BYTES_MAX {
            return Vec::with_capacity(length);
        }
        self.take()
    }

    /// Empties a buffer and keeps it, if it has room and there are not enough already.
    pub fn keep(&self, mut buffer: Vec<T>) {
        buffer.clear();
        let bytes = buffer.capacity() * size_of::<T>();
        let mut kept = self.0.borrow_mut();
        if (1..=BUFFER_BYTES_MAX).contains(&bytes) && kept.len() < BUFFERS_MAX {
            kept.push(buffer);
        }
    }
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
    }
}
