//! Completes command lines in real shells with the scripts that kvmsg-cli writes for them.

mod common;

use common::cli::{cli, run};
use common::terminal::{Home, Terminal};
use common::tools::tool;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The script for a shell. That asks no server: there is none at this address.
fn script(shell: &str) -> String {
    let mut command = cli("127.0.0.1:1");
    command.args(["completions", shell]);
    let ran = run(command, "");
    ran.is(0, &ran.out, "");
    String::from_utf8(ran.out).expect("it is text")
}

fn help(args: &[&str]) -> String {
    let mut command = cli("127.0.0.1:1");
    command.arg("help").args(args);
    String::from_utf8(run(command, "").out).expect("it is text")
}

/// The flags in a help, if there are any.
fn flags(help: &str) -> Vec<String> {
    let (_, flags) = help.split_once("\nFlags:\n").unwrap_or_default();
    let lines = flags.lines().take_while(|line| !line.is_empty());
    let words = lines.flat_map(|line| line.split_whitespace().take(2));
    let words = words.map(|word| word.trim_end_matches(',').to_owned());
    words.filter(|word| word.starts_with('-')).collect()
}

/// The verbs that the help lists.
fn verbs() -> Vec<String> {
    let help = help(&[]);
    let (_, verbs) = help.split_once("\nVerbs:\n").expect("it lists them");
    let lines = verbs.lines().take_while(|line| !line.is_empty());
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.map(str::to_owned).collect()
}

/// What bash offers for the last of these words, cut as readline cuts them.
fn bash(script: &Path, words: &[&str]) -> Vec<String> {
    let source = "source \"$1\"; COMP_WORDS=(\"${@:2}\"); COMP_CWORD=$(($# - 2)); compopt() { :; }
        _kvmsg_cli; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = Command::new("bash");
    command
        .args(["-c", source, "bash"])
        .arg(script)
        .arg("kvmsg-cli")
        .args(words);
    shown(&mut command)
}

/// The words that a command prints, each at the beginning of a line, in order.
fn shown(command: &mut Command) -> Vec<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the shell runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let words = text.lines().filter_map(|line| line.split('\t').next());
    let mut words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort();
    words
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

#[test]
fn bash_completes_verbs_and_the_flags_of_each() {
    let Some(_) = tool("bash") else { return };
    let home = Home::new();
    let path = home.path.join("script");
    fs::write(&path, script("bash")).expect("a file can be written");
    let offered = |words: &[&str]| bash(&path, words);
    assert_eq!(offered(&[""]), sorted(verbs()));
    assert_eq!(offered(&["be"]), ["bench"]);
    assert_eq!(offered(&["help", ""]), sorted(verbs()));
    assert_eq!(offered(&["completions", ""]), ["bash", "fish", "zsh"]);
    assert_eq!(offered(&["completions", "bash", ""]), [""; 0]);
    // Keys are the server's, and values anybody's.
    assert_eq!(offered(&["get", ""]), [""; 0]);
    assert_eq!(offered(&["put", "k", ""]), [""; 0]);
    // Words that belong to a flag are no verbs, however readline cuts them.
    for before in [
        &["-s", "get"][..],
        &["-s", "h", ":", "1"],
        &["--timeout", "=", "5", "-q"],
    ] {
        assert_eq!(
            offered(&[before, &["be"]].concat()),
            ["bench"],
            "{before:?}"
        );
    }
    for value in [
        &["-s", ""][..],
        &["-s", "h", ":"],
        &["-s", "h", ":", "8"],
        &["--since", "="],
    ] {
        assert_eq!(offered(value), [""; 0], "{value:?}");
    }
    let general = flags(
        help(&[])
            .split("\nVerbs:\n")
            .next()
            .expect("flags stand above"),
    );
    for verb in verbs() {
        let own = flags(&help(&[&verb]));
        let expected = sorted([&general[..], &own].concat());
        assert_eq!(offered(&[&verb.to_uppercase(), "-"]), expected, "{verb}");
    }
    let cursor = path.to_str().expect("a path of ours is text");
    let part = &cursor[..cursor.len() - 2];
    assert_eq!(offered(&["watch", "--cursor-file", part]), [cursor]);
    assert_eq!(offered(&["watch", "--cursor-file", "=", part]), [cursor]);
    assert_eq!(offered(&["backup", part]), [cursor]);
    assert_eq!(
        offered(&["watch", "--exec", "--", "kvmsg-no-such-comm"]),
        [""; 0]
    );
    assert!(offered(&["watch", "--exec", "--", "bas"]).contains(&"bash".to_owned()));
}

#[test]
fn the_script_for_bash_is_clean() {
    let Some(shellcheck) = tool("shellcheck") else {
        return;
    };
    let home = Home::new();
    let path = home.path.join("script");
    fs::write(&path, script("bash")).expect("a file can be written");
    let mut command = Command::new(shellcheck);
    assert_eq!(shown(command.args(["-s", "bash"]).arg(&path)), [""; 0]);
}

