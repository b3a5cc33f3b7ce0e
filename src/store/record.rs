//! Holds one key with its values, and changes them: packed while that is short, by handles beyond.

use crate::list::{List, Many, Packed, Place, Value};
use crate::protocol::notice::{Held, INLINE_BYTES_MAX};
use std::ops::Range;
use std::rc::Rc;

/// Values that take no more than this are packed again, so that a list which goes up and down at
/// the limit is not written anew each time.
const PACKED_AGAIN_BYTES: usize = 512;

/// What a packed value takes at most beside its own bytes.
const LENGTH_BYTES: usize = 2;

/// A key and its values, at least one; two words long, for there may be very many.
#[derive(Debug)]
pub(super) enum Record {
    Packed(Packed),
    Held(Box<KeyAndMany>),
}

/// A key whose values are held by handles.
#[derive(Debug)]
pub(super) struct KeyAndMany {
    key: Box<[u8]>,
    values: Many,
}

/// Where a value stands among those of its key.
#[derive(Debug)]
pub(super) enum Spot {
    Packed(Range<usize>),
    Held(Place),
}

impl Record {
    /// A key with its first value, and that as a change holds it.
    pub(super) fn new<'a>(key: &[u8], value: &'a [u8]) -> (Record, Held<'a>) {
        if let Some(packed) = Packed::new(key, value) {
            return (Record::Packed(packed), Held::from(value));
        }
        let mut held = KeyAndMany {
            key: key.into(),
            values: Many::default(),
        };
        let told = held.push(value);
        (Record::Held(Box::new(held)), told)
    }

    pub(super) fn key(&self) -> &[u8] {
        match self {
            Record::Packed(packed) => packed.key(),
            Record::Held(held) => &held.key,
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self, Record::Packed(_))
    }

    pub(super) fn list(&self) -> List<'_> {
        match self {
            Record::Packed(packed) => List::Packed(packed),
            Record::Held(held) => List::Many(&held.values),
        }
    }

    /// How long the values are together; where they are packed and surely no longer than `enough`,
    /// something between the two, for to add them up is to look at each.
    pub(super) fn values_bytes(&self, enough: usize) -> usize {
        match self {
            Record::Packed(packed) if packed.size() <= enough => packed.size(),
            record => record.list().bytes(),
        }
    }

    /// Appends a value; returns it as a change holds it.
    pub(super) fn push<'a>(&mut self, value: &'a [u8]) -> Held<'a> {
        if let Record::Packed(packed) = self
            && packed.push(value)
        {
            return Held::from(value);
        }
        self.held().push(value)
    }

    /// Finds the first value equal to `wanted`.
    pub(super) fn find(&self, wanted: &[u8]) -> Option<Spot> {
        match self {
            Record::Packed(packed) => packed.find(wanted).map(Spot::Packed),
            Record::Held(held) => held.values.find(wanted).map(Spot::Held),
        }
    }

    /// Puts `new` in the place of `old`, which stands at this spot; returns both as a change holds
    /// them.
    pub(super) fn replace<'a>(
        &mut self,
        spot: Spot,
        old: &'a [u8],
        new: &'a [u8],
    ) -> (Held<'a>, Held<'a>) {
        if let (Record::Packed(packed), Spot::Packed(place)) = (&mut *self, &spot)
            && packed.replace(place.clone(), new)
        {
            return (Held::from(old), Held::from(new));
        }
        let held = self.held();
        // Handles stand in the order of what was packed.
        let place = match spot {
            Spot::Held(place) => Some(place),
            Spot::Packed(_) => held.values.find(old),
        };
        let value = Value::from(new);
        let gone = place.map(|place| held.values.replace(place, value.clone()));
        (told(old, gone.as_ref()), told(new, Some(&value)))
    }

    /// Takes out the value at this spot, not the last one; returns it as a change holds it.
    pub(super) fn remove<'a>(&mut self, spot: Spot, value: &'a [u8]) -> Held<'a> {
        match (&mut *self, spot) {
            (Record::Packed(packed), Spot::Packed(place)) => {
                packed.remove(place);
                Held::from(value)
            }
            (Record::Held(held), Spot::Held(place)) => {
                let gone = held.values.remove(place);
                if let Some(packed) = held.packed() {
                    *self = Record::Packed(packed);
                }
                told(value, Some(&gone))
            }
            _ => unreachable!("a spot is of the record that it was found in"),
        }
    }

    /// The only value, as a change holds it that removes it.
    pub(super) fn only<'a>(&self, value: &'a [u8]) -> Held<'a> {
        match self {
            Record::Packed(_) => Held::from(value),
            Record::Held(held) => {
                let snapshot = held.values.snapshot();
                told(value, snapshot.first().and_then(<[Value]>::first))
            }
        }
    }

    /// The chunks of a list that is to be freed little by little.
    pub(super) fn into_chunks(self) -> Vec<Rc<Vec<Value>>> {
        match self {
            Record::Packed(_) => Vec::new(),
            Record::Held(held) => held.values.into_chunks(),
        }
    }

    /// The values by handles, made so if they were packed.
    fn held(&mut self) -> &mut KeyAndMany {
        if let Record::Packed(packed) = self {
            let mut values = Many::default();
            packed
                .values()
                .for_each(|value| values.push(Value::from(value)));
            let key = packed.key().into();
            *self = Record::Held(Box::new(KeyAndMany { key, values }));
        }
        match self {
            Record::Held(held) => held,
            Record::Packed(_) => unreachable!("they were just made so"),
        }
    }
}

impl KeyAndMany {
    /// The same packed, if the values have become few and short.
    fn packed(&self) -> Option<Packed> {
        if self.values.bytes() + self.values.len() * LENGTH_BYTES > PACKED_AGAIN_BYTES {
            return None;
        }
        let mut values = self.values.values();
        let mut packed = Packed::new(&self.key, values.next()?)?;
        values.all(|value| packed.push(value)).then_some(packed)
    }

    fn push<'a>(&mut self, value: &'a [u8]) -> Held<'a> {
        let shared = Value::from(value);
        let told = told(value, Some(&shared));
        self.values.push(shared);
        told
    }
}

/// A value as a change holds it: by its handle if it is long.
fn told<'a>(value: &'a [u8], shared: Option<&Value>) -> Held<'a> {
    let long = shared.filter(|shared| shared.len() > INLINE_BYTES_MAX);
    long.map_or(Held::from(value), |shared| Held::Shared(shared.clone()))
}
