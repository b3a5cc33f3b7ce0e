//! Runs every row once, in the form that takes seconds, so that none of them rots.

use crate::rows::ROWS;
use crate::run::run;
use crate::tools::tool;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

#[test]
fn every_row_is_measured_and_kept() {
    if tool("redis-server").is_none() || tool("redis-benchmark").is_none() || tool("cc").is_none() {
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside");
    let _ = fs::remove_dir_all(&out);
    let plot = out.join("a-plot.svg");
    let args = [
        "--tiny".into(),
        "--plot".into(),
        plot.clone().into_os_string(),
    ];
    let done = run(args.into_iter(), env!("CARGO_BIN_EXE_kvmsgd"), &out);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    let (table, json) = (read("beside.md"), read("beside.json"));
    assert_eq!(done, Ok(true), "{table}");

    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let rows = json["rows"].as_array().expect("there are rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["row"].as_str()).collect();
    let expected: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names, expected);
    for row in rows {
        let findings = row["findings"].as_array().expect("a row finds something");
        assert!(!findings.is_empty(), "{row}");
        for finding in findings {
            // Memory may shrink while so little is put into it; all else is more than nothing.
            let ours = finding["ours"].as_f64().expect("a figure is a number");
            assert!(
                ours > 0.0 || finding["measure"].to_string().contains("memory"),
                "{row}"
            );
        }
        assert!(table.contains(&format!("\n| {} | ", row["row"].as_str().unwrap_or("?"))));
    }
    assert_eq!(folders_in(&out), 0, "data of servers is left");
    assert!(table.contains(", data on "), "{table}");
    assert!(fs::read_to_string(plot).is_ok_and(|svg| svg.contains("<svg")));
}

#[test]
fn our_own_generator_can_make_the_load_of_put_and_get() {
    if tool("redis-server").is_none() || tool("redis-benchmark").is_none() || tool("cc").is_none() {
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside-own");
    let args = ["--tiny", "--own-load", "put", "get", "get8"].map(OsString::from);
    let done = run(args.into_iter(), env!("CARGO_BIN_EXE_kvmsgd"), &out);
    let table = fs::read_to_string(out.join("beside.md")).unwrap_or_default();
    assert_eq!(done, Ok(true), "{table}");
    for command in ["OWN=1", "| put-64k |", "| get8-16 |", "floor"] {
        assert!(table.contains(command), "no {command} in {table}");
    }
}

#[test]
fn a_row_that_is_not_there_is_named_before_anything_is_started() {
    let args = [OsString::from("put-2")];
    let told = run(args.into_iter(), "/no/kvmsgd", Path::new("/no/such/place"));
    assert!(
        told.as_ref().is_err_and(|error| error.contains("put-2")),
        "{told:?}"
    );
}

#[test]
fn a_server_that_does_not_start_fails_its_row_and_no_more() {
    if tool("redis-server").is_none() || tool("redis-benchmark").is_none() || tool("cc").is_none() {
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside-fails");
    let args = ["--tiny", "--kvmsgd", "/bin/false", "start", "durable"].map(OsString::from);
    assert_eq!(run(args.into_iter(), "unused", &out), Ok(false));
    let table = fs::read_to_string(out.join("beside.md")).expect("the table is kept");
    assert_eq!(table.matches("| failed: /bin/false").count(), 9, "{table}");
    assert_eq!(folders_in(&out), 0, "data of servers is left");
}

/// How many folders there are.
fn folders_in(place: &Path) -> usize {
    let entries = fs::read_dir(place).expect("it is there").flatten();
    entries.filter(|entry| entry.path().is_dir()).count()
}
