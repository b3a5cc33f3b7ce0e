//! Talks with a person at a terminal, in the manner of a dialogue.
//!
//! Three threads, none of which waits for another that waits for it:
//!
//! * the **editor** reads lines and shows their answers; it blocks, and is never joined;
//! * this one runs the **session**: the connection, its requests and its notices; and beside it
//!   the **finder**, which asks for keys over a connection of its own;
//! * the **printer** shows notices above the line being typed.
//!
//! ```text
//!               --lines-->           --notices-->
//!       editor             session                 printer
//!          |   <--answers--                           |
//!          |    '--------- is a line being typed? ----'
//!          '----beginnings--> finder
//!             <-----keys-----
//! ```
//!
//! A line is answered before the next one is read. Of a flood of changes some are printed and the
//! rest is counted, so the session reads on. The editor waits for keys only a moment.

mod palette;
mod flood;
mod words;
mod figures;
mod replies;
mod advice;
mod help;
mod secret;
mod history;
mod screen;
mod suspend;
mod keys;
mod watched;
mod complete;
mod hint;
mod assist;
mod editor;
mod link;
mod session;
mod desk;

use async_channel::bounded;
use desk::Desk;
use futures_lite::future;
use link::Event;
use palette::Palette;
use session::Session;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_async_std::Signals;
use smol::Timer;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use watched::Watched;

/// How long the first prompt waits for the connection, so that what comes of it stands above.
/// Nobody notices the delay; a server that takes longer is spoken of when it answers.
const FIRST_CONNECT: Duration = Duration::from_millis(200);

/// The status of a program that failed.
const FAILED: u8 = 2;

/// Talks with the person at the terminal until that one has had enough.
pub fn run(server: &str, timeout: Duration) -> ExitCode {
    // Before there are other threads, which inherit it.
    suspend::keep_from_thread();
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
    let watched = Watched::default();
    let mut session = Session::new(server, timeout, watched.clone(), palette);
    let late = async {
        Timer::after(FIRST_CONNECT).await;
        let text = format!("Connecting to KV server at {server}...");
        words::news(palette.faint, &text)
    };
    let first = async {
        match session.event().await {
            Event::Said(text) => text,
            Event::Change(change) => words::notice(&change, &palette),
        }
    };
    let news = future::or(first, late).await;
    let operations = help::operations(words::columns(), &palette);
    if let Err(error) = editor::show(&format!("{news}\n{operations}\n")) {
        return fail(&format!("cannot write standard output: {error}"));
    }
    let (lines, typed) = bounded(1);
    let (answers, answered) = bounded(1);
    let (notices, noticed) = bounded(screen::WAITING_MAX);
    let (failures, failed) = bounded(1);
    let (keys, finder) = keys::keys(server, timeout);
    let shown_server = server.to_owned();
    let is_interrupted = Arc::new(AtomicBool::new(false));
    let interruption = is_interrupted.clone();
    std::thread::spawn(move || {
        let wires = editor::Wires {
            server: shown_server,
            lines,
            answers: answered,
            notices: noticed,
            is_interrupted: interruption,
        };
        if let Err(error) = editor::run(&wires, keys, watched, palette) {
            let _ = failures.try_send(error.to_string());
        }
    });
    let wires = desk::Wires {
        lines: typed,
        answers,
        notices,
        is_interrupted,
    };
    let mut desk = Desk::new(session, signals, wires, palette);
    let finding = async {
        finder.run().await;
        future::pending().await
    };
    let code = future::or(desk.serve(), finding).await;
    desk.close().await;
    match failed.try_recv() {
        Ok(error) => fail(&format!("cannot use the terminal: {error}")),
        Err(_) => code,
    }
}

fn fail(why: &dyn Display) -> ExitCode {
    // The terminal may be what is gone.
    let _ = writeln!(io::stderr(), "kvmsg-cli: {why}");
    ExitCode::from(FAILED)
}
