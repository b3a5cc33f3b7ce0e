//! A start uses what it can prove to be whole, and says in one line what keeps it from that.

use super::{change, command, daemon, folder, kill, refused, resume, values};
use crate::common::{Frame, free_address};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder whose names begin so.
pub(super) fn files(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let named = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with(start))
    };
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(named).collect();
    files.sort();
    files
}

#[test]
fn a_clean_stop_goes_on_with_the_same_series() {
    let folder = folder();
    let running = daemon(folder.path(), &[]);
    change(&mut running.connect(), &["PUT", "user", "john"]);
    let epoch = running.stats().0["epoch"].clone();
    let ended = running.stop();
    assert_eq!(ended.status.code(), Some(0));
    let running = daemon(folder.path(), &["--sync", "always"]);
    assert_eq!(running.stats().0["epoch"], epoch);
    assert_eq!(change(&mut running.connect(), &["PUT", "user", "alice"]), 2);
    running.wait_for_log("loaded to revision 1 in ");
}

#[test]
fn a_copy_of_a_folder_begins_another_series_and_nobody_resumes_into_it() {
    let (original, copy) = (folder(), folder());
    let running = daemon(original.path(), &[]);
    change(&mut running.connect(), &["PUT", "user", "john"]);
    let epoch = running.stats().0["epoch"].clone();
    running.stop();
    for file in files(original.path(), "") {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let running = daemon(copy.path(), &[]);
    let other = running.stats().0["epoch"].clone();
    assert_ne!(other, epoch);
    running.wait_for_log("who watched cannot resume");
    let (_, reply) = resume(&running, &epoch, 1);
    let gone = format!("GONE oldest 2 epoch {other}");
    assert_eq!(reply, Frame::Error(gone));
    assert_eq!(values(&mut running.connect(), "user"), ["john"]);
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = folder();
    let running = daemon(folder.path(), &[]);
    let path = folder.path().display();
    let expected = format!("{path} is in use by another kvmsgd");
    assert_eq!(refused(command(folder.path(), &[])), expected);
    change(&mut running.connect(), &["PUT", "user", "john"]);
}

#[test]
fn a_folder_that_cannot_be_is_refused() {
    let folder = folder();
    let path = folder.path().join("not there").join("data");
    let line = refused(command(&path, &[]));
    assert!(line.starts_with("cannot make the folder "), "{line}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let line = refused(command(&file, &[]));
    assert!(line.starts_with("cannot write in the folder "), "{line}");
}

#[test]
fn a_torn_end_is_cut_off_and_damage_before_it_is_refused() {
    let folder = folder();
    let running = daemon(folder.path(), &[]);
    let mut client = running.connect();
    (1..=3).for_each(|at| assert_eq!(change(&mut client, &["PUT", "user", "john"]), at));
    kill(running);
    let journal = files(folder.path(), "journal-").remove(0);
    let whole = fs::read(&journal).unwrap();
    let frames: Vec<_> = memchr::memmem::find_iter(&whole, b"\xf5kv").collect();
    assert_eq!(frames.len(), 3);

    let mut torn = whole.clone();
    torn[frames[2] + 20] ^= 1;
    fs::write(&journal, &torn).unwrap();
    let running = daemon(folder.path(), &[]);
    running.wait_for_log("are not whole, and are cut off");
    assert_eq!(values(&mut running.connect(), "user").len(), 2);
    kill(running);

    for later in files(folder.path(), "journal-").iter().skip(1) {
        fs::remove_file(later).unwrap();
    }
    let mut damaged = whole.clone();
    damaged[frames[1] + 20] ^= 1;
    fs::write(&journal, &damaged).unwrap();
    let line = refused(command(folder.path(), &[]));
    let begins = format!("{} is damaged at byte {}", journal.display(), frames[1]);
    assert!(line.starts_with(&begins), "{line}");
    assert!(
        line.contains("kvmsgd --repair would keep everything up to revision 1 "),
        "{line}"
    );
    assert_eq!(fs::read(&journal).unwrap(), damaged, "nothing was touched");

    let mut later = whole;
    later[8] = 9;
    fs::write(&journal, later).unwrap();
    let line = refused(command(folder.path(), &[]));
    assert!(
        line.contains("was written by a later version of kvmsg (format 9"),
        "{line}"
    );
}

#[test]
fn nobody_can_connect_before_the_data_is_there() {
    let folder = folder();
    let running = daemon(folder.path(), &[]);
    change(&mut running.connect(), &["PUT", "user", "john"]);
    running.stop();
    let (address, _held) = free_address();
    let mut again = command(folder.path(), &[]);
    again.args(["-l", &address.to_string()]);
    let running = crate::common::Daemon::spawn(again);
    let log = running.log();
    let place = |text: &str| log.iter().position(|line| line.contains(text));
    assert!(place("loaded in") < place("listening on"), "{log:?}");
}
