//! Whatever happens, what was answered is there, and nothing that was never sent.

use super::model::{Habits, Life, Story, load};
use super::sim::{Dice, Fate, Sim};
use crate::journal::*;
use proptest::prelude::*;

fn habits() -> impl Strategy<Value = Habits> {
    let history = prop::sample::select(vec![0, 5, 100]);
    (any::<bool>(), any::<bool>(), history, any::<bool>()).prop_map(
        |(always, snapshots, history, long_values)| Habits {
            always,
            snapshots,
            history,
            long_values,
        },
    )
}

/// Opens a folder, checks it against the story, and cuts the story off where it ends.
fn check(folder: &Sim, story: &mut Story, least: u64) -> (Recovered, super::model::Keys) {
    let (recovered, loaded) = load(folder).unwrap_or_else(|error| panic!("{error}"));
    let last = recovered.revision;
    assert!(last >= least, "{last} of {least}");
    assert!(last <= story.changes.len() as u64);
    assert_eq!(loaded.keys, story.keys(last));
    let changes = &story.changes[..last as usize];
    if !loaded.history.is_empty() {
        assert_eq!(loaded.history, changes[loaded.first as usize - 1..]);
    }
    // As much of the history as was held is there.
    let is_held = loaded.first <= story.history_first.max(1) && !loaded.history.is_empty();
    assert!(is_held || story.history_first.max(1) > last);
    if last < story.told {
        assert!(!recovered.is_certain, "{last} of {}", story.told);
    }
    story.changes.truncate(last as usize);
    (story.told, story.synced) = (last, last);
    (recovered, loaded.keys)
}

/// One life that ends at an operation, then another in what is left of it, and a last look.
fn live(habits: Habits, seed: u64, end: Option<(usize, Fate)>, power: bool) -> usize {
    let mut dice = Dice(seed);
    let mut folder = Sim::new();
    folder.write_at_most(if seed.is_multiple_of(2) { 100 } else { 5000 });
    let mut story = Story::default();
    let mut operations = 0;
    for life in 0..3 {
        let least = if power && !habits.always {
            story.synced
        } else {
            story.told
        };
        let told = story.told;
        let (recovered, keys) = check(&folder, &mut story, least);
        let must_know = life > 0 && (!power || habits.always);
        // What of the last frame was torn out of its middle may have been told, for all it knows.
        let must_know = must_know && !(power && recovered.cut.is_some());
        assert!(!must_know || told == 0 || recovered.is_certain);
        let before = folder.operations();
        // The first life goes on to the last step, so that there is something to lose.
        match end {
            Some((end, fate)) if life == 1 => folder.end_at(end, fate),
            Some((_, fate)) if life == 2 => folder.end_at(dice.roll(60), fate),
            _ => {}
        }
        let lived = Life::begin(&folder, &recovered, keys, habits, seed + life as u64)
            .and_then(|mut life| life.go_on(30, &mut story));
        assert!(lived.is_ok() || end.is_some(), "{lived:?}");
        if life == 1 {
            operations = folder.operations() - before;
        }
        folder = match power {
            false => folder.killed(),
            true if dice.roll(2) == 0 => folder.without_power(None),
            true => folder.without_power(Some(&mut dice)),
        };
        // The next life may end elsewhere.
        folder.write_at_most(300);
    }
    let least = if power && !habits.always {
        story.synced
    } else {
        story.told
    };
    check(&folder, &mut story, least);
    operations
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn what_was_answered_survives_a_kill_at_any_operation(habits in habits(), seed: u32) {
        let operations = live(habits, seed.into(), None, false);
        for end in 1..=operations {
            for fate in [Fate::Nothing, Fate::Half, Fate::Everything] {
                live(habits, seed.into(), Some((end, fate)), false);
            }
        }
    }

    #[test]
    fn what_was_synced_survives_a_loss_of_power_at_any_operation(habits in habits(), seed: u32) {
        let operations = live(habits, seed.into(), None, true);
        for end in 1..=operations {
            for fate in [Fate::Nothing, Fate::Half, Fate::Everything] {
                live(habits, seed.into(), Some((end, fate)), true);
            }
        }
    }
}
