//! Holds the values of one key, in the order in which they were put.
//!
//! A list is shared with the replies that are still being sent: a reply takes a [`Snapshot`], which
//! costs a handle per 256 values, and the list goes on changing without disturbing it.
//! Nothing here copies a value.

use std::rc::Rc;
use std::vec::IntoIter;

/// One value: bytes that never change, shared by the store and by all that still tell of them.
pub type Value = Rc<[u8]>;

/// How many values share one handle in a snapshot; also the most that one change has to move.
const CHUNK: usize = 256;

/// What begins every notice in the line protocol, and therefore no line of a reply.
pub const NOTICE_WORD: &[u8] = b"NOTIFY ";

/// Whether a line can carry this value: it holds no line end and cannot be taken for a notice.
pub fn is_typable(value: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', value).is_none() && !value.starts_with(NOTICE_WORD)
}

/// How many bytes a value takes as a RESP bulk string, `$<length>\r\n<value>\r\n`.
pub fn bulk_len(value: &[u8]) -> usize {
    let digits = value.len().checked_ilog10().unwrap_or(0) as usize + 1;
    1 + digits + 2 + value.len() + 2
}

/// The values of one key, at least one. Most keys hold one value, so that takes no more than it.
#[derive(Debug)]
pub enum List {
    /// The only value.
    One(Value),
    /// Several, with what must be known of them without looking at each.
    Many(Box<Many>),
}

/// Several values in chunks of at most 256, none of them empty.
#[derive(Debug, Default)]
pub struct Many {
    chunks: Vec<Rc<Vec<Value>>>,
    len: usize,
    bytes: usize,
    bulk_bytes: usize,
    untypable: usize,
}

/// Where a value stands in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    chunk: usize,
    index: usize,
}

impl List {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            List::One(_) => 1,
            List::Many(many) => many.len,
        }
    }

    /// Never: a key without values does not exist.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of all values together.
    pub fn bytes(&self) -> usize {
        match self {
            List::One(value) => value.len(),
            List::Many(many) => many.bytes,
        }
    }

    /// The length of all values together as RESP bulk strings.
    pub fn bulk_bytes(&self) -> usize {
        match self {
            List::One(value) => bulk_len(value),
            List::Many(many) => many.bulk_bytes,
        }
    }

    /// Whether lines can carry every value.
    pub fn is_typable(&self) -> bool {
        match self {
            List::One(value) => is_typable(value),
            List::Many(many) => many.untypable == 0,
        }
    }

    /// Appends a value.
    pub fn push(&mut self, value: Value) {
        if let List::One(first) = self {
            let mut many = Box::<Many>::default();
            many.push(first.clone());
            *self = List::Many(many);
        }
        if let List::Many(many) = self {
            many.push(value);
        }
    }

    /// Finds the first value equal to `wanted`.
    pub fn find(&self, wanted: &[u8]) -> Option<Place> {
        self.chunks().enumerate().find_map(|(chunk, values)| {
            let index = values.iter().position(|value| **value == *wanted)?;
            Some(Place { chunk, index })
        })
    }

    /// Puts `value` in the place of another and returns that.
    pub fn replace(&mut self, place: Place, value: Value) -> Value {
        match self {
            List::One(old) => std::mem::replace(old, value),
            List::Many(many) => many.replace(place, value),
        }
    }

    /// Takes a value out and returns it; the caller drops the list instead of emptying it.
    pub fn remove(&mut self, place: Place) -> Value {
        let (removed, last) = match self {
            List::One(value) => return value.clone(),
            List::Many(many) => (many.remove(place), many.only()),
        };
        if let Some(value) = last {
            *self = List::One(value);
        }
        removed
    }

    /// All values in order, as they are now, whatever happens to the list later.
    pub fn snapshot(&self) -> Snapshot {
        match self {
            List::One(value) => Snapshot::One(Some(value.clone())),
            List::Many(many) => Snapshot::Many(many.chunks.clone().into_iter()),
        }
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.chunks().flatten()
    }

    /// Gives up the chunks, for a caller that frees a long list little by little.
    pub fn into_chunks(self) -> Vec<Rc<Vec<Value>>> {
        match self {
            List::One(_) => Vec::new(),
            List::Many(many) => many.chunks,
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &[Value]> {
        let (one, many) = match self {
            List::One(value) => (Some(std::slice::from_ref(value)), &[][..]),
            List::Many(many) => (None, many.chunks.as_slice()),
        };
        one.into_iter()
            .chain(many.iter().map(|chunk| chunk.as_slice()))
    }
}

impl Many {
    fn push(&mut self, value: Value) {
        self.count(&value);
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Rc::make_mut(last).push(value),
            _ => self.chunks.push(Rc::new(vec![value])),
        }
    }

    fn replace(&mut self, place: Place, value: Value) -> Value {
        self.count(&value);
        let chunk = Rc::make_mut(&mut self.chunks[place.chunk]);
        let old = std::mem::replace(&mut chunk[place.index], value);
        self.discount(&old);
        old
    }

    fn remove(&mut self, place: Place) -> Value {
        let chunk = Rc::make_mut(&mut self.chunks[place.chunk]);
        let removed = chunk.remove(place.index);
        if chunk.is_empty() {
            self.chunks.remove(place.chunk);
        }
        self.discount(&removed);
        removed
    }

    fn only(&self) -> Option<Value> {
        if self.len == 1 {
            self.chunks.first()?.first().cloned()
        } else {
            None
        }
    }

    fn count(&mut self, value: &[u8]) {
        self.len += 1;
        self.bytes += value.len();
        self.bulk_bytes += bulk_len(value);
        self.untypable += usize::from(!is_typable(value));
    }

    fn discount(&mut self, value: &[u8]) {
        self.len -= 1;
        self.bytes -= value.len();
        self.bulk_bytes -= bulk_len(value);
        self.untypable -= usize::from(!is_typable(value));
    }
}

