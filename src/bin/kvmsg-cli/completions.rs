//! Writes the scripts with which bash, zsh and fish complete a command line.
//!
//! They are made of the tables of verbs and flags, and hold all there is to complete: nothing is
//! asked of a server, nor of kvmsg-cli itself.

mod bash;
mod fish;
mod zsh;

use crate::failure::Failure;
use crate::options::table::{self, Id};
use crate::print;
use crate::request::UsageError;
use crate::verbs::{Place, VERBS, Verb};
use kvmsg::flags::Flag;

/// The shells for which there is a script.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Prints the script for the shell that is named.
///
/// # Errors
///
/// [`Failure::Usage`] for another shell, [`Failure::Output`].
pub fn run(args: &[Vec<u8>]) -> Result<(), Failure> {
    let shell = args.first().map_or(&b""[..], Vec::as_slice);
    let script = match shell {
        b"bash" => bash::script(),
        b"zsh" => zsh::script(),
        b"fish" => fish::script(),
        other => return Err(UsageError::Shell(other.to_vec()).into()),
    };
    print::out(script.as_bytes())
}

/// The verbs that a command line takes.
fn verbs() -> impl Iterator<Item = &'static Verb> {
    VERBS.iter().filter(|verb| verb.place != Place::Session)
}

/// Each verb that has flags of its own, with these.
fn verbs_with_flags() -> impl Iterator<Item = (&'static Verb, &'static [Flag<Id>])> {
    verbs().filter_map(|verb| Some((verb, table::group(verb.name)?.flags)))
}

/// All flags, of any verb.
fn flags() -> impl Iterator<Item = &'static Flag<Id>> {
    let own = verbs_with_flags().flat_map(|(_, flags)| flags);
    table::general().iter().chain(own)
}

/// How a flag may be typed: `-s`, `--server`.
fn forms(flag: &Flag<Id>) -> impl Iterator<Item = String> {
    let short = flag.short.map(|short| format!("-{short}"));
    short.into_iter().chain([flag.typed()])
}

/// The forms of all flags that take a value, if it is a file or if it is none.
fn with_value(is_file: bool) -> Vec<String> {
    let flags = flags().filter(|flag| flag.value.is_some_and(|name| (name == "FILE") == is_file));
    flags.flat_map(forms).collect()
}
