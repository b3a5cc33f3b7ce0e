//! Whatever is in a folder, no start panics and none tells a wrong value.

use super::model::{Habits, Keys, Life, Loaded, Step, Story, load};
use super::sim::{Dice, Sim};
use crate::journal::header::HEADER_BYTES;
use crate::journal::*;
use crate::protocol::notice::Op;
use proptest::prelude::*;

const HABITS: Habits = Habits {
    always: false,
    snapshots: false,
    history: 1000,
    long_values: false,
};

/// A folder with a few small files of each kind, and what it holds.
fn small() -> (Sim, Story) {
    let folder = Sim::new();
    let mut story = Story::default();
    for seed in [3, 5] {
        let (recovered, loaded) = load(&folder).unwrap();
        let mut life = Life::begin(&folder, &recovered, loaded.keys, HABITS, seed).unwrap();
        life.go_on(12, &mut story).unwrap();
        if seed == 3 {
            life.take_snapshot(&story).unwrap();
        }
        life.go_on(3, &mut story).unwrap();
    }
    let (recovered, loaded) = load(&folder).unwrap();
    assert_eq!(loaded.keys, story.keys(recovered.revision));
    (folder.killed(), story)
}

/// What came of a start: the last revision and whether something was cut off, or an error.
fn start(folder: &Sim, story: &Story) -> Result<(u64, bool), Error> {
    let (recovered, loaded) = load(folder)?;
    if recovered.revision < story.told {
        assert!(!recovered.is_certain, "{recovered:?}");
    }
    assert!(recovered.revision <= story.changes.len() as u64);
    assert_eq!(loaded.keys, story.keys(recovered.revision));
    if let Some(Cut { path, at, bytes }) = &recovered.cut {
        let said = recovered.cut.as_ref().map(ToString::to_string).unwrap();
        let expected =
            format!("{path}: {bytes} bytes at the end, from byte {at} on, are not whole");
        assert!(*bytes > 0 && said == expected, "{said}");
    }
    Ok((recovered.revision, recovered.cut.is_some()))
}

fn files(folder: &Sim) -> Vec<String> {
    let names = folder.names().unwrap();
    assert!(names.iter().any(|name| name.starts_with("journal-")));
    assert!(names.iter().any(|name| name.starts_with("snapshot-")));
    names
}

#[test]
fn a_flipped_byte_anywhere_is_refused_or_cut_off() {
    let (folder, story) = small();
    let whole = story.changes.len() as u64;
    assert_eq!(start(&folder, &story).unwrap(), (whole, false));
    let (mut refused, mut cut) = (0, 0);
    for name in files(&folder) {
        let content = folder.content(&name);
        for at in 0..content.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = content.clone();
                bad[at] ^= flip;
                folder.set_content(&name, bad);
                match start(&folder, &story) {
                    Ok((revision, false)) => assert_eq!(revision, whole, "{name} {at} {flip}"),
                    Ok((_, true)) => cut += 1,
                    Err(Error::Damaged(damage)) => {
                        assert!(damage.path.ends_with(&name), "{name} {at}: {damage}");
                        assert!(damage.at <= at as u64, "{name} {at}: {damage}");
                        refused += 1;
                    }
                    Err(Error::Later { .. }) => refused += 1,
                    Err(error) => panic!("{name} {at}: {error}"),
                }
            }
        }
        folder.set_content(&name, content);
    }
    assert!(refused > 1000 && cut > 100, "{refused} {cut}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused_or_known_to_be_shorter() {
    let (folder, story) = small();
    for name in files(&folder) {
        let content = folder.content(&name);
        for len in 0..content.len() {
            folder.set_content(&name, content[..len].to_vec());
            let started = start(&folder, &story);
            if let Err(error) = started {
                assert!(matches!(error, Error::Damaged(_)), "{name} {len}: {error}");
            }
        }
        folder.set_content(&name, content);
    }
}

#[test]
fn a_missing_file_is_refused_or_known_to_be_missing() {
    let (folder, story) = small();
    for name in files(&folder) {
        let folder = folder.killed();
        folder.remove(&name).unwrap();
        if let Err(error) = start(&folder, &story) {
            assert!(matches!(error, Error::Damaged(_)), "{error}");
        }
    }
}

