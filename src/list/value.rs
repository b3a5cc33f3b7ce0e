//! One value, shared by the store and by all that still tell of it.
//!
//! Who copies a long value into new memory waits at every page until the kernel has made it, and
//! that takes longer than the copy. So a long value has a mapping of its own, whose pages are all
//! made by the call that asks for it (mmap(2), `MAP_POPULATE`); and when the value goes, its
//! memory goes back to the system.

use crate::regions::PAGE_BYTES;
use memmap2::{MmapMut, MmapOptions};
use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

/// From this length on a value has a mapping, in bytes: that is eight pages or more, of which a
/// part of the last is wasted. With half of that it made no difference.
const MAPPED_BYTES_MIN: usize = 32 * 1024;

/// What the C library's allocator adds to a value: the counts and its own words.
const HANDLED_BYTES: usize = 32;

/// What it takes to hold a mapping, without the kernel's part.
const MAPPING_BYTES: usize = 48;

/// How many values have one at most. A process may have 65530 mappings (proc(5),
/// `vm.max_map_count`), of which the allocator needs some too; those that lie side by side are
/// one, but they need not do so.
const MAPPINGS_MAX: usize = 32 * 1024;

thread_local! {
    /// How many there are now: a server has but one thread that makes values.
    static MAPPINGS: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that never change.
#[derive(Debug, Clone)]
pub struct Value(Bytes);

#[derive(Debug, Clone)]
enum Bytes {
    Allocated(Rc<[u8]>),
    Mapped(Rc<Mapping>),
}

/// A list of millions has a handle of each.
const _: () = assert!(size_of::<Value>() == 16);

#[derive(Debug)]
struct Mapping(MmapMut);

impl Value {
    /// How much memory it takes, in bytes.
    pub fn cost(&self) -> usize {
        match &self.0 {
            Bytes::Allocated(bytes) => bytes.len() + HANDLED_BYTES,
            Bytes::Mapped(_) => self.len().next_multiple_of(PAGE_BYTES) + MAPPING_BYTES,
        }
    }

    /// How many hold it.
    #[cfg(test)]
    pub fn holders(&self) -> usize {
        match &self.0 {
            Bytes::Allocated(bytes) => Rc::strong_count(bytes),
            Bytes::Mapped(mapping) => Rc::strong_count(mapping),
        }
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        let is_long = bytes.len() >= MAPPED_BYTES_MIN;
        let mapping = is_long.then(|| Mapping::of(bytes)).flatten();
        Value(match mapping {
            Some(mapping) => Bytes::Mapped(Rc::new(mapping)),
            None => Bytes::Allocated(bytes.into()),
        })
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Allocated(bytes) => bytes,
            Bytes::Mapped(mapping) => &mapping.0,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        **self == **other
    }
}

impl Eq for Value {}

impl Mapping {
    /// One with these bytes; nothing if there are as many as there may be, or the system gives no
    /// more.
    fn of(bytes: &[u8]) -> Option<Mapping> {
        if MAPPINGS.get() == MAPPINGS_MAX {
            return None;
        }
        let map = MmapOptions::new().len(bytes.len()).populate().map_anon();
        let mut mapping = Mapping(map.ok()?);
        MAPPINGS.set(MAPPINGS.get() + 1);
        mapping.0.copy_from_slice(bytes);
        Some(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        MAPPINGS.set(MAPPINGS.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_has_a_mapping_as_long_as_anyone_holds_it_and_there_are_not_too_many() {
        let bytes: Vec<u8> = (0..MAPPED_BYTES_MIN).map(|at| at as u8).collect();
        let mapped = |value: &Value| matches!(value.0, Bytes::Mapped(_));
        let short = Value::from(&bytes[1..]);
        assert_eq!((mapped(&short), MAPPINGS.get()), (false, 0));
        let long = Value::from(&bytes[..]);
        let shared = long.clone();
        drop(long);
        assert_eq!((mapped(&shared), MAPPINGS.get()), (true, 1));
        assert_eq!(shared.cost(), MAPPED_BYTES_MIN + MAPPING_BYTES);
        let longer = [&bytes[..], b"!"].concat();
        let longer = Value::from(&longer[..]).cost();
        assert_eq!(longer, MAPPED_BYTES_MIN + PAGE_BYTES + MAPPING_BYTES);
        MAPPINGS.set(MAPPINGS_MAX);
        let beyond = Value::from(&bytes[..]);
        assert!(!mapped(&beyond) && beyond == shared && *beyond == bytes);
        drop(shared);
        assert_eq!(MAPPINGS.get(), MAPPINGS_MAX - 1);
        assert!(mapped(&Value::from(&bytes[..])));
    }
}
