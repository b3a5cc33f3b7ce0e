//! Says in one line why what was asked for could not be done.

use crate::options::{Options, OptionsError};
use crate::request::{PERHAPS, UsageError};
use kvmsg::client;
use kvmsg::flags::text::quoted;
use kvmsg::journal;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Why the program ends early.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong.
    Options(OptionsError),
    /// A request is wrong.
    Usage(UsageError),
    /// The server cannot be reached, does not answer, or refuses: which one, and why.
    Server(String, client::Error),
    /// The same, when a change had been sent.
    Doubt(String, client::Error),
    /// The server went away, or what answers is none: which lines of a pipe are left without an
    /// answer, which server, and why.
    Lines(Unanswered, String, client::Error),
    /// Standard input cannot be read.
    Input(io::Error),
    /// Standard input holds more than is kept: what is too long, and the limit in bytes.
    TooLong(&'static str, usize),
    /// Standard output cannot be written.
    Output(io::Error),
    /// A temporary file cannot be used.
    Temporary(io::Error),
    /// What was to be dumped changed too fast: in which way.
    Changing(String),
    /// Requests of bench were refused: how many, of how many, and how the first was.
    Bench(u64, u64, String),
    /// A backup cannot be written.
    Backup(journal::Error),
    /// The file that a backup was to be is there already.
    Exists(PathBuf),
    /// A signal ended it.
    Interrupted,
    /// Signals cannot be listened to.
    Signals(io::Error),
    /// A cursor file cannot be used: which one, and why.
    Cursor(PathBuf, String),
    /// A command failed: for which change, and how.
    Command(String),
    /// Some commands failed, and each has been reported.
    Commands(u64),
    /// Flags that do not go together with the shell.
    Shell,
}

/// Lines that were sent and not answered.
#[derive(Debug, Clone, Copy)]
pub struct Unanswered {
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// Whether there are others behind them, which were not sent.
    pub are_others_left: bool,
}

impl Failure {
    /// What went wrong with the server that was asked.
    pub fn server(options: &Options, error: client::Error) -> Failure {
        Failure::Server(options.server.clone(), error)
    }

    /// The same of a request that was sent: a change may have been made, unless it was refused.
    pub fn of_request(options: &Options, changes: bool, error: client::Error) -> Failure {
        match changes && error.is_fatal() {
            true => Failure::Doubt(options.server.clone(), error),
            false => Failure::server(options, error),
        }
    }

    /// The same, with the first and the last of the lines that are left without an answer, if any.
    pub fn lines(options: &Options, lines: Option<(u64, u64)>, error: client::Error) -> Failure {
        match lines {
            Some((first, last)) => {
                let lines = Unanswered {
                    first,
                    last,
                    are_others_left: false,
                };
                Failure::Lines(lines, options.server.clone(), error)
            }
            None => Failure::server(options, error),
        }
    }

    /// The same, knowing whether there are lines that were not sent.
    pub fn with_rest(mut self, are_left: bool) -> Failure {
        if let Failure::Lines(lines, ..) = &mut self {
            lines.are_others_left = are_left;
        }
        self
    }

    /// Whether it is no failure at all: whoever reads what is printed has seen enough.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl From<OptionsError> for Failure {
    fn from(error: OptionsError) -> Failure {
        Failure::Options(error)
    }
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Failure {
        Failure::Usage(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Options(error) => error.fmt(f),
            Failure::Usage(error) => error.fmt(f),
            Failure::Server(_, error @ client::Error::Connect { source, .. }) => {
                error.fmt(f)?;
                match source.kind() {
                    ErrorKind::ConnectionRefused => {
                        f.write_str("; kvmsgd does not run there, -s names another server")
                    }
                    _ => Ok(()),
                }
            }
            Failure::Server(_, error @ client::Error::Refused(_)) => error.fmt(f),
            Failure::Server(address, error) => write!(f, "{address}: {error}"),
            Failure::Doubt(address, error) => write!(f, "{address}: {error}{PERHAPS}"),
            Failure::Lines(lines, address, error) => write!(f, "{lines}: {address}: {error}"),
            Failure::Input(error) => write!(f, "cannot read standard input: {error}"),
            Failure::TooLong(what, limit) => {
                write!(f, "{what} is longer than {limit} bytes")
            }
            Failure::Output(error) => write!(f, "cannot write standard output: {error}"),
            Failure::Temporary(error) => {
                let folder = std::env::temp_dir();
                let folder = quoted(folder.as_os_str());
                write!(
                    f,
                    "cannot use a temporary file in {folder}: {error}; TMPDIR names another"
                )
            }
            Failure::Changing(why) => f.write_str(why),
            Failure::Bench(refused, of, why) => {
                write!(
                    f,
                    "{refused} of {of} requests were refused, the first with: {why}"
                )
            }
            Failure::Backup(error) => error.fmt(f),
            Failure::Exists(path) => {
                let path = quoted(path.as_os_str());
                write!(f, "{path} is there already; --force replaces it")
            }
            Failure::Interrupted => f.write_str("interrupted; nothing was written"),
            Failure::Signals(error) => write!(f, "cannot listen to signals: {error}"),
            Failure::Cursor(path, why) => {
                write!(f, "cursor file {}: {why}", quoted(path.as_os_str()))
            }
            Failure::Command(text) => f.write_str(text),
            Failure::Commands(1) => f.write_str("1 command failed"),
            Failure::Commands(count) => write!(f, "{count} commands failed"),
            Failure::Shell => {
                f.write_str("--json, -0 and -q are for a verb or a pipe, not for the shell")
            }
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first, self.last);
        match first == last {
            true => write!(f, "line {first} was not answered")?,
            false => write!(f, "lines {first} to {last} were not answered")?,
        }
        match self.are_others_left {
            true => f.write_str(", and none behind was sent"),
            false => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
