//! How figures are taken, and what they come to.

use crate::children::Child;
use crate::contest::turns;
use crate::figures::{Ratio, Rounds, median, quantile};
use crate::fill::scattered;
use crate::folder::{Folder, kind_of};
use crate::keeping::written_anew;
use crate::process::{cpu, nanoseconds, resident, resident_bytes, ticks};
use crate::redis_benchmark::throughput;
use crate::server::{Kind, Side};
use crate::wire::{Ask, Dialect, key, random};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn the_median_is_the_middle_whatever_the_order() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    assert!(median(&[]).is_nan());
}

#[test]
fn a_quantile_is_a_figure_that_was_measured() {
    let figures: Vec<f64> = (1..=200).rev().map(f64::from).collect();
    assert_eq!(quantile(&figures, 0.0), 1.0);
    assert_eq!(quantile(&figures, 0.5), 100.0);
    assert_eq!(quantile(&figures, 0.99), 198.0);
    assert_eq!(quantile(&figures, 1.0), 200.0);
    assert!(quantile(&[], 0.5).is_nan());
}

#[test]
fn ratios_are_taken_round_by_round() {
    // The machine was slow in the second round, for both.
    let rounds = Rounds {
        ours: vec![200.0, 20.0, 330.0],
        theirs: vec![100.0, 10.0, 110.0],
    };
    let expected = Ratio {
        median: 2.0,
        low: 2.0,
        high: 3.0,
    };
    assert_eq!(rounds.ratio(), expected);
}

#[test]
fn in_a_contest_all_make_the_same_requests_and_another_goes_first_each_time() {
    let taken: Vec<_> = turns(10, 3, 1, 2).collect();
    let expected = [
        (1, 0..3),
        (0, 0..3),
        (0, 3..6),
        (1, 3..6),
        (1, 6..10),
        (0, 6..10),
    ];
    assert_eq!(taken, expected);
    let firsts: Vec<_> = (0..4).map(|round| turns(9, 1, round, 3).next()).collect();
    assert_eq!(firsts, [0, 1, 2, 0].map(|first| Some((first, 0..9))));
}

#[test]
fn the_figures_are_found_in_what_the_kernel_prints() {
    let stat = "17 (a ) b) S 1 17 17 0 -1 4194304 87 0 0 0 60 7 0 0 20 0 1 0 73464";
    assert_eq!(ticks(stat), Some(67));
    assert_eq!(ticks("17 (a) S 1"), None);
    assert_eq!(nanoseconds("609064778 293629 4\n"), Some(609_064_778));
    assert_eq!(nanoseconds(""), None);
    let rollup = "55d0-7ffc ---p 0 00:00 0    [rollup]\nRss:     8 kB\nPss:     4 kB\n";
    assert_eq!(resident_bytes(rollup), Some(8192.0));
    assert_eq!(resident_bytes("Pss:     4 kB\n"), None);
}

#[test]
fn this_process_has_memory_and_uses_time() {
    let pid = std::process::id();
    assert!(resident(pid).unwrap() > 65536.0);
    let before = cpu(pid).unwrap();
    while cpu(pid).unwrap() == before {}
    assert!(cpu(u32::MAX).is_err());
}

#[test]
fn the_throughput_is_found_whatever_the_command_was() {
    let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
        \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
        \"PUT a\",\"b\",\"104166.67\",\"0.260\",\"0.080\",\"0.255\",\"0.351\",\"0.463\",\"1.2\"\n";
    assert_eq!(throughput(csv), Ok(104_166.67));
    assert!(throughput("Error: Connection refused").is_err());
    assert!(throughput("").is_err());
}

#[test]
fn a_request_is_said_in_the_words_of_each_server() {
    let mut said = Vec::new();
    let ask = Ask::Put(b"key", b"0123456789");
    for dialect in [Dialect::Framed, Dialect::Redis, Dialect::Lines] {
        assert_eq!(ask.say(dialect, &mut said), 1);
    }
    let expected = "*3\r\n$3\r\nPUT\r\n$3\r\nkey\r\n$10\r\n0123456789\r\n\
        *3\r\n$5\r\nRPUSH\r\n$3\r\nkey\r\n$10\r\n0123456789\r\nPUT:key:0123456789\n";
    assert_eq!(String::from_utf8(said).unwrap(), expected);
}

