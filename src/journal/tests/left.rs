//! What an end or a loss leaves behind that a start must not misread.

use super::model::{Habits, Life, Loaded, Step, Story, load};
use super::sim::{Fate, Sim};
use crate::journal::header::HEADER_BYTES;
use crate::journal::*;
use crate::protocol::notice::Op;

const HABITS: Habits = Habits {
    always: true,
    snapshots: false,
    history: 1000,
    long_values: false,
};

/// So many lives in one folder, with a snapshot in the last.
fn lives(folder: &Sim, story: &mut Story, count: u64) {
    for seed in 1..=count {
        let (recovered, loaded) = load(folder).unwrap();
        let mut life = Life::begin(folder, &recovered, loaded.keys, HABITS, seed).unwrap();
        life.go_on(10, story).unwrap();
        if seed == count {
            life.take_snapshot(story).unwrap();
            life.go_on(3, story).unwrap();
        }
    }
}

fn journals(folder: &Sim) -> Vec<String> {
    let names = folder.names().unwrap().into_iter();
    names.filter(|name| name.starts_with("journal-")).collect()
}

#[test]
fn a_file_lost_before_those_that_keys_need_costs_only_history() {
    let (folder, mut story) = (Sim::new(), Story::default());
    lives(&folder, &mut story, 3);
    let folder = folder.killed();
    let mut names = journals(&folder);
    // The files behind it hold nothing before the last life, in which the snapshot was taken.
    names.retain(|name| folder.content(name)[HEADER_BYTES] != 0);
    assert_eq!(names.len(), 3);
    folder.remove(&names[1]).unwrap();
    let error = load(&folder).unwrap_err().to_string();
    assert!(error.contains(&names[2]), "{error}");
    assert!(error.contains("would keep every key"), "{error}");
    let report = repair(&folder, &mut Loaded::default()).unwrap().unwrap();
    assert_eq!(report.aside, [format!("data/{}.damaged", names[0])]);
    let (recovered, loaded) = load(&folder).unwrap();
    assert!(recovered.is_certain && recovered.revision == story.told);
    assert_eq!(loaded.keys, story.keys(story.told));
}

/// The head of a frame with a body of this length.
fn head(length: u32) -> Vec<u8> {
    let length = length.to_le_bytes();
    let check = crc32c::crc32c(&length) as u8;
    [b"\xf5kv", &[check][..], &length, b"crc."].concat()
}

#[test]
fn a_value_full_of_what_looks_like_frames_can_be_cut_off_anywhere() {
    let (folder, mut story) = (Sim::new(), Story::default());
    lives(&folder, &mut story, 1);
    let (recovered, loaded) = load(&folder).unwrap();
    let life = Life::begin(&folder, &recovered, loaded.keys, HABITS, 2).unwrap();
    let mut journal = life.journal;
    let before = story.changes.len() as u64;
    let change = Step {
        op: Op::Put,
        key: b"key".to_vec(),
        old: Vec::new(),
        // To check all of them would be to read the file a few thousand times.
        new: head(40_000).repeat(8000),
    };
    let mut batch = Batch::new();
    batch.push(&change.entry(before + 1));
    journal.append(&mut batch).unwrap();
    let last = journals(&folder).pop().unwrap();
    let content = folder.content(&last);
    for kept in [HEADER_BYTES + 200, 10_000, 60_000, 90_000] {
        let folder = folder.killed();
        let mut torn = content.clone();
        torn[kept..].fill(0);
        folder.set_content(&last, torn);
        let (recovered, loaded) = load(&folder).unwrap();
        assert_eq!(recovered.revision, before);
        assert!(recovered.is_certain && recovered.cut.is_some());
        assert_eq!(loaded.keys, story.keys(before));
    }
}

#[test]
fn a_start_that_must_begin_another_series_is_not_forgotten_if_it_comes_to_nothing() {
    let (folder, mut story) = (Sim::new(), Story::default());
    lives(&folder, &mut story, 2);
    let last = journals(&folder)
        .into_iter()
        .rfind(|name| folder.content(name)[HEADER_BYTES] != 0);
    let last = last.unwrap();
    // The last byte that is not zero belongs to a change that was answered.
    let mut content = folder.content(&last);
    let at = content.iter().rposition(|byte| *byte != 0).unwrap();
    content[at - 2] ^= 1;
    folder.set_content(&last, content);
    let folder = folder.killed();
    let (recovered, _) = load(&folder).unwrap();
    assert!(!recovered.is_certain && recovered.cut.is_some());

    let (mut ends, mut without_cut) = (0, 0);
    loop {
        let folder = folder.killed();
        folder.end_at(ends, Fate::Everything);
        let origin = Origin {
            epoch: 8,
            always: true,
            segment_bytes: 4096,
        };
        let begun = Journal::begin(folder.clone(), &recovered, origin);
        for left in [folder.killed(), folder.without_power(None)] {
            let (again, _) = load(&left).unwrap();
            assert_eq!(again.revision, recovered.revision);
            let is_another = again.epoch == Some(8);
            assert_eq!(again.is_certain, is_another, "after {ends} operations");
            without_cut += usize::from(again.cut.is_none() && !is_another);
        }
        if begun.is_ok() {
            break;
        }
        ends += 1;
    }
    assert!(without_cut > 0 && ends > 8, "{without_cut} {ends}");
}
