//! Backs up a running server, and restores: any bytes come through unchanged, a backup is of one
//! revision though others write meanwhile, and one that fails leaves nothing.

mod common;

use common::cli::{GREETING, Ran, Running, cli, deaf, run};
use common::tools::tool;
use common::{Daemon, binary, until};
use kvmsg::client::{Client, Request, TIMEOUT};
use kvmsg::journal::{Directory, How, Load, Values, recover};
use kvmsg::protocol::notice::Change;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tempfile::TempDir;

type Map = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// What a data folder holds. There are no changes behind a restored backup, so its keys are those
/// of the snapshot; the changes in it make up for those that pages do not show.
#[derive(Default)]
struct Held(Map);

impl Load for Held {
    fn series(&mut self, _: u64, _: u64) {}

    fn held(&mut self, key: &[u8], values: Values<'_>, more: bool) {
        let held = self.0.entry(key.to_vec()).or_default();
        if !more {
            held.clear();
        }
        held.extend(values.map(<[u8]>::to_vec));
    }

    fn change(&mut self, change: &Change<'_>, _: How) -> bool {
        let bytes = |held: &Option<kvmsg::protocol::notice::Held<'_>>| {
            held.as_ref().map(|held| held.bytes().to_vec())
        };
        let values = bytes(&change.old).into_iter().chain(bytes(&change.new));
        let list = self.0.entry(change.key.to_vec()).or_default();
        let fits = change.op.apply(list, values.collect());
        self.0.retain(|_, list| !list.is_empty());
        fits
    }

    fn progress(&mut self, _: u64, _: u64) -> bool {
        true
    }
}

/// Restores a backup and returns what is there then, and its revision.
fn restored(file: &Path) -> (Map, u64) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let mut command = binary();
    command.arg("--data-dir").arg(&folder);
    command.arg("--restore").arg(file);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{:?}", output.stderr);
    let mut held = Held::default();
    let recovered = recover(&Directory::open(&folder).unwrap(), &mut held).unwrap();
    let values: usize = held.0.values().map(Vec::len).sum();
    let (keys, revision) = (held.0.len(), recovered.revision);
    let expected = format!(
        "{} is made of {}: {keys} keys with {values} values, at revision {revision}\n",
        folder.display(),
        file.display(),
    );
    let plural = text.replace("1 key ", "1 keys ");
    assert_eq!(plural.replace("1 value,", "1 values,"), expected);
    assert!(!recovered.is_certain, "it must begin another epoch");
    (held.0, revision)
}

fn backup(daemon: &Daemon, args: &[&str], file: &Path) -> Ran {
    daemon.cli(&[&["backup"], args, &[file.to_str().unwrap()]].concat())
}