/// The values of one key at one moment.
#[derive(Debug, Clone)]
pub enum Snapshot {
    /// The only value, until it has been let go.
    One(Option<Value>),
    /// Several, in chunks shared with the list until either changes.
    Many(IntoIter<Rc<Vec<Value>>>),
}

impl Snapshot {
    /// The values that come first, if any are left.
    pub fn first(&self) -> Option<&[Value]> {
        match self {
            Snapshot::One(value) => value.as_ref().map(std::slice::from_ref),
            Snapshot::Many(chunks) => chunks.as_slice().first().map(|chunk| chunk.as_slice()),
        }
    }

    /// Lets go of the values that come first. The list may have done so before, and to free many
    /// at once would take long.
    pub fn drop_first(&mut self) {
        match self {
            Snapshot::One(value) => drop(value.take()),
            Snapshot::Many(chunks) => drop(chunks.next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Value {
        Rc::from(text.as_bytes())
    }

    #[test]
    fn a_snapshot_is_not_disturbed_by_later_changes() {
        let mut list = List::One(value("a"));
        (0..1000).for_each(|n| list.push(value(&n.to_string())));
        let mut snapshot = list.snapshot();
        list.replace(list.find(b"500").unwrap(), value("x"));
        list.remove(list.find(b"a").unwrap());
        let mut told = Vec::new();
        while let Some(chunk) = snapshot.first() {
            told.extend(chunk.iter().cloned());
            snapshot.drop_first();
        }
        assert_eq!(told.len(), 1001);
        assert_eq!((&*told[0], &*told[501]), (&b"a"[..], &b"500"[..]));
        assert_eq!(list.len(), 1000);
        assert!(list.find(b"500").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_list_does_what_a_vector_does(
            changes in prop::collection::vec(
                (0..4u8, "[a-c]{0,2}|\r|NOTIFY x", "[a-c]{0,2}"),
                1..900,
            )
        ) {
            let mut list = List::One(value("first"));
            let mut model = vec![value("first")];
            for (what, one, other) in changes {
                let at = model.iter().position(|held| **held == *one.as_bytes());
                prop_assert_eq!(list.find(one.as_bytes()).is_some(), at.is_some());
                match (what, at) {
                    (0, Some(at)) if model.len() > 1 => {
                        list.remove(list.find(one.as_bytes()).unwrap());
                        model.remove(at);
                    }
                    (1, Some(at)) => {
                        list.replace(list.find(one.as_bytes()).unwrap(), value(&other));
                        model[at] = value(&other);
                    }
                    _ => {
                        list.push(value(&one));
                        model.push(value(&one));
                    }
                }
                prop_assert_eq!(list.len(), model.len());
                prop_assert_eq!(list.bytes(), model.iter().map(|held| held.len()).sum::<usize>());
                let bulks = model.iter().map(|held| bulk_len(held)).sum::<usize>();
                prop_assert_eq!(list.bulk_bytes(), bulks);
                prop_assert_eq!(list.is_typable(), model.iter().all(|held| is_typable(held)));
            }
            prop_assert!(list.iter().eq(model.iter()));
        }
    }
}
