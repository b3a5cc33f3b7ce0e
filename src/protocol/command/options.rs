//! Reads what may follow the fixed fields of a request: words and the fields that belong to them.
//!
//! The words may be in capitals or not, in any order, each at most once.

use super::super::escaped;
use super::names;
use super::{Command, LIST_COUNT, LIST_COUNT_MAX, Refusal, Since, Span, Version};

/// `WATCH prefix [SINCE epoch revision] [ECHO]`.
pub(super) fn watch(prefix: Span, options: &[Span], buffer: &[u8]) -> Result<Command, Refusal> {
    let (mut since, mut echo) = (None, false);
    let mut rest = options;
    while let [word, fields @ ..] = rest {
        rest = match fields {
            [epoch, revision, left @ ..] if is(word, b"SINCE", buffer) && since.is_none() => {
                since = Some(Since {
                    epoch: read_epoch(*epoch, buffer)?,
                    revision: read_revision(*revision, buffer)?,
                });
                left
            }
            left if is(word, b"ECHO", buffer) && !echo => {
                echo = true;
                left
            }
            _ => {
                let right = "WATCH takes prefix [SINCE epoch revision] [ECHO]";
                return Err(wrong(right, word.of(buffer)));
            }
        };
    }
    Ok(Command::Watch {
        prefix,
        since,
        echo,
    })
}

/// `LIST prefix [AFTER key] [COUNT n]`.
pub(super) fn list(prefix: Span, options: &[Span], buffer: &[u8]) -> Result<Command, Refusal> {
    let (mut after, mut count) = (None, None);
    let mut rest = options;
    while let [word, fields @ ..] = rest {
        rest = match fields {
            [key, left @ ..] if is(word, b"AFTER", buffer) && after.is_none() => {
                after = Some(names::prefix(*key, buffer)?);
                left
            }
            [number, left @ ..] if is(word, b"COUNT", buffer) && count.is_none() => {
                count = Some(read_count(*number, buffer)?);
                left
            }
            _ => {
                let right = "LIST takes prefix [AFTER key] [COUNT n]";
                return Err(wrong(right, word.of(buffer)));
            }
        };
    }
    Ok(Command::List {
        prefix,
        after,
        count: count.unwrap_or(LIST_COUNT),
    })
}

/// `LIST:prefix[:after]`.
pub(super) fn list_line(prefix: Span, fields: &[Span], buffer: &[u8]) -> Result<Command, Refusal> {
    let after = fields.first().map(|key| names::prefix(*key, buffer));
    Ok(Command::List {
        prefix,
        after: after.transpose()?,
        count: LIST_COUNT,
    })
}

/// `HELLO [2 or 3] [SETNAME name]`.
pub(super) fn hello(fields: &[Span], buffer: &[u8]) -> Result<Command, Refusal> {
    let (version, options) = match fields {
        [first, options @ ..] if !is(first, b"SETNAME", buffer) => {
            (Some(read_version(*first, buffer)?), options)
        }
        _ => (None, fields),
    };
    match options {
        [] => Ok(Command::Hello {
            version,
            name: None,
        }),
        [word, name] if is(word, b"SETNAME", buffer) => Ok(Command::Hello {
            version,
            name: Some(*name),
        }),
        [word, ..] => {
            let right = "HELLO takes [2 or 3] [SETNAME name]";
            Err(wrong(right, word.of(buffer)))
        }
    }
}

fn is(word: &Span, name: &[u8], buffer: &[u8]) -> bool {
    word.of(buffer).eq_ignore_ascii_case(name)
}

fn read_version(field: Span, buffer: &[u8]) -> Result<Version, Refusal> {
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

fn read_epoch(field: Span, buffer: &[u8]) -> Result<u64, Refusal> {
    let text = field.of(buffer);
    Since::read_epoch(text).ok_or_else(|| wrong("an epoch is 16 hexadecimal digits", text))
}

fn read_revision(field: Span, buffer: &[u8]) -> Result<u64, Refusal> {
    let text = field.of(buffer);
    Since::read_revision(text).ok_or_else(|| wrong("a revision is a number below 2^63", text))
}

fn read_count(field: Span, buffer: &[u8]) -> Result<usize, Refusal> {
    let text = field.of(buffer);
    let count = number(text).filter(|count| *count > 0);
    let count = count.ok_or_else(|| wrong("COUNT is a number from 1 on", text))?;
    Ok(usize::try_from(count).map_or(LIST_COUNT_MAX, |count| count.min(LIST_COUNT_MAX)))
}

/// Says what would be right, and what came instead.
fn wrong(right: &str, text: &[u8]) -> Refusal {
    Refusal::new(format!("{right}, not '{}'", escaped(text)))
}

/// A number in decimal digits alone; nothing if it is none or does not fit.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
