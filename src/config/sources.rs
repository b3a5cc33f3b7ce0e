//! Reads each source of settings into typed values that know where they stand.
//!
//! Every value is checked where it stands, also one that a later source overrides: a mistake in
//! the file does not hide behind a flag until the day when the flag is gone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};
use toml::Spanned;

use super::error::ConfigError;
use super::keys::{FILE_VARIABLE, KEYS, Key, Kind};
use crate::flags::text::{SHOWN_BYTES_MAX, shown};

/// How long the file may be, in bytes: far more than anyone writes, so that a device or the wrong
/// file is not read without end.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One value of one key from one source, which is all that it provides.
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    /// Where it stands: file and line, variable, or flag.
    pub(super) source: String,
}

impl Provider for Setting {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.key.name, Source::Custom(self.source.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = Dict::from([(self.key.name.to_string(), self.value.clone())]);
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// The defaults of all keys.
pub(super) fn defaults() -> Vec<Setting> {
    let setting = |key: &'static Key| {
        let value = key.kind.read_text(key.default);
        let value = value.expect("a default is a value that its key allows"); // a test says so too
        Setting {
            key,
            value,
            source: "default".to_string(),
        }
    };
    KEYS.iter().map(setting).collect()
}

/// The setting that a variable or a flag makes.
pub(super) fn from_text(
    key: &'static Key,
    source: String,
    text: OsString,
) -> Result<Setting, ConfigError> {
    match text.to_str().and_then(|text| key.kind.read_text(text)) {
        Some(value) => Ok(Setting { key, value, source }),
        None => Err(ConfigError::text(source, key, &text)),
    }
}

/// What the environment says.
#[derive(Default)]
pub(super) struct Environment {
    /// The settings in it.
    pub(super) settings: Vec<Setting>,
    /// The file that [`FILE_VARIABLE`] names, and the variable's name.
    pub(super) file: Option<(String, PathBuf)>,
}

impl Environment {
    /// Picks the daemon's variables out of all.
    ///
    /// `KVMSGD_PORT*` and `KVMSGD_SERVICE_*` are none: Kubernetes sets them by itself in every
    /// container beside a service that is called kvmsgd.
    pub(super) fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(b"KVMSGD_");
        let mut variables: Vec<_> = variables
            .into_iter()
            .filter(|(name, _)| ours(name))
            .collect();
        variables.sort(); // so that of two mistakes always the same one is told
        let mut environment = Environment::default();
        for (name, value) in variables {
            let text = name.to_string_lossy();
            if text == FILE_VARIABLE {
                environment.file = Some((text.into_owned(), value.into()));
            } else if let Some(key) = KEYS.iter().find(|key| key.variable() == text) {
                environment
                    .settings
                    .push(from_text(key, text.into_owned(), value)?);
            } else if !text.starts_with("KVMSGD_PORT") && !text.starts_with("KVMSGD_SERVICE_") {
                return Err(ConfigError::UnknownVariable(name));
            }
        }
        Ok(environment)
    }
}

/// The settings in the file that was named, else in the one at `default`, if there is one.
pub(super) fn file(
    named: Option<(String, PathBuf)>,
    default: &Path,
) -> Result<Vec<Setting>, ConfigError> {
    let (named_by, path) = match named {
        Some((named_by, path)) => (Some(named_by), path),
        None => (None, default.to_path_buf()),
    };
    match read(&path) {
        Ok(bytes) => from_toml(&shown(&path), &bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound && named_by.is_none() => Ok(Vec::new()),
        Err(error) => Err(ConfigError::File {
            named_by,
            path,
            error,
        }),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::other(format!(
            "longer than {FILE_BYTES_MAX} bytes"
        ))),
        false => Ok(bytes),
    }
}

/// The settings in a file's bytes, in their order.
fn from_toml(name: &str, bytes: &[u8]) -> Result<Vec<Setting>, ConfigError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| syntax(name, bytes, error.valid_up_to(), "not UTF-8"))?;
    let place = |at: usize| format!("{name}:{}", line_number(bytes, at));
    let wrong = |error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        syntax(name, bytes, at, error.message())
    };
    let values = toml::from_str::<BTreeMap<Spanned<String>, toml::Value>>(text).map_err(wrong)?;
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by_key(|(key, _)| key.span().start);
    values
        .iter()
        .map(|(name, value)| from_pair(place(name.span().start), name.get_ref(), value))
        .collect()
}

/// The setting that one key of the file, which stands at `source`, makes.
fn from_pair(source: String, name: &str, value: &toml::Value) -> Result<Setting, ConfigError> {
    let Some(key) = Key::named(name) else {
        return Err(ConfigError::UnknownKey {
            source,
            name: name.to_string(),
        });
    };
    match key.kind.read_toml(value) {
        Some(value) => Ok(Setting { key, value, source }),
        None => Err(ConfigError::toml(source, key, value)),
    }
}

/// The number of the line in which `at` lies.
fn line_number(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// A mistake of form at `at`, with the parser's words, which may hold a key, made one short line.
fn syntax(name: &str, bytes: &[u8], at: usize, message: &str) -> ConfigError {
    let number = line_number(bytes, at);
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let line = String::from_utf8_lossy(lines.nth(number - 1).unwrap_or_default());
    let (source, line) = (format!("{name}:{number}"), line.trim());
    if let Some(error) = misread(&source, line) {
        return error;
    }
    let words = message.replace('\n', ", ").replace(char::is_control, " ");
    ConfigError::Syntax {
        source,
        message: words.chars().take(2 * SHOWN_BYTES_MAX).collect(),
        line: line.to_string(),
    }
}

/// What a line sets that the parser does not take, where more can be said of that than it does: a
/// text without quotes, or a number that is too large for it.
fn misread(source: &str, line: &str) -> Option<ConfigError> {
    // By itself it is well-formed: the mistake is another, such as a key that stands there twice.
    if toml::from_str::<toml::Table>(line).is_ok() {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let (key, value) = (Key::named(name.trim_end())?, value.trim_start());
    let (first, allowed) = (value.chars().next()?, key.kind.allowed());
    let is_bare = !matches!(first, '"' | '\'' | '[');
    let allowed = match key.kind {
        Kind::Addresses | Kind::Word(..) | Kind::Folder if is_bare => {
            format!("in quotes: {allowed}")
        }
        Kind::Number(_) if value.chars().all(|char| char.is_ascii_digit()) => allowed,
        _ => return None,
    };
    Some(ConfigError::misread(
        source.to_string(),
        key,
        value,
        allowed,
    ))
}
