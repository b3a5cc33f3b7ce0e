//! Lets others change things by the thousand while somebody types at the shell.

mod common;

use common::Daemon;
use common::terminal::{Home, Terminal};
use common::tools::tool;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::Duration;

/// One flood at a time. Two take all of two processors, and a terminal is a session of its own: the
/// kernel, which shares processors among sessions (sched(7), autogroup), was seen to give it
/// nothing for seconds then.
static ALONE: Mutex<()> = Mutex::new(());

/// How many notices the screen shows, and how many changes it accounts for altogether.
fn accounted(lines: &[String]) -> (usize, u64) {
    let mut shown = 0;
    let mut total = 0;
    for line in lines {
        let number = |word: &str| -> u64 { word.parse().expect("a number") };
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["NOTIFY", "LOST", first, last] => total += number(last) - number(first) + 1,
            ["NOTIFY", ..] => {
                shown += 1;
                total += 1;
            }
            ["...", "and", count, "more" | "more:", ..] => total += number(count),
            _ => {}
        }
    }
    (shown, total)
}

/// Lets a flood come while half a line is typed, and types the other half.
fn flood(tmux: &Path, columns: usize) {
    let _alone = ALONE.lock();
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(tmux, &home, columns, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    terminal.write("put k \"half");
    terminal.wait_for("> put k \"half");
    const COUNT: usize = 20_000;
    let mut neighbour = daemon.connect();
    neighbour.send("PUT:a:b\n".repeat(COUNT) + "DELETE:a\n");
    neighbour.expect("OK\n".repeat(COUNT + 1));
    let told = "every change to be shown or counted, with a hint, above what is being typed";
    let screen = terminal.wait(told, |lines| {
        accounted(lines).1 == COUNT as u64 + 1
            && lines.join(" ").contains("watch PREFIX narrows")
            && lines.last().is_some_and(|line| line == "> put k \"half")
    });
    let (shown, _) = accounted(&screen);
    assert!((1..COUNT / 10).contains(&shown), "{shown} shown");
    terminal.write(" a line\"");
    terminal.press(&["Enter"]);
    terminal.wait_for_end(&["> put k \"half a line\"", "Server: OK", ">"]);
}

#[test]
fn some_of_a_flood_is_shown_and_the_rest_is_counted() {
    let Some(tmux) = tool("tmux") else { return };
    flood(&tmux, 80);
}

#[test]
fn some_of_a_flood_is_shown_and_the_rest_is_counted_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    flood(&tmux, 40);
}

/// Asks, and searches the history, while a flood lasts.
fn type_in_flood(tmux: &Path, columns: usize) {
    let _alone = ALONE.lock();
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string()];
    let terminal = Terminal::open_with(tmux, &home, columns, &args, &["NO_COLOR=1"]);
    terminal.wait_for_connection();
    let (stop, stopped) = mpsc::channel::<()>();
    let mut neighbour = daemon.connect();
    neighbour.ask("UNWATCH\n", "OK\n");
    let changes = thread::spawn(move || {
        while let Err(TryRecvError::Empty) = stopped.try_recv() {
            neighbour.send("PUT:n:x\n".repeat(1000) + "DELETE:n\n");
            neighbour.expect("OK\n".repeat(1001));
        }
    });
    let counts = |lines: &[String]| {
        let is_count = |line: &&String| line.starts_with("... and ");
        lines.iter().filter(is_count).count()
    };
    terminal.wait("a count", |lines| counts(lines) > 0);
    for word in ["one", "two"] {
        let answer = terminal.enter(&format!("put a {word}"));
        assert!(answer.contains(&"Server: OK".to_owned()), "{answer:#?}");
    }
    terminal.press(&["C-r"]);
    terminal.write("one");
    terminal.wait("the line that was searched", |lines| {
        lines
            .last()
            .is_some_and(|line| line == "(reverse-i-search)`one': put a one")
    });
    let before = counts(&terminal.lines());
    terminal.press(&["Enter"]);
    terminal.wait("another count behind the answer", |lines| {
        let answer = lines.iter().rposition(|line| line == "Server: OK");
        let answered = lines.iter().filter(|line| *line == "Server: OK").count();
        answered == 3 && counts(&lines[answer.unwrap_or(0)..]) > 0 && counts(lines) > before
    });
    drop(stop);
    changes.join().expect("it only sends");
    daemon.connect().ask("GET:a\n", "one\ntwo\none\n");
}

#[test]
fn the_prompt_is_usable_while_a_flood_lasts() {
    let Some(tmux) = tool("tmux") else { return };
    type_in_flood(&tmux, 80);
}

#[test]
fn the_prompt_is_usable_while_a_flood_lasts_on_a_narrow_terminal() {
    let Some(tmux) = tool("tmux") else { return };
    type_in_flood(&tmux, 40);
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
        let is_of_flood = |line: &str| line == "NOTIFY PUT n" || line.starts_with("... and ");
        rest.filter(|line| !is_of_flood(line)).eq(&expected)
    });
    assert!(screen.len() > banner + expected.len(), "there were notices");
}
