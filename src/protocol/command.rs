//! Names what a client can ask for, and builds a command from the fields of a request.

use super::escaped;
use std::fmt;

/// The longest key, in bytes. The shortest has one.
pub const KEY_BYTES_MAX: usize = 1024;

/// Where a field lies in the buffer in which it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The offset of its first byte.
    pub start: usize,
    /// The offset after its last byte.
    pub end: usize,
}

impl Span {
    /// The bytes that it stands for, in the buffer it was made from.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start..self.end]
    }
}

/// The versions of RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RESP2.
    Two,
    /// RESP3.
    Three,
}

/// What a client asks for. Its fields stay where they arrived, so a command is small on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named as in the table of verbs")]
pub enum Command {
    /// Appends a value.
    Put { key: Span, value: Span },
    /// Asks for all values of a key.
    Get { key: Span },
    /// Replaces the first value equal to `old`.
    Update { key: Span, old: Span, new: Span },
    /// Removes the first value equal to `value`.
    Remove { key: Span, value: Span },
    /// Removes a key and all its values.
    Delete { key: Span },
    /// Asks for a sign of life, or for its own words back.
    Ping { message: Option<Span> },
    /// Asks for its own words back.
    Echo { message: Span },
    /// Greets, and may choose the version of RESP and a name for the logs.
    Hello {
        version: Option<Version>,
        name: Option<Span>,
    },
    /// Asks to be told of changes.
    Watch { prefix: Span },
    /// Asks to be told no more, of one prefix or at all.
    Unwatch { prefix: Option<Span> },
    /// Asks for the counters.
    Stats,
    /// Asks for the list of requests.
    Help,
    /// Says good-bye.
    Quit,
}

/// One step of a client's conversation, to be answered in its turn.
#[derive(Debug, PartialEq)]
pub enum Request {
    /// A well-formed request.
    Command(Command),
    /// One that is answered with an error; the connection stays open.
    Refused(Refusal),
    /// One after which nothing can be trusted: answered with an error, then the connection closes.
    Fatal(Refusal),
    /// The first complete line of a line client has come: it is told of changes from here on.
    Listen,
}

impl Request {
    /// Whether the client's conversation ends with this request.
    pub fn is_last(&self) -> bool {
        matches!(self, Request::Fatal(_) | Request::Command(Command::Quit))
    }
}

/// Why a request was refused: one line without line ends, that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word after `-` in RESP: `ERR`, or `NOPROTO` as Redis has it.
    pub code: &'static str,
    /// What was wrong.
    pub text: String,
}

