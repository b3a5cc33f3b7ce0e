//! Says in one line what is wrong with the settings.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::keys::{FILE_VARIABLE, KEYS, Key};
use crate::flags::FlagError;
use crate::flags::text::{self, SHOWN_BYTES_MAX, escaped, quoted};

/// A mistake in the settings.
///
/// Its text is one line that names where the mistake stands (file and line, variable or flag),
/// the key, the value and what is allowed, without the program's name. What it shows of a value
/// is escaped, and cut to [`SHOWN_BYTES_MAX`].
#[derive(Debug)]
pub enum ConfigError {
    /// A flag or an operand that is not one, or a value that is missing.
    Flags(FlagError),
    /// A file that cannot be read.
    File {
        /// The flag or variable that named it; none for the one that is read by default.
        named_by: Option<String>,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// A file that is not TOML, which includes a key that is set twice.
    Syntax {
        /// File and line.
        source: String,
        /// What the parser says, in one line.
        message: String,
        /// The line that it says it of.
        line: String,
    },
    /// A key that does not exist.
    UnknownKey {
        /// File and line.
        source: String,
        /// The key.
        name: String,
    },
    /// A variable that begins with `KVMSGD_` and is none of ours.
    UnknownVariable(OsString),
    /// A value of the wrong type, or one that is not allowed.
    Value {
        /// File and line, variable or flag.
        source: String,
        /// The key.
        key: &'static str,
        /// The value, ready to be shown.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// Two flags that exclude each other.
    Together(&'static str, &'static str),
    /// A flag that is about the data folder, where none is set.
    NoFolder(&'static str),
}

impl ConfigError {
    /// A value in a variable or a flag that is not allowed for `key`.
    pub(super) fn text(source: String, key: &Key, value: &OsStr) -> Self {
        let allowed = key.kind.allowed();
        ConfigError::Value {
            source,
            key: key.name,
            value: quoted(value),
            allowed,
        }
    }

    /// A value in the file that is none in TOML, as it stands there.
    pub(super) fn misread(source: String, key: &Key, value: &str, allowed: String) -> Self {
        ConfigError::Value {
            source,
            key: key.name,
            value: cut(escaped(value.as_bytes())),
            allowed,
        }
    }

    /// A value in the file that is not allowed for `key`.
    pub(super) fn toml(source: String, key: &Key, value: &toml::Value) -> Self {
        let allowed = key.kind.allowed();
        ConfigError::Value {
            source,
            key: key.name,
            value: shown(value),
            allowed,
        }
    }
}

/// A value of the file as TOML, in one line, escaped and cut.
fn shown(value: &toml::Value) -> String {
    if let toml::Value::String(text) = value {
        return quoted(OsStr::new(text));
    }
    cut(in_one_line(value))
}

/// What is shown of a line that has been escaped.
fn cut(line: String) -> String {
    match line.char_indices().find(|(at, _)| *at >= SHOWN_BYTES_MAX) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

/// A value as TOML in one line, which toml itself gives neither long strings nor dates.
fn in_one_line(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("\"{}\"", escaped(text.as_bytes())),
        toml::Value::Datetime(time) => time.to_string(),
        toml::Value::Array(list) => {
            let list: Vec<_> = list.iter().map(in_one_line).collect();
            format!("[{}]", list.join(", "))
        }
        toml::Value::Table(table) => {
            let pair = |(key, value): (&String, &toml::Value)| {
                format!("{} = {}", escaped(key.as_bytes()), in_one_line(value))
            };
            format!(
                "{{ {} }}",
                table.iter().map(pair).collect::<Vec<_>>().join(", ")
            )
        }
        plain => plain.to_string(),
    }
}

impl From<FlagError> for ConfigError {
    fn from(error: FlagError) -> Self {
        ConfigError::Flags(error)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Flags(error) => error.fmt(f),
            ConfigError::File {
                named_by,
                path,
                error,
            } => {
                let named_by = named_by
                    .as_ref()
                    .map_or(String::new(), |by| format!("{by}: "));
                write!(
                    f,
                    "{named_by}cannot read \"{}\": {error}",
                    text::shown(path)
                )
            }
            ConfigError::Syntax {
                source,
                message,
                line,
            } => {
                write!(f, "{source}: {message}: {}", quoted(OsStr::new(line)))
            }
            ConfigError::UnknownKey { source, name } => {
                write!(f, "{source}: unknown key {}", quoted(OsStr::new(name)))?;
                let names: Vec<_> = KEYS.iter().map(|key| key.name.to_string()).collect();
                nearest(f, name, "", &names)
            }
            ConfigError::UnknownVariable(name) => {
                write!(f, "unknown variable {}", quoted(name))?;
                let mut names = vec![FILE_VARIABLE.to_string()];
                names.extend(KEYS.iter().map(Key::variable));
                nearest(f, &name.to_string_lossy(), "KVMSGD_", &names)
            }
            ConfigError::Value {
                source,
                key,
                value,
                allowed,
            } => {
                write!(f, "{source}: {key} is {value}, but must be {allowed}")
            }
            ConfigError::Together(one, other) => {
                write!(f, "{one} and {other} are done one at a time")
            }
            ConfigError::NoFolder(flag) => {
                write!(
                    f,
                    "{flag} acts on data_dir, which is not set: --data-dir DIR sets it"
                )
            }
        }
    }
}

/// Ends a message on an unknown name with the one that was meant, or with all there are.
///
/// What all of them begin with, `prefix`, says nothing on which is near.
fn nearest(f: &mut fmt::Formatter<'_>, typed: &str, prefix: &str, names: &[String]) -> fmt::Result {
    let tails = names.iter().filter_map(|name| name.strip_prefix(prefix));
    match text::nearest(typed.strip_prefix(prefix).unwrap_or(typed), tails) {
        Some(near) => write!(f, "; did you mean {prefix}{near}?"),
        None => write!(f, "; there are {}", names.join(", ")),
    }
}

impl std::error::Error for ConfigError {}
