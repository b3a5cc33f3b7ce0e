//! Keeps keys with their values and changes them: packed in slots while they are short, by handles
//! beyond.

use super::slots::{SLOT_BYTES_MAX, SLOTS_MAX, Slot, Slots};
use crate::list::{Edit, First, List, Many, PACKED_BYTES_MAX, Packed, Place, Value};
use crate::protocol::notice::{Held, INLINE_BYTES_MAX};
use std::mem;

/// Values that take no more than this are packed again, so that a list which goes up and down at
/// the limit is not written anew each time.
const PACKED_AGAIN_BYTES: usize = 512;

/// What a packed value takes at most beside its own bytes.
const LENGTH_BYTES: usize = 2;

const _: () = assert!(PACKED_BYTES_MAX <= SLOT_BYTES_MAX);

/// What is wrong if a slot of a record names none.
const NAMED: &str = "a slot names a record until that is freed";

/// How many records by handles there may be: from [`SLOTS_MAX`] on a slot names one of them.
pub(super) const HELD_MAX: usize = (u32::MAX - SLOTS_MAX) as usize + 1;

/// All keys with their values, each named by a slot.
#[derive(Debug)]
pub(super) struct Records {
    slots: Slots,
    held: Vec<Option<Box<KeyAndMany>>>,
    /// Those of `held` that are free.
    free: Vec<usize>,
}

/// A key and its values, at least one, to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Record<'a> {
    Packed(Packed<'a>),
    Held(&'a KeyAndMany),
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
    Packed(usize),
    Held(Place),
}

impl<'a> Record<'a> {
    pub(super) fn key(self) -> &'a [u8] {
        match self {
            Record::Packed(packed) => packed.key(),
            Record::Held(held) => &held.key,
        }
    }

    pub(super) fn list(self) -> List<'a> {
        match self {
            Record::Packed(packed) => List::Packed(packed),
            Record::Held(held) => List::Many(&held.values),
        }
    }

    /// How long the values are together; where they are packed and surely no longer than `enough`,
    /// something between the two, for to add them up is to look at each.
    pub(super) fn values_bytes(self, enough: usize) -> usize {
        match self {
            Record::Packed(_) if PACKED_BYTES_MAX <= enough => PACKED_BYTES_MAX,
            record => record.list().bytes(),
        }
    }

    /// Finds the first value equal to `wanted`.
    pub(super) fn find(self, wanted: &[u8]) -> Option<Spot> {
        match self {
            Record::Packed(packed) => packed.find(wanted).map(Spot::Packed),
            Record::Held(held) => held.values.find(wanted).map(Spot::Held),
        }
    }

    /// The only value, as a change holds it that removes it.
    pub(super) fn only<'v>(self, value: &'v [u8]) -> Held<'v> {
        match self {
            Record::Packed(_) => Held::from(value),
            Record::Held(held) => {
                let snapshot = held.values.snapshot();
                told(value, snapshot.first().and_then(<[Value]>::first))
            }
        }
    }
}