/// The files of a folder.
fn names(place: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(place.path()).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

async fn put(client: &mut Client, key: &[u8], value: &[u8]) -> u64 {
    client.put(key, value).await.expect("the server takes it")
}

#[test]
fn any_bytes_come_through_unchanged_and_the_revision_is_told() {
    let (daemon, place) = (Daemon::start(&[]), tempfile::tempdir().unwrap());
    let all: Vec<u8> = (0..=255).collect();
    let mut expected = Map::new();
    let address = daemon.address.to_string();
    smol::block_on(async {
        let mut client = Client::connect(&address, TIMEOUT).await.unwrap();
        for (key, value) in [
            (&b"a"[..], &all[..]),
            (b"a", b""),
            (b"a", b"two"),
            (b"\xff\x00", b"NOTIFY x"),
            (b"long", &[7; 300_000]),
            (b"long", &[8; 300_000]),
        ] {
            put(&mut client, key, value).await;
            let values = expected.entry(key.to_vec()).or_default();
            values.push(value.to_vec());
        }
    });
    let file = place.path().join("file");
    backup(&daemon, &["--json"], &file).prints("{\"revision\":6}\n");
    assert_eq!(restored(&file), (expected, 6));
    assert_eq!(names(&place), ["file"]);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_empty_server_has_a_backup_too() {
    let (daemon, place) = (Daemon::start(&[]), tempfile::tempdir().unwrap());
    let file = place.path().join("file");
    backup(&daemon, &[], &file).prints("OK\n");
    assert_eq!(restored(&file), (Map::new(), 0));
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_told() {
    let (daemon, place) = (Daemon::start(&[]), tempfile::tempdir().unwrap());
    let file = place.path().join("file");
    fs::write(&file, "mine").unwrap();
    let shown = file.display();
    let complaint = format!("kvmsg-cli: \"{shown}\" is there already; --force replaces it\n");
    backup(&daemon, &[], &file).is(2, b"", &complaint);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    backup(&daemon, &["-q", "--force"], &file).prints("");
    assert_eq!(restored(&file).1, 0);
    for wrong in ["-", "/", place.path().to_str().unwrap(), "/no such/file"] {
        let ran = daemon.cli(&["backup", wrong]);
        assert_eq!(ran.code, Some(2), "{wrong}");
        assert!(
            ran.err.starts_with("kvmsg-cli: cannot write "),
            "{}",
            ran.err
        );
    }
    // Not a word of the name that the file would have had until it was whole.
    daemon
        .cli(&["backup", "/no\nsuch/file"])
        .fails("cannot write /no\\nsuch/file: No such file or directory (os error 2)");
}

/// Says that it is over when it goes out of scope, also when the test has failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Puts the same numbers at the end of one key, then of another, the first and the last of many,
/// and takes the oldest away again, until told to stop.
async fn count_at_both_ends(address: &str, is_over: &AtomicBool) {
    let mut client = Client::connect(address, TIMEOUT).await.unwrap();
    let mut number = 0_u64;
    while !is_over.load(SeqCst) {
        let value = number.to_string();
        put(&mut client, b"0", value.as_bytes()).await;
        put(&mut client, b"z", value.as_bytes()).await;
        if let Some(old) = number.checked_sub(5) {
            let old = old.to_string();
            client.remove(b"0", old.as_bytes()).await.unwrap();
            client.remove(b"z", old.as_bytes()).await.unwrap();
        }
        number += 1;
    }
}

#[test]
fn a_backup_is_of_one_revision_though_others_write() {
    let (daemon, place) = (Daemon::start(&[]), tempfile::tempdir().unwrap());
    let address = daemon.address.to_string();
    smol::block_on(async {
        let mut client = Client::connect(&address, TIMEOUT).await.unwrap();
        for number in 0..6000 {
            let key = format!("m{number:05}");
            let value = [b'x'; 300];
            let request = Request::Put {
                key: key.as_bytes(),
                value: &value,
            };
            client.send(&request).await.unwrap();
        }
        while client.outstanding() > 0 {
            client.receive().await.unwrap();
        }
    });
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = || smol::block_on(count_at_both_ends(&address, &is_over));
        scope.spawn(writer);
        let _over = Over(&is_over);
        let mut moved = 0;
        for number in 0..8 {
            let revision = daemon.stats().get("revision");
            let file = place.path().join(format!("file-{number}"));
            backup(&daemon, &["-q"], &file).prints("");
            moved += daemon.stats().get("revision") - revision;
            let (map, at) = restored(&file);
            assert!(at >= revision);
            let number = |value: &Vec<u8>| {
                let text = std::str::from_utf8(value).unwrap();
                text.parse::<u64>().unwrap()
            };
            let list = |key: &[u8]| -> Vec<u64> {
                let values = map.get(key).into_iter().flatten();
                values.map(number).collect()
            };
            // What each step leaves, from the state before it.
            let (first, last) = (list(b"0"), list(b"z"));
            let is_dense = |list: &[u64]| list.windows(2).all(|two| two[0] + 1 == two[1]);
            assert!(is_dense(&first) && is_dense(&last), "{first:?} {last:?}");
            let newest = |list: &[u64]| list.last().map_or(0, |last| last + 1);
            let ahead = newest(&first) - newest(&last);
            assert!(ahead <= 1, "{first:?} {last:?}");
            // The revision tells exactly where in its round the writer was.
            let done = at - 6000;
            let (rounds, step) = match done {
                ..10 => (done / 2, done % 2),
                _ => (5 + (done - 10) / 4, (done - 10) % 4),
            };
            let end = |is_put: bool| rounds + u64::from(is_put);
            assert_eq!(newest(&first), end(step > 0), "{at}: {first:?}");
            assert_eq!(newest(&last), end(step > 1), "{at}: {last:?}");
            assert_eq!(
                map.len(),
                6000 + usize::from(done > 0) + usize::from(done > 1)
            );
        }
        assert!(moved > 0, "nothing changed while backups were made");
    });
}

/// A client that backs up into this file, from a server that answers no LIST, and the server's end
/// of the connection.
fn stuck(file: &Path) -> (Running, TcpStream) {
    stuck_as(file, |command| command)
}

/// The same, its command made into another that runs it.
fn stuck_as(file: &Path, wrap: impl Fn(Command) -> Command) -> (Running, TcpStream) {
    let (listener, address) = deaf();
    let mut command = cli(&address);
    command.arg("backup").arg(file);
    let running = Running::start(&mut wrap(command));
    let (mut socket, _) = listener.accept().unwrap();
    socket.write_all(GREETING).unwrap();
    let watching = b"*2\r\n$16\r\n0123456789abcdef\r\n:0\r\n";
    socket.write_all(watching).unwrap();
    (running, socket)
}

#[test]
fn a_backup_that_fails_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    let begun = || (!names(&place).is_empty()).then_some(());
    let (address, _held) = common::free_address();
    let mut command = cli(&address.to_string());
    let ran = run(
        {
            command.arg("backup").arg(&file);
            command
        },
        "",
    );
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert_eq!(names(&place), [""; 0]);

    let (running, socket) = stuck(&file);
    until("the backup to begin", begun);
    drop(socket);
    let ran = running.end();
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert_eq!(names(&place), [""; 0]);

    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let (running, _socket) = stuck(&file);
        until("the backup to begin", begun);
        running.signal(signal);
        running.end().fails("interrupted; nothing was written");
        assert_eq!(names(&place), [""; 0]);
    }
}

