//! Reads the command line and the environment: what to do, at which server, printed how.

mod benching;
pub mod table;
mod watching;

pub use benching::Benching;
pub use watching::Watching;

use crate::print::Form;
use crate::request::{self, UsageError};
use crate::verbs::{self, Name, Place, VERBS, Verb};
use kvmsg::client;
use kvmsg::flags::text::quoted;
use kvmsg::flags::{self, FlagError, Given};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;
use table::{Id, TABLE, TAIL};

/// Where a server is looked for unless something else is said.
const SERVER: &str = "127.0.0.1:8080";

/// The port of an address that names none.
const PORT: u16 = 8080;

/// The variable that names a server.
const VARIABLE: &str = "KVMSG_SERVER";

/// The longest time that can be set, in seconds: a day.
const TIMEOUT_SECS_MAX: f64 = 86400.0;

/// Where a verb must be understood to be taken from the command line.
const PLACES: [Place; 2] = [Place::Everywhere, Place::Once];

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// To print this text.
    Print(String),
    /// To do one thing.
    Once(Options, &'static Verb, Vec<Vec<u8>>),
    /// To take requests from standard input.
    Session(Options),
}

/// Where to ask and how to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The server, `HOST:PORT`.
    pub server: String,
    /// How long connecting and each reply may take.
    pub timeout: Duration,
    /// How answers are printed.
    pub form: Form,
    /// Whether list prints values too.
    pub values: bool,
    /// How watch begins, ends, and what it does with a change.
    pub watching: Watching,
    /// Whether load removes first what a key holds.
    pub replace: bool,
    /// Whether backup replaces a file that is there.
    pub force: bool,
    /// What bench does.
    pub benching: Benching,
}

/// A mistake on the command line or in the environment; its text is one line.
#[derive(Debug, PartialEq)]
pub enum OptionsError {
    /// A flag that cannot be read.
    Flag(FlagError),
    /// A verb that cannot be understood.
    Usage(UsageError),
    /// A value that is impossible: of which flag or variable, the value, and what is allowed.
    Value(String, OsString, String),
    /// A flag that has nothing to do with the verb, and which verb it is for.
    Useless(String, &'static str),
    /// More memory than is taken for requests in flight: how many bytes that would be.
    InFlight(u128),
    /// There is no command to run.
    NoCommand,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionsError::Flag(error) => error.fmt(f),
            OptionsError::Usage(error) => error.fmt(f),
            OptionsError::Value(of, value, allowed) => {
                write!(f, "{of} {}: it must be {allowed}", quoted(value))
            }
            OptionsError::Useless(flag, place) => write!(f, "{flag} is for {place}"),
            OptionsError::InFlight(bytes) => write!(
                f,
                "-c, -P and -d together make {bytes} bytes of requests in flight: \
                 it must be at most {}",
                benching::IN_FLIGHT_BYTES_MAX
            ),
            OptionsError::NoCommand => f.write_str("--exec takes a command: --exec -- CMD ARGS..."),
        }
    }
}

impl std::error::Error for OptionsError {}

impl From<FlagError> for OptionsError {
    fn from(error: FlagError) -> OptionsError {
        OptionsError::Flag(error)
    }
}

impl From<UsageError> for OptionsError {
    fn from(error: UsageError) -> OptionsError {
        OptionsError::Usage(error)
    }
}

/// Reads the arguments behind the program's name. `server` is what the environment says of it.
///
/// # Errors
///
/// See [`OptionsError`].
pub fn read(
    args: impl IntoIterator<Item = OsString>,
    server: Option<OsString>,
) -> Result<Command, OptionsError> {
    let (read, command) = watching::parse(args.into_iter().collect())?;
    let given = read.given;
    let mut operands = read.operands.into_iter().map(OsString::into_vec);
    let (word, args) = (operands.next(), operands.collect::<Vec<_>>());
    match given.last().map(|last| last.id) {
        Some(Id::Help) => return Ok(Command::Print(explain(word.as_deref())?)),
        Some(Id::Version) => return Ok(Command::Print(version())),
        _ => {}
    }
    let mut options = options(&given, server)?;
    options.watching.command = command;
    let verb = match &word {
        Some(word) => Some(request::verb(word, &args, &PLACES)?),
        None => None,
    };
    belongs(&given, verb.map(|verb| verb.name))?;
    watching::check(&given, &options)?;
    options.benching.check()?;
    match verb {
        None => Ok(Command::Session(options)),
        Some(verb) if verb.name == Name::Help => {
            let topic = args.first().map(Vec::as_slice);
            Ok(Command::Print(explain(topic)?))
        }
        Some(verb) => Ok(Command::Once(options, verb, args)),
    }
}

/// Whether the next of the arguments to come is a value, to be taken as it is. `--` is one too,
/// unless all the values that are missing stand behind it.
fn is_value_next(operands: &[OsString], to_come: &[OsString]) -> bool {
    let verb = operands
        .first()
        .and_then(|word| verbs::find(word.as_bytes()));
    verb.is_some_and(|verb| {
        let next = operands.len() - 1;
        let missing = verb.fields.1.saturating_sub(next);
        let ends_flags = to_come[0] == "--" && to_come.len() > missing;
        missing > 0 && verb.first_value.is_some_and(|first| next >= first) && !ends_flags
    })
}

