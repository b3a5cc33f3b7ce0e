//! Names what a client can ask for, and builds a command from the fields of a request.

mod names;
mod options;

use std::fmt;

/// The longest key, in bytes. The shortest has one. A prefix may be as long, and may be empty.
pub const KEY_BYTES_MAX: usize = 1024;

/// How many keys a page of LIST holds at most if the request does not say; in lines, always.
pub const LIST_COUNT: usize = 1000;

/// How many keys a page of LIST holds at most, whatever the request says.
pub const LIST_COUNT_MAX: usize = 10_000;

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

    fn len(self) -> usize {
        self.end - self.start
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

/// A place in the series of revisions, as a client remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The series.
    pub epoch: u64,
    /// The last revision that the client knows.
    pub revision: u64,
}

impl Since {
    /// Reads an epoch: 16 hexadecimal digits, and nothing else.
    pub fn read_epoch(text: &[u8]) -> Option<u64> {
        let is_epoch = text.len() == 16 && text.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(text).ok().filter(|_| is_epoch)?;
        u64::from_str_radix(digits, 16).ok()
    }

    /// Reads a revision: a number below 2^63, so that it is a RESP integer.
    pub fn read_revision(text: &[u8]) -> Option<u64> {
        options::number(text).filter(|number| *number < 1 << 63)
    }
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
    /// Asks to be told of changes to the keys that begin with a prefix: from now on, or those
    /// after a revision that the client remembers; also of its own, or not.
    Watch {
        prefix: Span,
        since: Option<Since>,
        echo: bool,
    },
    /// Asks to be told no more, of one prefix or at all.
    Unwatch { prefix: Option<Span> },
    /// Asks for a page of the keys that begin with a prefix, behind a key, and their values.
    List {
        prefix: Span,
        after: Option<Span>,
        count: usize,
    },
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

    /// The key that it is about, if it is about one.
    pub fn key(&self) -> Option<Span> {
        match self {
            Request::Command(
                Command::Put { key, .. }
                | Command::Get { key }
                | Command::Update { key, .. }
                | Command::Remove { key, .. }
                | Command::Delete { key },
            ) => Some(*key),
            _ => None,
        }
    }

    /// How many bytes the key and the values have of a request that may change something.
    pub fn change_bytes(&self) -> Option<usize> {
        match self {
            Request::Command(Command::Put { key, value } | Command::Remove { key, value }) => {
                Some(key.len() + value.len())
            }
            Request::Command(Command::Update { key, old, new }) => {
                Some(key.len() + old.len() + new.len())
            }
            Request::Command(Command::Delete { key }) => Some(key.len()),
            _ => None,
        }
    }

    /// Whether it asks for keys in their order, for which the store may have to be prepared.
    pub fn wants_list(&self) -> bool {
        matches!(self, Request::Command(Command::List { .. }))
    }
}

/// Why a request was refused: one line without line ends, that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word after `-` in RESP: `ERR`; `NOPROTO`, as Redis has it; or `GONE`.
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
    List,
    Watch,
    Unwatch,
    Stats,
    Help,
    Quit,
}

/// The form of a request in one dialect.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// What follows the verb, as usage shows it; in lines the colons are part of it.
    pub usage: &'static str,
    /// How many fields it takes, at least and at most.
    pub fields: (usize, usize),
}

impl Form {
    /// Whether a request may have so many fields.
    pub fn takes(&self, fields: usize) -> bool {
        (self.fields.0..=self.fields.1).contains(&fields)
    }
}

/// What both parsers, the errors and HELP know of a verb.
#[derive(Debug)]
pub struct Verb {
    /// Which one it is.
    pub name: Name,
    /// How it is written, in capitals.
    pub word: &'static str,
    /// Its form as a line; none if lines do not have the verb.
    pub line: Option<Form>,
    /// Its form as a frame; none if frames do not have the verb.
    pub frame: Option<Form>,
    /// Whether the last field of a line takes the rest of it, colons included.
    pub rest: bool,
    /// What it does, in a few words.
    pub help: &'static str,
}

