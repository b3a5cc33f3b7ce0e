//! Reads the command line: which rows, in which form, and which programs are compared.

use crate::form::{FULL, Form, QUICK, TINY};
use kvmsg::flags::{self, Flag, Group, Table};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// To print this text.
    Print(String),
    Measure(Options),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) form: Form,
    /// The kvmsgd that is measured, if not the one that was built with this program.
    pub(crate) kvmsgd: Option<PathBuf>,
    /// Another kvmsgd in the place of redis-server.
    pub(crate) against: Option<PathBuf>,
    /// Whether PUT and GET come from our own generator.
    pub(crate) own_load: bool,
    /// Where the plot goes beside the other results.
    pub(crate) plot: Option<PathBuf>,
    /// The rows; none: all.
    pub(crate) rows: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Full,
    Tiny,
    Kvmsgd,
    Against,
    OwnLoad,
    Plot,
    Bench,
    Help,
}

static TABLE: Table<Id> = Table {
    program: "beside",
    about: "beside measures kvmsgd beside redis-server, in one run, under the same load.",
    groups: &[Group {
        heading: "Flags",
        brief: None,
        apart: false,
        flags: &FLAGS,
    }],
    operands: Some("[ROW ...]"),
};

static FLAGS: [Flag<Id>; 8] = [
    Flag::switch(Id::Full, None, "full", "all sizes, in a quarter of an hour"),
    Flag::switch(Id::Tiny, None, "tiny", "every row in seconds, as a test"),
    Flag {
        value: Some("PATH"),
        default: Some("the one built with this"),
        ..Flag::switch(Id::Kvmsgd, None, "kvmsgd", "the kvmsgd to measure")
    },
    Flag {
        value: Some("PATH"),
        ..Flag::switch(
            Id::Against,
            None,
            "against",
            "another kvmsgd instead of redis-server",
        )
    },
    Flag::switch(
        Id::OwnLoad,
        None,
        "own-load",
        "PUT and GET from our own generator, not redis-benchmark",
    ),
    Flag {
        value: Some("FILE"),
        ..Flag::switch(Id::Plot, None, "plot", "where to put the plot of costs too")
    },
    Flag::switch(
        Id::Bench,
        None,
        "bench",
        "nothing: cargo gives it to every benchmark",
    ),
    Flag::last(Id::Help, 'h', "help", "print this help and exit"),
];

/// Reads the arguments behind the program's name.
///
/// # Errors
///
/// Says what is wrong with a flag.
pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let args = flags::parse(&TABLE, args).map_err(|error| error.to_string())?;
    let mut options = Options {
        form: QUICK,
        kvmsgd: None,
        against: None,
        own_load: false,
        plot: None,
        rows: Vec::new(),
    };
    for given in args.given {
        let path = Some(PathBuf::from(&given.value));
        match given.id {
            Id::Full => options.form = FULL,
            Id::Tiny => options.form = TINY,
            Id::Kvmsgd => options.kvmsgd = path,
            Id::Against => options.against = path,
            Id::OwnLoad => options.own_load = true,
            Id::Plot => options.plot = path,
            Id::Bench => {}
            Id::Help => return Ok(Asked::Print(flags::help(&TABLE))),
        }
    }
    let rows = args.operands.iter();
    options.rows = rows.map(|row| row.to_string_lossy().into_owned()).collect();
    Ok(Asked::Measure(options))
}
