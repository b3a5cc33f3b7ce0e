//! Tests a table against a map, with hashes that are made up.

use super::bucket::TAG_SHIFT;
use super::*;
use ahash::RandomState;
use proptest::prelude::*;
use std::collections::HashMap;

/// Which record a slot names; the rest of it says whether that has moved.
const INDEX: u32 = 0xFFFF;

/// A record's slot says its hash: so few that many share a bucket, a tag, or all of it.
fn hash_of(slot: Slot) -> u64 {
    let mixed = u64::from(slot.0 & INDEX).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let family = mixed >> 50 & 0x3;
    (mixed >> 40 & 0xF | 0x7 << 8) << TAG_SHIFT | family << FAMILY_SHIFT | mixed >> 60
}

fn find(table: &Table, index: u32) -> Option<Place> {
    let is = |held: Slot| held.0 & INDEX == index;
    table.find(hash_of(Slot(index)), is).map(|(place, _)| place)
}

fn all(table: &Table) -> Vec<u32> {
    let buckets = (0..).map_while(|bucket| Some((bucket, table.places(bucket)?)));
    let places = buckets.flat_map(|(bucket, places)| (0..places).map(move |at| (bucket, at)));
    let mut all: Vec<u32> = places
        .filter_map(|(bucket, at)| table.at(bucket, at))
        .map(|slot| slot.0 & INDEX)
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn buckets_come_and_go_with_the_records_and_are_well_filled() {
    let hasher = RandomState::with_seeds(1, 2, 3, 4);
    let hash = |slot: Slot| hasher.hash_one(slot.0);
    // In one family there are so many buckets that the tags do not say which.
    for family_bits in [0, 10] {
        let mut table = Table::new(family_bits);
        for index in 0..50_000 {
            table.insert(hash(Slot(index)), Slot(index), hash);
        }
        let full = table.bytes();
        assert!(full < 50_000 * 12, "{full}");
        assert_eq!(all(&table), (0..50_000).collect::<Vec<_>>());
        for index in 0..49_900 {
            let is = |held: Slot| held.0 & INDEX == index;
            let (place, _) = table.find(hash(Slot(index)), is).unwrap();
            table.remove(hash(Slot(index)), place);
        }
        // What there is at least, and of both kinds of buckets a segment for those to come.
        assert!(
            table.bytes() <= 64 * 1024 + 3 * 16 * 1024,
            "{}",
            table.bytes()
        );
        assert_eq!(all(&table), (49_900..50_000).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_table_holds_what_a_map_holds(
        family_bits in 0..3u32,
        steps in prop::collection::vec((0..5u8, 0..600u32), 1..3000)
    ) {
        let mut table = Table::new(family_bits);
        let mut model = HashMap::new();
        for (what, index) in steps {
            let place = find(&table, index);
            prop_assert_eq!(place.is_some(), model.contains_key(&index));
            match (what, place) {
                (0 | 1, Some(place)) => {
                    table.remove(hash_of(Slot(index)), place);
                    model.remove(&index);
                }
                (2, Some(place)) => {
                    let moved = Slot((index ^ !INDEX) & 0x3FFF_FFFF | index);
                    table.set(place, moved);
                    model.insert(index, moved);
                }
                (_, None) => {
                    table.insert(hash_of(Slot(index)), Slot(index), hash_of);
                    model.insert(index, Slot(index));
                }
                _ => {}
            }
        }
        let mut held: Vec<u32> = model.keys().copied().collect();
        held.sort_unstable();
        prop_assert_eq!(all(&table), held);
        prop_assert_eq!(table.len(), model.len());
        for (index, slot) in model {
            let found = table.find(hash_of(slot), |held| held.0 & INDEX == index);
            prop_assert_eq!(found.map(|(_, held)| held), Some(slot));
        }
    }
}
