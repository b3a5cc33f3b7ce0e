//! Holds the tree to its own rules: the layers, docs, width, leftovers, the manual pages.
//!
//! Each check is a function over text with tests of its own, which show that it can fail.

#![forbid(unsafe_code)]

mod layers;
mod manual;
mod source;
mod text;

use manual::Words;
use source::File;
use std::fs;
use std::process::Command;

/// All that is written by hand and kept in lines, but prose.
const WRITTEN: [&str; 8] = [
    "src",
    "tests",
    "benches",
    "man",
    "etc",
    ".ci",
    "Makefile",
    "kvmsg.toml",
];
const PROSE: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
/// Flags that set no key.
const FLAGS: [&str; 11] = [
    "-c",
    "--config",
    "-l",
    "--check",
    "--print-config",
    "--repair",
    "--restore",
    "-h",
    "--help",
    "-V",
    "--version",
];

fn source_files(place: &str) -> Vec<File> {
    source::files(&[place])
        .into_iter()
        .filter(File::is_rust)
        .collect()
}

fn library() -> Vec<File> {
    source_files("src")
        .into_iter()
        .filter(|file| !file.path.starts_with("src/bin/"))
        .collect()
}

#[track_caller]
fn assert_none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn modules_import_only_what_stands_above_them() {
    assert_none(layers::faults(&library()));
    assert_none(layers::code_in_root(
        &source::files(&["src/lib.rs"])[0].text,
    ));
}

#[test]
fn every_file_begins_with_a_module_doc() {
    let files = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(source_files);
    assert_none(files.filter_map(|file| text::undocumented(&file)));
}

#[test]
fn lines_and_files_are_short() {
    let files = source::files(&WRITTEN);
    assert_none(files.iter().flat_map(text::wide));
    // A manual page is as long as its subject.
    let files = files.iter().filter(|file| !file.path.starts_with("man/"));
    assert_none(files.filter_map(text::long));
}

#[test]
fn nothing_is_left_over() {
    let files = source::files(&[&WRITTEN[..], &PROSE[..]].concat());
    assert_none(files.iter().flat_map(text::leftovers));
    assert_none(files.iter().flat_map(text::ragged));
}

#[test]
fn words_stand_where_they_belong() {
    assert_none(source_files("src").iter().flat_map(text::misplaced));
}

#[test]
fn tests_wait_for_what_they_test() {
    // The helpers have the one loop that looks again and again until something is so.
    let files = source_files("tests").into_iter();
    let files = files.filter(|file| !file.path.starts_with("tests/common/"));
    assert_none(files.flat_map(|file| text::sleeps(&file)));
}

#[test]
fn ci_installs_every_tool_that_tests_ask_for() {
    let script = &source::files(&[".ci/run"])[0].text;
    let files = source_files("tests");
    assert_none(
        files
            .iter()
            .flat_map(|file| text::not_installed(&text::tools(file), script)),
    );
}

/// What a program prints, and that it succeeds; the environment is not asked.
fn printed(program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.args(args).env_clear().output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn kvmsgd(args: &[&str]) -> String {
    printed(env!("CARGO_BIN_EXE_kvmsgd"), args)
}

fn cli(args: &[&str]) -> String {
    printed(env!("CARGO_BIN_EXE_kvmsg-cli"), args)
}

/// The help, and that for each verb, which has the flags of that alone.
fn cli_help() -> String {
    let help = cli(&["--help"]);
    let verbs = manual::verbs_of_help(&help);
    let words = verbs.iter().filter_map(|usage| usage.split(' ').next());
    let each = words.map(|word| cli(&["help", word]));
    help.clone() + &each.collect::<String>()
}

fn keys() -> Words {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/kvmsg.toml");
    manual::keys_of_config(&kvmsgd(&["-c", file, "--print-config"]))
}

fn page(name: &str) -> String {
    let path = format!("{}/man/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_key_has_its_flag() {
    let keys = keys();
    let of_keys = keys
        .iter()
        .map(|key| format!("--{}", key.replace('_', "-")));
    let expected: Words = of_keys.chain(FLAGS.map(str::to_owned)).collect();
    let help = manual::flags_of_help(&kvmsgd(&["--help"]));
    assert_none(manual::differences(
        "--help",
        &help,
        "--print-config",
        &expected,
    ));
}

#[test]
fn the_manual_has_every_flag_and_no_other() {
    let daemon = (kvmsgd(&["--help"]), "kvmsgd.8", &["kvmsg.toml.5"][..]);
    let client = (cli_help(), "kvmsg-cli.1", &[][..]);
    for (help, name, others) in [daemon, client] {
        let help = manual::flags_of_help(&help);
        let items = manual::written_out(manual::items(&page(name), "Fl"));
        assert_none(manual::differences("--help", &help, name, &items));
        for name in others.iter().chain([&name]) {
            let mentions = manual::written_out(manual::mentions(&page(name), "Fl"));
            let unknown = mentions.difference(&help);
            assert_none(unknown.map(|flag| format!("{name}: no flag {flag}")));
        }
    }
}

#[test]
fn the_manual_has_every_verb_and_no_other() {
    let help = manual::verbs_of_help(&cli_help());
    assert!(help.contains("put KEY VALUE"), "{help:?}");
    let page = manual::verbs(&page("kvmsg-cli.1"), "Verbs");
    assert_none(manual::differences("--help", &help, "kvmsg-cli.1", &page));
}

#[test]
fn the_manual_has_every_key_and_no_other() {
    let items = manual::items(&page("kvmsg.toml.5"), "Ic");
    assert_none(manual::differences(
        "--print-config",
        &keys(),
        "kvmsg.toml.5",
        &items,
    ));
}

#[test]
fn the_manual_has_every_variable_and_no_other() {
    let of_keys = keys()
        .into_iter()
        .map(|key| format!("KVMSGD_{}", key.to_uppercase()));
    // The last two begin the names that Kubernetes sets, and that are left alone.
    let others = ["KVMSGD_CONFIG", "KVMSGD_PORT", "KVMSGD_SERVICE_"].map(str::to_owned);
    let all: Words = of_keys.chain(others).collect();
    let items = manual::items(&page("kvmsgd.8"), "Ev");
    let items = items
        .into_iter()
        .filter(|name| name.starts_with("KVMSGD_"))
        .collect();
    assert_none(manual::differences(
        "--print-config",
        &all,
        "kvmsgd.8",
        &items,
    ));
    for file in source::files(&["man", "etc", "kvmsg.toml"]) {
        let named = manual::variables(&file.text);
        assert_none(
            named
                .difference(&all)
                .map(|name| format!("{}: no {name}", file.path)),
        );
    }
}
