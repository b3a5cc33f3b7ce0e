//! Repairs and restores folders of the operating system.

use super::*;
use crate::journal::{Backup, Batch, Journal, Origin, Slice};
use crate::protocol::notice::{Held, Op};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const ORIGIN: Origin = Origin {
    epoch: 5,
    always: true,
    segment_bytes: 1 << 20,
};

fn put(revision: u64, key: &'static [u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.push(&Change {
        revision,
        op: Op::Put,
        key: key.into(),
        old: None,
        new: Some(Held::from(value)),
    });
    batch
}

/// A folder with this many values of one key, put one at a time.
fn fill(path: &Path, values: u64) {
    let folder = Directory::open(path).unwrap();
    let (recovered, _) = read(&folder).unwrap();
    let mut journal = Journal::begin(folder, &recovered, ORIGIN).unwrap();
    for revision in recovered.revision + 1..=recovered.revision + values {
        let mut batch = put(revision, b"key", &[b'x'; 1000]);
        journal.append(&mut batch).unwrap();
    }
    journal.close().unwrap();
}

/// Turns over a byte in the middle of the first segment.
fn damage(path: &Path) -> PathBuf {
    let path = path.join("journal-0000000001");
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 5000).unwrap();
    file.write_all_at(&[!byte[0]], 5000).unwrap();
    path
}

#[test]
fn a_whole_folder_needs_no_repair_and_is_not_touched() {
    let place = tempfile::tempdir().unwrap();
    fill(place.path(), 10);
    let before = fs::read(place.path().join("journal-0000000001")).unwrap();
    let repair = repair(place.path()).unwrap();
    let expected = format!(
        "{} needs no repair: 1 key with 10 values, at revision 10\n",
        place.path().display()
    );
    assert_eq!(repair.to_string(), expected);
    let after = fs::read(place.path().join("journal-0000000001")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_repair_says_what_it_kept_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    fill(place.path(), 10);
    let path = damage(place.path());
    let damaged = fs::read(&path).unwrap();
    let repaired = repair(place.path()).unwrap();
    let [done] = &repaired.done[..] else {
        panic!("{repaired:?}");
    };
    assert_eq!(repaired.contents.revision, done.damage.revision);
    assert_eq!(repaired.contents.values as u64, done.damage.revision);
    assert!((1..10).contains(&done.damage.revision));
    let text = repaired.to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    let [aside] = &done.aside[..] else {
        panic!("{done:?}");
    };
    assert!(text.contains(aside), "{text}");
    let at = done.damage.at as usize;
    assert_eq!(fs::read(aside).unwrap(), damaged[at..]);
    assert_eq!(fs::read(&path).unwrap()[..at], damaged[..at]);
    // A second one finds nothing more to do.
    assert!(repair(place.path()).unwrap().done.is_empty());
    let (recovered, _) = read(&Directory::open(place.path()).unwrap()).unwrap();
    assert!(!recovered.is_certain);
}

#[test]
fn what_is_no_folder_or_is_in_use_is_not_repaired() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("no such");
    assert!(repair(&missing).is_err());
    assert!(!missing.exists());
    let held = Directory::open(place.path()).unwrap();
    let error = repair(place.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(held);
}

fn backup(path: &Path) {
    let file = fs::File::create_new(path).unwrap();
    let mut backup = Backup::begin(file, path.display().to_string(), 7);
    let mut slice = Slice::new(3);
    slice.push(b"a", [&b"1"[..], b"2"].into_iter(), false);
    backup.add_slice(&mut slice).unwrap();
    backup.add_changes(&mut put(4, b"a", b"3")).unwrap();
    let mut slice = Slice::new(4);
    slice.push(b"b", [&b"x"[..]].into_iter(), false);
    backup.add_slice(&mut slice).unwrap();
    backup.finish(4).unwrap();
}

#[test]
fn a_backup_is_restored_into_an_empty_folder_alone() {
    let place = tempfile::tempdir().unwrap();
    let (data, file) = (place.path().join("data"), place.path().join("file"));
    backup(&file);
    let contents = restore(&data, &file).unwrap();
    assert_eq!(contents.to_string(), "2 keys with 4 values, at revision 4");
    let (_, held) = read(&Directory::open(&data).unwrap()).unwrap();
    let values: Vec<_> = held.store.get(b"a").unwrap().iter().collect();
    assert_eq!(values, [b"1", b"2", b"3"]);
    let error = restore(&data, &file).unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
}

#[test]
fn a_backup_with_a_wrong_byte_anywhere_makes_no_folder() {
    let place = tempfile::tempdir().unwrap();
    let (data, file) = (place.path().join("data"), place.path().join("file"));
    backup(&file);
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut wrong = whole.clone();
        wrong[at] ^= 0x41;
        fs::write(&file, wrong).unwrap();
        let restored = restore(&data, &file);
        assert!(restored.is_err(), "byte {at}: {restored:?}");
    }
    for len in 0..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        let restored = restore(&data, &file);
        assert!(restored.is_err(), "{len} bytes: {restored:?}");
    }
    assert!(!data.exists());
    fs::write(&file, whole).unwrap();
    restore(&data, &file).unwrap();
}

#[test]
fn what_is_no_backup_is_named() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    for wrong in [place.path(), Path::new("/dev/zero"), Path::new("/no such")] {
        let error = restore(&data, wrong).unwrap_err().to_string();
        let expected = format!("cannot read {}: ", wrong.display());
        assert!(error.starts_with(&expected), "{error}");
    }
    assert!(!data.exists());
    // A data folder's own journal is none either.
    fill(&data, 1);
    let journal = data.join("journal-0000000001");
    let error = restore(&place.path().join("other"), &journal).unwrap_err();
    let expected = format!(
        "{} is no whole backup: it does not begin as a backup does (byte 0)",
        journal.display()
    );
    assert_eq!(error.to_string(), expected);
}
