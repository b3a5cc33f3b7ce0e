//! Deals with what happens in the shell, one thing at a time: a line, a notice, a signal.

use super::editor;
use super::flood::Flood;
use super::link::Event;
use super::palette::Palette;
use super::session::Session;
use super::words;
use async_channel::{Receiver, Sender, TrySendError};
use futures_lite::{StreamExt as _, future};
use kvmsg::client::Notice;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_async_std::Signals;
use smol::Timer;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// After how many changes that are only counted others get their turn.
const COUNTED_AT_ONCE: u64 = 256;

/// The ends of the channels that lead to and from the session.
pub struct Wires {
    /// Lines that were typed. Closed: nothing more will be.
    pub lines: Receiver<String>,
    /// What is to be shown for a line, one text a line.
    pub answers: Sender<String>,
    /// What is to be shown as it comes.
    pub notices: Sender<String>,
    /// Told to the editor, which may be showing a long answer.
    pub is_interrupted: Arc<AtomicBool>,
}

/// The session among those it deals with.
pub struct Desk {
    session: Session,
    signals: Signals,
    wires: Wires,
    /// A text for the printer, which has enough for now.
    waiting: Option<String>,
    /// Which changes are shown.
    flood: Flood,
    /// Changes have been counted before.
    was_flooded: bool,
    palette: Palette,
}

enum Happened {
    /// A line was typed, or the last has been.
    Typed(Option<String>),
    /// Something came that was not asked for.
    News(Event),
    /// The printer has room again.
    Room,
    /// The changes that were counted are to be told.
    Count,
    Signal(i32),
}

/// What became of a line.
enum Said {
    /// This is to be shown.
    Text(String),
    /// The person leaves.
    Farewell,
    /// The program was told to end, with this status.
    Ended(ExitCode),
}

impl Desk {
    /// A desk at which nothing has happened yet.
    pub fn new(session: Session, signals: Signals, wires: Wires, palette: Palette) -> Desk {
        Desk {
            session,
            signals,
            wires,
            waiting: None,
            flood: Flood::default(),
            was_flooded: false,
            palette,
        }
    }

    /// Ends the connection in order, if there is one.
    pub async fn close(self) {
        self.session.close().await;
    }

    /// Deals with what happens until the person leaves, or the program is told to.
    pub async fn serve(&mut self) -> ExitCode {
        loop {
            match self.next().await {
                Happened::Typed(None) => return ExitCode::SUCCESS,
                Happened::Typed(Some(line)) => match self.answer(&line).await {
                    Said::Text(text) => match self.wires.answers.send(text).await {
                        Ok(()) => {}
                        Err(_) => return ExitCode::SUCCESS,
                    },
                    Said::Farewell => return ExitCode::SUCCESS,
                    Said::Ended(code) => return code,
                },
                Happened::News(Event::Change(change)) => {
                    self.show_change(&change);
                    if self.flood.hidden().total() % COUNTED_AT_ONCE == COUNTED_AT_ONCE - 1 {
                        future::yield_now().await;
                    }
                }
                Happened::News(Event::Said(text)) => {
                    let text = self.count() + &text;
                    match self.wires.notices.try_send(text) {
                        Ok(()) => {}
                        Err(TrySendError::Full(text)) => self.waiting = Some(text),
                        Err(TrySendError::Closed(_)) => return ExitCode::SUCCESS,
                    }
                }
                Happened::Count if self.wires.notices.is_full() => {
                    self.flood.put_off(Instant::now());
                }
                Happened::Count => {
                    let text = self.count();
                    let _ = self.wires.notices.try_send(text);
                }
                Happened::Room => self.waiting = None,
                // What is left to interrupt is the answer being shown.
                Happened::Signal(SIGINT) => {
                    self.wires.is_interrupted.store(true, Ordering::Relaxed)
                }
                Happened::Signal(signal) => return ended_by(signal),
            }
        }
    }

    /// Waits for whatever happens first, with no preference.
    async fn next(&mut self) -> Happened {
        let typed = async { Happened::Typed(self.wires.lines.recv().await.ok()) };
        let signal = async { Happened::Signal(self.signals.next().await.unwrap_or(SIGTERM)) };
        let news = async {
            match &self.waiting {
                Some(text) => {
                    let _ = self.wires.notices.send(text.clone()).await;
                    Happened::Room
                }
                None => Happened::News(self.session.event().await),
            }
        };
        let due = self.flood.due();
        let count = async {
            match due {
                Some(due) => Timer::at(due).await,
                None => future::pending().await,
            };
            Happened::Count
        };
        future::race(future::race(typed, signal), future::or(count, news)).await
    }

    /// Shows a change, or counts it.
    fn show_change(&mut self, change: &Notice) {
        let Notice::Change { op, .. } = change else {
            return;
        };
        if self.flood.admits(Instant::now()) && !self.wires.notices.is_full() {
            self.flood.show();
            let text = words::notice(change, &self.palette);
            // There is room, and a printer that is gone is noticed elsewhere.
            let _ = self.wires.notices.try_send(text);
        } else {
            self.flood.hide(*op);
        }
    }

    /// What is to be said of the changes that were counted; nothing if there are none.
    fn count(&mut self) -> String {
        let counts = self.flood.hidden().clone();
        if counts.total() == 0 {
            return String::new();
        }
        self.flood.told(Instant::now());
        let is_first = !std::mem::replace(&mut self.was_flooded, true);
        words::flood(&counts, is_first, &self.palette)
    }

    /// Does what a line says. Ctrl-C ends the wait for a reply.
    async fn answer(&mut self, line: &str) -> Said {
        let signal = async { Err(self.signals.next().await.unwrap_or(SIGTERM)) };
        let answer = async { Ok(self.session.answer(line.as_bytes()).await) };
        match future::or(answer, signal).await {
            Ok(answer) if answer.is_last => Said::Farewell,
            Ok(answer) => Said::Text(answer.text),
            // The terminal has shown ^C, and stands behind it.
            Err(SIGINT) => Said::Text(format!("\n{}", self.session.give_up())),
            Err(signal) => Said::Ended(ended_by(signal)),
        }
    }
}

/// Leaves a line half typed, for the program was told to end; returns the status for that.
fn ended_by(signal: i32) -> ExitCode {
    // Whoever looks at the terminal next begins on a line of their own. If it is gone, nobody does.
    let _ = editor::abandon();
    // As a shell reports it.
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}
