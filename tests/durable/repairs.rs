//! A repair says all that it sets aside, and a restored backup is another series.

use super::starts::files;
use super::{change, command, daemon, folder, kill, refused, resume, values};
use crate::common::cli::{Ran, cli, run};
use crate::common::{Frame, binary};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the daemon's binary for something that it does instead of serving.
pub(super) fn kvmsgd(folder: &Path, args: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("--data-dir").arg(folder).args(args);
    run(command, "")
}

/// A folder whose daemon was killed after so many values of one key, each in a frame of its own,
/// and its journal. Returns the epoch too.
pub(super) fn fill(folder: &Path, values: i64) -> (PathBuf, String) {
    let running = daemon(folder, &[]);
    let mut client = running.connect();
    for at in 1..=values {
        let value = format!("value-{at}");
        assert_eq!(change(&mut client, &["PUT", "user", &value]), at);
    }
    let epoch = running.stats().0["epoch"].clone();
    kill(running);
    (files(folder, "journal-").remove(0), epoch)
}

/// Turns over a bit in the frame with this number, and returns where that begins.
fn damage(file: &Path, frame: usize) -> usize {
    let mut content = fs::read(file).unwrap();
    let frames: Vec<_> = memchr::memmem::find_iter(&content, b"\xf5kv").collect();
    content[frames[frame] + 20] ^= 1;
    fs::write(file, content).unwrap();
    frames[frame]
}

#[test]
fn what_a_repair_sets_aside_is_what_it_says_and_the_next_start_begins_another_epoch() {
    let folder = folder();
    let (journal, epoch) = fill(folder.path(), 5);
    let at = damage(&journal, 2);
    let before = fs::read(&journal).unwrap();
    let line = refused(command(folder.path(), &[]));
    assert!(line.contains("kvmsgd --repair would keep everything up to revision 2 and set aside"));

    let ran = kvmsgd(folder.path(), &["--repair"]);
    let (path, data) = (journal.display(), folder.path().display());
    assert_eq!((ran.code, &ran.err[..]), (Some(0), ""));
    let text = String::from_utf8(ran.out).unwrap();
    // A file that was made for later may stand behind the damaged one.
    let behind = files(folder.path(), "journal-0000000002.damaged");
    let and = behind
        .first()
        .map(|path| format!(" and {}", path.display()));
    let expected = format!(
        "{path} was damaged at byte {at}; from there on it is set aside as {path}.damaged{}, \
         everything up to revision 2 is there, and the next start begins another epoch\n\
         {data} is repaired: 1 key with 2 values, at revision 2\n",
        and.unwrap_or_default()
    );
    assert_eq!(text, expected);
    let aside = fs::read(journal.with_extension("damaged")).unwrap();
    assert_eq!(aside, before[at..]);
    let again = format!("{data} needs no repair: 1 key with 2 values, at revision 2\n");
    kvmsgd(folder.path(), &["--repair"]).prints(again);

    let running = daemon(folder.path(), &[]);
    assert_ne!(running.stats().0["epoch"], epoch);
    let held = values(&mut running.connect(), "user");
    assert_eq!(held, ["value-1", "value-2"]);
    let (_, reply) = resume(&running, &epoch, 2);
    assert!(matches!(reply, Frame::Error(text) if text.starts_with("GONE ")));
}

#[test]
fn a_torn_end_needs_no_repair_but_is_named() {
    let folder = folder();
    let (journal, _) = fill(folder.path(), 3);
    let at = damage(&journal, 2);
    let ran = kvmsgd(folder.path(), &["--repair"]);
    let text = String::from_utf8_lossy(&ran.out).into_owned();
    let expected = format!("at the end, from byte {at} on, are not whole, and the next start cuts");
    assert!(text.contains(&expected), "{text}");
    assert!(text.ends_with(" needs no repair: 1 key with 2 values, at revision 2\n"));
}

