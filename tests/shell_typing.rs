//! Types at the shell, in a pseudo-terminal: what is being typed stays whole, and is helped with.

mod common;

use common::Daemon;
use common::terminal::{Home, Terminal};
use common::tools::tool;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Types half a line, has others change something, and then types the other half.
fn interrupt(tmux: &Path, columns: usize, half: &str, other: &str) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(tmux, &home, columns, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    let banner = terminal.lines().len() - 1;
    let rows = |text: &str| -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        let rows = letters
            .chunks(columns)
            .map(|row| row.iter().collect::<String>());
        rows.map(|row| row.trim_end().to_owned()).collect()
    };
    let mut expected = rows(&format!("> put k \"{half}"));
    terminal.write(&format!("put k \"{half}"));
    terminal.wait("the half line", |lines| lines[banner..] == expected);
    let mut neighbour = daemon.connect();
    for count in 1..=3 {
        neighbour.ask("PUT:a key:x\n", "OK\n");
        expected.insert(count - 1, "NOTIFY PUT a key".to_owned());
        terminal.wait("a notice above", |lines| lines[banner..] == expected);
    }
    terminal.write(&format!("{other}\""));
    terminal.press(&["Enter"]);
    expected.truncate(3);
    expected.extend(rows(&format!("> put k \"{half}{other}\"")));
    expected.extend(["Server: OK".to_owned(), ">".to_owned()]);
    terminal.wait("the whole line and its reply", |lines| {
        lines[banner..] == expected
    });
    daemon.connect().ask("GET:k\n", format!("{half}{other}\n"));
}

#[test]
fn a_notice_stands_above_the_line_being_typed() {
    let Some(tmux) = tool("tmux") else { return };
    interrupt(&tmux, 80, "john ", "smith");
}

#[test]
fn a_notice_stands_above_a_long_line_being_typed() {
    let Some(tmux) = tool("tmux") else { return };
    let half = "the quick brown fox jumps over the lazy dog, and then once more, ";
    interrupt(
        &tmux,
        40,
        half,
        "since it did not wake up at the first time",
    );
    interrupt(&tmux, 80, &half.repeat(3), "and so on");
}

#[test]
fn a_line_that_ends_at_the_edge_stays_whole() {
    let Some(tmux) = tool("tmux") else { return };
    // As many letters as fill a row to its last column, and one less and one more.
    for length in [40 - 9, 40 - 10, 40 - 8] {
        interrupt(&tmux, 40, &"x".repeat(length), "y");
    }
}

#[test]
fn a_flood_of_notices_leaves_the_line_whole() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    terminal.write("put k \"half");
    terminal.wait_for("> put k \"half");
    const COUNT: usize = 20_000;
    let mut neighbour = daemon.connect();
    neighbour.send("PUT:a:b\n".repeat(COUNT) + "DELETE:a\n");
    neighbour.expect("OK\n".repeat(COUNT + 1));
    // What was not told in time is told as lost; the last change may be among it.
    terminal.wait("the last notice", |lines| {
        let is_last =
            |line: &str| line == "NOTIFY DELETE a" || line.ends_with(&format!(" {}", COUNT + 1));
        let [.., notice, typed] = lines else {
            return false;
        };
        is_last(notice) && typed == "> put k \"half"
    });
    terminal.write(" a line\"");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> put k \"half a line\"", "Server: OK", ">"]);
}

#[test]
fn notices_at_any_moment_leave_every_line_whole() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    let banner = terminal.wait_for_connection().len() - 1;
    let (stop, stopped) = mpsc::channel::<()>();
    let mut neighbour = daemon.connect();
    let changes = thread::spawn(move || {
        // At a pace that has nothing to do with that of the typing.
        while stopped.recv_timeout(Duration::from_millis(3)) == Err(RecvTimeoutError::Timeout) {
            neighbour.send("PUT:n:x\n");
        }
    });
    const COUNT: usize = 40;
    let typed = |number| format!("put a {number}");
    for number in 0..COUNT {
        let between = terminal.enter(&typed(number));
        assert!(between.contains(&"Server: OK".to_owned()), "{between:#?}");
    }
    drop(stop);
    changes.join().expect("it only sends");
    let mut expected: Vec<String> = (0..COUNT)
        .flat_map(|number| [format!("> {}", typed(number)), "Server: OK".to_owned()])
        .collect();
    expected.push(">".to_owned());
    let screen = terminal.wait("whole lines", |lines| {
        let rest = lines[banner..].iter();
        rest.filter(|line| *line != "NOTIFY PUT n").eq(&expected)
    });
    assert!(screen.len() > banner + expected.len(), "there were notices");
}

