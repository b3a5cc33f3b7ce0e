//! Runs kvmsg-cli in a real pseudo-terminal, that of tmux, and looks at its screen.
//!
//! What is typed is sent key by key; what comes of it is waited for until it stands on the screen.
//! A prompt that names the server of the test is read as the short one, `> `.

use super::{PATIENCE, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many rows a screen has: so many that nothing leaves it at the top.
const ROWS: usize = 3000;

/// Runs a program and tells how it ended; the terminal stays. Ctrl-C is for the program alone.
const RUN: &str =
    r#"trap : INT; sh -c 'echo $$ >pid; exec "$@"' sh "$@"; echo "status $?"; read x"#;

/// A directory of its own for one test; removed when it goes out of scope.
pub struct Home {
    pub path: PathBuf,
}

impl Home {
    pub fn new() -> Home {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("shell-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a directory can be made");
        Home { path }
    }

    /// Where the shell keeps its history.
    pub fn history(&self) -> PathBuf {
        self.path.join("state/kvmsg/history")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A terminal in which kvmsg-cli runs; both end when it goes out of scope.
pub struct Terminal<'a> {
    tmux: PathBuf,
    home: &'a Home,
    /// Relative to the home, for the name of a socket has to be short.
    socket: String,
    /// What stands before the line being typed, as it is shown.
    pub prompt: String,
    columns: usize,
}

impl<'a> Terminal<'a> {
    /// Opens one of so many columns, and in it kvmsg-cli with these arguments.
    pub fn open(tmux: &Path, home: &'a Home, columns: usize, args: &[&str]) -> Terminal<'a> {
        Terminal::open_with(tmux, home, columns, args, &[])
    }

    /// Like [`Terminal::open`], with variables, as `NAME=value`.
    pub fn open_with(
        tmux: &Path,
        home: &'a Home,
        columns: usize,
        args: &[&str],
        variables: &[&str],
    ) -> Terminal<'a> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let socket = format!("tmux-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let settings = "set -g status off\nset -s escape-time 0\n";
        fs::write(home.path.join("tmux.conf"), settings).expect("a file can be written");
        let terminal = Terminal {
            tmux: tmux.to_owned(),
            home,
            socket,
            prompt: match args {
                ["-s", server, ..] => format!("{server}> "),
                _ => "> ".to_owned(),
            },
            columns,
        };
        let (x, y) = (columns.to_string(), ROWS.to_string());
        let state = format!("XDG_STATE_HOME={}", home.path.join("state").display());
        let start = ["-f", "tmux.conf", "new-session", "-d", "-x", &x, "-y", &y];
        let run = ["sh", "-c", RUN, "sh", "env", &state];
        let program = env!("CARGO_BIN_EXE_kvmsg-cli");
        terminal.tmux(&[&start[..], &run, variables, &[program], args].concat());
        terminal
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new(&self.tmux);
        for name in [
            "CI",
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "KVMSG_SERVER",
            "TMUX",
        ] {
            command.env_remove(name);
        }
        command.current_dir(&self.home.path).stdin(Stdio::null());
        let output = command
            .args(["-u", "-S", &self.socket])
            .args(words)
            .output();
        let output = output.expect("tmux runs");
        assert!(output.status.success(), "tmux {words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("a screen holds text")
    }

    /// The lines on the screen, up to the last that is not empty, without blanks at their ends.
    pub fn lines(&self) -> Vec<String> {
        let screen = self.tmux(&["capture-pane", "-p"]);
        let lines = screen.trim_end().lines();
        lines.map(|line| self.shortened(line)).collect()
    }

    /// A line of the screen without blanks at its end, and with a short prompt.
    pub fn shortened(&self, line: &str) -> String {
        let line = line.trim_end();
        match line.strip_prefix(self.prompt.trim_end()) {
            Some(typed) => format!(">{typed}"),
            None => line.to_owned(),
        }
    }

    /// The rows that a line fills, with the short prompt if it begins with one.
    pub fn rows(&self, line: &str) -> Vec<String> {
        let shown = match line.strip_prefix("> ") {
            Some(typed) => format!("{}{typed}", self.prompt),
            None => line.to_owned(),
        };
        let letters: Vec<char> = shown.chars().collect();
        let rows = letters.chunks(self.columns);
        rows.map(|row| self.shortened(&row.iter().collect::<String>()))
            .collect()
    }

    /// The screen with its colours, as escape sequences.
    pub fn colours(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Waits until this stands on the screen, with its colours.
    #[track_caller]
    pub fn wait_for_colours(&self, wanted: &str) {
        until(&format!("{wanted:?}"), || {
            self.colours().contains(wanted).then_some(())
        });
    }

    /// Waits until the screen is as wanted, and returns its lines.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines();
            if is_so(&lines) {
                return lines;
            }
            let screen = || lines.join("\n");
            assert!(
                Instant::now() < end,
                "waited in vain for {what}:\n{}\n",
                screen()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until some line on the screen is this one.
    #[track_caller]
    pub fn wait_for(&self, line: &str) -> Vec<String> {
        self.wait(line, |lines| lines.iter().any(|shown| shown == line))
    }

    /// Waits until these lines are the last ones on the screen.
    #[track_caller]
    pub fn wait_for_end(&self, end: &[&str]) -> Vec<String> {
        self.wait(&end.join("\n"), |lines| {
            lines.len() >= end.len() && lines[lines.len() - end.len()..] == *end
        })
    }

    /// Waits until there is a prompt with nothing behind it.
    #[track_caller]
    pub fn wait_for_prompt(&self) -> Vec<String> {
        self.wait("a prompt", |lines| {
            lines.last().is_some_and(|line| line == ">")
        })
    }

    /// Waits until the shell is connected, and there is a prompt with nothing behind it.
    #[track_caller]
    pub fn wait_for_connection(&self) -> Vec<String> {
        self.wait("a connection and a prompt", |lines| {
            let is_connected = lines.iter().any(|line| line.starts_with("Connected to "));
            is_connected && lines.last().is_some_and(|line| line == ">")
        })
    }

    /// Presses Tab until these lines are the last ones on the screen. On a busy machine the server
    /// may be too late for the first time.
    #[track_caller]
    pub fn complete(&self, end: &[&str]) {
        let is_end =
            |lines: &[String]| lines.len() >= end.len() && lines[lines.len() - end.len()..] == *end;
        until(&format!("{end:?} after Tab"), || {
            self.press(&["Tab"]);
            let soon = Instant::now() + Duration::from_secs(2);
            while Instant::now() < soon {
                if is_end(&self.lines()) {
                    return Some(());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            None
        });
    }

    /// Types this text.
    pub fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "--", text]);
    }

    /// Presses keys, by their names in tmux.
    pub fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Pastes a text as a terminal does that tells pasting from typing.
    pub fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", "--", text]);
        self.tmux(&["paste-buffer", "-p"]);
    }

    /// Types a line at an empty prompt and waits for the next prompt. Returns what stands between
    /// the two.
    #[track_caller]
    pub fn enter(&self, line: &str) -> Vec<String> {
        let before = prompts(&self.wait_for_prompt());
        self.write(line);
        self.press(&["Enter"]);
        let lines = self.wait("the next prompt", |lines| {
            prompts(lines) > before && lines.last().is_some_and(|line| line == ">")
        });
        let is_prompt = |line: &String| line.starts_with('>');
        let start = lines[..lines.len() - 1].iter().rposition(is_prompt);
        lines[start.map_or(0, |at| at + 1)..lines.len() - 1].to_vec()
    }

    /// Waits until the cursor stands on an empty line below this one, which is the last: it has
    /// been accepted, and its answer has not come.
    #[track_caller]
    pub fn wait_for_cursor_below(&self, line: &str) {
        until("the line to be accepted", || {
            let cursor = self.tmux(&["display-message", "-p", "#{cursor_x} #{cursor_y}"]);
            let lines = self.lines();
            let is_last = lines.last().is_some_and(|last| last == line);
            (is_last && cursor.trim() == format!("0 {}", lines.len())).then_some(())
        });
    }

    /// The process of kvmsg-cli.
    pub fn pid(&self) -> i32 {
        let pid = fs::read_to_string(self.home.path.join("pid")).expect("it was started");
        pid.trim().parse().expect("a number")
    }

    /// Waits until kvmsg-cli has ended, and returns its exit status.
    #[track_caller]
    pub fn ended(&self) -> i32 {
        let status = |lines: &[String]| -> Option<i32> {
            lines.last()?.strip_prefix("status ")?.parse().ok()
        };
        let lines = self.wait("kvmsg-cli to end", |lines| status(lines).is_some());
        status(&lines).expect("it was there")
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let mut command = Command::new(&self.tmux);
        command.current_dir(&self.home.path).stderr(Stdio::null());
        let _ = command.args(["-S", &self.socket, "kill-server"]).status();
    }
}

fn prompts(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with('>')).count()
}
