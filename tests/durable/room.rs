//! When the disk is full changes are refused, reading goes on, and room heals it.

use super::{SYNCS, behind, change, daemon, folder, kill, resume, told, traced, values};
use crate::common::tools::tool_that;
use crate::common::{Daemon, Frame, until};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How large the disk is.
const DISK: usize = 16 << 20;

/// What gives a process a disk of its own, if it may.
fn unshare() -> Option<PathBuf> {
    tool_that("unshare", &["-m", "mount", "-t", "tmpfs", "none", "/mnt"])
}

/// A daemon whose data is on a disk of so many bytes.
fn on_a_disk(unshare: &Path, folder: &Path, bytes: usize, sync: &str) -> Daemon {
    let mut mount = Command::new(unshare);
    let script = format!("mount -t tmpfs -o size={bytes} none \"$0\" && exec \"$@\"");
    mount.args(["-m", "sh", "-c", &script]).arg(folder);
    behind(mount, &folder.join("data"), &["--sync", sync])
}

#[test]
fn a_full_disk_refuses_changes_and_nothing_else_until_there_is_room() {
    let Some(unshare) = unshare() else {
        return;
    };
    for sync in SYNCS {
        let folder = folder();
        let daemon = on_a_disk(&unshare, folder.path(), DISK, sync);
        // Only the daemon sees its disk; through it, so do we.
        let root = PathBuf::from(format!("/proc/{}/root", daemon.pid()));
        let disk = root.join(folder.path().strip_prefix("/").unwrap());
        let filler = disk.join("filler");
        assert!(disk.join("data").metadata().unwrap().mode() & 0o077 == 0);
        let mut filling = fs::File::create(&filler).unwrap();
        while filling.write_all(&[0; 4096]).is_ok() {}
        drop(filling);

        let mut client = daemon.connect();
        let value = "v".repeat(100_000);
        let mut made = 0;
        let error = until("the disk to be full", || {
            client.send_frame(&[b"PUT", b"key", value.as_bytes()]);
            let line = client.line();
            made += usize::from(line.starts_with(':'));
            (!line.starts_with(':')).then_some(line)
        });
        assert!(
            error.starts_with("-ERR no space is left on the device of "),
            "{error}"
        );
        assert!(
            error.contains("nothing can be changed until there is"),
            "{error}"
        );
        daemon.wait_for_log("changes are refused");
        client.ask("*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
        assert_eq!(values(&mut client, "key").len(), made);
        client.send_frame(&[b"DELETE", b"nothing"]);
        assert!(!client.line().starts_with('+'), "it is answered");
        // Who comes to watch is told what was, and then what is when there is room.
        let epoch = daemon.stats().0["epoch"].clone();
        let (mut watcher, reply) = resume(&daemon, &epoch, made as i64 - 1);
        assert!(matches!(reply, Frame::Array(_)), "{reply:?}");
        let notice = |revision: usize| ("PUT".to_owned(), "key".to_owned(), revision as i64);
        assert_eq!(told(&mut watcher), notice(made), "{sync}");

        fs::remove_file(&filler).unwrap();
        until("changes to be accepted", || {
            client.send_frame(&[b"PUT", b"key", value.as_bytes()]);
            let is_made = client.line().starts_with(':');
            made += usize::from(is_made);
            is_made.then_some(())
        });
        daemon.wait_for_log("changes are accepted");
        assert_eq!(told(&mut watcher), notice(made), "{sync}");
        let held = disk.join("data");
        let copy = folder.path().join("copy");
        let revision = daemon.stats().get("revision");
        assert_eq!(revision, made as u64);
        daemon.signal(rustix::process::Signal::STOP);
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(&held).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        drop(daemon);
        let again = super::daemon(&copy, &["--sync", sync]);
        let mut client = again.connect();
        assert_eq!(values(&mut client, "key").len(), made, "{sync}");
    }
}

#[test]
fn what_is_longer_than_the_room_left_is_refused_and_what_is_not_goes_on() {
    const CLIENTS: usize = 8;
    const IN_FLIGHT: usize = 64;
    let Some(unshare) = unshare() else {
        return;
    };
    for sync in SYNCS {
        let folder = folder();
        let daemon = on_a_disk(&unshare, folder.path(), 6 << 20, sync);
        let mut client = daemon.connect();
        let is_made = |line: String| {
            let is_made = line.starts_with(':');
            assert!(
                is_made || line.starts_with("-ERR no space is left"),
                "{line}"
            );
            is_made
        };
        client.send_frame(&[b"PUT", b"key", "v".repeat(5 << 20).as_bytes()]);
        assert!(!is_made(client.line()), "{sync}");
        client.send_frame(&[b"PUT", b"key", b"short"]);
        assert!(is_made(client.line()), "{sync}");
        // Together they are longer than what is set aside, and then than what there is.
        let value = "v".repeat(16_000);
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| daemon.connect()).collect();
        let mut made = 1;
        until("the disk to be full", || {
            for client in &mut clients {
                for _ in 0..IN_FLIGHT {
                    client.send_frame(&[b"PUT", b"other", value.as_bytes()]);
                }
            }
            let asked = clients.iter_mut().flat_map(|client| {
                let lines: Vec<_> = (0..IN_FLIGHT).map(|_| client.line()).collect();
                lines
            });
            let now = asked.filter(|line| is_made(line.clone())).count();
            made += now;
            (now < CLIENTS * IN_FLIGHT).then_some(())
        });
        assert_eq!(daemon.stats().get("revision"), made as u64, "{sync}");
        assert_eq!(values(&mut client, "other").len(), made - 1, "{sync}");
    }
}

