//! Reads what the command line says of watch, and the command behind `--exec --`.

use super::table::{Id, TABLE};
use super::{Options, OptionsError, is_value_next, useless, wrong};
use kvmsg::client::Position;
use kvmsg::flags::{self, Args, FlagError, Given};
use std::ffi::OsString;
use std::path::PathBuf;

/// How watch begins, ends, and what it does with a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watching {
    /// After how many notices it ends.
    pub count: Option<u64>,
    /// After which position it begins.
    pub since: Option<Position>,
    /// Where the position is kept.
    pub cursor_file: Option<PathBuf>,
    /// Whether a loss ends it.
    pub fail_on_loss: bool,
    /// The command for each change, and its arguments.
    pub command: Option<Vec<OsString>>,
    /// Whether it goes on after a command that failed.
    pub keep_going: bool,
}

/// Reads flags and operands. Where `--exec` is among the flags, what stands behind the first `--`
/// is a command, and is returned as such.
pub(super) fn parse(
    mut args: Vec<OsString>,
) -> Result<(Args<Id>, Option<Vec<OsString>>), FlagError> {
    if let Some(at) = args.iter().position(|arg| arg == "--")
        && let Ok(read) = parse_around(args[..at].to_vec())
        && read.given.iter().any(|flag| flag.id == Id::Exec)
    {
        return Ok((read, Some(args.split_off(at + 1))));
    }
    parse_around(args).map(|read| (read, None))
}

fn parse_around(args: Vec<OsString>) -> Result<Args<Id>, FlagError> {
    flags::parse_around(&TABLE, args, is_value_next)
}

/// Refuses a command where there is none, and flags that need one or go without.
pub(super) fn check(given: &[Given<Id>], options: &Options) -> Result<(), OptionsError> {
    match &options.watching.command {
        Some(command) if command.is_empty() => Err(OptionsError::NoCommand),
        // Its standard output is the commands'.
        Some(_) => useless(given, &[Id::Json, Id::Null], "watch without --exec"),
        None if given.iter().any(|flag| flag.id == Id::Exec) => Err(OptionsError::NoCommand),
        None => useless(given, &[Id::KeepGoing], "watch with --exec"),
    }
}

pub(super) fn since(flag: &Given<Id>) -> Result<Position, OptionsError> {
    let since = flag.value.to_str().and_then(|text| text.parse().ok());
    since.ok_or_else(|| wrong(flag, "EPOCH:REVISION, 16 hexadecimal digits and a number"))
}