fn options(given: &[Given<Id>], server: Option<OsString>) -> Result<Options, OptionsError> {
    let named = server.filter(|server| !server.is_empty());
    let mut options = Options {
        server: match named {
            Some(server) => address(VARIABLE, &server)?,
            None => SERVER.to_owned(),
        },
        timeout: client::TIMEOUT,
        form: Form::default(),
        values: false,
        watching: Watching::default(),
        replace: false,
        force: false,
        benching: Benching::default(),
    };
    for flag in given {
        match flag.id {
            Id::Server => options.server = address(&flag.typed, &flag.value)?,
            Id::Json => options.form.json = true,
            Id::Null => options.form.nul = true,
            Id::Quiet => options.form.quiet = true,
            Id::Timeout => options.timeout = seconds(flag)?,
            Id::Values => options.values = true,
            Id::Count => options.watching.count = Some(number(flag, 1..=u64::MAX)?),
            Id::Since => options.watching.since = Some(watching::since(flag)?),
            Id::CursorFile => options.watching.cursor_file = Some(flag.value.clone().into()),
            Id::FailOnLoss => options.watching.fail_on_loss = true,
            Id::KeepGoing => options.watching.keep_going = true,
            Id::Replace => options.replace = true,
            Id::Force => options.force = true,
            Id::Clients
            | Id::Requests
            | Id::Pipeline
            | Id::ValueBytes
            | Id::Keyspace
            | Id::Mix
            | Id::Watchers
            | Id::Cleanup => options.benching.take(flag)?,
            Id::Exec | Id::Help | Id::Version => {}
        }
    }
    Ok(options)
}

impl Options {
    /// Whether something was asked for that only programs need, and that the shell does not do.
    pub fn is_for_programs(&self) -> bool {
        self.form != Form::default()
    }
}

/// Refuses flags that have nothing to do with the verb.
fn belongs(given: &[Given<Id>], verb: Option<Name>) -> Result<(), OptionsError> {
    for other in VERBS.iter().filter(|other| Some(other.name) != verb) {
        if let Some(group) = table::group(other.name) {
            let ids: Vec<Id> = group.flags.iter().map(|flag| flag.id).collect();
            useless(given, &ids, other.word)?;
        }
    }
    match verb {
        Some(Name::Dump | Name::Load | Name::Backup | Name::Bench | Name::Completions) => useless(
            given,
            &[Id::Null],
            "verbs that print values or keys as they are",
        ),
        _ => Ok(()),
    }
}

/// Refuses these flags, which are for `place`.
fn useless(given: &[Given<Id>], ids: &[Id], place: &'static str) -> Result<(), OptionsError> {
    match given.iter().find(|flag| ids.contains(&flag.id)) {
        Some(flag) => Err(OptionsError::Useless(flag.typed.clone(), place)),
        None => Ok(()),
    }
}

fn wrong(flag: &Given<Id>, allowed: impl Into<String>) -> OptionsError {
    OptionsError::Value(flag.typed.clone(), flag.value.clone(), allowed.into())
}

/// The number that a flag was given, if it lies in the range.
fn number(flag: &Given<Id>, range: RangeInclusive<u64>) -> Result<u64, OptionsError> {
    let text = flag.value.to_str();
    let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.filter(is_number).and_then(|text| text.parse().ok());
    let (first, last) = (*range.start(), *range.end());
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| match last {
            u64::MAX => wrong(flag, format!("a number from {first} on")),
            _ => wrong(flag, format!("a number from {first} to {last}")),
        })
}

/// `HOST`, `HOST:PORT`, an IPv6 address or `[IPv6]:PORT`, with its port.
fn address(of: &str, value: &OsStr) -> Result<String, OptionsError> {
    let right = "HOST or HOST:PORT, PORT from 1 to 65535";
    let wrong = || OptionsError::Value(of.to_owned(), value.to_owned(), right.into());
    let text = value.to_str().ok_or_else(wrong)?;
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{text}]:{PORT}"));
    }
    let has_port = text.rfind(':') > text.rfind(']');
    let (host, port) = match text.rsplit_once(':').filter(|_| has_port) {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
        None => (text, PORT),
    };
    let is_odd = |letter: char| letter.is_control() || letter.is_whitespace();
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inner) => inner.contains(':') && !inner.contains(['[', ']']),
        None => !host.is_empty() && !host.contains(['[', ']', '/']),
    };
    if port == 0 || !is_host || host.contains(is_odd) {
        return Err(wrong());
    }
    Ok(format!("{host}:{port}"))
}

fn seconds(flag: &Given<Id>) -> Result<Duration, OptionsError> {
    let seconds = flag
        .value
        .to_str()
        .and_then(|text| text.parse::<f64>().ok());
    seconds
        .filter(|seconds| (0.001..=TIMEOUT_SECS_MAX).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| wrong(flag, "a number of seconds from 0.001 to 86400"))
}

/// The help for a verb, or all of it.
fn explain(word: Option<&[u8]>) -> Result<String, UsageError> {
    let Some(word) = word else {
        return Ok(format!(
            "{}\nVerbs:\n{}{TAIL}",
            flags::help(&TABLE),
            verbs::list(&PLACES)
        ));
    };
    match verbs::find(word) {
        Some(verb) => {
            let flags = table::group(verb.name).map_or(String::new(), flags::section);
            Ok(verb.explain_once(&flags))
        }
        None => Err(UsageError::Unknown(
            word.to_vec(),
            verbs::suggest(word, &PLACES),
        )),
    }
}

fn version() -> String {
    format!("kvmsg-cli {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests;
