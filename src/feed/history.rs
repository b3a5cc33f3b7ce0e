//! Remembers the latest changes, as many as fit, for those who must catch up.
//!
//! Changes lie one behind the other in segments, so that to remember one costs a copy of its
//! bytes, and to forget the oldest frees a segment at a time. A value that is too long to be copied
//! is shared with the store. The history is shared too: it takes the same however many watch.
//!
//! ```text
//! who made it | what it does | key length, key | (2 * length, value, or 2 * handle + 1) ...
//! ```

use super::ClientId;
use crate::codec::{Parts, put_change_of, put_number};
use crate::list::Value;
use crate::protocol::notice::{Change, Held};
use std::collections::VecDeque;

/// A segment has this part of what the history may take, so at most so much is forgotten too
/// early.
const SEGMENTS: usize = 64;

/// The most that a segment takes, in bytes, unless its last change is longer.
const SEGMENT_BYTES_MAX: usize = 256 * 1024;

/// What part of a segment may be set aside for more once there is no more to come.
const SLACK: usize = 16;

/// The latest changes, in order, without a gap.
#[derive(Debug)]
pub struct History {
    /// All but the last are sealed: nothing is added to them.
    segments: VecDeque<Segment>,
    sealed_bytes: usize,
    bytes_max: usize,
    /// The revision after the last one.
    next: u64,
    /// A segment that was forgotten, empty, for its room.
    spare: Option<Segment>,
}

/// Changes one after the other.
#[derive(Debug, Default)]
struct Segment {
    /// The revision of the first.
    first: u64,
    /// Where each begins.
    places: Vec<u32>,
    bytes: Vec<u8>,
    /// Long values, by their handles.
    shared: Vec<Value>,
    /// What these take together with what the allocator adds.
    shared_bytes: usize,
}

impl History {
    /// A history that takes at most so many bytes, overhead included, and begins after this
    /// revision. 0 bytes keep nothing.
    pub fn new(bytes_max: usize, revision: u64) -> History {
        History {
            segments: VecDeque::new(),
            sealed_bytes: 0,
            bytes_max,
            next: revision + 1,
            spare: None,
        }
    }

    /// Forgets everything, and begins after this revision.
    pub fn restart(&mut self, revision: u64) {
        *self = History::new(self.bytes_max, revision);
    }

    /// What it takes, in bytes, overhead included.
    pub fn bytes(&self) -> usize {
        let others = self.segments.back().into_iter().chain(&self.spare);
        self.sealed_bytes + others.map(Segment::cost).sum::<usize>()
    }

    /// The first revision that it holds; the next one to come if it holds none.
    pub fn first(&self) -> u64 {
        self.segments.front().map_or(self.next, |first| first.first)
    }

    /// The last revision that there was.
    pub fn last(&self) -> u64 {
        self.next - 1
    }

    /// Remembers the next change, made by this client, and forgets the oldest that do not fit
    /// beside it. One that does not fit at all is forgotten at once.
    #[inline(always)] // every change passes here
    pub fn push(&mut self, change: &Change<'_>, by: ClientId) {
        debug_assert_eq!(change.revision, self.next);
        self.next = change.revision + 1;
        if self.bytes_max == 0 {
            return;
        }
        let segment_bytes = (self.bytes_max / SEGMENTS).min(SEGMENT_BYTES_MAX);
        match self.segments.back_mut() {
            Some(last) if last.len() < segment_bytes => last.push(change, by),
            last => {
                let mut next = match (self.spare.take(), &last) {
                    (Some(spare), _) => spare,
                    (None, Some(last)) => last.alike(),
                    (None, None) => Segment::default(),
                };
                if let Some(last) = last {
                    last.seal();
                    self.sealed_bytes += last.cost();
                }
                next.first = change.revision;
                next.push(change, by);
                self.segments.push_back(next);
            }
        }
        while self.bytes() > self.bytes_max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        self.spare = None;
        let Some(oldest) = self.segments.pop_front() else {
            return;
        };
        if !self.segments.is_empty() {
            self.sealed_bytes -= oldest.cost();
            self.spare = Some(oldest.emptied());
        }
    }

    /// The change that made this revision and who made it, if it is held.
    pub fn get(&self, revision: u64) -> Option<(Change<'_>, ClientId)> {
        let behind = self
            .segments
            .partition_point(|segment| segment.first <= revision);
        self.segments.get(behind.checked_sub(1)?)?.get(revision)
    }
}

impl Segment {
    /// An empty one with the room that this one turned out to need.
    fn alike(&self) -> Segment {
        Segment {
            places: Vec::with_capacity(self.places.len()),
            bytes: Vec::with_capacity(self.bytes.len()),
            ..Segment::default()
        }
    }

    /// The same with nothing in it.
    fn emptied(mut self) -> Segment {
        self.places.clear();
        self.bytes.clear();
        Segment {
            places: self.places,
            bytes: self.bytes,
            ..Segment::default()
        }
    }

