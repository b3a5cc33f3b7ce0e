//! Presses Tab at the shell, and looks at what it says a line still lacks.

mod common;

use common::Daemon;
use common::terminal::{Home, Terminal};
use common::tools::tool;
use rustix::process::Signal;
use std::path::Path;

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

/// Completes keys in both forms of a line.
fn complete(tmux: &Path, columns: usize) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let mut neighbour = daemon.connect();
    for (key, _) in [("config", 1), ("john smith", 1), ("user", 1), ("usage", 1)] {
        neighbour.ask(format!("PUT:{key}:v\n"), "OK\n");
    }
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(tmux, &home, columns, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    for (typed, whole) in [
        ("get c", "> get config"),
        ("GET:c", "> GET:config"),
        ("get j", "> get \"john smith\""),
        ("GET:j", "> GET:john smith"),
        ("get us", "> get us"),
        ("list use", "> list user"),
    ] {
        terminal.write(typed);
        terminal.complete(&[whole]);
        terminal.press(&["C-u"]);
        terminal.wait_for_prompt();
    }
    // What follows a key that others follow is typed as well.
    for (typed, key, whole) in [
        ("put con", "> put config", "> put config x"),
        ("PUT:con", "> PUT:config:", "> PUT:config:x"),
    ] {
        terminal.write(typed);
        terminal.complete(&[key]);
        terminal.write("x");
        terminal.wait_for_end(&[whole]);
        terminal.press(&["C-u"]);
        terminal.wait_for_prompt();
    }
    terminal.write("GET:us");
    terminal.complete(&["> GET:us", "usage  user", "> GET:us"]);
    terminal.write("e");
    terminal.complete(&["> GET:user"]);
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> GET:user", "Server: v", ">"]);
    // A key that somebody has made since is there.
    daemon.connect().ask("PUT:new:x\n", "OK\n");
    terminal.wait_for_end(&["NOTIFY PUT new", ">"]);
    terminal.write("delete n");
    terminal.complete(&["> delete new"]);
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> delete new", "Server: OK", ">"]);
}

#[test]
fn tab_completes_keys_in_both_forms() {
    let Some(tmux) = tool("tmux") else { return };
    complete(&tmux, 80);
}

#[test]
fn tab_completes_keys_in_both_forms_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    complete(&tmux, 40);
}

#[test]
fn a_key_with_a_colon_goes_on_with_a_blank_and_what_is_watched_is_completed() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    terminal.enter("put conf:port 80");
    // So is a prefix that is watched, whether there is such a key or not.
    terminal.enter("watch chat:");
    terminal.write("unwatch c");
    terminal.complete(&["> unwatch chat:"]);
    terminal.press(&["C-u"]);
    terminal.wait_for_prompt();
    terminal.write("GET:co");
    terminal.complete(&["> GET conf:port"]);
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> GET conf:port", "Server: 80", ">"]);
}

#[test]
fn of_very_many_keys_some_are_listed_and_nothing_wrong_is_typed() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let mut neighbour = daemon.connect();
    let puts = (0..2000).map(|number| format!("PUT:user.{number:04}:x\n"));
    neighbour.send(puts.collect::<String>() + "PUT:usual:x\n");
    neighbour.expect("OK\n".repeat(2001));
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    // The first hundred begin with user.00; all of them only with us.
    terminal.write("get u");
    terminal.complete(&["> get us"]);
    // What they begin with stands there before the list does.
    let lines = terminal.wait("the list", |lines| {
        lines.join(" ").contains("(and more)") && lines.last().is_some_and(|l| l == "> get us")
    });
    let listed = lines.iter().flat_map(|line| line.split("  "));
    let listed = listed
        .filter(|word| word.trim().starts_with("user."))
        .count();
    assert!(listed >= 100 && listed % 100 == 0, "{lines:#?}");
    terminal.write("e");
    terminal.complete(&["> get user."]);
    terminal.write("199");
    // Of few keys all are listed.
    terminal.complete(&[
        "user.1990  user.1992  user.1994  user.1996  user.1998",
        "user.1991  user.1993  user.1995  user.1997  user.1999",
        "> get user.199",
    ]);
    terminal.write("9");
    terminal.complete(&["> get user.1999"]);
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> get user.1999", "Server: x", ">"]);
    // Nor does list fill the terminal.
    let listed = terminal.enter("list user");
    let keys = listed.iter().filter(|line| line.contains("user.")).count();
    assert_eq!(keys, 1000);
    assert_eq!(listed[999].trim(), "user.0999");
    assert!(
        listed[1000].starts_with("(the first 1000 keys; "),
        "{:?}",
        listed[1000]
    );
}

#[test]
fn typing_waits_for_no_server_and_a_late_answer_is_not_lost() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    // Nobody but Tab itself gives up waiting.
    let args = ["-s", &daemon.address.to_string(), "--timeout", "3600"];
    let terminal = Terminal::open_with(&tmux, &home, 80, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    terminal.enter("put user john");
    let mut neighbour = daemon.connect();
    let before = neighbour.stats().get("connections_active");
    terminal.write("get us");
    terminal.wait_for_end(&["> get us"]);
    // Nothing is asked of a server before somebody presses Tab.
    let after = neighbour.stats().get("connections_active");
    assert_eq!(before, after);
    daemon.signal(Signal::STOP);
    terminal.press(&["Tab"]);
    terminal.write("er");
    terminal.wait_for_end(&["> get user"]);
    terminal.press(&["BSpace", "BSpace"]);
    terminal.wait_for_end(&["> get us"]);
    terminal.press(&["Tab", "Tab"]);
    terminal.write("e");
    terminal.wait_for_end(&["> get use"]);
    daemon.signal(Signal::CONT);
    terminal.complete(&["> get user"]);
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> get user", "Server: john", ">"]);
}

/// Reads the hints while a line grows, and accepts one.
fn hints(tmux: &Path, columns: usize) {
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let terminal = Terminal::open(tmux, &home, columns, &["-s", &daemon.address.to_string()]);
    terminal.wait_for_connection();
    terminal.write("upd");
    // With its colours, for in plain letters the screen is the same one letter earlier.
    terminal.wait_for_colours("upd\x1b[90mate KEY OLD NEW");
    // Of what is shown, the rest of the verb can be accepted.
    terminal.press(&["Right"]);
    terminal.wait_for_end(&["> update KEY OLD NEW"]);
    terminal.write(" k");
    terminal.wait_for_end(&["> update k OLD NEW"]);
    terminal.write(" a");
    terminal.wait_for_end(&["> update k a NEW"]);
    // A notice leaves both as they are.
    daemon.connect().ask("PUT:k:a\n", "OK\n");
    terminal.wait_for_end(&["NOTIFY PUT k", "> update k a NEW"]);
    terminal.write(" b");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> update k a b", "Server: OK", ">"]);
    // One that does not fit the row goes on below, and is gone when the line is sent.
    let key = "k".repeat(columns - terminal.prompt.len() - "PUT:".len() - 3);
    terminal.write(&format!("PUT:{key}"));
    terminal.wait_for_end(&[&format!("> PUT:{key}:VA"), "LUE"]);
    terminal.write(":x");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&[&format!("> PUT:{key}:x"), "Server: OK", ">"]);
}

#[test]
fn hints_say_in_grey_what_a_line_lacks() {
    let Some(tmux) = tool("tmux") else { return };
    hints(&tmux, 80);
}

#[test]
fn hints_say_in_grey_what_a_line_lacks_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    hints(&tmux, 40);
}
