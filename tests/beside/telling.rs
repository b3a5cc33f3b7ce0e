//! How a run is told: its verdicts, its table, its JSON, and what is wrong with how it was asked.

use crate::bench::missing;
use crate::figures::Rounds;
use crate::finding::{Finding, Goal};
use crate::options::{self, Asked};
use crate::report::{COLUMNS, Heading, Measured, grouped, json, markdown, rounded};
use crate::rows::{ROWS, choose};
use crate::{form, plot};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

fn finding(ours: &[f64], theirs: &[f64], goal: Goal) -> Finding {
    Finding {
        measure: "throughput".into(),
        unit: "requests/s",
        rounds: Rounds {
            ours: ours.to_vec(),
            theirs: theirs.to_vec(),
        },
        beside: "redis-server".into(),
        at: None,
        floor: None,
        goal,
    }
}

#[test]
fn a_goal_is_held_against_the_median_of_the_ratios() {
    let verdict = |goal| finding(&[10.0, 12.0, 30.0], &[10.0, 10.0, 10.0], goal).verdict();
    assert_eq!(verdict(Goal::AtLeast(1.2, None)), "met");
    assert_eq!(verdict(Goal::AtLeast(1.3, Some(1.4))), "not met");
    assert_eq!(verdict(Goal::AtLeast(1.0, Some(1.1))), "met, stretch too");
    assert_eq!(verdict(Goal::AtMost(1.0, None)), "not met");
    assert_eq!(verdict(Goal::AtMost(1.3, Some(1.1))), "met");
    assert_eq!(verdict(Goal::None), "");
}

#[test]
fn a_figure_can_be_a_goal_itself_and_nothing_measured_is_no_success() {
    let verdict = |ours: &[f64], theirs: &[f64], goal| finding(ours, theirs, goal).verdict();
    assert_eq!(verdict(&[0.4], &[], Goal::Below(1.0)), "met");
    assert_eq!(verdict(&[1.4], &[2.0], Goal::Below(1.0)), "not met");
    assert_eq!(verdict(&[], &[], Goal::Below(1.0)), "not met");
    assert_eq!(verdict(&[1.0], &[], Goal::AtLeast(1.0, None)), "not met");
}

fn rows() -> Vec<Measured> {
    let mut slow = finding(&[10.0, 11.0], &[10.0, 10.0], Goal::AtLeast(1.2, None));
    slow.floor = Some(2_000_000.0);
    let alone = finding(&[0.25], &[], Goal::Below(1.0));
    let known = finding(&[7.0], &[], Goal::None);
    vec![
        Measured {
            name: "put-1",
            work: "PUT, 1 in flight",
            outcome: Ok(vec![slow, alone, known]),
        },
        Measured {
            name: "idle",
            work: "idle clients",
            outcome: Err("no | server\nat all".into()),
        },
    ]
}

#[test]
fn the_tables_have_a_line_for_each_finding_and_for_each_failure() {
    let heading = Heading {
        date: "2026-11-25".into(),
        machine: "2 processors".into(),
        command: "make bench".into(),
        form: "Quick form.".into(),
        versions: "redis-server 7".into(),
    };
    let expected = format!(
        "`make bench`, 2026-11-25, 2 processors; redis-server 7.\nQuick form.\n\n{COLUMNS}\
        | put-1 | PUT, 1 in flight | throughput, requests/s | 10.5 | \
        redis-server 10.0, floor 2,000,000 | 1.05 (1.00 to 1.10) | >= 1.2 | not met |\n\
        |  |  | throughput, requests/s | 0.250 |  |  | < 1 requests/s | met |\n\
        | idle | idle clients | failed: no   server at all | | | | | |\n\n\
        Measured too, without a goal:\n\n{COLUMNS}\
        | put-1 | PUT, 1 in flight | throughput, requests/s | 7.00 |  |  |  |  |\n"
    );
    assert_eq!(markdown(&heading, &rows()), expected);
}

#[test]
fn the_json_has_every_row_and_every_round() {
    let json = json(&Heading::default(), &rows());
    assert_eq!(json["rows"][0]["row"], "put-1");
    let found = &json["rows"][0]["findings"][0];
    assert_eq!(found["rounds"]["ours"][1], 11.0);
    assert_eq!(found["met"], false);
    assert_eq!(json["rows"][0]["findings"][1]["theirs"], Value::Null);
    assert_eq!(json["rows"][1]["error"], "no | server\nat all");
}

