//! Folders of the operating system.

use super::model::Loaded;
use crate::journal::*;
use crate::protocol::notice::{Change, Held, Op};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn open(path: &Path) -> Result<Directory, Error> {
    Directory::open(path)
}

fn begin(folder: &Directory) -> Journal<Directory> {
    let recovered = recover(folder, &mut Loaded::default()).unwrap();
    let origin = Origin {
        epoch: 5,
        always: false,
        segment_bytes: 1 << 20,
    };
    Journal::begin(folder.clone(), &recovered, origin).unwrap()
}

fn batch(revision: u64) -> Batch {
    let mut batch = Batch::new();
    batch.push(&Change {
        revision,
        op: Op::Put,
        key: b"key"[..].into(),
        old: None,
        new: Some(Held::from(&[b'x'; 1000][..])),
    });
    batch
}

#[test]
fn a_folder_is_made_for_its_owner_alone_and_so_are_its_files() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data");
    let mut journal = begin(&open(&path).unwrap());
    journal.append(&mut batch(1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(open(&place.path().join("no/such")).is_err());
}

/// Copies the files of a folder into another.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
    }
}

fn is_certain(path: &Path) -> bool {
    let folder = open(path).unwrap();
    recover(&folder, &mut Loaded::default()).unwrap().is_certain
}

#[test]
fn a_copy_that_is_put_back_in_any_way_is_known_to_be_one() {
    for closes in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let (data, kept) = (place.path().join("data"), place.path().join("kept"));
        let folder = open(&data).unwrap();
        let mut journal = begin(&folder);
        journal.append(&mut batch(1)).unwrap();
        fs::create_dir(&kept).unwrap();
        copy(&data, &kept);
        if closes {
            journal.close().unwrap();
        } else {
            drop(journal);
        }
        drop(folder);
        assert!(is_certain(&data));
        fs::rename(&data, place.path().join("moved")).unwrap();
        assert!(is_certain(&place.path().join("moved")));
        fs::rename(place.path().join("moved"), &data).unwrap();
        copy(&kept, &data);
        assert!(!is_certain(&data), "written over");
        // A filesystem may give the files the numbers of those that are gone.
        fs::remove_dir_all(&data).unwrap();
        fs::create_dir(&data).unwrap();
        copy(&kept, &data);
        assert!(!is_certain(&data), "put in its place");
    }
}

#[test]
fn a_folder_in_use_is_refused_until_it_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    let first = open(path).unwrap();
    let error = open(path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{} is in use by another kvmsgd", path.display())
    );
    let journal = begin(&first);
    drop(first);
    assert!(open(path).is_err(), "the journal holds the folder");
    drop(journal);
    open(path).unwrap();
}

#[test]
fn what_cannot_be_opened_is_named_and_so_is_why() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file).unwrap_err().to_string();
    assert!(
        error.contains("file") && error.contains("Not a directory"),
        "{error}"
    );
    let sys = open(Path::new("/sys/kvmsg")).unwrap_err().to_string();
    assert!(
        sys.starts_with("cannot make the folder /sys/kvmsg: "),
        "{sys}"
    );
    let sys = open(Path::new("/sys")).unwrap_err().to_string();
    assert!(
        sys.starts_with("cannot write in the folder /sys: "),
        "{sys}"
    );
    // Little is forbidden to root.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        return;
    }
    let path = place.path().join("data");
    begin(&open(&path).unwrap()).close().unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o500)).unwrap();
    let error = recover(&open(&path).unwrap(), &mut Loaded::default());
    assert!(error.is_ok());
    fs::set_permissions(
        path.join("journal-0000000001"),
        Permissions::from_mode(0o000),
    )
    .unwrap();
    let error = recover(&open(&path).unwrap(), &mut Loaded::default()).unwrap_err();
    assert!(error.to_string().contains("Permission denied"), "{error}");
}

