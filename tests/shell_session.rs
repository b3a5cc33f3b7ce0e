//! Talks through the shell, in a pseudo-terminal, as a person does who asks and is answered.

mod common;

use common::Daemon;
use common::terminal::{Home, Terminal};
use common::tools::tool;
use std::path::Path;

/// The session with which the original is shown, and what it leaves on the screen.
const SESSION: [&str; 7] = [
    "PUT:user:john",
    "PUT:user:alice",
    "GET:user",
    "UPDATE:user:john:johnsmith",
    "GET:user",
    "DELETE:user",
    "GET:user",
];
const SCREEN: &str = "\
> PUT:user:john
Server: OK
> PUT:user:alice
Server: OK
> GET:user
Server: john
alice
> UPDATE:user:john:johnsmith
Server: OK
> GET:user
Server: johnsmith
alice
> DELETE:user
Server: OK
> GET:user
Server: NOT_FOUND
>";

fn play(tmux: &Path, columns: usize) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let address = daemon.address.to_string();
    let terminal = Terminal::open(tmux, &home, columns, &["-s", &address]);
    terminal.wait_for_connection();
    let connected = format!("Connected to KV server at {address}");
    assert!(terminal.lines().join(" ").contains(&connected));
    terminal.wait_for("Available operations:");
    for line in SESSION {
        terminal.enter(line);
    }
    let screen = terminal.lines();
    let rows = SCREEN.lines().flat_map(|line| terminal.rows(line));
    let rows: Vec<String> = rows.collect();
    assert!(screen.ends_with(&rows), "{screen:#?}");
    let operations = screen.iter().filter(|line| line.contains(" - "));
    let verbs: Vec<&str> = operations
        .filter_map(|line| line.split(" - ").next())
        .collect();
    assert_eq!(
        verbs[..4],
        ["  GET    ", "  PUT    ", "  UPDATE ", "  REMOVE "]
    );
    // Nothing was cut by the edge: each verb's line has been broken between words.
    assert!(
        screen.iter().all(|line| line.len() <= columns),
        "{screen:#?}"
    );
}

#[test]
fn the_session_of_the_original_reads_as_it_did() {
    let Some(tmux) = tool("tmux") else { return };
    play(&tmux, 80);
}

#[test]
fn the_session_of_the_original_reads_as_it_did_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    play(&tmux, 40);
}

