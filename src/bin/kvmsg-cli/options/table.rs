//! Lists the flags, for parsing, usage and help.

use kvmsg::flags::{Flag, Group, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
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
            flags: &GENERAL,
        },
        Group {
            heading: "Flags of list and watch",
            brief: Some("[FLAGS OF VERB]"),
            flags: &OF_VERBS,
        },
    ],
    operands: Some("[VERB ARGS...]"),
};

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
        "print this, or help for the verb before it",
    ),
    Flag::last(Id::Version, 'V', "version", "print the version"),
];

static OF_VERBS: [Flag<Id>; 7] = [
    Flag::switch(Id::Values, None, "values", "list: print the values too"),
    Flag {
        value: Some("N"),
        ..Flag::switch(Id::Count, None, "count", "watch: end after N notices")
    },
    Flag {
        value: Some("EPOCH:REVISION"),
        ..Flag::switch(Id::Since, None, "since", "watch: begin after this position")
    },
    Flag {
        value: Some("FILE"),
        ..Flag::switch(
            Id::CursorFile,
            None,
            "cursor_file",
            "watch: keep the position in FILE",
        )
    },
    Flag::switch(
        Id::FailOnLoss,
        None,
        "fail_on_loss",
        "watch: end with 3 if changes are lost",
    ),
    Flag::switch(
        Id::Exec,
        None,
        "exec",
        "watch: run what follows -- for each change",
    ),
    Flag::switch(
        Id::KeepGoing,
        None,
        "keep_going",
        "watch: also if a command fails",
    ),
];

/// What stands below flags and verbs in the help.
pub(super) const TAIL: &str = "
Without a verb: a shell on a terminal; otherwise requests are read from standard
input, one a line, as `put user \"john smith\"` or `PUT:user:john smith`.
A VALUE may begin with a dash; `put KEY -` reads the value from standard input.

Examples:
  kvmsg-cli put user john
  kvmsg-cli get user
  kvmsg-cli watch user --exec -- ./sync.sh
  kvmsg-cli -s db.example.org --json get user
  kvmsg-cli < requests

Exit status: 0 done, 1 not found, 3 changes lost, 2 anything else.
";
