//! Frees long lists little by little: to free millions of values, or gigabytes, takes long.

use super::Value;
use std::rc::Rc;

/// How much is freed at a time, which takes some half a millisecond: so many values, each of which
/// counts as one more for every so many bytes.
const SLICE_VALUES: usize = 2000;
const BYTES_A_VALUE: usize = 2048;

/// Values in chunks, as lists have them.
pub(super) type Chunks = Vec<Rc<Vec<Value>>>;

/// Lists that were removed, on their way to being freed.
#[derive(Debug, Default)]
pub struct Rubbish {
    chunks: Chunks,
}

impl Rubbish {
    /// Takes in the chunks of a list that [`takes_long`] to free.
    pub(super) fn take(&mut self, chunks: Chunks) {
        self.chunks.extend(chunks);
    }

    /// Whether nothing is left to free.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Frees a part.
    pub fn tidy(&mut self) {
        free_some(&mut self.chunks);
        if self.is_empty() {
            self.chunks = Chunks::new();
        }
    }
}

/// Whether it takes longer than a slice to free so many values with so many bytes. Others are freed
/// at once: as fast as they are removed they could not be tidied up. What takes longer has taken
/// longer to come, too.
pub(super) fn takes_long(values: usize, bytes: usize) -> bool {
    values + bytes / BYTES_A_VALUE > SLICE_VALUES
}

/// Frees a part of the values. What a reply on its way shares is freed with that.
pub(super) fn free_some(chunks: &mut Chunks) {
    let mut left = SLICE_VALUES;
    while left > 0
        && let Some(chunk) = chunks.last_mut()
    {
        let value = Rc::get_mut(chunk).and_then(Vec::pop);
        let bytes = value.as_ref().map_or(0, |value| value.len());
        left = left.saturating_sub(1 + bytes / BYTES_A_VALUE);
        if value.is_none() || chunk.is_empty() {
            chunks.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Many;

    fn list(values: usize, length: usize) -> Many {
        let mut list = Many::default();
        let value = Value::from(&*vec![b'x'; length]);
        (0..values).for_each(|_| list.push(value.clone()));
        list
    }

    /// How many slices it takes to free a list.
    fn slices(list: Many) -> usize {
        let mut rubbish = Rubbish::default();
        list.discard(&mut rubbish);
        let mut slices = 0;
        while !rubbish.is_empty() {
            rubbish.tidy();
            slices += 1;
        }
        slices
    }

    #[test]
    fn short_lists_are_freed_at_once_and_long_ones_in_slices() {
        assert_eq!(slices(list(1999, 1)), 0);
        assert_eq!(slices(list(2001, 2)), 2);
        assert_eq!(slices(list(100_000, 2)), 50);
        // 33 each.
        assert_eq!(slices(list(60, 64 * 1024)), 0);
        assert_eq!(slices(list(1000, 64 * 1024)), 17);
        assert_eq!(slices(list(2, 64 * 1024 * 1024)), 2);
    }

    #[test]
    fn what_a_reply_shares_is_left_to_it() {
        let list = list(100_000, 2);
        let mut snapshot = list.snapshot();
        let mut rubbish = Rubbish::default();
        list.discard(&mut rubbish);
        rubbish.tidy();
        assert!(rubbish.is_empty());
        let mut values = 0;
        while let Some(first) = snapshot.first() {
            values += first.len();
            snapshot.drop_first();
        }
        assert_eq!(values, 100_000);
    }
}
