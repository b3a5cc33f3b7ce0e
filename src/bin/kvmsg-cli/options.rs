//! Reads the command line and the environment: what to do, at which server, printed how.

use crate::print::Form;
use crate::request::{self, UsageError};
use crate::verbs::{self, Name, Place, Verb};
use kvmsg::client;
use kvmsg::flags::text::quoted;
use kvmsg::flags::{self, Args, Flag, FlagError, Given, Group, Table};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

/// Where a server is looked for unless something else is said.
const SERVER: &str = "127.0.0.1:8080";

/// The port of an address that names none.
const PORT: u16 = 8080;

/// The variable that names a server.
const VARIABLE: &str = "KVMSG_SERVER";

/// The longest time that can be set, in seconds: a day.
const TIMEOUT_SECS_MAX: f64 = 86400.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Server,
    Json,
    Null,
    Quiet,
    Timeout,
    Count,
    Help,
    Version,
}

static TABLE: Table<Id> = Table {
    program: "kvmsg-cli",
    about: "kvmsg-cli asks, changes and watches what kvmsgd keeps.",
    groups: &[Group {
        heading: "Flags",
        brief: None,
        flags: &[
            Flag {
                value: Some("ADDRESS"),
                default: Some("$KVMSG_SERVER, else 127.0.0.1:8080"),
                ..Flag::switch(Id::Server, Some('s'), "server", "the server, HOST:PORT")
            },
            Flag::switch(Id::Json, None, "json", "print one JSON document a line"),
            Flag::switch(
                Id::Null,
                Some('0'),
                "null",
                "end what is printed with NUL, not LF",
            ),
            Flag::switch(Id::Quiet, Some('q'), "quiet", "print neither OK nor PONG"),
            Flag {
                value: Some("SECONDS"),
                default: Some("10"),
                ..Flag::switch(
                    Id::Timeout,
                    None,
                    "timeout",
                    "for connecting and each reply",
                )
            },
            Flag {
                value: Some("N"),
                ..Flag::switch(Id::Count, None, "count", "watch: end after N notices")
            },
            Flag::last(
                Id::Help,
                'h',
                "help",
                "print this, or help for the verb before it",
            ),
            Flag::last(Id::Version, 'V', "version", "print the version"),
        ],
    }],
    operands: Some("[VERB ARGS...]"),
};

/// What stands below flags and verbs in the help.
const TAIL: &str = "
Without a verb: a shell on a terminal; otherwise requests are read from standard
input, one a line, as `put user \"john smith\"` or `PUT:user:john smith`.
A VALUE may begin with a dash; `put KEY -` reads the value from standard input.

Examples:
  kvmsg-cli put user john
  kvmsg-cli get user
  kvmsg-cli watch
  kvmsg-cli -s db.example.org --json get user
  kvmsg-cli < requests

Exit status: 0 done, 1 not found, 2 anything else.
";

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
    /// After how many notices watch ends.
    pub count: Option<u64>,
}

/// A mistake on the command line or in the environment; its text is one line.
#[derive(Debug, PartialEq)]
pub enum OptionsError {
    /// A flag that cannot be read.
    Flag(FlagError),
    /// A verb that cannot be understood.
    Usage(UsageError),
    /// A value that is impossible: of which flag or variable, the value, and what is allowed.
    Value(String, OsString, &'static str),
    /// A flag that has nothing to do with the verb, and which verb it is for.
    Useless(String, &'static str),
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
    let Args { given, operands } = flags::parse_around(&TABLE, args, is_value_next)?;
    let mut operands = operands.into_iter().map(OsString::into_vec);
    let (word, args) = (operands.next(), operands.collect::<Vec<_>>());
    match given.last().map(|last| last.id) {
        Some(Id::Help) => return Ok(Command::Print(explain(word.as_deref())?)),
        Some(Id::Version) => return Ok(Command::Print(version())),
        _ => {}
    }
    let options = options(&given, server)?;
    let Some(word) = word else {
        useless(&given, &[Id::Count], "watch")?;
        return Ok(Command::Session(options));
    };
    let verb = request::verb(&word, &args, &[Place::Everywhere, Place::NoPipe])?;
    if verb.name != Name::Watch {
        useless(&given, &[Id::Count], "watch")?;
    }
    match verb.name {
        Name::Help => Ok(Command::Print(explain(args.first().map(Vec::as_slice))?)),
        _ => Ok(Command::Once(options, verb, args)),
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
        count: None,
    };
    for flag in given {
        match flag.id {
            Id::Server => options.server = address(&flag.typed, &flag.value)?,
            Id::Json => options.form.json = true,
            Id::Null => options.form.nul = true,
            Id::Quiet => options.form.quiet = true,
            Id::Timeout => options.timeout = seconds(flag)?,
            Id::Count => options.count = Some(count(flag)?),
            Id::Help | Id::Version => {}
        }
    }
    Ok(options)
}

fn useless(given: &[Given<Id>], ids: &[Id], place: &'static str) -> Result<(), OptionsError> {
    match given.iter().find(|flag| ids.contains(&flag.id)) {
        Some(flag) => Err(OptionsError::Useless(flag.typed.clone(), place)),
        None => Ok(()),
    }
}

impl Options {
    /// Whether something was asked for that only programs need, and that the shell does not do.
    pub fn is_for_programs(&self) -> bool {
        self.form != Form::default()
    }
}

/// `HOST`, `HOST:PORT`, an IPv6 address or `[IPv6]:PORT`, with its port.
fn address(of: &str, value: &OsStr) -> Result<String, OptionsError> {
    let wrong = || OptionsError::Value(of.to_owned(), value.to_owned(), "HOST or HOST:PORT");
    let text = value.to_str().ok_or_else(wrong)?;
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{text}]:{PORT}"));
    }
    let has_port = text.rfind(':') > text.rfind(']');
    let (host, port) = match text.rsplit_once(':').filter(|_| has_port) {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
        None => (text, PORT),
    };
    let is_host = |letter: char| !letter.is_control() && !letter.is_whitespace();
    if host.is_empty() || port == 0 || !host.chars().all(is_host) {
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
        .ok_or_else(|| {
            let allowed = "a number of seconds from 0.001 to 86400";
            OptionsError::Value(flag.typed.clone(), flag.value.clone(), allowed)
        })
}

fn count(flag: &Given<Id>) -> Result<u64, OptionsError> {
    let count = flag.value.to_str().and_then(|text| text.parse().ok());
    count.filter(|count| *count > 0).ok_or_else(|| {
        OptionsError::Value(flag.typed.clone(), flag.value.clone(), "a number from 1 on")
    })
}

/// The help for a verb, or all of it.
fn explain(word: Option<&[u8]>) -> Result<String, UsageError> {
    let places = [Place::Everywhere, Place::NoPipe];
    let Some(word) = word else {
        return Ok(format!(
            "{}\nVerbs:\n{}{TAIL}",
            flags::help(&TABLE),
            verbs::list(&places)
        ));
    };
    match verbs::find(word) {
        Some(verb) => Ok(verb.explain_once()),
        None => Err(UsageError::Unknown(
            word.to_vec(),
            verbs::suggest(word, &places),
        )),
    }
}

fn version() -> String {
    format!("kvmsg-cli {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests;