#[test]
fn where_files_may_not_be_so_long_changes_are_refused_and_the_daemon_goes_on() {
    for sync in SYNCS {
        let folder = folder();
        let mut limited = Command::new("sh");
        // Blocks of 512 bytes, or in some shells of 1024.
        limited.args(["-c", "ulimit -f 4096 && exec \"$@\"", "sh"]);
        let daemon = behind(limited, folder.path(), &["--sync", sync]);
        let mut client = daemon.connect();
        client.send_frame(&[b"PUT", b"key", "v".repeat(5 << 20).as_bytes()]);
        let line = client.line();
        assert!(line.starts_with("-ERR no file can be made in "), "{line}");
        daemon.wait_for_log("File too large");
        client.send_frame(&[b"PUT", b"key", b"short"]);
        assert_eq!(client.line(), ":1\r", "{sync}");
        assert_eq!(values(&mut client, "key").len(), 1, "{sync}");
    }
}

#[test]
fn a_change_for_which_there_is_no_room_after_all_waits_for_it() {
    const TRIES: usize = 5;
    // Two threads write; one of them comes to its fourth write, whichever writes which.
    const CHANGES: usize = 10;
    let fails = format!("inject=pwrite64:error=ENOSPC:when=4..{}", 3 + TRIES);
    let Some(strace) = tool_that("strace", &["-f", "--seccomp-bpf", "-e", &fails, "true"]) else {
        return;
    };
    for sync in SYNCS {
        let (folder, other) = (folder(), folder());
        let (journal, trace) = (
            folder.path().join("journal-0000000001"),
            other.path().join("trace"),
        );
        let (journal, calls) = (journal.to_str().unwrap(), trace.to_str().unwrap());
        // Of all files only this one is full, and what is done to it is noted.
        let tracing = [
            "-o",
            calls,
            "-P",
            journal,
            "-e",
            "trace=pwrite64",
            "-e",
            &fails,
        ];
        let running = traced(&strace, &tracing, folder.path(), &["--sync", sync]);
        let (mut writer, mut reader) = (running.connect(), running.connect());
        let mut watcher = running.connect();
        watcher.ask("WATCH:\n", "OK\n");
        for at in 1..=CHANGES {
            writer.send_frame(&[b"PUT", b"key", b""]);
            assert!(values(&mut reader, "other").is_empty());
            writer.expect(format!(":{at}\r\n"));
            watcher.expect("NOTIFY PUT key\n");
        }
        kill(running);
        let all = fs::read_to_string(&trace).unwrap();
        assert!(all.matches(" ENOSPC ").count() >= TRIES, "{sync}: {all}");
        let again = daemon(folder.path(), &["--sync", sync]);
        let mut client = again.connect();
        assert_eq!(values(&mut client, "key").len(), CHANGES, "{sync}");
        change(&mut client, &["PUT", "key", ""]);
    }
}

#[test]
fn changes_that_wait_for_the_disk_are_made_in_the_end() {
    let folder = folder();
    let daemon = daemon(folder.path(), &["--sync", "always"]);
    let mut client = daemon.connect();
    // More than a batch takes at once.
    let value = vec![b'v'; 1 << 20];
    for at in 0..40 {
        client.send_frame(&[b"PUT", format!("key-{at}").as_bytes(), &value]);
    }
    for at in 1..=40 {
        assert_eq!(client.line(), format!(":{at}\r"));
    }
}
