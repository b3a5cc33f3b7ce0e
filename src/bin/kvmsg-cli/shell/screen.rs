//! Prints above the line being typed, without breaking it.
//!
//! rustyline's printer hands a text to the line editor while that edits, and otherwise writes it
//! straight to the terminal. Its own view of which is the case lags behind by some microseconds at
//! both ends of a line, and a text written then would stand within the line. So the line editor
//! says when it begins and ends ([`Screen::edit`], [`Screen::leave`]), and in between alone does
//! anything appear. What comes meanwhile waits for the next line, and so stands behind the reply.
//!
//! The printer may wait until the line editor takes the text, hence a thread of its own.

use async_channel::Receiver;
use rustyline::ExternalPrinter;
use std::io::{self, Write as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many texts may wait to be printed, such as while somebody searches the history. While so
/// many do, further changes are counted, and nothing else is read from the server.
pub const WAITING_MAX: usize = 50;

/// How much is printed at once, roughly.
const BATCH_BYTES: usize = 16 * 1024;

/// How long the end of a line waits for a text that is on its way to the line editor. A text that
/// takes longer than that waits for the line editor itself, which will find it with the next line.
const HANDOVER: Duration = Duration::from_millis(20);

/// Whether a line is being typed, as the threads that print agree on it.
#[derive(Debug, Default)]
pub struct Screen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_editing: bool,
    is_printing: bool,
}

impl Screen {
    /// A line is being typed from here on.
    pub fn edit(&self) {
        self.state().is_editing = true;
        self.changed.notify_all();
    }

    /// No line is being typed any more.
    pub fn leave(&self) {
        let mut state = self.state();
        state.is_editing = false;
        let is_printing = |state: &mut State| state.is_printing;
        let waited = self
            .changed
            .wait_timeout_while(state, HANDOVER, is_printing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Prints all texts that come, each one whole lines. Does not return before the last sender
    /// is gone, or the terminal.
    pub fn print_all(&self, texts: &Receiver<String>, printer: &mut dyn Printer) {
        while let Ok(mut text) = texts.recv_blocking() {
            while text.len() < BATCH_BYTES
                && let Ok(more) = texts.try_recv()
            {
                text.push_str(&more);
            }
            let is_idle = |state: &mut State| !state.is_editing;
            let state = self.changed.wait_while(self.state(), is_idle);
            state.unwrap_or_else(PoisonError::into_inner).is_printing = true;
            let printed = printer.print_above(text);
            self.state().is_printing = false;
            self.changed.notify_all();
            if printed.is_err() {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can print while a line is being typed.
pub trait Printer: Send {
    /// Prints whole lines above the line being typed.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    fn print_above(&mut self, text: String) -> rustyline::Result<()>;
}

impl<P: ExternalPrinter + Send> Printer for P {
    fn print_above(&mut self, text: String) -> rustyline::Result<()> {
        self.print(text)
    }
}

/// Prints on a terminal that cannot go back: the prompt is repeated behind the text, and what was
/// typed before it counts on.
#[derive(Debug)]
pub struct Typewriter {
    /// The prompt.
    pub prompt: String,
}

impl ExternalPrinter for Typewriter {
    fn print(&mut self, text: String) -> rustyline::Result<()> {
        let mut stdout = io::stdout().lock();
        write!(stdout, "\n{text}{}", self.prompt)?;
        Ok(stdout.flush()?)
    }
}
