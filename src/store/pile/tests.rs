//! Tests the pile against a map of the standard library, and that its heaps stay short.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What a test does to a pile.
#[derive(Debug, Clone)]
enum Act {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Pop,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&[0, b'a', 0xff][..]), 0..9)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        300 => key().prop_map(Act::Add),
        20 => key().prop_map(Act::Remove),
        1 => Just(Act::Pop),
    ]
}

/// Takes the first heap out of both; it has the least keys of all, each once and in order.
fn pop(pile: &mut Pile, model: &mut BTreeSet<Vec<u8>>) -> bool {
    let Some(heap) = pile.pop() else {
        assert!(model.is_empty());
        return false;
    };
    let keys = heap.sorted();
    assert!(keys.len() <= HEAP_KEYS_MAX);
    for key in keys {
        assert_eq!(model.pop_first().as_deref(), Some(key));
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn its_heaps_have_all_keys_in_order_and_each_once(
        acts in prop::collection::vec(act(), 1..4000),
    ) {
        let (mut pile, mut model) = (Pile::default(), BTreeSet::new());
        for act in acts {
            match act {
                Act::Add(key) => {
                    pile.add(&key);
                    model.insert(key);
                }
                Act::Remove(key) => {
                    pile.remove(&key);
                    model.remove(&key);
                }
                Act::Pop => _ = pop(&mut pile, &mut model),
            }
        }
        while pop(&mut pile, &mut model) {}
        prop_assert!(pile.is_empty());
    }
}

#[test]
fn a_key_that_comes_again_and_again_does_not_make_a_heap_long() {
    let mut pile = Pile::default();
    for _ in 0..100 {
        (0..100_u8).for_each(|key| pile.add(&[key]));
    }
    let heaps: Vec<Heap> = std::iter::from_fn(|| pile.pop()).collect();
    assert!(heaps.iter().all(|heap| heap.keys <= HEAP_KEYS_MAX));
    let keys: usize = heaps.iter().map(|heap| heap.sorted().len()).sum();
    assert_eq!(keys, 100);
}