#[test]
fn a_repair_keeps_what_is_before_the_damage_and_sets_the_rest_aside() {
    let (folder, story) = small();
    let names = files(&folder).into_iter();
    let mut repaired = 0;
    for name in names.filter(|name| name.starts_with("journal-")) {
        for at in [HEADER_BYTES - 20, HEADER_BYTES + 14] {
            let folder = folder.killed();
            let mut content = folder.content(&name);
            content[at] ^= 1;
            folder.set_content(&name, content.clone());
            let Err(Error::Damaged(damage)) = start(&folder, &story) else {
                continue;
            };
            let mut loaded = Loaded::default();
            match damage.remedy {
                Remedy::Cut(_) => {}
                Remedy::Forget { .. } => continue,
                Remedy::None => {
                    assert!(repair(&folder, &mut loaded).is_err());
                    continue;
                }
            }
            if damage.at > 0 {
                let full = folder.killed();
                full.set_room(Some(full.bytes() + 10));
                assert!(repair(&full, &mut Loaded::default()).is_err());
                assert_eq!(full.names().unwrap(), folder.names().unwrap());
            }
            let report = repair(&folder, &mut loaded).unwrap().unwrap();
            assert_eq!(report.damage, *damage);
            let said = report.to_string();
            let kept = format!("everything up to revision {} is there", damage.revision);
            assert!(said.contains(&kept) && said.contains(".damaged"), "{said}");
            let aside = report.aside[0].trim_start_matches("data/");
            assert_eq!(folder.content(aside), content[damage.at as usize..]);
            assert_eq!(start(&folder, &story).unwrap(), (damage.revision, false));
            let (recovered, loaded) = load(&folder).unwrap();
            assert!(!recovered.is_certain);
            assert!(repair(&folder, &mut Loaded::default()).unwrap().is_none());
            // The next life is another series, and the start after it knows all of it.
            let mut story = story.clone();
            story.changes.truncate(damage.revision as usize);
            let mut life = Life::begin(&folder, &recovered, loaded.keys, HABITS, 9).unwrap();
            life.go_on(10, &mut story).unwrap();
            let (recovered, loaded) = load(&folder.killed()).unwrap();
            assert!(recovered.is_certain && recovered.revision == story.told);
            assert_eq!(loaded.keys, story.keys(story.told));
            repaired += 1;
        }
    }
    assert!(repaired > 0);
}

#[test]
fn a_repair_of_what_only_the_history_needs_costs_only_history() {
    let folder = Sim::new();
    let mut story = Story::default();
    for seed in 1..=3 {
        let (recovered, loaded) = load(&folder).unwrap();
        let mut life = Life::begin(&folder, &recovered, loaded.keys, HABITS, seed).unwrap();
        life.go_on(10, &mut story).unwrap();
        if seed == 3 {
            life.take_snapshot(&story).unwrap();
            life.go_on(3, &mut story).unwrap();
        }
    }
    let folder = folder.killed();
    let first = files(&folder)
        .into_iter()
        .find(|name| name.starts_with("journal-"));
    let first = first.unwrap();
    let mut content = folder.content(&first);
    content[HEADER_BYTES + 20] ^= 1;
    folder.set_content(&first, content);
    let error = load(&folder).unwrap_err().to_string();
    assert!(error.contains("would keep every key"), "{error}");
    let report = repair(&folder, &mut Loaded::default()).unwrap().unwrap();
    assert_eq!(report.aside, [format!("data/{first}.damaged")]);
    let (recovered, loaded) = load(&folder).unwrap();
    assert!(recovered.is_certain && recovered.revision == story.told);
    assert_eq!(loaded.keys, story.keys(story.told));
    assert!(loaded.first > 1 && loaded.first < story.told - 10);
    let said = report.to_string();
    let begins = format!("the history begins after revision {}", loaded.first - 1);
    assert!(said.ends_with(&begins), "{said}");
}

#[test]
fn a_later_version_is_refused_and_nothing_is_touched() {
    for wanted in ["journal-", "snapshot-"] {
        let (folder, _) = small();
        let name = files(&folder)
            .into_iter()
            .find(|name| name.starts_with(wanted));
        let name = name.unwrap();
        let mut content = folder.content(&name);
        content[8] = 2;
        folder.set_content(&name, content);
        let operations = folder.operations();
        let error = load(&folder).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "data/{name} was written by a later version of kvmsg (format 2, this one knows up \
                 to 1)"
            )
        );
        assert_eq!(folder.operations(), operations);
    }
}

#[test]
fn a_value_that_looks_like_a_frame_is_no_damage() {
    let (folder, mut story) = small();
    let names = files(&folder).into_iter();
    let image = folder.content(
        &names
            .rev()
            .find(|name| name.starts_with("journal-"))
            .unwrap(),
    );
    let (recovered, loaded) = load(&folder).unwrap();
    let life = Life::begin(&folder, &recovered, loaded.keys, HABITS, 1).unwrap();
    let mut journal = life.journal;
    let change = Step {
        op: Op::Put,
        key: b"frame".to_vec(),
        old: Vec::new(),
        new: image,
    };
    story.changes.push(change.clone());
    let mut batch = Batch::new();
    batch.push(&change.entry(story.changes.len() as u64));
    journal.append(&mut batch).unwrap();
    let names = folder.names().unwrap();
    let last = names
        .iter()
        .rfind(|name| name.starts_with("journal-"))
        .unwrap();
    let mut content = folder.content(last);
    content[HEADER_BYTES + 4] ^= 1;
    folder.set_content(last, content);
    let whole = story.changes.len() as u64;
    assert_eq!(start(&folder, &story).unwrap(), (whole - 1, true));
}