    /// What it holds.
    fn len(&self) -> usize {
        self.places.len() * size_of::<u32>() + self.bytes.len() + self.shared_bytes
    }

    /// What it takes: also what is set aside for more.
    fn cost(&self) -> usize {
        size_of::<Segment>()
            + self.places.capacity() * size_of::<u32>()
            + self.bytes.capacity()
            + self.shared.capacity() * size_of::<Value>()
            + self.shared_bytes
    }

    /// Gives back what was set aside for more, if it is much: to move what is there costs too.
    fn seal(&mut self) {
        if self.cost() > self.len() + self.len() / SLACK {
            self.places.shrink_to_fit();
            self.bytes.shrink_to_fit();
            self.shared.shrink_to_fit();
        }
    }

    fn push(&mut self, change: &Change<'_>, by: ClientId) {
        // A segment is no longer than that, and what a change adds is short.
        self.places.push(self.bytes.len() as u32);
        put_number(by, &mut self.bytes);
        put_change_of(change, &mut self.bytes, |value, out| match value.long() {
            Some(long) => {
                put_number(2 * self.shared.len() as u64 + 1, out);
                self.shared_bytes += long.cost();
                self.shared.push(long.clone());
            }
            None => {
                put_number(2 * value.len() as u64, out);
                out.extend_from_slice(value.bytes());
            }
        });
    }

    fn get(&self, revision: u64) -> Option<(Change<'_>, ClientId)> {
        let place = *self.places.get((revision - self.first) as usize)?;
        let mut parts = Parts(self.bytes.get(place as usize..)?);
        let by = parts.number()?;
        let change = parts.change_of(revision, |parts| {
            let number = parts.number()? as usize;
            match number % 2 {
                0 => parts.take(number / 2).map(Held::from),
                _ => self.shared.get(number / 2).cloned().map(Held::Shared),
            }
        })?;
        Some((change, by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::notice::{INLINE_BYTES_MAX, Op};

    fn change(revision: u64, length: usize) -> Change<'static> {
        let value = |mark: u8| {
            let bytes = [&[mark], &vec![b'x'; length][..]].concat();
            Some(match bytes.len() > INLINE_BYTES_MAX {
                true => Held::Shared(Value::from(&*bytes)),
                false => Held::Copied(bytes.into()),
            })
        };
        let (op, old, new) = match revision % 4 {
            0 => (Op::Put, None, value(b'p')),
            1 => (Op::Update, value(b'o'), value(b'n')),
            2 => (Op::Remove, value(b'r'), None),
            _ => (Op::Delete, None, None),
        };
        Change {
            revision,
            op,
            key: format!("key-{revision}").into_bytes().into(),
            old,
            new,
        }
    }

    #[test]
    fn what_is_held_is_the_latest_whole_and_within_its_bytes() {
        for (bytes_max, length) in [
            (65536, 10),
            (65536, 5000),
            (1 << 19, 300),
            (1 << 22, 70_000),
        ] {
            let mut history = History::new(bytes_max, 100);
            assert_eq!(
                (history.first(), history.last(), history.bytes()),
                (101, 100, 0)
            );
            for revision in 101..3000 {
                history.push(&change(revision, length), revision * 2);
                assert!(history.bytes() <= bytes_max);
                assert_eq!(history.last(), revision);
            }
            let first = history.first();
            assert!(
                first > 101 && first < 2990,
                "{first} of {bytes_max}, {length}"
            );
            assert!(history.bytes() > bytes_max * 9 / 10, "{}", history.bytes());
            assert!(history.get(first - 1).is_none() && history.get(3000).is_none());
            for revision in first..3000 {
                let (held, by) = history.get(revision).unwrap();
                assert_eq!(held, change(revision, length));
                assert_eq!(by, revision * 2);
            }
        }
    }

    #[test]
    fn a_change_that_does_not_fit_leaves_nothing_behind() {
        let mut history = History::new(65536, 0);
        (1..=3).for_each(|revision| history.push(&change(revision, 10), 1));
        assert_eq!(history.first(), 1);
        history.push(&change(4, 70_000), 1);
        assert_eq!(
            (history.first(), history.last(), history.bytes()),
            (5, 4, 0)
        );
        history.push(&change(5, 10), 1);
        assert!(history.get(5).is_some() && history.get(4).is_none());
    }

    #[test]
    fn a_history_of_no_bytes_counts_and_keeps_nothing() {
        let mut history = History::new(0, 0);
        (1..=3).for_each(|revision| history.push(&change(revision, 10), 1));
        assert_eq!(
            (history.first(), history.last(), history.bytes()),
            (4, 3, 0)
        );
        assert!(history.get(3).is_none());
    }

    #[test]
    fn a_long_value_is_shared_and_not_copied() {
        let mut history = History::new(1 << 20, 3);
        let change = change(4, 100_000);
        let Some(Held::Shared(value)) = &change.new else {
            panic!("a long value")
        };
        history.push(&change, 1);
        assert_eq!(value.holders(), 2);
        assert!(history.bytes() > 100_000 && history.bytes() < 103_000);
    }
}
