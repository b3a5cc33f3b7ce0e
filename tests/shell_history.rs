//! Looks for what was typed at the shell: again in the next run, by searching, and for what is not
//! to be there.

mod common;

use common::Daemon;
use common::terminal::{Home, Terminal};
use common::tools::tool;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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

/// Types lines, and searches them from the last to the first.
fn search(tmux: &Path, columns: usize) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(tmux, &home, columns, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    for line in ["put user john", "put user alice", "get nobody"] {
        terminal.enter(line);
    }
    let ends = |end: &str| {
        let is_end = |lines: &[String]| lines.last().is_some_and(|line| line == end);
        terminal.wait(end, is_end);
    };
    terminal.press(&["C-r"]);
    terminal.write("user");
    ends("(reverse-i-search)`user': put user alice");
    terminal.press(&["C-r"]);
    ends("(reverse-i-search)`user': put user john");
    terminal.press(&["C-g"]);
    terminal.wait_for_prompt();
    terminal.press(&["C-r"]);
    terminal.write("jo");
    ends("(reverse-i-search)`jo': put user john");
    // What was found can be changed before it is sent.
    terminal.press(&["C-e"]);
    terminal.write("ny");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> put user johnny", "Server: OK", ">"]);
    daemon.connect().ask("GET:user\n", "john\nalice\njohnny\n");
}

#[test]
fn what_was_typed_is_found_by_searching() {
    let Some(tmux) = tool("tmux") else { return };
    search(&tmux, 80);
}

#[test]
fn what_was_typed_is_found_by_searching_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    search(&tmux, 40);
}

#[test]
fn lines_that_carry_secrets_are_not_kept() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(&tmux, &home, 100, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    terminal.enter("put user john");
    let secret = [
        " put user hunter2",
        "put db:password hunter2",
        "PUT:api-token:hunter2",
        "put url postgres://app:hunter2@db/app",
        "UPDATE:api-token:hunter2:hunter3",
        "putt password hunter2",
    ];
    for line in secret {
        terminal.write(line);
        // It is said before the line is sent.
        let warned = format!("> {line}  (not kept in the history)");
        terminal.wait_for(&warned);
        terminal.press(&["C-u"]);
        let answer = terminal.enter(line);
        assert!(!answer.is_empty(), "{line}");
    }
    terminal.enter("get db:password");
    let kept = fs::read_to_string(home.history()).expect("a history");
    assert!(!kept.contains("hunter"), "{kept}");
    // Nor are they kept until the shell ends.
    terminal.press(&["Up"]);
    terminal.wait_for_end(&["> get db:password"]);
    terminal.press(&["Up"]);
    terminal.wait_for_end(&["> put user john"]);
}
