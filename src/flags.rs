//! Reads a command line by one table of flags, and prints usage and help from the same table.
//!
//! A binary says each flag once, in a static [`Table`]. [`parse`] turns the arguments into
//! typed ones, [`Given`], and gives them no meaning: values are texts until the caller looks at
//! them. So `-h` and `-V` cannot fail on a bad value before them, nor, since parsing ends at
//! them, on anything behind them.
//!
//! Nothing else in the crate uses lexopt.

pub mod text;

use std::ffi::{OsStr, OsString};
use std::fmt;

use text::{nearest, quoted};

/// How wide usage and help may be, in columns.
const COLUMNS_MAX: usize = 80;

/// Everything that a binary takes on its command line.
#[derive(Debug)]
pub struct Table<Id: 'static> {
    /// The name of the binary, as usage begins.
    pub program: &'static str,
    /// What the binary is, in one line, the first one of the help.
    pub about: &'static str,
    /// The flags, as the help groups them.
    pub groups: &'static [Group<Id>],
    /// What usage says of operands, such as `[VERB ARGS...]`; none: an operand is a mistake.
    pub operands: Option<&'static str>,
}

/// Some flags that belong together.
#[derive(Debug)]
pub struct Group<Id: 'static> {
    /// What stands above them in the help.
    pub heading: &'static str,
    /// What stands in usage for those of them that have no short form; none: each itself.
    pub brief: Option<&'static str>,
    /// Whether usage and help leave them out, but for `brief`: [`section`] shows them elsewhere.
    pub apart: bool,
    /// The flags, in the order of the help.
    pub flags: &'static [Flag<Id>],
}

/// One flag: said once, for parsing, usage and help.
#[derive(Debug, Clone, Copy)]
pub struct Flag<Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// The long form without its dashes. An underscore in it is typed as a dash, so that the
    /// key of a setting serves as the name of its flag.
    pub long: &'static str,
    /// The short form, a single character.
    pub short: Option<char>,
    /// What help calls its value; none: it takes no value.
    pub value: Option<&'static str>,
    /// What it does, in one line.
    pub help: &'static str,
    /// What holds without it, as help shows it.
    pub default: Option<&'static str>,
    /// Nothing after this flag is looked at, as for `-h` and `-V`.
    pub ends: bool,
}

impl<Id> Flag<Id> {
    /// A flag that takes no value.
    pub const fn switch(id: Id, short: Option<char>, long: &'static str, help: &'static str) -> Self
    where
        Id: Copy,
    {
        Flag {
            id,
            long,
            short,
            value: None,
            help,
            default: None,
            ends: false,
        }
    }

    /// A flag with which parsing ends, as for `-h` and `-V`.
    pub const fn last(id: Id, short: char, long: &'static str, help: &'static str) -> Self
    where
        Id: Copy,
    {
        Flag {
            id,
            long,
            short: Some(short),
            value: None,
            help,
            default: None,
            ends: true,
        }
    }

    /// The long form as it is typed: `--clients-max`.
    pub fn typed(&self) -> String {
        format!("--{}", self.long.replace('_', "-"))
    }

    /// The form that usage shows: the short one where there is one, with the value's name.
    fn brief(&self) -> String {
        let name = self
            .short
            .map_or_else(|| self.typed(), |short| format!("-{short}"));
        self.value
            .map_or_else(|| format!("[{name}]"), |value| format!("[{name} {value}]"))
    }

    /// What stands at the left of its line in the help.
    fn label(&self) -> String {
        let short = self
            .short
            .map_or("    ".to_string(), |short| format!("-{short}, "));
        let value = self
            .value
            .map_or(String::new(), |value| format!(" {value}"));
        format!("  {short}{}{value}", self.typed())
    }
}

/// A command line, typed but without meaning yet.
#[derive(Debug)]
pub struct Args<Id> {
    /// The flags in the order in which they came, repeated ones too.
    pub given: Vec<Given<Id>>,
    /// The operands in their order; always empty for a table that takes none.
    pub operands: Vec<OsString>,
}

