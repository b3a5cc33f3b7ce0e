//! Reads lines from the terminal, on a thread of its own, and shows the answers.

use super::assist::Assist;
use super::history::{self, History};
use super::keys::Keys;
use super::palette::{self, Palette};
use super::screen::{Printer, Screen, Typewriter};
use super::suspend;
use super::watched::Watched;
use super::words;
use crate::syntax;
use async_channel::{Receiver, Sender};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many candidates of a completion are shown without asking: all, for there are never more.
const CANDIDATES_MAX: usize = 1000;

/// How much of an answer is shown before anybody looks whether it is still wanted.
const PIECE_BYTES: usize = 4096;

/// Undoes what the line editor asked of the terminal: to mark what is pasted.
const PASTE_UNMARKED: &str = "\x1b[?2004l";

/// The ends of the channels that lead to and from the editor.
pub struct Wires {
    /// The server, as the prompt shows it.
    pub server: String,
    /// Lines that were typed. Closed: nothing more will be.
    pub lines: Sender<String>,
    /// What is to be shown for a line, one text a line.
    pub answers: Receiver<String>,
    /// What is to be shown as it comes.
    pub notices: Receiver<String>,
    /// Set when somebody presses Ctrl-C while an answer is shown.
    pub is_interrupted: Arc<AtomicBool>,
}

/// Reads lines until there are no more, or nobody wants them. Nobody waits for this to end: it may
/// be reading when the program does.
///
/// # Errors
///
/// The terminal is gone, or is none.
pub fn run(
    wires: &Wires,
    keys: Keys,
    watched: Watched,
    palette: Palette,
) -> Result<(), ReadlineError> {
    let screen = Arc::new(Screen::default());
    let assist = Assist {
        screen: screen.clone(),
        keys,
        watched,
        palette,
    };
    let mut editor = editor(assist)?;
    let (mut history, complaint) = History::open(&mut editor);
    if let Some(complaint) = complaint {
        warn(&complaint.to_string(), &palette)?;
    }
    let is_plain = print_notices(&mut editor, screen.clone(), wires);
    suspend::take_in_thread();
    loop {
        if is_plain {
            screen.edit(); // nobody else says so, for nothing is edited
        }
        let prompt = words::prompt(&wires.server, words::columns());
        let read = editor.readline(&prompt);
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
        if !each_line(&text, wires, &palette)? {
            return Ok(());
        }
    }
}

/// Sends each line of what was typed, or pasted, and shows its answer. Whether there was one.
fn each_line(text: &str, wires: &Wires, palette: &Palette) -> Result<bool, ReadlineError> {
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
        let is_whole = show_answer(&answer, &wires.is_interrupted, palette)?;
        if after.is_empty() || !is_whole {
            return Ok(true);
        }
        rest = after;
    }
}

fn editor(assist: Assist) -> Result<Editor<Assist, FileHistory>, ReadlineError> {
    let colours = if assist.palette.is_plain() {
        ColorMode::Disabled
    } else {
        ColorMode::Enabled
    };
    let config = Config::builder()
        .max_history_size(history::LINES_MAX)?
        .history_ignore_dups(true)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .completion_prompt_limit(CANDIDATES_MAX)
        .color_mode(colours)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(assist));
    Ok(editor)
}

/// Prints notices from now on. Whether the terminal is one on which nothing can be edited.
fn print_notices(
    editor: &mut Editor<Assist, FileHistory>,
    screen: Arc<Screen>,
    wires: &Wires,
) -> bool {
    let notices = wires.notices.clone();
    let prompt = words::prompt(&wires.server, words::columns());
    let (mut printer, is_plain): (Box<dyn Printer>, bool) = match editor.create_external_printer() {
        Ok(printer) => (Box::new(printer), false),
        Err(_) => (Box::new(Typewriter { prompt }), true),
    };
    std::thread::spawn(move || screen.print_all(&notices, &mut *printer));
    is_plain
}

/// Shows an answer, piece by piece, until somebody presses Ctrl-C. Whether all of it was shown.
fn show_answer(
    answer: &str,
    is_interrupted: &AtomicBool,
    palette: &Palette,
) -> Result<bool, ReadlineError> {
    is_interrupted.store(false, Ordering::Relaxed);
    let mut rest = answer;
    while !rest.is_empty() {
        let most = rest.floor_char_boundary(PIECE_BYTES);
        // Between lines no colour is left on.
        let line_end = rest[..most].rfind('\n').map(|at| at + 1);
        let (piece, after) = rest.split_at(line_end.unwrap_or(most));
        show(piece)?;
        rest = after;
        if !rest.is_empty() && is_interrupted.load(Ordering::Relaxed) {
            let text = format!("{} bytes of the answer are not shown", rest.len());
            show(&format!("\n{}", words::news(palette.missing, &text)))?;
            return Ok(false);
        }
    }
    Ok(true)
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