#[test]
fn a_signal_that_it_was_started_to_ignore_does_not_end_it() {
    let Some(sh) = tool("sh") else { return };
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    let ignoring = |command: Command| {
        let mut sh = Command::new(&sh);
        let words = command.get_args().map(OsStr::to_owned);
        sh.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
        sh.arg(command.get_program()).args(words);
        sh
    };
    let (running, socket) = stuck_as(&file, ignoring);
    until("the backup to begin", || {
        (!names(&place).is_empty()).then_some(())
    });
    running.signal(Signal::HUP);
    drop(socket);
    let ran = running.end();
    let is_lost = ran.err.contains("connection");
    assert!(is_lost && ran.code == Some(2), "{ran:?}");
}

#[test]
fn only_a_regular_file_is_replaced_and_a_link_stays_one() {
    let (daemon, place) = (Daemon::start(&[]), tempfile::tempdir().unwrap());
    let at = |name: &str| place.path().join(name);
    let socket = UnixListener::bind(at("socket")).unwrap();
    let why = "it is not a regular file, which alone is replaced";
    for flags in [&[][..], &["--force"]] {
        let shown = at("socket");
        let complaint = format!("kvmsg-cli: cannot write {}: {why}\n", shown.display());
        backup(&daemon, flags, &at("socket")).is(2, "", &complaint);
    }
    drop(socket);
    symlink("file", at("link")).unwrap();
    backup(&daemon, &[], &at("link")).prints("OK\n");
    let there = fs::metadata(at("file")).unwrap().modified().unwrap();
    assert_eq!(backup(&daemon, &[], &at("link")).code, Some(2));
    backup(&daemon, &["--force"], &at("link")).prints("OK\n");
    assert!(fs::metadata(at("file")).unwrap().modified().unwrap() > there);
    assert_eq!(fs::read_link(at("link")).unwrap(), Path::new("file"));
    assert_eq!(names(&place), ["file", "link", "socket"]);
}