const fn form(usage: &'static str, least: usize, most: usize) -> Option<Form> {
    let fields = (least, most);
    Some(Form { usage, fields })
}

const fn verb(
    name: Name,
    word: &'static str,
    line: Option<Form>,
    frame: Option<Form>,
    help: &'static str,
) -> Verb {
    let rest = matches!(name, Name::Put | Name::Update | Name::Remove);
    Verb {
        name,
        word,
        line,
        frame,
        rest,
        help,
    }
}

/// Every verb, the most used first.
#[rustfmt::skip]
pub static VERBS: [Verb; 14] = [
    verb(Name::Put, "PUT", form(":key:value", 2, 2), form("key value", 2, 2),
        "append a value"),
    verb(Name::Get, "GET", form(":key", 1, 1), form("key", 1, 1),
        "all values, in order"),
    verb(Name::Update, "UPDATE", form(":key:old:new", 3, 3), form("key old new", 3, 3),
        "replace the first value equal to old"),
    verb(Name::Remove, "REMOVE", form(":key:value", 2, 2), form("key value", 2, 2),
        "remove the first value equal to this"),
    verb(Name::Delete, "DELETE", form(":key", 1, 1), form("key", 1, 1),
        "remove a key and all its values"),
    verb(Name::List, "LIST", form(":prefix[:after]", 1, 2),
        form("prefix [AFTER key] [COUNT n]", 1, 5),
        "the keys that begin with prefix, 1000 at a time"),
    verb(Name::Watch, "WATCH", form(":prefix", 1, 1),
        form("prefix [SINCE epoch revision] [ECHO]", 1, 5),
        "be told of changes to keys that begin with prefix"),
    verb(Name::Unwatch, "UNWATCH", form("[:prefix]", 0, 1), form("[prefix]", 0, 1),
        "be told of them no more, or of nothing"),
    verb(Name::Ping, "PING", form("[:text]", 0, 1), form("[message]", 0, 1),
        "PONG, or the text"),
    verb(Name::Echo, "ECHO", None, form("message", 1, 1),
        "the message"),
    verb(Name::Hello, "HELLO", None, form("[2 or 3] [SETNAME name]", 0, 6),
        "choose the version of RESP"),
    verb(Name::Stats, "STATS", form("", 0, 0), form("", 0, 0),
        "what the server counts"),
    verb(Name::Help, "HELP", form("", 0, 0), None,
        "this list"),
    verb(Name::Quit, "QUIT", form("", 0, 0), form("", 0, 0),
        "close the connection"),
];

/// Finds a verb, in capitals or not.
pub fn find(word: &[u8]) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|verb| verb.word.as_bytes().eq_ignore_ascii_case(word))
}

/// Builds a command from a verb and as many fields as its form in this dialect allows.
///
/// # Errors
///
/// A field that is no key, no prefix or no option is refused with what would be right.
pub fn build(
    verb: &Verb,
    fields: &[Span],
    buffer: &[u8],
    framed: bool,
) -> Result<Command, Refusal> {
    let key = |field: Span| names::key(field, buffer);
    let prefix = |field: Span| names::prefix(field, buffer);
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
        (Name::List, &[first, ref rest @ ..]) => {
            let prefix = prefix(first)?;
            match framed {
                true => options::list(prefix, rest, buffer)?,
                false => options::list_line(prefix, rest, buffer)?,
            }
        }
        (Name::Watch, &[first, ref rest @ ..]) => options::watch(prefix(first)?, rest, buffer)?,
        (Name::Unwatch, _) => Command::Unwatch {
            prefix: fields.first().copied().map(prefix).transpose()?,
        },
        (Name::Ping, _) => Command::Ping {
            message: fields.first().copied(),
        },
        (Name::Echo, &[message]) => Command::Echo { message },
        (Name::Hello, _) => options::hello(fields, buffer)?,
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
