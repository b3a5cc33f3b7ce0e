//! Types at the shell, in a pseudo-terminal: what is being typed stays whole, and is helped with.

mod common;

use common::terminal::{Home, Terminal};
use common::tools::tool;
use common::{Daemon, frame, until};
use std::path::Path;

/// Types half a line, has others change something, and then types the other half.
fn interrupt(tmux: &Path, columns: usize, half: &str, other: &str) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(tmux, &home, columns, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    let banner = terminal.lines().len() - 1;
    let mut expected = terminal.rows(&format!("> put k \"{half}"));
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
    expected.extend(terminal.rows(&format!("> put k \"{half}{other}\"")));
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
    // The port in the prompt has four digits or five.
    for length in 40 - "127.0.0.1:12345> put k \"".len() - 1..=17 {
        interrupt(&tmux, 40, &"x".repeat(length), "y");
    }
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

#[test]
fn ctrl_c_cuts_an_answer_that_is_too_long() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let mut neighbour = daemon.connect();
    let long = "\n".repeat(2_000_000);
    neighbour.send(frame(&[b"PUT", b"long", long.as_bytes()]));
    neighbour.expect(":1\r\n");
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    // It may come too late, when all is shown.
    until("an answer to be cut", || {
        terminal.write("get long");
        terminal.press(&["Enter"]);
        terminal.wait("some of the answer, or all", |lines| {
            let [.., above, last] = lines else {
                return false;
            };
            above == "|" && (last == "|" || last == ">")
        });
        terminal.press(&["C-c"]);
        let lines = terminal.wait_for_prompt();
        let end = " bytes of the answer are not shown";
        lines[lines.len() - 2].ends_with(end).then_some(())
    });
    assert_eq!(terminal.enter("ping"), ["Server: PONG"]);
}

#[test]
fn a_line_is_still_edited_after_ctrl_z_and_fg() {
    let (Some(tmux), Some(bash)) = (tool("tmux"), tool("bash")) else {
        return;
    };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    daemon.connect().ask("PUT:user:john\n", "OK\n");
    let args = ["-s", &daemon.address.to_string()];
    let run = format!("exec {} --norc --noprofile -i", bash.display());
    let job = ["PS1=$ ", "NO_COLOR=1", "sh", "-c", &run];
    let terminal = Terminal::open_with(&tmux, &home, 100, &args, &job);
    terminal.wait_for_end(&["$"]);
    let program = env!("CARGO_BIN_EXE_kvmsg-cli");
    terminal.write(&format!("clear; {program} {}", args.join(" ")));
    terminal.press(&["Enter"]);
    terminal.wait_for_connection();
    for _ in 0..3 {
        terminal.write("get us");
        terminal.wait_for("> get us");
        terminal.press(&["C-z"]);
        terminal.wait("the shell that started it", |lines| {
            let is_stopped = lines.iter().any(|line| line.contains("Stopped"));
            is_stopped && lines.last().is_some_and(|line| line == "$")
        });
        terminal.write("clear; fg");
        terminal.press(&["Enter"]);
        terminal.wait("the line again", |lines| {
            lines.last().is_some_and(|line| line == "> get us")
        });
        // In a terminal that edits lines by itself the letters would stand elsewhere.
        terminal.press(&["Home", "Right", "Right", "Right", "Right", "C-k"]);
        terminal.write("user");
        terminal.press(&["Enter"]);
        terminal.wait_for_end(&["> get user", "Server: john", ">"]);
    }
}
