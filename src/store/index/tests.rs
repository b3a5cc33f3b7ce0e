//! Tests pages of the store against a model, and that no step towards them is long.

use super::*;
use crate::store::pile::HEAP_KEYS_MAX;
use crate::store::{Limits, Page, Store};
use proptest::prelude::*;
use std::collections::BTreeMap;

const ROOMY: Limits = Limits {
    values_bytes_max: 1 << 20,
    store_bytes_max: 0,
};

/// What a test does to the store.
#[derive(Debug, Clone)]
enum Act {
    Put(Vec<u8>),
    Remove(Vec<u8>),
    Delete(Vec<u8>),
    Prepare(usize),
    GiveUp,
    Tidy,
    Page {
        prefix: Vec<u8>,
        after: Vec<u8>,
        count: usize,
        bytes_max: usize,
    },
}

/// A few hundred keys, many of them the beginning of another.
fn key(min: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&[0, b'a', 0xfe, 0xff][..]), min..5)
}

fn act() -> impl Strategy<Value = Act> {
    let page = (key(0), key(0), 1..40usize, 0..900usize);
    prop_oneof![
        20 => key(1).prop_map(Act::Put),
        3 => key(1).prop_map(Act::Remove),
        6 => key(1).prop_map(Act::Delete),
        6 => (1..300usize).prop_map(Act::Prepare),
        1 => Just(Act::GiveUp),
        1 => Just(Act::Tidy),
        3 => page.prop_map(|(prefix, after, count, bytes_max)| Act::Page {
            prefix,
            after,
            count,
            bytes_max,
        }),
    ]
}

/// A page in the words of the model: keys with the number of their values.
fn plain(page: &Page) -> (Vec<(Vec<u8>, usize)>, bool) {
    let keys = page.keys.iter();
    let keys = keys.map(|(key, list)| (key.to_vec(), list.len()));
    (keys.collect(), page.more)
}