#[test]
fn both_syntaxes_are_understood_and_values_shown_as_they_are() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    let cases: &[(&str, &[&str])] = &[
        (r#"put user "john smith""#, &["Server: OK"]),
        ("put:user:a:b  c", &["Server: OK"]),
        ("put user it's", &["Server: OK"]),
        (
            "get user",
            &[
                "Server: 1) john smith",
                "        2) a:b  c",
                "        3) it's",
            ],
        ),
        // As the original has it.
        ("GET:user", &["Server: john smith", "a:b  c", "it's"]),
        (
            r#"put lines "one\ntwo\e""#,
            &[r#"Error: the \ at column 20 begins no escape (\\ \" \' \n \r \t \0 \xHH \u{HEX})"#],
        ),
        (r#"put lines "one\ntwo\x1b[2J\n""#, &["Server: OK"]),
        ("put lines gr\u{fc}n", &["Server: OK"]),
        (r#"put lines "\xff\u{202e}""#, &["Server: OK"]),
        (
            "get lines",
            &[
                "Server: 1) one",
                r"         | two\x1b[2J",
                "         |",
                "        2) gr\u{fc}n",
                r"        3) \xff\u{202e}",
            ],
        ),
        (
            "put lines \"",
            &["Error: the \" at column 11 is not closed; type \" where the word ends"],
        ),
        ("update user it's its", &["Server: OK"]),
        ("remove user its", &["Server: OK"]),
        ("remove user its", &["Server: NOT_FOUND"]),
        ("ping", &["Server: PONG"]),
        ("PING:a b", &["Server: a b"]),
        ("", &[]),
        ("   ", &[]),
        (
            "gte user",
            &["Error: unknown verb \"gte\"; did you mean get KEY?"],
        ),
        (
            "keys *",
            &["Error: unknown verb \"keys\"; did you mean list [PREFIX]?"],
        ),
        (
            "list --values",
            &["Error: flags are for the command line; as a prefix type LIST:--values"],
        ),
        (
            "watch --since 1",
            &["Error: flags are for the command line; as a prefix type WATCH:--since"],
        ),
        ("LIST:--values", &["Server: (no keys)"]),
        ("get", &["Error: get takes KEY, as in get user"]),
        ("GET:a:b", &["Error: get takes KEY; type get a:b"]),
        (
            "get ''",
            &["Server: Error: a key has 1 to 1024 bytes, this one 0"],
        ),
    ];
    for (line, answer) in cases {
        assert_eq!(terminal.enter(line), *answer, "{line}");
    }
}

/// Looks at the figures in their columns.
fn figures(tmux: &Path, columns: usize, uptime: &str) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(tmux, &home, columns, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    terminal.enter(&format!("put big {}", "x".repeat(3000)));
    let stats = terminal.enter("stats");
    assert_eq!(stats[0], "Server:");
    let figure = |name: &str| {
        let line = stats
            .iter()
            .find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{name}: {stats:#?}"))
            .as_str()
    };
    assert_eq!(figure("store_bytes"), uptime);
    assert!(stats.iter().all(|line| line.len() <= columns), "{stats:#?}");
    // All figures begin, or all numbers end, in the same column.
    let is_wide = columns == 80;
    let names = ["revision", "keys", "store_bytes", "notices_lost"];
    let places = names.map(|name| {
        let line = figure(name);
        let end = line.find(char::is_numeric).expect("a number");
        let length = line[end..].find(' ').unwrap_or(line.len() - end);
        if is_wide { end + length } else { end }
    });
    assert!(places.iter().all(|place| *place == places[0]), "{stats:#?}");
}

#[test]
fn figures_stand_in_columns_and_sizes_are_readable() {
    let Some(tmux) = tool("tmux") else { return };
    figures(&tmux, 80, "  store_bytes             3067  3.0 KiB");
}

#[test]
fn figures_stand_in_columns_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    figures(&tmux, 40, "store_bytes             3.0 KiB");
}

#[test]
fn help_explains_in_both_syntaxes() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    let list = terminal.enter("help");
    assert_eq!(list[0], "Available operations:");
    assert!(list.contains(&"  GET     - Print all values of a key, in order".to_owned()));
    assert_eq!(terminal.enter("HELP:"), list);
    let put = [
        "put KEY VALUE - append a value",
        "  put user john",
        "  PUT:user:john",
        "A value with blanks stands in quotes: put user \"john smith\". Behind colons it is",
        "taken as it is: PUT:user:john smith.",
    ];
    assert_eq!(terminal.enter("help put"), put);
    assert_eq!(terminal.enter("HELP:PUT"), put);
    let unknown = "Error: unknown verb \"putt\"; did you mean put KEY VALUE?";
    assert_eq!(terminal.enter("help putt"), [unknown]);
}

#[test]
fn help_is_broken_between_words_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 40, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    let remove = [
        "remove KEY VALUE - remove the first",
        "  value equal to VALUE",
        "  remove user alice",
        "  REMOVE:user:alice",
        "The key goes with its last value.",
        "NOT_FOUND: there is no such key, or it",
        "does not hold VALUE.",
    ];
    assert_eq!(terminal.enter("help remove"), remove);
}

#[test]
fn the_prompt_names_the_server_unless_it_is_the_default() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let named = format!("KVMSG_SERVER={}", daemon.address);
    let prompt = format!("{}>", daemon.address);
    for (variables, prompt) in [(&[][..], ">"), (&[&named[..]], &prompt)] {
        let terminal = Terminal::open_with(&tmux, &home, 80, &[], variables);
        terminal.wait("a prompt", |lines| {
            lines.last().is_some_and(|line| line == prompt)
        });
    }
}

#[test]
fn one_leaves_as_one_is_used_to() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let address = daemon.address.to_string();
    for keys in [&["exit", "Enter"][..], &["QUIT:", "Enter"], &["C-d"]] {
        let terminal = Terminal::open(&tmux, &home, 80, &["-s", &address]);
        terminal.wait_for_connection();
        terminal.press(keys);
        assert_eq!(terminal.ended(), 0, "{keys:?}");
    }
}

#[test]
fn a_shell_that_is_told_to_end_says_so_by_its_status() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    let pid = rustix::process::Pid::from_raw(terminal.pid()).expect("it runs");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is ours");
    assert_eq!(terminal.ended(), 128 + 15);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let cases = [
        (&[][..], true),
        (&["NO_COLOR=1"], false),
        (&["TERM=dumb"], false),
        (&["TERM=dumb", "CI=true"], false),
    ];
    for (variables, is_coloured) in cases {
        let terminal = Terminal::open_with(&tmux, &home, 80, &args, variables);
        terminal.wait_for_connection();
        terminal.enter("put user john");
        terminal.enter("get nobody");
        terminal.enter("nonsense");
        let error = "\x1b[31mError: unknown verb";
        assert_eq!(
            terminal.colours().contains(error),
            is_coloured,
            "{variables:?}"
        );
        terminal.enter("help put");
        daemon.connect().ask("PUT:other:x\n", "OK\n");
        terminal.wait_for("NOTIFY PUT other");
        terminal.wait_for_connection();
        terminal.write("put ");
        let hint = if is_coloured {
            "> put KEY VALUE"
        } else {
            "> put"
        };
        terminal.wait_for(hint);
        assert_eq!(
            terminal.colours().contains('\x1b'),
            is_coloured,
            "{variables:?}"
        );
    }
}
