//! Buckets one behind the other, none of which moves when there are more.

use super::bucket::{Bucket, EMPTY};
use std::ops::{Index, IndexMut};

/// How many buckets are set aside at a time: 16 KiB.
const SEGMENT: usize = 256;

/// The buckets.
#[derive(Debug, Default)]
pub(super) struct Segments {
    segments: Vec<Box<[Bucket; SEGMENT]>>,
    len: usize,
}

impl Segments {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an empty bucket.
    pub(super) fn push(&mut self) {
        let at = self.len;
        if at == self.segments.len() * SEGMENT {
            self.segments.push(Box::new([EMPTY; SEGMENT]));
        }
        self.len += 1;
        self[at] = EMPTY;
    }

    /// Takes the last bucket away. One segment is kept that is empty: buckets come and go.
    pub(super) fn pop(&mut self) {
        self.len -= 1;
        self.segments.truncate(self.len.div_ceil(SEGMENT) + 1);
    }

    /// What they take, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.segments.len() * SEGMENT * size_of::<Bucket>()
    }
}

impl Index<usize> for Segments {
    type Output = Bucket;

    fn index(&self, at: usize) -> &Bucket {
        &self.segments[at / SEGMENT][at % SEGMENT]
    }
}

impl IndexMut<usize> for Segments {
    fn index_mut(&mut self, at: usize) -> &mut Bucket {
        &mut self.segments[at / SEGMENT][at % SEGMENT]
    }
}