/// The page that a map would give. A value is one byte, and takes 7 as a bulk string.
fn expected(
    model: &BTreeMap<Vec<u8>, usize>,
    (prefix, after): (&[u8], &[u8]),
    (count, bytes_max): (usize, usize),
) -> (Vec<(Vec<u8>, usize)>, bool) {
    let mut all = model.iter();
    let fits = |key: &[u8]| key.starts_with(prefix) && key > after;
    let all: Vec<_> = all.by_ref().filter(|(key, _)| fits(key)).collect();
    let mut bytes = 0;
    let mut taken = 0;
    for (key, values) in &all {
        bytes += (6 + key.len()) + 7 * **values + 16;
        if taken > 0 && (taken == count || bytes > bytes_max) {
            break;
        }
        taken += 1;
    }
    let page = all[..taken].iter();
    let page = page.map(|(key, values)| ((*key).clone(), **values));
    (page.collect(), taken < all.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_page_is_what_the_store_holds_whatever_happened_before(
        family_bits in 0..4u32,
        acts in prop::collection::vec(act(), 1..500),
    ) {
        let mut store = Store::new(ROOMY, 1);
        store.keys = Keys::in_families(family_bits);
        let mut model = BTreeMap::new();
        for act in acts {
            match act {
                Act::Put(key) => {
                    store.put(&key, b"v").unwrap();
                    *model.entry(key).or_insert(0) += 1;
                }
                Act::Remove(key) => {
                    store.remove(&key, b"v");
                    if model.get(&key) == Some(&1) {
                        model.remove(&key);
                    }
                    model.entry(key).and_modify(|values| *values -= 1);
                }
                Act::Delete(key) => {
                    prop_assert_eq!(store.delete(&key).is_some(), model.remove(&key).is_some());
                }
                Act::Prepare(work) => {
                    store.index.prepare(&store.keys, work);
                }
                Act::GiveUp if !store.index.is_untidy() => store.index.give_up(),
                Act::GiveUp | Act::Tidy => store.tidy(),
                Act::Page { prefix, after, count, bytes_max } => {
                    let page = plain(&store.page(&prefix, &after, count, bytes_max));
                    let range = (&prefix[..], &after[..]);
                    prop_assert_eq!(page, expected(&model, range, (count, bytes_max)));
                }
            }
        }
        let page = plain(&store.page(b"", b"", 1000, usize::MAX));
        prop_assert_eq!(page, expected(&model, (b"", b""), (1000, usize::MAX)));
        prop_assert_eq!(store.keys(), model.len());
    }
}

/// A store with the keys `0` to `len - 1`.
fn store(len: usize) -> Store {
    let mut store = Store::new(ROOMY, 1);
    make(&mut store, 0..len);
    store
}

fn make(store: &mut Store, keys: std::ops::Range<usize>) {
    for n in keys {
        store.put(n.to_string().as_bytes(), b"v").unwrap();
    }
}

/// How many keys are in order, and how many are gathered to be put there.
fn placed(store: &Store) -> (usize, usize) {
    let placed = store.index.order.as_ref().map(|order| &order.placed);
    placed.map_or((0, 0), |placed| {
        (placed.sorted.from(b"").count(), placed.pile.len())
    })
}

/// Asks until a page can be had; how often. No answer gathers more keys than a slice may, or
/// places more than that and what is left of a heap.
fn slices(store: &mut Store) -> usize {
    let most = SLICE / KEY_COST;
    let mut before = placed(store);
    (1..)
        .find(|_| {
            let done = store.is_listable();
            let now = placed(store);
            assert!(now.1 <= before.1 + most);
            assert!(now.0 <= before.0 + most + HEAP_KEYS_MAX);
            before = now;
            done
        })
        .unwrap_or(0)
}

#[test]
fn every_slice_of_the_work_is_short() {
    let mut store = store(50_000);
    let buckets = 2 * 50_000 * 8 / 7;
    // Each is gathered, and then put in its place.
    let least = 2 * 50_000 * KEY_COST;
    let taken = slices(&mut store);
    let most = least + 50_000 + buckets;
    assert!((least / (SLICE + HEAP_KEYS_MAX * KEY_COST)..=most / SLICE + 2).contains(&taken));
    assert_eq!(placed(&store), (50_000, 0));

    make(&mut store, 50_000..60_000);
    assert_eq!(placed(&store), (50_000, 0), "a new key is only noted");
    let least = 2 * 10_000 * KEY_COST;
    assert!(slices(&mut store) >= least / (SLICE + HEAP_KEYS_MAX * KEY_COST));
    assert_eq!(placed(&store), (60_000, 0));
    assert_eq!(slices(&mut store), 1);
}

#[test]
fn the_wait_ends_however_fast_keys_are_made() {
    let mut store = store(10_000);
    let mut made = 10_000;
    while !store.is_listable() {
        make(&mut store, made..made + 2 * SLICE / KEY_COST);
        made += 2 * SLICE / KEY_COST;
        assert!(made < 1_000_000, "it converges");
    }
    let page = store.page(b"", b"", usize::MAX, usize::MAX);
    assert_eq!((page.keys.len(), page.more), (made, false));
    // Somebody asked and went away: in time new keys are noted again and cost little.
    let mut store = Store::new(ROOMY, 1);
    make(&mut store, 0..10_000);
    assert!(!store.is_listable());
    make(&mut store, 10_000..10_000 + PLACED_AT_ONCE);
    let before = placed(&store);
    make(&mut store, 20_000..21_000);
    assert_eq!(placed(&store), before);
}

#[test]
fn an_order_that_nobody_asks_for_is_given_up_and_freed_in_slices() {
    let mut store = store(70_000);
    slices(&mut store);
    // Made and removed again and again, so that there are never more than before.
    for n in 0..70_000 + 2 {
        assert!(!store.is_untidy());
        store.put(b"new", b"v").unwrap();
        if n < 70_000 + 1 {
            store.delete(b"new").unwrap();
        }
    }
    assert!(store.is_untidy());
    assert_eq!(store.index.given_up.sorted.from(b"").count(), 70_000);
    let left = |store: &Store| store.index.given_up.sorted.leaves();
    let mut before = left(&store);
    while store.is_untidy() {
        store.tidy();
        let now = left(&store);
        assert!(before - now <= FREED_A_SLICE);
        before = now;
    }
    assert!(store.index.order.is_none());
    slices(&mut store);
    let page = store.page(b"", b"", usize::MAX, usize::MAX);
    assert_eq!(page.keys.len(), 70_001);
}

#[test]
fn a_key_that_has_gone_is_in_no_order() {
    let mut store = store(1000);
    slices(&mut store);
    for n in [7, 1007] {
        let key = n.to_string();
        make(&mut store, n..n + 1);
        store.delete(key.as_bytes()).unwrap();
        let order = store.index.order.as_ref().unwrap();
        assert!(
            order
                .placed
                .sorted
                .from(b"")
                .all(|placed| placed != key.as_bytes())
        );
    }
}
