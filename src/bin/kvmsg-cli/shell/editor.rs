//! Reads lines from the terminal, on a thread of its own, and shows the answers.

use super::assist::Assist;
use super::history::{self, History};
use super::palette::{self, Palette};
use super::screen::{Printer, Screen, Typewriter};
use super::words;
use crate::syntax;
use async_channel::{Receiver, Sender};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;

/// What stands before the line being typed.
const PROMPT: &str = "> ";

/// Undoes what the line editor asked of the terminal: to mark what is pasted.
const PASTE_UNMARKED: &str = "\x1b[?2004l";

/// The ends of the channels that lead to and from the editor.
pub struct Wires {
    /// Lines that were typed. Closed: nothing more will be.
    pub lines: Sender<String>,
    /// What is to be shown for a line, one text a line.
    pub answers: Receiver<String>,
    /// What is to be shown as it comes.
    pub notices: Receiver<String>,
}

/// Reads lines until there are no more, or nobody wants them. Nobody waits for this to end: it may
/// be reading when the program does.
///
/// # Errors
///
/// The terminal is gone, or is none.
pub fn run(wires: &Wires, palette: Palette) -> Result<(), ReadlineError> {
    let screen = Arc::new(Screen::default());
    let mut editor = editor(screen.clone(), palette)?;
    let (mut history, complaint) = History::open(&mut editor);
    if let Some(complaint) = complaint {
        warn(&complaint.to_string(), &palette)?;
    }
    let is_plain = print_notices(&mut editor, screen.clone(), wires.notices.clone());
    loop {
        if is_plain {
            screen.edit(); // nobody else says so, for nothing is edited
        }
        let read = editor.readline(PROMPT);
        screen.leave();
        let text = match read {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                warn(
                    "the line is dropped: it is no UTF-8; type \\xHH in quotes",
                    &palette,
                )?;
                continue;
            }
            Err(error) => return Err(error),
        };
        if let Err(complaint) = history.keep(&mut editor, &text) {
            warn(&complaint.to_string(), &palette)?;
        }
        if !each_line(&text, wires)? {
            return Ok(());
        }
    }
}

/// Sends each line of what was typed, or pasted, and shows its answer. Whether there was one.
fn each_line(text: &str, wires: &Wires) -> Result<bool, ReadlineError> {
    let mut rest = text.as_bytes();
    loop {
        let (line, after) = syntax::first_line(rest);
        let line = String::from_utf8_lossy(line).into_owned();
        if wires.lines.send_blocking(line).is_err() {
            return Ok(false);
        }
        let Ok(answer) = wires.answers.recv_blocking() else {
            return Ok(false);
        };
        show(&answer)?;
        if after.is_empty() {
            return Ok(true);
        }
        rest = after;
    }
}

fn editor(
    screen: Arc<Screen>,
    palette: Palette,
) -> Result<Editor<Assist, FileHistory>, ReadlineError> {
    let colours = if palette.is_plain() {
        ColorMode::Disabled
    } else {
        ColorMode::Enabled
    };
    let config = Config::builder()
        .max_history_size(history::LINES_MAX)?
        .history_ignore_dups(true)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .color_mode(colours)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Assist { screen, palette }));
    Ok(editor)
}

/// Prints notices from now on. Whether the terminal is one on which nothing can be edited.
fn print_notices(
    editor: &mut Editor<Assist, FileHistory>,
    screen: Arc<Screen>,
    notices: Receiver<String>,
) -> bool {
    let (mut printer, is_plain): (Box<dyn Printer>, bool) = match editor.create_external_printer() {
        Ok(printer) => (Box::new(printer), false),
        Err(_) => (Box::new(Typewriter { prompt: PROMPT }), true),
    };
    std::thread::spawn(move || screen.print_all(&notices, &mut *printer));
    is_plain
}

fn warn(what: &str, palette: &Palette) -> io::Result<()> {
    show(&words::news(palette.missing, &format!("Warning: {what}")))
}

/// Writes whole lines to standard output.
pub fn show(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Leaves the line being typed, if the editor cannot do that itself any more.
pub fn abandon() -> io::Result<()> {
    let is_plain = palette::is_dumb();
    show(if is_plain { "" } else { PASTE_UNMARKED })?;
    show("\n")
}
