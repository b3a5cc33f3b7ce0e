//! Checks single files: their docs, their width and length, what must not be left in them.

use crate::source::{File, code, tokens};

/// The widest line, in columns; a tab fills up to the next multiple of eight.
const COLUMNS_MAX: usize = 100;
/// The longest file, in lines.
const LINES_MAX: usize = 400;

/// What is meant to go away again. Written in two halves, for this file too is searched.
const LEFTOVERS: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!"),
    concat!("dbg", "!"),
    concat!("unimplemented", "!"),
    concat!("#[", "ignore"),
];

/// Words of code, and the only places where they may stand.
const RESERVED: [(&str, &[&str]); 9] = [
    ("lexopt", &["src/flags"]),
    ("figment", &["src/config"]),
    ("signal_hook", &["src/bin/"]),
    ("signal_hook_async_std", &["src/bin/"]),
    ("exit", &["src/bin/"]),
    ("print", &["src/bin/"]),
    ("println", &["src/bin/"]),
    ("eprint", &["src/bin/"]),
    ("eprintln", &["src/bin/"]),
];

/// Modules that neither wait, nor talk to the system, nor have a clock.
const PURE: [&str; 4] = ["src/list", "src/store", "src/feed", "src/protocol/"];
/// Words of code that those modules do without.
const IMPURE: [&str; 10] = [
    "async",
    "await",
    "smol",
    "async_net",
    "async_channel",
    "net",
    "fs",
    "Instant",
    "SystemTime",
    "thread",
];

/// A Rust file begins with its module's doc.
pub(crate) fn undocumented(file: &File) -> Option<String> {
    let documented = file.text.starts_with("//! ");
    (!documented).then(|| format!("{}: does not begin with a module doc", file.path))
}

/// Lines that are too wide.
pub(crate) fn wide(file: &File) -> Vec<String> {
    let wide = |&(_, line): &(usize, &str)| columns(line) > COLUMNS_MAX;
    let lines = file.text.lines().enumerate().filter(wide);
    lines
        .map(|(at, line)| format!("{}:{}: {} columns", file.path, at + 1, columns(line)))
        .collect()
}

fn columns(line: &str) -> usize {
    line.chars().fold(
        0,
        |sum, c| if c == '\t' { sum / 8 * 8 + 8 } else { sum + 1 },
    )
}

/// A file that is too long.
pub(crate) fn long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > LINES_MAX).then(|| format!("{}: {lines} lines", file.path))
}

/// Lines that end in blanks, and a file that does not end with a line.
pub(crate) fn ragged(file: &File) -> Vec<String> {
    let ragged = |&(_, line): &(usize, &str)| line.ends_with([' ', '\t', '\r']);
    let lines = file.text.lines().enumerate().filter(ragged);
    let mut faults: Vec<String> = lines
        .map(|(at, _)| format!("{}:{}: ends in a blank", file.path, at + 1))
        .collect();
    if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
        faults.push(format!("{}: does not end with one line end", file.path));
    }
    faults
}

/// What somebody meant to come back to.
pub(crate) fn leftovers(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let left = LEFTOVERS.iter().filter(|leftover| has_word(line, leftover));
        faults.extend(left.map(|leftover| format!("{}:{}: {leftover}", file.path, at + 1)));
    }
    faults
}

/// Whether `word` stands in `line`, and not within a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    })
}

/// Words of the library's code where they have no business.
pub(crate) fn misplaced(file: &File) -> Vec<String> {
    let pure = PURE.iter().any(|place| file.path.starts_with(place));
    let code = code(&file.text);
    let mut faults = Vec::new();
    for (line, word) in tokens(&code) {
        let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == word);
        let elsewhere = reserved
            .is_some_and(|(_, places)| !places.iter().any(|place| file.path.starts_with(place)));
        if elsewhere || (pure && IMPURE.contains(&word)) {
            faults.push(format!(
                "{}:{line}: `{word}` does not belong here",
                file.path
            ));
        }
    }
    faults
}

/// Tests that wait for a time instead of for what they test.
///
/// Where a client is slow because that is the test, the line says so in a comment.
pub(crate) fn sleeps(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let lines: Vec<&str> = file.text.lines().collect();
    let silent = |line: usize| !lines[line - 1].contains("; // ");
    let sleeps = tokens(&code).into_iter();
    let sleeps = sleeps.filter(|&(line, word)| word == "sleep" && silent(line));
    let fault = |(line, _)| format!("{}:{line}: sleeps and does not say why", file.path);
    sleeps.map(fault).collect()
}

