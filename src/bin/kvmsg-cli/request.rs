//! Makes a request of a verb and its arguments, or says what is wrong with them.

use crate::verbs::{self, Name, Place, Verb};
use kvmsg::client::Request;
use kvmsg::flags::text::quoted;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// What is to be said of a request that may have changed something and has no reply, behind why.
pub const PERHAPS: &str = "; the request may have been executed";

/// A mistake in what was typed; its text is one line.
#[derive(Debug, PartialEq, Eq)]
pub enum UsageError {
    /// A word that is no verb, and the one that was perhaps meant.
    Unknown(Vec<u8>, Option<&'static str>),
    /// A line of the line protocol, and its verb, where a verb and its arguments are words.
    Line(Vec<u8>, &'static Verb),
    /// A verb with too few or too many arguments: how many there were.
    Count(&'static Verb, usize),
    /// A verb that is not understood where it was typed, and what to do instead.
    Misplaced(&'static Verb, &'static str),
    /// A shell for which there are no completions.
    Shell(Vec<u8>),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageError::Unknown(word, nearest) => {
                write!(f, "unknown verb {}", quoted(OsStr::from_bytes(word)))?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => write!(f, "; help lists the verbs"),
                }
            }
            UsageError::Line(line, verb) => {
                let (line, usage) = (quoted(OsStr::from_bytes(line)), verb.usage());
                write!(f, "unknown verb {line}; on a command line it is {usage}")
            }
            UsageError::Count(verb, count) => {
                let (word, args) = (verb.word, verb.args);
                match args {
                    "" => write!(f, "{word} takes no argument, but {} given", were(*count))?,
                    _ => write!(f, "{word} takes {args}, but {} given", were(*count))?,
                }
                match verb.name {
                    Name::Load => f.write_str("; it reads standard input"),
                    _ => Ok(()),
                }
            }
            UsageError::Shell(word) => {
                let word = quoted(OsStr::from_bytes(word));
                write!(
                    f,
                    "there are no completions for {word}, but for bash, zsh and fish"
                )
            }
            UsageError::Misplaced(verb, instead) => write!(f, "{}: {instead}", verb.word),
        }
    }
}

impl std::error::Error for UsageError {}

fn were(count: usize) -> String {
    match count {
        0 => "no argument was".to_owned(),
        1 => "1 argument was".to_owned(),
        _ => format!("{count} arguments were"),
    }
}

/// Finds the verb of a word, and checks that it is understood in one of these places, and how many
/// arguments it has.
///
/// # Errors
///
/// [`UsageError::Unknown`], [`UsageError::Line`], [`UsageError::Misplaced`], [`UsageError::Count`].
pub fn verb(word: &[u8], args: &[Vec<u8>], places: &[Place]) -> Result<&'static Verb, UsageError> {
    let verb = verbs::find(word).ok_or_else(|| unknown(word, places))?;
    if !places.contains(&verb.place) {
        return Err(UsageError::Misplaced(verb, verb.place.instead()));
    }
    if args.len() < verb.fields.0 || args.len() > verb.fields.1 {
        return Err(UsageError::Count(verb, args.len()));
    }
    Ok(verb)
}

/// What is wrong with a word that is no verb.
fn unknown(word: &[u8], places: &[Place]) -> UsageError {
    let before_colon = word.iter().position(|byte| *byte == b':');
    let verb = before_colon.and_then(|end| verbs::find(&word[..end]));
    let on_a_command_line = places.contains(&Place::Once);
    let is_line = |verb: &&Verb| on_a_command_line && verb.place == Place::Everywhere;
    match verb.filter(is_line) {
        Some(verb) => UsageError::Line(word.to_vec(), verb),
        None => UsageError::Unknown(word.to_vec(), verbs::suggest(word, places)),
    }
}