#[test]
fn what_cannot_be_repaired_is_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("data");
    let shown = path.display();
    let missing = format!("kvmsgd: cannot open the folder {shown}: ");
    let ran = kvmsgd(&path, &["--repair"]);
    assert!(
        ran.code == Some(1) && ran.err.starts_with(&missing),
        "{ran:?}"
    );
    assert!(!path.exists());

    let backup = folder.path().join("backup");
    let running = daemon(&path, &[]);
    change(&mut running.connect(), &["PUT", "user", "john"]);
    let locked = format!("kvmsgd: {shown} is in use by another kvmsgd\n");
    kvmsgd(&path, &["--repair"]).is(1, "", &locked);
    let restore = ["--restore", backup.to_str().unwrap()];
    running.cli(&["backup", restore[1]]).prints("OK\n");
    kvmsgd(&path, &restore).is(1, "", &locked);
    kill(running);

    // A snapshot is the whole; nothing else has what it lacks.
    let other = folder.path().join("other");
    kvmsgd(&other, &restore);
    let snapshot = files(&other, "snapshot-").remove(0);
    damage(&snapshot, 0);
    let before = fs::read(&snapshot).unwrap();
    let ran = kvmsgd(&other, &["--repair"]);
    assert_eq!(ran.code, Some(1));
    let expected = "kvmsgd --repair cannot help, restore a backup\n";
    assert!(ran.err.ends_with(expected), "{ran:?}");
    assert_eq!(
        refused(command(&other, &[])),
        ran.err["kvmsgd: ".len()..].trim_end()
    );
    assert_eq!(fs::read(&snapshot).unwrap(), before);
}

#[test]
fn a_restored_backup_has_everything_and_another_epoch() {
    let folder = folder();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let running = daemon(&old, &[]);
    let mut client = running.connect();
    change(&mut client, &["PUT", "user", "john"]);
    change(&mut client, &["PUT", "user", "alice"]);
    let epoch = running.stats().0["epoch"].clone();
    let backup = folder.path().join("backup");
    let name = backup.to_str().unwrap();
    let address = running.address.to_string();
    let mut command = cli(&address);
    command.args(["--json", "backup", name]);
    run(command, "").prints("{\"revision\":2}\n");
    let expected = format!(
        "{} is made of {name}: 1 key with 2 values, at revision 2\n",
        new.display()
    );
    kvmsgd(&new, &["--restore", name]).prints(expected);
    let ran = kvmsgd(&new, &["--restore", name]);
    let expected = format!(
        "kvmsgd: {} is not empty: a backup is restored into an empty folder\n",
        new.display()
    );
    ran.is(1, "", &expected);

    let running = daemon(&new, &[]);
    let stats = running.stats();
    assert_ne!(stats.0["epoch"], epoch);
    assert_eq!(stats.get("revision"), 2);
    assert_eq!(values(&mut running.connect(), "user"), ["john", "alice"]);
    assert_eq!(change(&mut running.connect(), &["PUT", "user", "bob"]), 3);
    let (_, reply) = resume(&running, &epoch, 2);
    assert!(matches!(reply, Frame::Error(text) if text.starts_with("GONE ")));
    // What the first start after it has told is certain.
    let epoch = stats.0["epoch"].clone();
    kill(running);
    let running = daemon(&new, &[]);
    assert_eq!(running.stats().0["epoch"], epoch);
    assert_eq!(running.stats().get("revision"), 3);
}

/// A daemon that may not do more than the permissions of files say, also where root runs the tests.
pub(super) fn without_privileges(command: Command) -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return command;
    }
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set=-all", "--inh-caps=-all", "--"]);
    without.arg(command.get_program()).args(command.get_args());
    without
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_and_nothing_is_lost() {
    let folder = folder();
    fill(folder.path(), 3);
    let mode = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    let flags = ["--log", "error"];
    let line = refused(without_privileges(command(folder.path(), &flags)));
    mode(0o700);
    // It can be read, and is; what cannot be done is to go on in a file of its own.
    assert!(line.starts_with("cannot "), "{line}");
    assert!(line.contains("Permission denied"), "{line}");
    let running = daemon(folder.path(), &[]);
    assert_eq!(values(&mut running.connect(), "user").len(), 3);
    kill(running);

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, Permissions::from_mode(0o500)).unwrap();
    let line = refused(without_privileges(command(&empty, &[])));
    let expected = format!("cannot write in the folder {}: ", empty.display());
    assert!(line.starts_with(&expected), "{line}");
}