/// One flag as it was given.
#[derive(Debug)]
pub struct Given<Id> {
    /// Which one it is.
    pub id: Id,
    /// How it was typed, without its value: `-l` or `--listen`.
    pub typed: String,
    /// Its value, for a flag that takes one; else empty.
    pub value: OsString,
}

/// Reads `args`, which begin after the name of the program.
///
/// Values may follow as the next argument, after `=`, or right behind a short form; `--` ends
/// the flags. Fails on a flag that is not in the table, on a value that is missing or not
/// taken, and on an operand where the table takes none.
pub fn parse<Id: Copy>(
    table: &Table<Id>,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Args<Id>, FlagError> {
    parse_around(table, args, |_, _| false)
}

/// Like [`parse`], around arguments that are operands whatever they look like: those before which
/// `is_verbatim` holds of the operands so far and of the arguments to come, at least one.
pub fn parse_around<Id: Copy>(
    table: &Table<Id>,
    args: impl IntoIterator<Item = OsString>,
    is_verbatim: impl Fn(&[OsString], &[OsString]) -> bool,
) -> Result<Args<Id>, FlagError> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut read = Args {
        given: Vec::new(),
        operands: Vec::new(),
    };
    loop {
        if let Some(mut raw) = parser.try_raw_args()
            && !raw.as_slice().is_empty()
            && is_verbatim(&read.operands, raw.as_slice())
        {
            read.operands.extend(raw.next());
            continue;
        }
        let Some(arg) = parser.next().map_err(unwanted)? else {
            break;
        };
        let (flag, typed) = match arg {
            lexopt::Arg::Short(short) => (find_short(table, short)?, format!("-{short}")),
            lexopt::Arg::Long(long) => (find_long(table, long)?, format!("--{long}")),
            lexopt::Arg::Value(operand) if table.operands.is_some() => {
                read.operands.push(operand);
                continue;
            }
            lexopt::Arg::Value(operand) => return Err(FlagError::Operand(operand)),
        };
        let value = match flag.value {
            None => OsString::new(),
            Some(name) => match parser.value() {
                Ok(value) => value,
                Err(_) => return Err(FlagError::Missing { typed, name }),
            },
        };
        read.given.push(Given {
            id: flag.id,
            typed,
            value,
        });
        if flag.ends {
            break;
        }
    }
    Ok(read)
}

/// Words the one mistake that lexopt itself finds between two arguments.
fn unwanted(error: lexopt::Error) -> FlagError {
    match error {
        lexopt::Error::UnexpectedValue { option, value } => FlagError::Unwanted {
            typed: option,
            value,
        },
        other => FlagError::Unwanted {
            typed: other.to_string(),
            value: OsString::new(),
        },
    }
}

fn flags<Id>(table: &Table<Id>) -> impl Iterator<Item = &'static Flag<Id>> {
    table.groups.iter().flat_map(|group| group.flags)
}

fn find_short<Id>(table: &Table<Id>, short: char) -> Result<&'static Flag<Id>, FlagError> {
    flags(table)
        .find(|flag| flag.short == Some(short))
        .ok_or_else(|| FlagError::Unknown {
            typed: format!("-{short}"),
            nearest: None,
            program: table.program,
        })
}

fn find_long<Id>(table: &Table<Id>, long: &str) -> Result<&'static Flag<Id>, FlagError> {
    let typed = format!("--{long}");
    flags(table)
        .find(|flag| flag.typed() == typed)
        .ok_or_else(|| {
            let near = nearest(long, flags(table).map(|flag| flag.long));
            let nearest = near.map(|near| format!("--{}", near.replace('_', "-")));
            FlagError::Unknown {
                typed,
                nearest,
                program: table.program,
            }
        })
}

