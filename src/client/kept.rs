//! Keeps notices until they are asked for, and says what it could not keep.

use super::words::Notice;
use std::collections::VecDeque;

/// How many notices are kept. What comes beyond is told as [`Notice::Lost`], as the server does.
pub(super) const NOTICES_MAX: usize = 65_536;

/// How many bytes the keys and values of kept notices may have, but for a single notice.
pub(super) const NOTICES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Notices in their order.
#[derive(Debug, Default)]
pub(super) struct Kept {
    notices: VecDeque<Notice>,
    bytes: usize,
    /// How many have been handed out so far.
    popped: u64,
}

impl Kept {
    /// The oldest.
    pub(super) fn pop(&mut self) -> Option<Notice> {
        let notice = self.notices.pop_front()?;
        self.bytes -= size(&notice);
        self.popped += 1;
        Some(notice)
    }

    /// A mark behind what has come so far.
    pub(super) fn mark(&self) -> u64 {
        self.popped + self.notices.len() as u64
    }

    /// Whether all that had come by then has been handed out.
    pub(super) fn is_past(&self, mark: u64) -> bool {
        self.popped >= mark
    }

    /// Keeps one more. Of more than can be kept, the range is.
    pub(super) fn push(&mut self, notice: Notice) {
        let is_full = self.notices.len() >= NOTICES_MAX
            || (self.bytes > 0 && self.bytes + size(&notice) > NOTICES_BYTES_MAX);
        if !is_full {
            self.bytes += size(&notice);
            self.notices.push_back(notice);
            return;
        }
        let (first, last) = match notice {
            Notice::Change { revision, .. } => (revision, revision),
            Notice::Lost { first, last } => (first, last),
            // A bookmark is of no use to one who is behind; the next change tells as much.
            Notice::Progress { .. } => return,
            // There is one, at the end.
            Notice::Drain { .. } => return self.notices.push_back(notice),
        };
        match self.notices.back_mut() {
            Some(Notice::Lost { last: so_far, .. }) => *so_far = last,
            _ => self.notices.push_back(Notice::Lost { first, last }),
        }
    }
}

/// The bytes that a notice came with.
fn size(notice: &Notice) -> usize {
    match notice {
        Notice::Change { key, values, .. } => {
            key.len() + values.iter().map(Vec::len).sum::<usize>()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::notice::Op;

    fn change(revision: u64, value: usize) -> Notice {
        Notice::Change {
            op: Op::Put,
            key: b"k".to_vec(),
            revision,
            values: vec![vec![b'v'; value]],
        }
    }

    #[test]
    fn notices_that_are_not_asked_for_are_bounded_and_none_goes_unsaid() {
        let mut kept = Kept::default();
        let most = NOTICES_MAX as u64;
        (1..=most + 5).for_each(|revision| kept.push(change(revision, 1)));
        let (first, last) = (most + 6, most + 9);
        kept.push(Notice::Lost { first, last });
        kept.push(Notice::Progress { revision: most + 9 });
        kept.push(change(most + 10, 1));
        kept.push(Notice::Drain { seconds: 1 });
        assert_eq!(kept.notices.len(), NOTICES_MAX + 2);
        let (first, last) = (most + 1, most + 10);
        assert_eq!(kept.notices[NOTICES_MAX], Notice::Lost { first, last });
        assert_eq!(kept.notices[NOTICES_MAX - 1], change(most, 1));
    }

    #[test]
    fn long_values_are_bounded_by_their_bytes_and_one_is_always_kept() {
        let mut kept = Kept::default();
        kept.push(change(1, NOTICES_BYTES_MAX));
        kept.push(change(2, 1));
        kept.push(change(4, 1));
        assert_eq!(kept.pop(), Some(change(1, NOTICES_BYTES_MAX)));
        // What comes behind the range is kept again, for there is room.
        kept.push(change(5, 1));
        assert_eq!(kept.pop(), Some(Notice::Lost { first: 2, last: 4 }));
        assert_eq!(kept.pop(), Some(change(5, 1)));
        assert_eq!((kept.pop(), kept.bytes), (None, 0));
    }
}