/// Makes the request of a verb that is one. That of list asks for the first page.
///
/// # Errors
///
/// [`UsageError::Count`], and [`UsageError::Misplaced`] for a verb that is no request.
pub fn request<'a>(verb: &'static Verb, args: &'a [Vec<u8>]) -> Result<Request<'a>, UsageError> {
    Ok(match (verb.name, args) {
        (Name::Get, [key]) => Request::Get { key },
        (Name::Put, [key, value]) => Request::Put { key, value },
        (Name::Update, [key, old, new]) => Request::Update { key, old, new },
        (Name::Remove, [key, value]) => Request::Remove { key, value },
        (Name::Delete, [key]) => Request::Delete { key },
        (Name::Ping, []) => Request::Ping { text: None },
        (Name::Ping, [text]) => Request::Ping { text: Some(text) },
        (Name::Stats, []) => Request::Stats,
        (Name::Unwatch, []) => Request::Unwatch { prefix: None },
        (Name::Unwatch, [prefix]) => Request::Unwatch {
            prefix: Some(prefix),
        },
        (Name::Watch, [] | [_]) => Request::Watch {
            prefix: prefix(args),
            since: None,
            echo: false,
        },
        (Name::List, [] | [_]) => Request::List {
            prefix: prefix(args),
            after: None,
            count: None,
        },
        (
            Name::Dump
            | Name::Load
            | Name::Backup
            | Name::Bench
            | Name::Completions
            | Name::Help
            | Name::Exit,
            _,
        ) => {
            return Err(UsageError::Misplaced(verb, "it is no request"));
        }
        _ => return Err(UsageError::Count(verb, args.len())),
    })
}

/// The prefix that list and watch are given, or that of every key.
pub fn prefix(args: &[Vec<u8>]) -> &[u8] {
    args.first().map_or(&[], Vec::as_slice)
}

/// What to say to a flag, which would otherwise be the beginning of keys, and mostly of none.
pub fn stray_flag(word: &[u8], args: &[Vec<u8>]) -> Option<String> {
    let verb = verbs::find(word).filter(|verb| matches!(verb.name, Name::List | Name::Watch))?;
    let flag = args.iter().find(|arg| arg.starts_with(b"--"))?;
    // Behind a colon everything is taken as it is.
    let (word, prefix) = (verb.word.to_uppercase(), String::from_utf8_lossy(flag));
    Some(format!(
        "flags are for the command line; as a prefix type {word}:{prefix}"
    ))
}

/// Whether a request may change something.
pub fn changes(request: &Request<'_>) -> bool {
    match request {
        Request::Put { .. }
        | Request::Update { .. }
        | Request::Remove { .. }
        | Request::Delete { .. } => true,
        Request::Get { .. }
        | Request::Ping { .. }
        | Request::Watch { .. }
        | Request::Unwatch { .. }
        | Request::List { .. }
        | Request::Stats => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::VERBS;

    #[test]
    fn mistakes_say_what_would_be_right() {
        let places = [Place::Everywhere];
        let wrong = |word: &[u8], args| {
            let args = vec![Vec::new(); args];
            verb(word, &args, &places).unwrap_err().to_string()
        };
        assert_eq!(wrong(b"gte", 1), "unknown verb \"gte\"; did you mean get?");
        assert_eq!(
            wrong(b"x\x1b", 1),
            "unknown verb \"x\\u{1b}\"; help lists the verbs"
        );
        assert_eq!(
            wrong(b"put", 1),
            "put takes KEY VALUE, but 1 argument was given"
        );
        assert_eq!(wrong(b"get", 0), "get takes KEY, but no argument was given");
        assert_eq!(
            wrong(b"ping", 2),
            "ping takes [TEXT], but 2 arguments were given"
        );
        assert_eq!(
            wrong(b"stats", 1),
            "stats takes no argument, but 1 argument was given"
        );
    }

    #[test]
    fn no_verb_and_no_number_of_arguments_panics() {
        for verb in &VERBS {
            for count in 0..5 {
                let args = vec![b"x".to_vec(); count];
                let made = request(verb, &args);
                let fits = (verb.fields.0..=verb.fields.1).contains(&count);
                assert!(fits || made.is_err(), "{} {count}", verb.word);
            }
        }
    }
}