impl Refusal {
    /// An `ERR` with this text.
    pub fn new(text: impl Into<String>) -> Refusal {
        Refusal {
            code: "ERR",
            text: text.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The verbs, as the table has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each is for")]
pub enum Name {
    Put,
    Get,
    Update,
    Remove,
    Delete,
    Ping,
    Echo,
    Hello,
    Watch,
    Unwatch,
    Stats,
    Help,
    Quit,
}

/// What both parsers, the errors and HELP know of a verb.
#[derive(Debug)]
pub struct Verb {
    /// Which one it is.
    pub name: Name,
    /// How it is written, in capitals.
    pub word: &'static str,
    /// Its fields as a line has them, colons included; none if lines do not have the verb.
    pub line: Option<&'static str>,
    /// Its arguments in a frame; none if frames do not have the verb.
    pub frame: Option<&'static str>,
    /// How many fields it takes, at least and at most.
    pub fields: (usize, usize),
    /// Whether the last field of a line takes the rest of it, colons included.
    pub rest: bool,
    /// What it does, in a few words.
    pub help: &'static str,
}

const fn verb(
    name: Name,
    word: &'static str,
    line: Option<&'static str>,
    frame: Option<&'static str>,
    fields: (usize, usize),
    help: &'static str,
) -> Verb {
    let rest = matches!(name, Name::Put | Name::Update | Name::Remove);
    Verb {
        name,
        word,
        line,
        frame,
        fields,
        rest,
        help,
    }
}

/// Every verb, the most used first.
#[rustfmt::skip]
pub static VERBS: [Verb; 13] = [
    verb(Name::Put, "PUT", Some(":key:value"), Some("key value"), (2, 2),
        "append a value"),
    verb(Name::Get, "GET", Some(":key"), Some("key"), (1, 1),
        "all values, in order"),
    verb(Name::Update, "UPDATE", Some(":key:old:new"), Some("key old new"), (3, 3),
        "replace the first value equal to old"),
    verb(Name::Remove, "REMOVE", Some(":key:value"), Some("key value"), (2, 2),
        "remove the first value equal to this"),
    verb(Name::Delete, "DELETE", Some(":key"), Some("key"), (1, 1),
        "remove a key and all its values"),
    verb(Name::Watch, "WATCH", Some(":"), Some("\"\""), (1, 1),
        "be told of every change"),
    verb(Name::Unwatch, "UNWATCH", Some(""), Some("[prefix]"), (0, 1),
        "be told of no change"),
    verb(Name::Ping, "PING", Some("[:text]"), Some("[message]"), (0, 1),
        "PONG, or the text"),
    verb(Name::Echo, "ECHO", None, Some("message"), (1, 1),
        "the message"),
    verb(Name::Hello, "HELLO", None, Some("[2 or 3] [SETNAME name]"), (0, 6),
        "choose the version of RESP"),
    verb(Name::Stats, "STATS", Some(""), Some(""), (0, 0),
        "what the server counts"),
    verb(Name::Help, "HELP", Some(""), None, (0, 0),
        "this list"),
    verb(Name::Quit, "QUIT", Some(""), Some(""), (0, 0),
        "close the connection"),
];

/// Finds a verb, in capitals or not.
pub fn find(word: &[u8]) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|verb| verb.word.as_bytes().eq_ignore_ascii_case(word))
}

/// Builds a command from a verb and as many fields as its table row allows.
///
/// # Errors
///
/// A field that is no key, no prefix or no version is refused with what would be right.
pub fn build(verb: &Verb, fields: &[Span], buffer: &[u8]) -> Result<Command, Refusal> {
    let key = |field: Span| checked_key(field, buffer);
    Ok(match (verb.name, fields) {
        (Name::Put, &[name, value]) => Command::Put {
            key: key(name)?,
            value,
        },
        (Name::Get, &[name]) => Command::Get { key: key(name)? },
        (Name::Update, &[name, old, new]) => Command::Update {
            key: key(name)?,
            old,
            new,
        },
        (Name::Remove, &[name, value]) => Command::Remove {
            key: key(name)?,
            value,
        },
        (Name::Delete, &[name]) => Command::Delete { key: key(name)? },
        (Name::Ping, _) => Command::Ping {
            message: fields.first().copied(),
        },
        (Name::Echo, &[message]) => Command::Echo { message },
        (Name::Hello, _) => hello(fields, buffer)?,
        (Name::Watch, &[prefix]) => Command::Watch {
            prefix: whole(prefix)?,
        },
        (Name::Unwatch, _) => Command::Unwatch {
            prefix: fields.first().copied(),
        },
        (Name::Stats, &[]) => Command::Stats,
        (Name::Help, &[]) => Command::Help,
        (Name::Quit, &[]) => Command::Quit,
        _ => {
            return Err(Refusal::new(format!(
                "wrong number of fields for {}",
                verb.word
            )));
        }
    })
}

fn checked_key(field: Span, buffer: &[u8]) -> Result<Span, Refusal> {
    let key = field.of(buffer);
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let length = key.len();
        let text = format!("a key has 1 to {KEY_BYTES_MAX} bytes, this one {length}");
        return Err(Refusal::new(text));
    }
    if memchr::memchr2(b'\r', b'\n', key).is_some() {
        return Err(Refusal::new(format!(
            "a key holds no line end: '{}'",
            escaped(key)
        )));
    }
    Ok(field)
}

/// Prefixes come with the change feed; until then a watch is for every key.
fn whole(prefix: Span) -> Result<Span, Refusal> {
    if prefix.start == prefix.end {
        return Ok(prefix);
    }
    Err(Refusal::new(
        "only the empty prefix can be watched, which stands for every key",
    ))
}

fn hello(fields: &[Span], buffer: &[u8]) -> Result<Command, Refusal> {
    let is_setname = |word: &Span| word.of(buffer).eq_ignore_ascii_case(b"SETNAME");
    let (version, options) = match fields.split_first() {
        Some((first, options)) if !is_setname(first) => (Some(version(*first, buffer)?), options),
        _ => (None, fields),
    };
    match options {
        [] => Ok(Command::Hello {
            version,
            name: None,
        }),
        [word, name] if is_setname(word) => Ok(Command::Hello {
            version,
            name: Some(*name),
        }),
        [word, ..] => {
            let option = escaped(word.of(buffer));
            Err(Refusal::new(format!(
                "HELLO takes [2 or 3] [SETNAME name], not '{option}'"
            )))
        }
    }
}

fn version(field: Span, buffer: &[u8]) -> Result<Version, Refusal> {
    match field.of(buffer) {
        b"2" => Ok(Version::Two),
        b"3" => Ok(Version::Three),
        other => {
            let text = format!(
                "unsupported protocol version '{}': HELLO 2 or 3",
                escaped(other)
            );
            Err(Refusal {
                code: "NOPROTO",
                text,
            })
        }
    }
}
