//! Runs the client: one verb, requests from a pipe, or a shell.

#![forbid(unsafe_code)]

mod backup;
mod bench;
mod completions;
mod cursor;
mod dump;
mod exec;
mod failure;
mod input;
mod links;
mod list;
mod load;
mod moment;
mod oneshot;
mod options;
mod pipe;
mod print;
mod progress;
mod request;
mod shell;
mod syntax;
mod verbs;
mod watch;

use failure::Failure;
use options::Command;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// The exit status of everything that went wrong.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(FAILED)
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    let args = std::env::args_os().skip(1);
    match options::read(args, std::env::var_os("KVMSG_SERVER"))? {
        Command::Print(text) => print::out(text.as_bytes()).map(|()| ExitCode::SUCCESS),
        Command::Once(options, verb, args) => oneshot::run(&options, verb, args),
        Command::Session(options) if !is_on_terminal() => pipe::run(&options),
        Command::Session(options) if options.is_for_programs() => Err(Failure::Shell),
        Command::Session(options) => Ok(shell::run(&options.server, options.timeout)),
    }
}

/// Whether there is a person to talk with. Somebody who types at a terminal, but has the answers
/// written to a file, is served as a pipe is.
fn is_on_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Says in one line what went wrong. Where nobody listens, the exit status says it alone.
fn complain(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "kvmsg-cli: {what}");
}