#[test]
fn a_life_on_a_real_disk_is_there_afterwards() {
    let place = tempfile::tempdir().unwrap();
    let mut revision = 0;
    for life in 0..4 {
        let folder = open(place.path()).unwrap();
        let mut loaded = Loaded::default();
        let recovered = recover(&folder, &mut loaded).unwrap();
        assert_eq!(recovered.revision, revision);
        assert_eq!(recovered.is_certain, life > 0);
        assert_eq!(
            loaded.keys.values().map(Vec::len).sum::<usize>() as u64,
            revision
        );
        let mut journal = begin(&folder);
        for _ in 0..1500 {
            revision += 1;
            journal.append(&mut batch(revision)).unwrap();
            journal.shared().prepare().unwrap();
        }
        if life == 1 {
            let mut snapshot = Snapshot::begin(journal.shared(), 5, revision).unwrap();
            let mut slice = Slice::new(revision);
            let values = (0..revision).map(|_| &[b'x'; 1000][..]);
            slice.push(b"key", values, false);
            snapshot.write(&mut slice).unwrap();
            snapshot.finish(revision).unwrap();
            journal.shared().forget(revision + 1).unwrap();
        }
        if life % 2 == 0 {
            journal.close().unwrap();
        }
        let used = |path: &Path| fs::metadata(path).unwrap().blocks() * 512;
        let files = fs::read_dir(place.path()).unwrap();
        let all: u64 = files.map(|entry| used(&entry.unwrap().path())).sum();
        assert!(all < 3 * revision * 1000 + (4 << 20), "{all}");
    }
}

/// Keys with a value of 2000 bytes each, which are replaced again and again.
const KEYS: u64 = 2000;
const VALUE_BYTES: usize = 2000;
const HISTORY: u64 = 1 << 20;

#[test]
fn the_folder_stays_within_three_times_the_live_data_and_the_history() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = begin(&open(place.path()).unwrap());
    let shared = journal.shared();
    let live = live_bytes(KEYS, KEYS, KEYS * (8 + VALUE_BYTES as u64));
    let slack = 3 * segment_bytes(live, HISTORY);
    shared.set_segment_bytes(segment_bytes(live, HISTORY));
    let value = |revision: u64| vec![revision as u8; VALUE_BYTES];
    let (mut snapshot, mut written, mut snapshots) = (None, 0, 0);
    for revision in 1..=KEYS * 12 {
        let mut batch = Batch::new();
        let (old, new) = (value(revision.saturating_sub(KEYS)), value(revision));
        batch.push(&Change {
            revision,
            op: if revision > KEYS { Op::Update } else { Op::Put },
            key: (revision % KEYS).to_be_bytes()[..].into(),
            old: (revision > KEYS).then(|| Held::from(&old[..])),
            new: Some(Held::from(&new[..])),
        });
        written += batch.bytes_len() as u64;
        journal.append(&mut batch).unwrap();
        shared.prepare().unwrap();
        shared
            .forget(revision.saturating_sub(HISTORY / (2 * VALUE_BYTES as u64)))
            .unwrap();
        let usage = shared.usage();
        let most = 3 * live + HISTORY + slack;
        assert!(usage.folder <= most, "{usage:?} {most}");
        if snapshot.is_none() && wants_snapshot(&usage, live.min(written), HISTORY) {
            let begun = Snapshot::begin(journal.shared(), 5, revision).unwrap();
            snapshot = Some((begun, 0));
            written = 0;
        }
        // A snapshot goes on only when it must, which is the worst that is allowed.
        while let Some((going, next)) = &mut snapshot
            && is_behind(going.bytes(), written, live, HISTORY)
        {
            let mut slice = Slice::new(revision);
            for key in *next..KEYS.min(*next + 20) {
                let held = value(revision - (revision + KEYS - key) % KEYS);
                slice.push(&key.to_be_bytes(), [&held[..]].into_iter(), false);
            }
            going.write(&mut slice).unwrap();
            *next += 20;
            if *next >= KEYS
                && let Some((mut whole, _)) = snapshot.take()
            {
                whole.finish(revision).unwrap();
                snapshots += 1;
            }
        }
    }
    assert!(snapshots > 2, "{snapshots}");
    let files = fs::read_dir(place.path()).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.file_name().to_string_lossy().contains('-'));
    let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(shared.usage().folder, bytes);
    drop((journal, shared, snapshot));
    let mut loaded = Loaded::default();
    recover(&open(place.path()).unwrap(), &mut loaded).unwrap();
    for (key, values) in &loaded.keys {
        let key = u64::from_be_bytes(key[..].try_into().unwrap());
        let last = KEYS * 12 - (KEYS - key) % KEYS;
        assert_eq!(values, &[value(last)], "{key}");
    }
    assert_eq!(loaded.keys.len() as u64, KEYS);
}