/// The usage, with its line end: all flags in brief.
pub fn usage<Id>(table: &Table<Id>) -> String {
    let mut words = Vec::new();
    for group in table.groups {
        let spelled = |flag: &&Flag<Id>| match group.brief {
            _ if group.apart => false,
            brief => brief.is_none() || flag.short.is_some(),
        };
        words.extend(group.flags.iter().filter(spelled).map(Flag::brief));
        words.extend(group.brief.map(str::to_string));
    }
    words.extend(table.operands.map(str::to_string));
    let start = format!("usage: {} ", table.program);
    lines(&start, start.len(), &words)
}

/// The help, whole lines: what the program is, its usage, and each flag with its default.
pub fn help<Id>(table: &Table<Id>) -> String {
    let shown = || table.groups.iter().filter(|group| !group.apart);
    let widest = shown().map(|group| width(group)).max().unwrap_or(0);
    let mut text = format!("{}\n\n{}", table.about, usage(table));
    for group in shown() {
        text.push('\n');
        text.push_str(&listing(group, widest + 2));
    }
    text
}

/// The help for the flags of one group, whole lines, the first one its heading.
pub fn section<Id>(group: &Group<Id>) -> String {
    listing(group, width(group) + 2)
}

/// How many columns the names of its flags take.
fn width<Id>(group: &Group<Id>) -> usize {
    let widths = group.flags.iter().map(|flag| flag.label().len());
    widths.max().unwrap_or(0)
}

/// A group with what its flags do in this column.
fn listing<Id>(group: &Group<Id>, column: usize) -> String {
    let mut text = format!("{}:\n", group.heading);
    for flag in group.flags {
        let default = flag.default.map(|default| format!("[{default}]"));
        let words = flag.help.split(' ').map(str::to_string).chain(default);
        let label = format!("{:column$}", flag.label());
        text.push_str(&lines(&label, column, &words.collect::<Vec<_>>()));
    }
    text
}

/// `start` and the words behind it, broken before [`COLUMNS_MAX`] and indented by `column`.
fn lines(start: &str, column: usize, words: &[String]) -> String {
    let mut text = String::new();
    let mut line = start.to_string();
    for word in words {
        let blank = usize::from(line.len() > column);
        if blank == 1 && line.len() + blank + word.len() > COLUMNS_MAX {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(column);
        } else if blank == 1 {
            line.push(' ');
        }
        line.push_str(word);
    }
    text + line.trim_end() + "\n"
}

/// A mistake on the command line; its text is one line, without the program's name.
#[derive(Debug, PartialEq)]
pub enum FlagError {
    /// A flag that the table does not hold.
    Unknown {
        /// The flag as typed.
        typed: String,
        /// The one that was perhaps meant, as it would be typed.
        nearest: Option<String>,
        /// Whose help lists the flags.
        program: &'static str,
    },
    /// A flag at the end of the line whose value is missing.
    Missing {
        /// The flag as typed.
        typed: String,
        /// What help calls the value.
        name: &'static str,
    },
    /// A value for a flag that takes none.
    Unwanted {
        /// The flag as typed.
        typed: String,
        /// The value.
        value: OsString,
    },
    /// An operand where none is taken.
    Operand(OsString),
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlagError::Unknown {
                typed,
                nearest,
                program,
            } => {
                write!(f, "unknown flag {}", quoted(OsStr::new(typed)))?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => write!(f, "; {program} -h lists the flags"),
                }
            }
            FlagError::Missing { typed, name } => write!(f, "{typed}: its value {name} is missing"),
            FlagError::Unwanted { typed, value } => {
                write!(f, "{typed} takes no value, but was given {}", quoted(value))
            }
            FlagError::Operand(operand) => {
                write!(
                    f,
                    "unexpected operand {}; only flags are taken",
                    quoted(operand)
                )
            }
        }
    }
}

impl std::error::Error for FlagError {}

#[cfg(test)]
mod tests;
