//! What was deleted is given back, and a snapshot disturbs nobody.

use super::{change, daemon, folder, kill, values};
use crate::common::{frame, until};
use std::fs;
use std::path::Path;

const KIB: usize = 1024;

/// How many megabytes are written and taken back.
const ROUNDS: usize = 150;

fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("it is there").flatten();
    let lengths = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    lengths.sum()
}

#[test]
fn the_folder_stays_small_however_much_is_changed_and_holds_everything() {
    let folder = folder();
    let flags = ["--history-bytes", "65536", "--sync", "never"];
    let running = daemon(folder.path(), &flags);
    let mut client = running.connect();
    // One long list, and short ones beside it.
    for at in 0..3000 {
        let (key, value) = (format!("kept-{}", at % 10), format!("{at:0100}"));
        client.send(frame(&[b"PUT", b"list", value.as_bytes()]));
        client.send(frame(&[b"PUT", key.as_bytes(), value.as_bytes()]));
    }
    (0..6000).for_each(|_| assert!(client.line().starts_with(':')));
    let value = vec![b'x'; 10 * KIB];
    let mut most = 0;
    for _ in 0..ROUNDS {
        // A megabyte is written, and taken back.
        for at in 0..100 {
            let key = format!("gone-{at}");
            client.send(frame(&[b"PUT", key.as_bytes(), &value]));
            client.send(frame(&[b"DELETE", key.as_bytes()]));
        }
        (0..200).for_each(|_| assert!(client.line().starts_with(':')));
        most = most.max(bytes(folder.path()));
    }
    // What the disk may be behind with, twice, and what is being replaced.
    assert!(most < 80 << 20, "{most} bytes");
    until("the folder to be small", || {
        change(&mut client, &["PUT", "last", ""]);
        (bytes(folder.path()) < 8 << 20).then_some(())
    });
    let snapshot = || {
        let names = fs::read_dir(folder.path()).ok()?.flatten();
        let is_snapshot = |name: &str| name.starts_with("snapshot-") && !name.ends_with(".new");
        let mut names = names.map(|file| file.file_name().to_string_lossy().into_owned());
        names.find(|name| is_snapshot(name))
    };
    until("a snapshot", snapshot);
    let before = running.stats();
    kill(running);
    let running = daemon(folder.path(), &flags);
    let after = running.stats();
    for name in ["epoch", "revision", "keys", "values", "store_bytes"] {
        assert_eq!(after.0[name], before.0[name], "{name}");
    }
    let mut client = running.connect();
    let list: Vec<_> = (0..3000).map(|at| format!("{at:0100}")).collect();
    assert_eq!(values(&mut client, "list"), list);
    change(&mut client, &["PUT", "list", "and on"]);
}