/// Opens a shell in a terminal; no settings of anybody's are read.
fn open<'a>(tmux: &Path, home: &'a Home, shell: &str) -> Terminal<'a> {
    let program = Path::new(env!("CARGO_BIN_EXE_kvmsg-cli"));
    let folder = program.parent().expect("it lies in a folder").display();
    let path = format!(
        "PATH={folder}:{}",
        std::env::var("PATH").expect("it is text")
    );
    let run = format!("exec {shell}");
    let terminal = Terminal::open_with(tmux, home, 80, &[], &[&path, "PS1=> ", "sh", "-c", &run]);
    terminal.wait_for_prompt();
    terminal
}

/// Types the beginning of a line, and Tab; waits until it is complete.
fn complete(terminal: &Terminal, typed: &str, completed: &str) {
    terminal.wait_for_prompt();
    terminal.write(typed);
    terminal.press(&["Tab"]);
    terminal.wait_for_end(&[&format!("> {completed}")]);
    terminal.press(&["C-c"]);
}

/// What each of the shells must complete on a terminal.
const TYPED: [(&str, &str); 4] = [
    ("kvmsg-cli com", "kvmsg-cli completions"),
    (
        "kvmsg-cli -s localhost:1 upd",
        "kvmsg-cli -s localhost:1 update",
    ),
    ("kvmsg-cli bench --key", "kvmsg-cli bench --keyspace"),
    ("kvmsg-cli help dum", "kvmsg-cli help dump"),
];

#[test]
fn bash_completes_what_is_typed_on_a_terminal() {
    let (Some(tmux), Some(_)) = (tool("tmux"), tool("bash")) else {
        return;
    };
    let home = Home::new();
    fs::write(home.path.join("script"), script("bash")).expect("a file can be written");
    let terminal = open(&tmux, &home, "bash --norc --noprofile -i");
    terminal.enter("source ./script");
    for (typed, completed) in TYPED {
        complete(&terminal, typed, completed);
    }
}

#[test]
fn zsh_completes_what_is_typed_on_a_terminal() {
    let (Some(tmux), Some(_)) = (tool("tmux"), tool("zsh")) else {
        return;
    };
    let home = Home::new();
    fs::write(home.path.join("_kvmsg-cli"), script("zsh")).expect("a file can be written");
    let terminal = open(&tmux, &home, "zsh -f -i");
    terminal.enter("fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D");
    for (typed, completed) in TYPED {
        // It says what it takes for a value.
        let completed = completed.replace("--keyspace", "--keyspace=");
        complete(&terminal, typed, &completed);
    }
    complete(
        &terminal,
        "kvmsg-cli completions f",
        "kvmsg-cli completions fish",
    );
    let (typed, completed) = (
        "watch --exec -- zsh --versi",
        "watch --exec -- zsh --version",
    );
    complete(
        &terminal,
        &format!("kvmsg-cli {typed}"),
        &format!("kvmsg-cli {completed}"),
    );
    // It may also be sourced.
    let terminal = open(&tmux, &home, "zsh -f -i");
    terminal.enter("autoload -Uz compinit; compinit -u -D; source ./_kvmsg-cli");
    complete(&terminal, "kvmsg-cli benc", "kvmsg-cli bench");
}

#[test]
fn fish_completes_verbs_and_the_flags_of_each() {
    let Some(fish) = tool("fish") else { return };
    let home = Home::new();
    let path = home.path.join("script");
    fs::write(&path, script("fish")).expect("a file can be written");
    let offered = |line: &str| {
        let source = format!("source {}; complete -C 'kvmsg-cli {line}'", path.display());
        let mut command = Command::new(&fish);
        command
            .env("HOME", &home.path)
            .env("XDG_CONFIG_HOME", &home.path);
        shown(command.args(["--no-config", "-c", &source]))
    };
    assert_eq!(offered(""), sorted(verbs()));
    assert_eq!(offered("be"), ["bench"]);
    assert_eq!(offered("-s h:1 be"), ["bench"]);
    assert_eq!(offered("--timeout=1 -q be"), ["bench"]);
    assert_eq!(offered("help "), sorted(verbs()));
    assert_eq!(offered("completions "), ["bash", "fish", "zsh"]);
    assert_eq!(offered("get "), [""; 0]);
    assert_eq!(offered("-s "), [""; 0]);
    assert_eq!(offered("LIST --val"), ["--values"]);
    assert_eq!(offered("get --val"), [""; 0]);
    for verb in verbs() {
        let offered = offered(&format!("{verb} --"));
        for flag in flags(&help(&[&verb])) {
            let is_offered = offered.contains(&flag) || flag.len() == 2;
            assert!(is_offered, "{flag} of {verb}: {offered:?}");
        }
    }
    assert!(offered("watch --exec -- bas").contains(&"bash".to_owned()));
}

#[test]
fn every_verb_and_flag_is_in_every_script() {
    let all: Vec<String> = verbs()
        .iter()
        .flat_map(|verb| flags(&help(&[verb])))
        .collect();
    assert!(all.contains(&"--watchers".to_owned()), "{all:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = script(shell);
        let words: Vec<&str> = script
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .collect();
        for word in verbs().iter().chain(&all) {
            // In fish dashes are not written.
            let bare = word.trim_start_matches('-');
            assert!(
                words.contains(&&word[..]) || words.contains(&bare),
                "{word} for {shell}"
            );
        }
    }
    let mut command = cli("127.0.0.1:1");
    command.args(["completions", "tcsh"]);
    run(command, "").fails("there are no completions for \"tcsh\", but for bash, zsh and fish");
}