impl Records {
    pub(super) fn new() -> Records {
        Records {
            slots: Slots::new(),
            held: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Makes a key with its first value; returns that as a change holds it too.
    pub(super) fn create<'v>(&mut self, key: &[u8], value: &'v [u8]) -> (Slot, Held<'v>) {
        if let Some(first) = First::new(key, value)
            && let Some(slot) = self.slots.take(first.size())
        {
            first.write(self.slots.get_mut(slot));
            return (slot, Held::from(value));
        }
        let mut held = KeyAndMany {
            key: key.into(),
            values: Many::default(),
        };
        let told = held.push(value);
        (self.keep(held), told)
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Record<'_> {
        match by_handles(slot) {
            None => Record::Packed(Packed::of(self.slots.get(slot))),
            Some(at) => Record::Held(self.held[at].as_ref().expect(NAMED)),
        }
    }

    /// The bytes of what is packed in a slot, which may have been given back; none of what is held
    /// by handles.
    pub(super) fn peek(&self, slot: Slot) -> &[u8] {
        self.slots.peek(slot)
    }

    /// Whether a slot names values that are held by handles.
    pub(super) fn is_held(&self, slot: Slot) -> bool {
        let held = by_handles(slot).and_then(|at| self.held.get(at));
        held.is_some_and(Option::is_some)
    }

    /// Appends a value; returns it as a change holds it.
    pub(super) fn push<'v>(&mut self, slot: &mut Slot, value: &'v [u8]) -> Held<'v> {
        if let Record::Packed(packed) = self.get(*slot)
            && let Some(edit) = packed.push(value)
            && self.edit(slot, &edit)
        {
            return Held::from(value);
        }
        self.by_handles(slot).push(value)
    }

    /// Puts `new` in the place of `old`, which stands at this spot; returns both as a change holds
    /// them.
    pub(super) fn replace<'v>(
        &mut self,
        slot: &mut Slot,
        spot: Spot,
        old: &'v [u8],
        new: &'v [u8],
    ) -> (Held<'v>, Held<'v>) {
        if let (Record::Packed(packed), Spot::Packed(place)) = (self.get(*slot), &spot)
            && let Some(edit) = packed.replace(*place, new)
            && self.edit(slot, &edit)
        {
            return (Held::from(old), Held::from(new));
        }
        let held = self.by_handles(slot);
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
    pub(super) fn remove<'v>(&mut self, slot: &mut Slot, spot: Spot, value: &'v [u8]) -> Held<'v> {
        if let (Record::Packed(packed), Spot::Packed(place)) = (self.get(*slot), &spot)
            && let Some(edit) = packed.remove(*place)
            && self.edit(slot, &edit)
        {
            return Held::from(value);
        }
        let held = self.by_handles(slot);
        let place = match spot {
            Spot::Held(place) => Some(place),
            Spot::Packed(_) => held.values.find(value),
        };
        let gone = place.map(|place| held.values.remove(place));
        if held.is_short() {
            self.pack(slot);
        }
        told(value, gone.as_ref())
    }

    /// Frees a record; returns values that are held by handles, for a long list is freed little by
    /// little.
    pub(super) fn free(&mut self, slot: Slot) -> Option<Many> {
        self.forget(slot).map(|held| held.values)
    }

    /// Makes a change to what is packed; false, and nothing done, if there is no slot for it.
    fn edit(&mut self, slot: &mut Slot, edit: &Edit<'_>) -> bool {
        let (before, size) = (edit.before(), edit.size());
        let suits = self.slots.suits(*slot, size);
        if size > before && !suits {
            match self.slots.refit(*slot, before, size) {
                Some(larger) => *slot = larger,
                None => return false,
            }
        }
        edit.make(self.slots.get_mut(*slot));
        if size < before
            && !suits
            && let Some(smaller) = self.slots.refit(*slot, size, size)
        {
            *slot = smaller;
        }
        true
    }

    /// The values by handles, made so if they were packed.
    fn by_handles(&mut self, slot: &mut Slot) -> &mut KeyAndMany {
        if let Record::Packed(packed) = self.get(*slot) {
            let mut values = Many::default();
            packed
                .values()
                .for_each(|value| values.push(Value::from(value)));
            let key = packed.key().into();
            let packed = mem::replace(slot, self.keep(KeyAndMany { key, values }));
            self.slots.give_back(packed);
        }
        let at = by_handles(*slot).expect(NAMED);
        self.held[at].as_mut().expect(NAMED)
    }

    /// Packs values that have become few and short.
    fn pack(&mut self, slot: &mut Slot) {
        let Some(held) = self.forget(*slot) else {
            return;
        };
        let mut values = held.values.values();
        if let Some(first) = values.next() {
            (*slot, _) = self.create(&held.key, first);
            values.for_each(|value| _ = self.push(slot, value));
        }
    }

    fn keep(&mut self, held: KeyAndMany) -> Slot {
        let held = Some(Box::new(held));
        let at = match self.free.pop() {
            Some(at) => {
                self.held[at] = held;
                at
            }
            None => {
                self.held.push(held);
                self.held.len() - 1
            }
        };
        Slot(SLOTS_MAX + at as u32)
    }

    /// Gives back what a slot names; returns what was held by handles.
    fn forget(&mut self, slot: Slot) -> Option<KeyAndMany> {
        let Some(at) = by_handles(slot) else {
            self.slots.give_back(slot);
            return None;
        };
        self.free.push(at);
        self.held[at].take().map(|held| *held)
    }
}

impl KeyAndMany {
    /// Whether the values have become few and short enough to be packed again.
    fn is_short(&self) -> bool {
        let bytes = self.values.bytes() + self.values.len() * LENGTH_BYTES;
        bytes <= PACKED_AGAIN_BYTES && First::new(&self.key, b"").is_some()
    }

    fn push<'v>(&mut self, value: &'v [u8]) -> Held<'v> {
        let shared = Value::from(value);
        let told = told(value, Some(&shared));
        self.values.push(shared);
        told
    }
}

/// Which of the records by handles a slot names, if it names one of them.
fn by_handles(slot: Slot) -> Option<usize> {
    slot.0.checked_sub(SLOTS_MAX).map(|at| at as usize)
}

/// A value as a change holds it: by its handle if it is long.
fn told<'v>(value: &'v [u8], shared: Option<&Value>) -> Held<'v> {
    let long = shared.filter(|shared| shared.len() > INLINE_BYTES_MAX);
    long.map_or(Held::from(value), |shared| Held::Shared(shared.clone()))
}