/// The tools that tests ask for by `tool` and `tool_that`, as `tests/skipped` finds them.
pub(crate) fn tools(file: &File) -> Vec<&str> {
    let calls = ["tool(\"", "tool_that(\""].map(|call| file.text.split(call).skip(1));
    let tools = calls.into_iter().flatten();
    tools.filter_map(|rest| rest.split('"').next()).collect()
}

/// The tools among these that a script of CI's does not install, one a line as `tool:package`.
pub(crate) fn not_installed(tools: &[&str], script: &str) -> Vec<String> {
    let installs = |tool: &str| {
        let mut lines = script.lines();
        lines.any(|line| {
            line.trim()
                .strip_prefix(tool)
                .is_some_and(|rest| rest.starts_with(':'))
        })
    };
    let missing = tools.iter().filter(|tool| !installs(tool));
    missing
        .map(|tool| format!(".ci/run does not install {tool}"))
        .collect()
}

#[cfg(test)]
fn file(text: &str) -> File {
    File::new("src/store.rs", text)
}

#[test]
fn a_missing_doc_is_found() {
    assert_eq!(undocumented(&file("//! Does.\n")), None);
    assert!(undocumented(&file("// Does.\n")).is_some());
    assert!(undocumented(&file("use x;\n//! Does.\n")).is_some());
}

#[test]
fn a_wide_line_is_found() {
    assert_eq!(wide(&file(&"é".repeat(100))), [""; 0]);
    assert_eq!(
        wide(&file(&format!("\n{}", "é".repeat(101)))),
        ["src/store.rs:2: 101 columns"]
    );
    assert_eq!(
        wide(&file(&format!("a\t{}", "b".repeat(93)))),
        ["src/store.rs:1: 101 columns"]
    );
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(long(&file(&"\n".repeat(400))), None);
    assert!(long(&file(&"\n".repeat(401))).is_some());
}

#[test]
fn ragged_ends_are_found() {
    assert_eq!(ragged(&file("a\n\nb\n")), [""; 0]);
    assert_eq!(ragged(&file("a \n\nb\t\n")).len(), 2);
    assert_eq!(ragged(&file("a")).len(), 1);
    assert_eq!(ragged(&file("a\n\n")).len(), 1);
}

#[test]
fn leftovers_are_found() {
    for leftover in LEFTOVERS {
        assert_eq!(
            leftovers(&file(&format!("\na {leftover}: b"))).len(),
            1,
            "{leftover}"
        );
        assert_eq!(
            leftovers(&file(&format!("a{leftover}a"))),
            [""; 0],
            "{leftover}"
        );
    }
}

#[test]
fn words_out_of_place_are_found() {
    assert_eq!(
        misplaced(&file("// println\nfn f(printing: &str) { \"async\" }")),
        [""; 0]
    );
    for word in RESERVED
        .map(|reserved| reserved.0)
        .into_iter()
        .chain(IMPURE)
    {
        assert_eq!(misplaced(&file(&format!("\n{word}::x"))).len(), 1, "{word}");
    }
    let printing = "println!()";
    assert_eq!(
        misplaced(&File::new("src/bin/kvmsgd.rs", printing)),
        [""; 0]
    );
    assert_eq!(misplaced(&File::new("src/server.rs", printing)).len(), 1);
    assert_eq!(
        misplaced(&File::new("src/server.rs", "async fn f() {}")),
        [""; 0]
    );
}

#[test]
fn a_tool_that_nobody_installs_is_found() {
    let call = |name: &str, rest: &str| format!("{name}(\"{rest}");
    let text = call("tool", "mandoc\")") + &call("tool_that", "nc\", &[])");
    let file = file(&text);
    assert_eq!(tools(&file), ["mandoc", "nc"]);
    assert_eq!(
        not_installed(&["mandoc", "nc"], "\tmandoc:mandoc\n\tnc:netcat\n"),
        [""; 0]
    );
    assert_eq!(
        not_installed(&["nc"], "\tncat:ncat\n"),
        [".ci/run does not install nc"]
    );
}

#[test]
fn sleeping_tests_are_found() {
    assert_eq!(sleeps(&file("// sleep\nfn asleep() {}")), [""; 0]);
    assert_eq!(sleeps(&file("thread::sleep(x); // a slow client")), [""; 0]);
    assert_eq!(sleeps(&file("\n// no\nthread::sleep(x);")).len(), 1);
}
