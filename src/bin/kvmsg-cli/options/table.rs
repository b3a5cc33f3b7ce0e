//! Lists the flags, for parsing, usage and help.

use crate::verbs::Name;
use kvmsg::flags::{Flag, Group, Table};

/// The flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each is for")]
pub enum Id {
    Server,
    Json,
    Null,
    Quiet,
    Timeout,
    Values,
    Count,
    Since,
    CursorFile,
    FailOnLoss,
    Exec,
    KeepGoing,
    Replace,
    Force,
    Clients,
    Requests,
    Pipeline,
    ValueBytes,
    Keyspace,
    Mix,
    Watchers,
    Cleanup,
    Help,
    Version,
}

pub(super) static TABLE: Table<Id> = Table {
    program: "kvmsg-cli",
    about: "kvmsg-cli asks, changes and watches what kvmsgd keeps.",
    groups: &[
        Group {
            heading: "Flags",
            brief: None,
            apart: false,
            flags: &GENERAL,
        },
        Group {
            brief: Some("[FLAGS OF VERB]"),
            ..of_verb(&OF_LIST)
        },
        of_verb(&OF_WATCH),
        of_verb(&OF_LOAD),
        of_verb(&OF_BACKUP),
        of_verb(&OF_BENCH),
    ],
    operands: Some("[VERB ARGS...]"),
};

/// Flags that belong to one verb each, and are shown with its help.
const fn of_verb(flags: &'static [Flag<Id>]) -> Group<Id> {
    Group {
        heading: "Flags",
        brief: None,
        apart: true,
        flags,
    }
}

/// The flags of every verb.
pub fn general() -> &'static [Flag<Id>] {
    &GENERAL
}

/// The flags of a verb alone.
pub fn group(verb: Name) -> Option<&'static Group<Id>> {
    match verb {
        Name::List => Some(&TABLE.groups[1]),
        Name::Watch => Some(&TABLE.groups[2]),
        Name::Load => Some(&TABLE.groups[3]),
        Name::Backup => Some(&TABLE.groups[4]),
        Name::Bench => Some(&TABLE.groups[5]),
        _ => None,
    }
}

static GENERAL: [Flag<Id>; 7] = [
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
    Flag::last(
        Id::Help,
        'h',
        "help",
        "print this, or what there is of the verb before it",
    ),
    Flag::last(Id::Version, 'V', "version", "print the version"),
];

static OF_LIST: [Flag<Id>; 1] = [Flag::switch(
    Id::Values,
    None,
    "values",
    "print the values too",
)];

static OF_WATCH: [Flag<Id>; 6] = [
    Flag {
        value: Some("N"),
        ..Flag::switch(
            Id::Count,
            None,
            "count",
            "end after N changes, or N commands",
        )
    },
    Flag {
        value: Some("EPOCH:REVISION"),
        ..Flag::switch(Id::Since, None, "since", "begin after this position")
    },
    Flag {
        value: Some("FILE"),
        ..Flag::switch(
            Id::CursorFile,
            None,
            "cursor_file",
            "keep the position in FILE",
        )
    },
    Flag::switch(
        Id::FailOnLoss,
        None,
        "fail_on_loss",
        "end with 3 if changes are lost",
    ),
    Flag::switch(
        Id::Exec,
        None,
        "exec",
        "run what follows -- for each change",
    ),
    Flag::switch(
        Id::KeepGoing,
        None,
        "keep_going",
        "go on if a command fails",
    ),
];

static OF_LOAD: [Flag<Id>; 1] = [Flag::switch(
    Id::Replace,
    None,
    "replace",
    "first remove what a key holds",
)];

static OF_BACKUP: [Flag<Id>; 1] = [Flag::switch(
    Id::Force,
    None,
    "force",
    "replace a FILE that is there",
)];

static OF_BENCH: [Flag<Id>; 8] = [
    number(
        Id::Clients,
        Some('c'),
        "clients",
        "connections at once",
        "50",
    ),
    number(
        Id::Requests,
        Some('n'),
        "requests",
        "requests in all",
        "100000",
    ),
    number(
        Id::Pipeline,
        Some('P'),
        "pipeline",
        "requests in flight on each",
        "1",
    ),
    number(
        Id::ValueBytes,
        Some('d'),
        "value_bytes",
        "length of a value",
        "3",
    ),
    number(
        Id::Keyspace,
        Some('r'),
        "keyspace",
        "how many keys there are",
        "100000",
    ),
    Flag {
        value: Some("VERB=N,..."),
        default: Some("put=1"),
        ..Flag::switch(Id::Mix, None, "mix", "which requests, in which proportion")
    },
    number(
        Id::Watchers,
        None,
        "watchers",
        "connections that watch meanwhile",
        "0",
    ),
    Flag::switch(
        Id::Cleanup,
        None,
        "cleanup",
        "delete all keys of bench in the end",
    ),
];

/// A flag that takes a number.
const fn number(
    id: Id,
    short: Option<char>,
    long: &'static str,
    help: &'static str,
    default: &'static str,
) -> Flag<Id> {
    Flag {
        value: Some("N"),
        default: Some(default),
        ..Flag::switch(id, short, long, help)
    }
}

/// What stands below flags and verbs in the help.
pub(super) const TAIL: &str = "
help VERB says more, and which flags a verb has of its own.
Without a verb: a shell on a terminal; otherwise requests are read from standard
input, one a line, as `put user \"john smith\"` or `PUT:user:john smith`.
A VALUE may begin with a dash; `put KEY -` reads the value from standard input.

Examples:
  kvmsg-cli put user john
  kvmsg-cli get user
  kvmsg-cli watch user --exec -- ./sync.sh
  kvmsg-cli dump > backup
  kvmsg-cli -s db.example.org --json get user
  kvmsg-cli < requests

Exit status: 0 done, 1 not found, 3 changes lost, 2 anything else.
";
