//! Tests the set against one of the standard library, and that it stays packed.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// How long a key is at most here.
const KEY_BYTES_MAX: usize = 1100;

/// Keys of which many are short, some fill a leaf alone, and many begin alike.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let letters = || prop::sample::select(&[0, b'a', 0xff][..]);
    prop_oneof![
        8 => prop::collection::vec(letters(), 0..8),
        1 => prop::collection::vec(letters(), 100..=KEY_BYTES_MAX),
    ]
}

fn keys(set: &Sorted) -> Vec<&[u8]> {
    set.from(b"").collect()
}

/// No leaf is much longer than it should be, or has nothing in it, or keys that belong elsewhere.
fn check(set: &Sorted) {
    let mut ends: Vec<_> = set.leaves.keys().skip(1).map(Some).collect();
    ends.push(None);
    for ((least, leaf), end) in set.leaves.iter().zip(ends) {
        let keys: Vec<_> = keys_of(leaf).collect();
        assert!(!keys.is_empty());
        let most = LEAF_BYTES + 2 * (LENGTH_BYTES + KEY_BYTES_MAX);
        assert!(leaf.len() < most, "{}", leaf.len());
        assert!(keys.iter().all(|key| *key >= &**least));
        assert!(keys.is_sorted_by(|one, next| one < next));
        assert!(keys.iter().all(|key| end.is_none_or(|end| *key < &**end)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_holds_what_an_ordered_set_holds(
        acts in prop::collection::vec((prop::bool::weighted(0.6), key(), any::<usize>()), 1..600),
        starts in prop::collection::vec(key(), 10),
    ) {
        let (mut set, mut model) = (Sorted::default(), BTreeSet::new());
        for (is_new, key, which) in acts {
            if is_new {
                set.insert(&key);
                model.insert(key);
            } else {
                let there = model.iter().nth(which % model.len().max(1)).cloned();
                let key = there.unwrap_or(key);
                set.remove(&key);
                model.remove(&key);
                set.remove(&key);
            }
            check(&set);
        }
        prop_assert!(model.iter().eq(keys(&set)));
        for start in starts {
            prop_assert!(model.range(start.clone()..).eq(set.from(&start)));
        }
        // From the end, so that what is left of a leaf goes into the one before it.
        while let Some(key) = model.pop_last() {
            set.remove(&key);
            check(&set);
            prop_assert!(model.iter().eq(keys(&set)));
        }
        prop_assert!(set.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_merged_is_as_if_each_key_had_come_by_itself(
        one_by_one in prop::collection::vec(key(), 0..300),
        merges in prop::collection::vec(prop::collection::btree_set(key(), 0..200), 1..6),
    ) {
        let mut set = Sorted::default();
        one_by_one.iter().for_each(|key| set.insert(key));
        let mut model: BTreeSet<_> = one_by_one.into_iter().collect();
        for keys in merges {
            let sorted: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            set.merge(&sorted);
            check(&set);
            model.extend(keys);
            prop_assert!(model.iter().eq(self::keys(&set)));
        }
        for key in &model {
            set.remove(key);
        }
        prop_assert!(set.is_empty());
    }
}

/// What the leaves take beside their place in the map.
fn bytes(set: &Sorted) -> usize {
    set.leaves.values().map(Vec::capacity).sum()
}

#[test]
fn a_key_takes_little_more_than_its_bytes_also_when_most_are_gone() {
    let mut set = Sorted::default();
    // In no order.
    let key = |number: u64| format!("key:{:012}", number * 7919 % 100_000).into_bytes();
    for number in 0..100_000 {
        set.insert(&key(number));
    }
    assert_eq!(keys(&set).len(), 100_000);
    assert!(bytes(&set) < 28 * 100_000, "{}", bytes(&set));
    let mut merged = Sorted::default();
    keys(&set).chunks(300).for_each(|some| merged.merge(some));
    assert_eq!(keys(&merged), keys(&set));
    assert!(bytes(&merged) < 20 * 100_000, "{}", bytes(&merged));
    for number in 0..99_000 {
        set.remove(&key(number));
    }
    assert_eq!(keys(&set).len(), 1000);
    assert!(bytes(&set) < 60 * 1000, "{}", bytes(&set));
    assert!(set.leaves() < 100, "{}", set.leaves());
    while set.pop_leaf() {}
    assert!(set.is_empty() && keys(&set).is_empty());
}