#[test]
fn unwatch_silences_and_watch_tells_again() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    let mut neighbour = daemon.connect();
    assert_eq!(terminal.enter("unwatch"), ["Server: OK"]);
    neighbour.ask("PUT:silent:x\n", "OK\n");
    assert_eq!(terminal.enter("WATCH:"), ["Server: OK"]);
    neighbour.ask("PUT:loud:x\n", "OK\n");
    let screen = terminal.wait_for_end(&["NOTIFY PUT loud", ">"]);
    assert!(
        !screen.contains(&"NOTIFY PUT silent".to_owned()),
        "{screen:#?}"
    );
}

#[test]
fn tab_completes_verbs_in_the_case_typed() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    for (typed, rest, whole) in [
        ("upd", "k v w", "> update k v w"),
        ("UPD", "k:v:w", "> UPDATE:k:v:w"),
        ("help dele", "", "> help delete"),
        ("pi", "", "> ping"),
    ] {
        terminal.write(typed);
        terminal.press(&["Tab"]);
        terminal.write(rest);
        terminal.wait_for(whole);
        terminal.press(&["C-u"]);
        terminal.wait_for_connection();
    }
    // What is ambiguous is listed; the line goes on below, and notices still come.
    terminal.write("u");
    terminal.press(&["Tab"]);
    terminal.wait_for_end(&["> u", "update   unwatch", "> u"]);
    daemon.connect().ask("PUT:a:x\n", "OK\n");
    terminal.wait_for_end(&["> u", "update   unwatch", "NOTIFY PUT a", "> u"]);
}

#[test]
fn ctrl_c_drops_the_line() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    terminal.write("put user john");
    terminal.wait_for("> put user john");
    terminal.press(&["C-c"]);
    terminal.wait_for_end(&["> put user john", ">"]);
    terminal.press(&["C-c"]);
    terminal.wait_for_end(&["> put user john", ">", ">"]);
    assert_eq!(terminal.enter("get user"), ["Server: NOT_FOUND"]);
}

#[test]
fn what_was_typed_is_there_again_in_the_next_run() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open(&tmux, &home, 80, &args);
    terminal.wait_for_connection();
    terminal.enter("put user john");
    terminal.enter("get user");
    // Killed, not left: what was typed has been kept by then.
    drop(terminal);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.history()), 0o600);
    assert_eq!(mode(home.history().parent().unwrap()), 0o700);
    let terminal = Terminal::open(&tmux, &home, 80, &args);
    terminal.wait_for_connection();
    terminal.press(&["Up"]);
    terminal.wait_for("> get user");
    terminal.press(&["Up"]);
    terminal.wait_for("> put user john");
    terminal.press(&["C-r"]);
    terminal.write("get");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> get user", "Server: john", ">"]);
}

#[test]
fn a_history_that_cannot_be_kept_is_no_reason_to_end() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    // A directory stands where the file should; that holds for root as well.
    fs::create_dir_all(home.history()).unwrap();
    let terminal = Terminal::open(&tmux, &home, 80, &args);
    terminal.wait_for_connection();
    assert_eq!(terminal.enter("put user john"), ["Server: OK"]);
    assert_eq!(terminal.enter("get user"), ["Server: john"]);
    let screen = terminal.lines().join(" ");
    let warnings = screen.matches("Warning: the history is not kept:");
    assert_eq!(warnings.count(), 1, "{screen}");
    assert!(screen.contains("Is a directory"), "{screen}");
}

#[test]
fn pasted_lines_are_answered_one_by_one() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    terminal.paste("PUT:a:1\nput a \"2\n3\"\nGET:a\n");
    terminal.wait_for("GET:a");
    terminal.press(&["Enter"]);
    let end = ["Server: OK", "Server: OK", "Server: 1", "2", "| 3", ">"];
    terminal.wait_for_end(&end);
}

#[test]
fn a_terminal_that_cannot_edit_is_served_as_well() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["TERM=dumb"]);
    terminal.wait_for_connection();
    assert_eq!(terminal.enter("put user john"), ["Server: OK"]);
    terminal.write("get ");
    terminal.wait_for("> get");
    daemon.connect().ask("PUT:other:x\n", "OK\n");
    terminal.wait_for_end(&["> get", "NOTIFY PUT other", ">"]);
    terminal.write("user");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> user", "Server: john", ">"]);
}