#[test]
fn a_backup_is_of_one_revision_and_a_folder_is_made_of_it() {
    let (source, story) = small();
    let (_, loaded) = load(&source).unwrap();
    let (old, new) = (story.changes.len() as u64 - 20, story.changes.len() as u64);
    let file = |folder: &Sim| folder.create("backup").unwrap();
    let place = Sim::new();
    let mut backup = Backup::begin(file(&place), "FILE".to_owned(), 7);
    // A page at an early revision, the changes, and a page at the last.
    let (early, keys): (Keys, Keys) = (story.keys(old), story.keys(new));
    let middle = b"c".to_vec();
    let mut slice = Slice::new(old);
    for (key, values) in early.range(..middle.clone()) {
        slice.push(key, values.iter().map(|value| &value[..]), false);
    }
    backup.add_slice(&mut slice).unwrap();
    let mut batch = Batch::new();
    for revision in old + 1..=new {
        batch.push(&story.changes[revision as usize - 1].entry(revision));
    }
    backup.add_changes(&mut batch).unwrap();
    let mut slice = Slice::new(new);
    for (key, values) in keys.range(middle..) {
        slice.push(key, values.iter().map(|value| &value[..]), false);
    }
    backup.add_slice(&mut slice).unwrap();
    let unfinished = place.killed();
    backup.finish(new).unwrap();

    let folder = Sim::new();
    let restore = |file| restore::<_, _, Loaded>(&folder, file, "FILE".to_owned());
    assert!(restore(unfinished.open("backup").unwrap()).is_err());
    let open = || place.open("backup").unwrap();
    let (revision, restored) = restore(open()).unwrap();
    assert_eq!((revision, &restored.keys), (new, &loaded.keys));
    let (recovered, again) = load(&folder).unwrap();
    assert_eq!((recovered.revision, recovered.is_certain), (new, false));
    assert_eq!(again.keys, loaded.keys);
    let error = restore(open()).unwrap_err().to_string();
    assert!(error.starts_with("data/ is not empty"), "{error}");
}

#[test]
fn a_copy_is_another_series() {
    let (folder, mut story) = small();
    assert!(!load(&folder.copied()).unwrap().0.is_certain);
    for closes in [false, true] {
        let (recovered, loaded) = load(&folder).unwrap();
        assert!(recovered.is_certain);
        let mut life = Life::begin(&folder, &recovered, loaded.keys, HABITS, 1).unwrap();
        life.go_on(1, &mut story).unwrap();
        let copy = folder.killed();
        life.go_on(1, &mut story).unwrap();
        if closes {
            life.journal.close().unwrap();
        }
        assert!(load(&folder).unwrap().0.is_certain);
        let (put_back, _) = load(&folder.written_over(&copy)).unwrap();
        assert!(!put_back.is_certain && put_back.revision < story.told);
    }
}

#[test]
fn a_closed_journal_is_certain_whatever_happened_to_the_machine() {
    let (folder, mut story) = small();
    let (recovered, loaded) = load(&folder).unwrap();
    let mut life = Life::begin(&folder, &recovered, loaded.keys, HABITS, 1).unwrap();
    life.go_on(9, &mut story).unwrap();
    assert!(!load(&folder.without_power(None)).unwrap().0.is_certain);
    life.journal.close().unwrap();
    let (recovered, _) = load(&folder.without_power(None)).unwrap();
    assert!(recovered.is_certain && recovered.revision == story.told);
    assert!(!load(&folder.copied()).unwrap().0.is_certain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rubbish_is_refused_or_cut_off(seed: u64) {
        let (folder, story) = small();
        let mut dice = Dice(seed);
        for name in files(&folder) {
            let mut content = folder.content(&name);
            for _ in 0..dice.roll(3) {
                let (from, to) = (dice.roll(content.len()), dice.roll(content.len()));
                let (from, to) = (from.min(to), from.max(to));
                match dice.roll(3) {
                    0 => content[from..to].fill(dice.roll(256) as u8),
                    1 => content.copy_within(from..to, 0),
                    _ => drop(content.splice(from..to, [])),
                }
            }
            folder.set_content(&name, content);
        }
        if let Ok((recovered, loaded)) = load(&folder) {
            let revision = recovered.revision;
            prop_assert!(revision <= story.changes.len() as u64);
            prop_assert_eq!(loaded.keys, story.keys(revision));
        }
    }
}
