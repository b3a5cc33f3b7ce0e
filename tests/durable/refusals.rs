//! What cannot be used is named in one line, left as it is, and never begun anew in silence.

use super::repairs::{fill, kvmsgd, without_privileges};
use super::starts::files;
use super::{change, command, daemon, folder, kill, refused, values};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Makes a file say that a later version wrote it; returns what it holds then.
fn make_later(file: &Path) -> Vec<u8> {
    let mut content = fs::read(file).unwrap();
    content[8] = 9;
    fs::write(file, &content).unwrap();
    content
}

#[test]
fn a_file_that_may_not_be_read_is_named_and_nothing_is_lost() {
    let folder = folder();
    let (journal, _) = fill(folder.path(), 3);
    for file in [&journal, &folder.path().join("run")] {
        let mode = |mode| fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        mode(0);
        let flags = ["--log", "error"];
        let line = refused(without_privileges(command(folder.path(), &flags)));
        mode(0o600);
        let expected = format!("{}: Permission denied (os error 13)", file.display());
        assert!(line.starts_with("cannot "), "{line}");
        assert!(line.ends_with(&expected), "{line}");
    }
    let running = daemon(folder.path(), &[]);
    assert_eq!(values(&mut running.connect(), "user").len(), 3);
}

#[test]
fn a_snapshot_or_a_backup_of_a_later_version_is_refused_and_left_as_it_is() {
    let place = folder();
    let (old, new) = (place.path().join("old"), place.path().join("new"));
    let backup = place.path().join("backup");
    let name = backup.to_str().unwrap();
    let running = daemon(&old, &[]);
    change(&mut running.connect(), &["PUT", "user", "john"]);
    running.cli(&["backup", name]).prints("OK\n");
    kill(running);

    assert_eq!(kvmsgd(&new, &["--restore", name]).code, Some(0));
    let snapshot = files(&new, "snapshot-").remove(0);
    let content = make_later(&snapshot);
    let before = files(&new, "");
    let later = "was written by a later version of kvmsg (format 9, this one knows up to 1)";
    let expected = format!("{} {later}", snapshot.display());
    assert_eq!(refused(command(&new, &[])), expected);
    let line = format!("kvmsgd: {expected}\n");
    kvmsgd(&new, &["--repair"]).is(1, "", &line);
    assert_eq!(fs::read(&snapshot).unwrap(), content);
    assert_eq!(files(&new, ""), before);

    make_later(&backup);
    let empty = place.path().join("empty");
    let line = format!("kvmsgd: {name} {later}\n");
    kvmsgd(&empty, &["--restore", name]).is(1, "", &line);
    assert!(!empty.exists());
}

#[test]
fn a_backup_is_restored_beside_no_file_of_anybody_else() {
    let place = folder();
    let backup = place.path().join("backup");
    let (data, name) = (place.path().join("data"), backup.to_str().unwrap());
    let running = daemon(&place.path().join("old"), &[]);
    running.cli(&["backup", name]).prints("OK\n");
    fs::create_dir(&data).unwrap();
    let notes = data.join("notes");
    fs::write(&notes, "of somebody else").unwrap();
    let expected = format!(
        "kvmsgd: {} is not empty: a backup is restored into an empty folder\n",
        data.display()
    );
    kvmsgd(&data, &["--restore", name]).is(1, "", &expected);
    assert_eq!(fs::read(&notes).unwrap(), b"of somebody else");
    assert_eq!(files(&data, ""), [data.join("lock"), notes]);
}

/// A folder with the changes of two runs, the second of which was killed too; its epoch.
fn fill_twice(folder: &Path) -> String {
    let (_, epoch) = fill(folder, 2);
    let running = daemon(folder, &[]);
    assert_eq!(change(&mut running.connect(), &["PUT", "user", "last"]), 3);
    kill(running);
    epoch
}

#[test]
fn a_first_file_that_is_gone_is_refused() {
    for is_emptied in [false, true] {
        let folder = folder();
        fill_twice(folder.path());
        let first = files(folder.path(), "journal-").remove(0);
        match is_emptied {
            true => fs::write(&first, "").unwrap(),
            false => fs::remove_file(&first).unwrap(),
        }
        let before = files(folder.path(), "");
        let line = refused(command(folder.path(), &[]));
        let lacking = match is_emptied {
            true => ", and journal-0000000001 before it has no beginning",
            false => "",
        };
        let expected = format!(
            "is damaged at byte 0: it begins with change 3, and should with 1{lacking}; \
             kvmsgd --repair cannot help, restore a backup"
        );
        assert!(line.ends_with(&expected), "{line}");
        assert_eq!(files(folder.path(), ""), before);
    }
}

#[test]
fn that_all_files_are_gone_is_said_and_begins_another_epoch() {
    for is_emptied in [false, true] {
        let folder = folder();
        let epoch = fill_twice(folder.path());
        for file in files(folder.path(), "journal-") {
            match is_emptied {
                true => fs::write(file, "").unwrap(),
                false => fs::remove_file(file).unwrap(),
            }
        }
        let running = daemon(folder.path(), &[]);
        let warning = "a daemon has used it before, but it holds nothing now: it begins empty";
        running.wait_for_log(warning);
        assert_ne!(running.stats().0["epoch"], epoch);
    }
    let folder = folder();
    let running = daemon(folder.path(), &[]);
    let is_warned = |line: &String| line.contains("begins empty");
    assert!(!running.log().iter().any(is_warned), "it is the first");
}
