//! Talks with a person at a terminal, in the manner of a dialogue.
//!
//! Three threads, none of which waits for another that waits for it:
//!
//! * the **editor** reads lines and shows their answers; it blocks, and is never joined;
//! * this one runs the **session**: the connection, its requests and its notices;
//! * the **printer** shows notices above the line being typed.
//!
//! ```text
//!               --lines-->           --notices-->
//!       editor             session                 printer
//!              <--answers--                           |
//!          '------------- is a line being typed? -----'
//! ```
//!
//! A line is answered before the next one is read. While too many notices wait to be printed the
//! session reads none; it still takes lines.

mod assist;
mod editor;
mod history;
mod palette;
mod screen;
mod session;
mod watched;
mod words;

use async_channel::{Receiver, Sender, TrySendError, bounded};
use futures_lite::{StreamExt as _, future};
use palette::Palette;
use session::Session;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_async_std::Signals;
use smol::Timer;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// How long the first prompt waits for the connection, so that what comes of it stands above.
/// Nobody notices the delay; a server that takes longer is spoken of when it answers.
const FIRST_CONNECT: Duration = Duration::from_millis(200);

/// The status of a program that failed.
const FAILED: u8 = 2;

/// Talks with the person at the terminal until that one has had enough.
pub fn run(server: &str, timeout: Duration) -> ExitCode {
    let signals = match Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot listen to signals: {error}")),
    };
    let mode = rustix::termios::tcgetattr(io::stdin());
    let palette = Palette::of_stdout();
    let code = smol::block_on(converse(server, timeout, palette, signals));
    // The editor may have been interrupted with the terminal in its hands.
    if let Ok(mode) = mode {
        let now = rustix::termios::OptionalActions::Drain;
        let _ = rustix::termios::tcsetattr(io::stdin(), now, &mode);
    }
    code
}

async fn converse(server: &str, timeout: Duration, palette: Palette, signals: Signals) -> ExitCode {
    let mut session = Session::new(server, timeout, palette);
    let late = async {
        Timer::after(FIRST_CONNECT).await;
        let text = format!("Connecting to KV server at {server}...");
        words::news(palette.faint, &text)
    };
    let news = future::or(session.event(), late).await;
    let operations = words::operations(words::columns(), &palette);
    if let Err(error) = editor::show(&format!("{news}\n{operations}\n")) {
        return fail(&format!("cannot write standard output: {error}"));
    }
    let (lines, typed) = bounded(1);
    let (answers, answered) = bounded(1);
    let (notices, noticed) = bounded(screen::WAITING_MAX);
    let (failures, failed) = bounded(1);
    std::thread::spawn(move || {
        let wires = editor::Wires {
            lines,
            answers: answered,
            notices: noticed,
        };
        if let Err(error) = editor::run(&wires, palette) {
            let _ = failures.try_send(error.to_string());
        }
    });
    let mut desk = Desk {
        session,
        signals,
        typed,
        answers,
        notices,
        waiting: None,
    };
    let code = desk.serve().await;
    desk.session.close().await;
    match failed.try_recv() {
        Ok(error) => fail(&format!("cannot use the terminal: {error}")),
        Err(_) => code,
    }
}

/// The session among those it deals with.
struct Desk {
    session: Session,
    signals: Signals,
    typed: Receiver<String>,
    answers: Sender<String>,
    notices: Sender<String>,
    /// A text for the printer, which has enough for now.
    waiting: Option<String>,
}

enum Happened {
    /// A line was typed, or the last has been.
    Typed(Option<String>),
    /// There is something to show.
    News(String),
    /// The printer has room again.
    Room,
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
    /// Deals with what happens until the person leaves, or the program is told to.
    async fn serve(&mut self) -> ExitCode {
        loop {
            match self.next().await {
                Happened::Typed(None) => return ExitCode::SUCCESS,
                Happened::Typed(Some(line)) => match self.answer(&line).await {
                    Said::Text(text) => match self.answers.send(text).await {
                        Ok(()) => {}
                        Err(_) => return ExitCode::SUCCESS,
                    },
                    Said::Farewell => return ExitCode::SUCCESS,
                    Said::Ended(code) => return code,
                },
                Happened::News(text) => match self.notices.try_send(text) {
                    Ok(()) => {}
                    Err(TrySendError::Full(text)) => self.waiting = Some(text),
                    Err(TrySendError::Closed(_)) => return ExitCode::SUCCESS,
                },
                Happened::Room => self.waiting = None,
                // A late one: what it was to interrupt is done.
                Happened::Signal(SIGINT) => {}
                Happened::Signal(signal) => return ended_by(signal),
            }
        }
    }

    /// Waits for whatever happens first, with no preference.
    async fn next(&mut self) -> Happened {
        let typed = async { Happened::Typed(self.typed.recv().await.ok()) };
        let signal = async { Happened::Signal(self.signals.next().await.unwrap_or(SIGTERM)) };
        let news = async {
            match &self.waiting {
                Some(text) => {
                    let _ = self.notices.send(text.clone()).await;
                    Happened::Room
                }
                None => Happened::News(self.session.event().await),
            }
        };
        future::race(future::race(typed, signal), news).await
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
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(FAILED))
}

fn fail(why: &dyn Display) -> ExitCode {
    // The terminal may be what is gone.
    let _ = writeln!(io::stderr(), "kvmsg-cli: {why}");
    ExitCode::from(FAILED)
}