#[test]
fn figures_have_as_many_digits_as_can_be_read() {
    let figures = [0.1234, 1.234, 12.34, 123.4, 1234.5, 1_234_567.0];
    let texts: Vec<String> = figures.into_iter().map(rounded).collect();
    let expected = ["0.123", "1.23", "12.3", "123", "1,234", "1,234,567"];
    assert_eq!(texts, expected);
    assert_eq!(rounded(f64::NAN), "NaN");
    assert_eq!(grouped("-123456.5"), "-123,456.5");
}

#[test]
fn a_plot_is_drawn_of_both_kinds_of_growth_or_not_at_all() {
    let growth = |name, sizes: [u64; 2]| Measured {
        name,
        work: "",
        outcome: Ok(sizes
            .map(|at| Finding {
                at: Some(at),
                ..finding(&[1.0], &[2.0], Goal::None)
            })
            .into()),
    };
    let mut rows = vec![growth("growth-clients", [10, 100])];
    assert_eq!(plot::draw(&Heading::default(), &rows), Ok(None));
    rows.push(growth("growth-keys", [10_000, 10_000_000]));
    let svg = plot::draw(&Heading::default(), &rows).unwrap().unwrap();
    for text in ["<svg", "10,000,000", "redis-server", "kvmsgd", "</svg>"] {
        assert!(svg.contains(text), "no {text} in {svg}");
    }
}

fn names(words: &[&str]) -> Result<Vec<&'static str>, String> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let rows = choose(&words)?;
    Ok(rows.iter().map(|row| row.name).collect())
}

#[test]
fn rows_are_chosen_by_name_or_by_how_it_begins() {
    assert_eq!(names(&["get-1"]), Ok(vec!["get-1"]));
    assert!(names(&["put"]).unwrap().contains(&"put-64"));
    assert_eq!(names(&[]).unwrap().len(), ROWS.len());
    assert!(names(&["pu"]).unwrap_err().contains("put-16"));
    for row in ROWS {
        let same = ROWS.iter().filter(|other| other.name == row.name).count();
        assert_eq!(same, 1, "{} is the name of several rows", row.name);
    }
}

#[test]
fn the_command_line_chooses_form_programs_and_rows() {
    let read = |args: &[&str]| options::read(args.iter().map(OsString::from));
    let args = [
        "--bench",
        "--full",
        "--kvmsgd",
        "/a/kvmsgd",
        "--against",
        "/b",
        "--own-load",
        "put",
        "idle",
    ];
    let Ok(Asked::Measure(options)) = read(&args) else {
        panic!("{args:?} asks for a run");
    };
    assert_eq!(options.form.name, form::FULL.name);
    assert_eq!(options.kvmsgd.as_deref(), Some(Path::new("/a/kvmsgd")));
    assert_eq!(options.against.as_deref(), Some(Path::new("/b")));
    assert!(options.own_load);
    assert_eq!(options.rows, ["put", "idle"]);
    assert!(matches!(read(&["--help"]), Ok(Asked::Print(text)) if text.contains("--tiny")));
    assert!(read(&["--fulll"]).unwrap_err().contains("--fulll"));
}

#[test]
fn what_is_missing_is_named_with_what_to_install() {
    assert_eq!(missing(true, |_| true), None);
    let missing_all = missing(true, |_| false).unwrap();
    for package in ["redis-server", "redis-tools", "gcc"] {
        assert!(
            missing_all.contains(&format!("install {package}")),
            "{missing_all}"
        );
    }
    let without_redis = missing(false, |tool| tool != "redis-server");
    assert_eq!(without_redis, None, "two builds are compared without it");
}

#[test]
fn the_readme_shows_every_row_that_has_a_goal() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once(COLUMNS).expect("there is a table");
    let lines = table.lines().take_while(|line| line.starts_with('|'));
    let names = lines.filter_map(|line| line.split('|').nth(1).map(str::trim));
    let shown: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let rows = ROWS.iter().map(|row| row.name);
    let expected: Vec<&str> = rows.filter(|name| !name.starts_with("growth-")).collect();
    assert_eq!(shown, expected);
}
