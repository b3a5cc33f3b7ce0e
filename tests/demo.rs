//! Runs the demonstration, and holds what the README shows of it to what it prints.

#[path = "common/tools.rs"]
mod tools;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tools::tool;

const TOP: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = "README.md";

/// Figures that differ from run to run, by what stands before them on their line.
const FIGURES: [&str; 2] = ["kvmsgd: listening on 127.0.0.1:", "Requests answered: "];

#[test]
fn the_readme_shows_what_the_demonstration_prints() {
    if tool("sh").is_none() || tool("mkfifo").is_none() || tool("mktemp").is_none() {
        return;
    }
    let built = Path::new(env!("CARGO_BIN_EXE_kvmsgd"))
        .parent()
        .expect("a folder holds it");
    let mut demo = Command::new(Path::new(TOP).join("etc/demo.sh"));
    demo.arg(built)
        .stdin(Stdio::null())
        .env_remove("KVMSG_SERVER");
    let output = demo.output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("it prints text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{said}\n{errors}"
    );

    let path = Path::new(TOP).join(README);
    let readme = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{README}: {error}"));
    let (_, rest) = readme
        .split_once("\netc/demo.sh target/release\n")
        .expect("it is shown");
    let (shown, _) = rest.split_once("```").expect("it ends");
    assert_eq!(plain(shown), plain(&said), "{README}");
}

/// The text without the figures that differ from run to run.
fn plain(text: &str) -> String {
    let line = |line: &str| {
        let start = FIGURES.iter().find(|start| line.starts_with(**start));
        start.map_or(line, |start| start).to_owned() + "\n"
    };
    text.lines().map(line).collect()
}
