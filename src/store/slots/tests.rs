//! Tests slots against a list of pieces.

use super::*;
use proptest::prelude::*;

#[test]
fn each_length_has_the_smallest_size_that_holds_it() {
    for bytes in 1..=SLOT_BYTES_MAX {
        let class = class_of(bytes);
        assert!(bytes_of(class) >= bytes, "{bytes}");
        assert!(class == 0 || bytes_of(class - 1) < bytes, "{bytes}");
        let spare = bytes_of(class) - bytes;
        let is_shortest = bytes_of(class) == SLOT_BYTES_MIN;
        let is_small = spare < EVEN_STEP || spare <= bytes / STEPS;
        assert!(is_shortest || is_small, "{bytes}");
    }
    assert_eq!(bytes_of(CLASSES - 1), SLOT_BYTES_MAX);
}

#[test]
fn memory_that_is_not_used_any_more_is_freed() {
    let mut slots = Slots::new();
    let taken: Vec<Slot> = (0..10_000).map(|_| slots.take(101).unwrap()).collect();
    let held = slots.chunks_bytes();
    assert!((1_040_000..1_200_000).contains(&held), "{held}");
    taken.iter().for_each(|slot| slots.give_back(*slot));
    assert!(slots.chunks_bytes() <= CHUNK_BYTES);
    // And taken anew.
    let again: Vec<Slot> = (0..10_000).map(|_| slots.take(101).unwrap()).collect();
    assert_eq!(slots.chunks_bytes(), held);
    assert!(again.iter().all(|slot| slots.get(*slot).len() == 104));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_piece_is_disturbed_by_others(
        steps in prop::collection::vec((0..4u8, 0..1000usize, 1..SLOT_BYTES_MAX), 1..3000)
    ) {
        let mut slots = Slots::new();
        let mut pieces: Vec<(Slot, Vec<u8>)> = Vec::new();
        for (number, (what, which, bytes)) in steps.into_iter().enumerate() {
            let at = which % pieces.len().max(1);
            match what {
                0 if !pieces.is_empty() => {
                    let (slot, piece) = pieces.swap_remove(at);
                    prop_assert_eq!(&slots.get(slot)[..piece.len()], &piece);
                    slots.give_back(slot);
                }
                1 if !pieces.is_empty() => {
                    let (slot, piece) = &mut pieces[at];
                    let kept = piece.len().min(bytes);
                    piece.truncate(kept);
                    *slot = slots.refit(*slot, kept, bytes).unwrap();
                }
                _ => {
                    let slot = slots.take(bytes).unwrap();
                    let piece = vec![number as u8; bytes];
                    slots.get_mut(slot)[..bytes].copy_from_slice(&piece);
                    prop_assert!(slots.suits(slot, bytes));
                    pieces.push((slot, piece));
                }
            }
        }
        for (slot, piece) in pieces {
            prop_assert_eq!(&slots.get(slot)[..piece.len()], &piece);
        }
    }
}