#[test]
fn keys_are_those_of_the_other_generator_and_none_is_left_out() {
    assert_eq!(&key(1_234_567), b"key:000001234567");
    for len in [0, 1, 2, 9, 10, 1000, 1023] {
        let mut visited: Vec<u64> = scattered(5..5 + len).collect();
        visited.sort_unstable();
        let all: Vec<u64> = (5..5 + len).collect();
        assert_eq!(visited, all);
    }
    let mut picked: Vec<u64> = (0..10_000).map(|number| random(number, 1000)).collect();
    picked.sort_unstable();
    picked.dedup();
    assert!(
        picked.len() > 990 && picked.last() < Some(&1000),
        "{}",
        picked.len()
    );
}

#[test]
fn a_folder_goes_with_its_holder_and_lies_on_the_file_system_of_its_place() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = Folder::new(place).unwrap();
    let path = folder.path().to_owned();
    fs::create_dir(path.join("below")).unwrap();
    fs::write(path.join("below/file"), "data").unwrap();
    assert_ne!(Folder::new(place).unwrap().path(), path);
    drop(folder);
    assert!(!path.exists(), "{} is left", path.display());
    assert!(Folder::new(Path::new("/no/such/place")).is_err());

    let mounts = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        28 27 0:25 / /a/b rw - tmpfs none rw\n29 27 0:26 / /a rw - xfs /dev/b rw\n";
    let kind = |path| kind_of(mounts, Path::new(path));
    assert_eq!(kind("/a/b/c").as_deref(), Some("tmpfs"));
    assert_eq!(kind("/a/bc").as_deref(), Some("xfs"));
    assert_eq!(kind("/b").as_deref(), Some("ext4"));
    assert_eq!(kind_of("", Path::new("/b")), None);
}

#[test]
fn how_often_data_was_written_anew_is_seen_by_the_names_of_files() {
    let folder = Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let side = |kind| Side {
        kind,
        path: PathBuf::new(),
        name: String::new(),
    };
    let make = |name: &str| fs::write(folder.path().join(name), "").unwrap();
    assert_eq!(written_anew(&side(Kind::Kvmsgd), &folder), 0);
    let names = [
        "snapshot-7",
        "snapshot-12",
        "snapshot-99.new",
        "journal-200",
    ];
    names.into_iter().for_each(make);
    assert_eq!(written_anew(&side(Kind::Kvmsgd), &folder), 12);
    fs::create_dir(folder.path().join("appendonlydir")).unwrap();
    let names = ["2.base.rdb", "3.incr.aof", "manifest"];
    let names = names.map(|name| format!("appendonlydir/appendonly.aof.{name}"));
    names.iter().for_each(|name| make(name));
    assert_eq!(written_anew(&side(Kind::Redis), &folder), 2);
}

#[test]
fn a_child_that_does_not_end_is_ended() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo begun; exec tail -f /dev/null"]);
    let child = Child::start(command.stdout(Stdio::piped())).unwrap();
    let proc = format!("/proc/{}", child.pid());
    assert!(Path::new(&proc).exists());
    let ended = child.finish(Duration::from_millis(50)).unwrap_err();
    assert!(ended.contains("has not ended"), "{ended}");
    assert!(!Path::new(&proc).exists());
}

#[test]
fn what_a_child_prints_and_that_it_fails_is_known() {
    let finish = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        Child::start(&mut command)?.finish(Duration::from_secs(60))
    };
    assert_eq!(finish("echo told"), Ok("told\n".to_owned()));
    // More than a pipe holds.
    let much = finish("head -c 300000 /dev/zero | tr '\\0' x");
    assert_eq!(much.map(|output| output.len()), Ok(300_000));
    assert!(finish("exit 3").unwrap_err().contains('3'));
    assert!(Child::start(&mut Command::new("/no/such/program")).is_err());
}
