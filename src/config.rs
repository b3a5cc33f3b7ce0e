//! Finds the settings: the defaults, then the file, then the environment, then the flags.
//!
//! What each key may be stands once, in [`keys::KEYS`]. Each source is read into typed values,
//! one provider per value, so that figment, which lays them over each other, still knows for the
//! winner where it stands: file and line, variable, or flag.
//!
//! Nothing else in the crate reads settings or uses figment. Nothing here touches the real
//! arguments or the real environment, either: the binary hands them in.

pub mod keys;
mod error;
mod sources;
pub mod line;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::value::Value;

pub use error::ConfigError;
use keys::KEYS;
use line::{CommandLine, TABLE};
use sources::Environment;

/// The file that is read, where it exists, when neither `-c` nor `KVMSGD_CONFIG` names one.
pub const DEFAULT_FILE: &str = "/etc/kvmsg/kvmsg.toml";

/// What a server is told about itself.
///
/// [`load`] holds each field to the range that [`keys::KEYS`] gives; a program that embeds a
/// server, and sets fields itself, keeps to them by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to listen, each `HOST:PORT`: a name, an IPv4 address or an IPv6 address in brackets,
    /// and a port, of which 0 lets the system pick one.
    pub listen: Vec<String>,
    /// How many clients may be connected at once.
    pub clients_max: usize,
    /// How many bytes the buffers of all clients may hold together; beyond it the largest holder
    /// is closed.
    pub clients_bytes_max: usize,
    /// The longest request, in bytes: a line without its end, or a frame's strings together.
    pub request_bytes_max: usize,
    /// How many bytes the values of one key may hold together.
    pub values_bytes_max: usize,
    /// How many bytes the whole store may hold, counted as each key's length, and each value's
    /// length plus 64; 0: no limit.
    pub store_bytes_max: usize,
    /// How many bytes of replies may wait for one client before its further requests wait.
    pub outbox_bytes_max: usize,
    /// How many bytes of the latest changes are remembered, overhead included; 0: none.
    pub history_bytes: usize,
    /// The folder that the data is kept in; none: in memory only.
    pub data_dir: Option<PathBuf>,
    /// When changes are made to survive the machine.
    pub sync: SyncMode,
    /// How long it is between two syncs with [`SyncMode::Interval`].
    pub sync_interval: Duration,
    /// Whether clients of the line form are told of their own changes too.
    pub echo: bool,
    /// After how many seconds a client is closed that does not take its replies.
    pub write_timeout_secs: u64,
    /// After how many seconds a client is closed that has begun a request and not finished it.
    pub request_timeout_secs: u64,
    /// For how many seconds at most input is still read and discarded before a close.
    pub linger_secs: u64,
    /// After how many seconds without a notice a watching client is told how far it is.
    pub progress_secs: u64,
    /// How many seconds stopping may take.
    pub drain_secs: u64,
    /// The least grave kind of message that is logged.
    pub log: log::LevelFilter,
}

/// When changes are synced, so that they survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// Before anybody is told of them.
    Always,
    /// From time to time.
    Interval,
    /// When the operating system likes.
    Never,
}

impl SyncMode {
    /// What stands for it in the settings.
    pub fn word(self) -> &'static str {
        match self {
            SyncMode::Always => "always",
            SyncMode::Interval => "interval",
            SyncMode::Never => "never",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        extract(&merge(sources::defaults())).expect("the defaults are values of their keys")
    }
}

/// What the command line asks the binary to do.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// To print this on standard output and exit 0: help, version, `configuration OK`, or all
    /// settings.
    Print(String),
    /// To serve, with these settings.
    Serve(Config),
    /// To repair this data folder.
    Repair(PathBuf),
    /// To make a data folder of a backup.
    Restore {
        /// The folder.
        folder: PathBuf,
        /// The backup.
        backup: PathBuf,
    },
}

/// Reads `args`, which begin after the name of the program, and the settings of all sources.
///
/// `variables` is the whole environment; what does not begin with `KVMSGD_` is left alone. Of a
/// flag that is given twice the last counts. `-h` and `-V` read nothing else, and of `--check`
/// and `--print-config` together the second wins, which checks as much; either wins over `--repair`
/// and `--restore`, of which one excludes the other.
///
/// Fails on the first mistake: first in the form of the command line, then in variables, then in
/// the file, then in the values of flags.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, ConfigError> {
    load_beside(Path::new(DEFAULT_FILE), args, variables)
}

/// [`load`] with another default file.
fn load_beside(
    default_file: &Path,
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, ConfigError> {
    let mut line = CommandLine::read(args)?;
    if line.help {
        return Ok(Command::Print(crate::flags::help(&TABLE)));
    }
    if line.version {
        return Ok(Command::Print(format!(
            "kvmsgd {}\n",
            env!("CARGO_PKG_VERSION")
        )));
    }
    let (check, print_config) = (line.check, line.print_config);
    let (repair, restore) = (line.repair, line.restore.take());
    if repair && restore.is_some() {
        return Err(ConfigError::Together("--repair", "--restore"));
    }
    let environment = Environment::read(variables)?;
    let named = line.file.take().or(environment.file);

    let mut settings = sources::defaults();
    settings.extend(sources::file(named, default_file)?);
    settings.extend(environment.settings);
    settings.extend(line.settings()?);
    let figment = merge(settings);
    let config = extract(&figment).map_err(|error| unfit(&figment, &error))?;
    let folder = |flag| config.data_dir.clone().ok_or(ConfigError::NoFolder(flag));
    Ok(match restore {
        _ if print_config => Command::Print(listing(&figment)),
        _ if check => Command::Print("configuration OK\n".to_string()),
        _ if repair => Command::Repair(folder("--repair")?),
        Some(backup) => Command::Restore {
            folder: folder("--restore")?,
            backup,
        },
        None => Command::Serve(config),
    })
}

/// Lays the settings over each other; of those of one key the last wins.
fn merge(settings: Vec<sources::Setting>) -> Figment {
    settings.into_iter().fold(Figment::new(), Figment::merge)
}

/// The settings that won.
#[expect(clippy::result_large_err)] // figment's own type, made at most once
fn extract(figment: &Figment) -> Result<Config, figment::Error> {
    let log: String = figment.extract_inner("log")?;
    let sync: String = figment.extract_inner("sync")?;
    let folder: String = figment.extract_inner("data_dir")?;
    Ok(Config {
        listen: figment.extract_inner("listen")?,
        clients_max: figment.extract_inner("clients_max")?,
        clients_bytes_max: figment.extract_inner("clients_bytes_max")?,
        request_bytes_max: figment.extract_inner("request_bytes_max")?,
        values_bytes_max: figment.extract_inner("values_bytes_max")?,
        store_bytes_max: figment.extract_inner("store_bytes_max")?,
        outbox_bytes_max: figment.extract_inner("outbox_bytes_max")?,
        history_bytes: figment.extract_inner("history_bytes")?,
        data_dir: Some(PathBuf::from(folder)).filter(|path| path != Path::new("")),
        sync: [SyncMode::Always, SyncMode::Interval, SyncMode::Never]
            .into_iter()
            .find(|one| one.word() == sync)
            .ok_or_else(|| figment::Error::from(sync).with_path("sync"))?,
        sync_interval: Duration::from_millis(figment.extract_inner("sync_interval_ms")?),
        echo: figment.extract_inner("echo")?,
        write_timeout_secs: figment.extract_inner("write_timeout_secs")?,
        request_timeout_secs: figment.extract_inner("request_timeout_secs")?,
        linger_secs: figment.extract_inner("linger_secs")?,
        progress_secs: figment.extract_inner("progress_secs")?,
        drain_secs: figment.extract_inner("drain_secs")?,
        log: log
            .parse()
            .map_err(|_| figment::Error::from(log).with_path("log"))?,
    })
}

/// Words the one mistake that is left: an allowed value that does not fit this machine, such as
/// 1 TiB where a size has 32 bits.
fn unfit(figment: &Figment, error: &figment::Error) -> ConfigError {
    let name = error.path.last().map_or("", String::as_str);
    ConfigError::Value {
        source: source(figment, name),
        key: keys::Key::named(name).map_or("setting", |key| key.name),
        value: figment
            .find_value(name)
            .map_or(String::new(), |value| in_toml(&value)),
        allowed: format!("at most {} on this machine", usize::MAX),
    }
}

/// Where the value of a key stands.
fn source(figment: &Figment, key: &str) -> String {
    let metadata = figment.find_metadata(key);
    let source = metadata.and_then(|metadata| metadata.source.as_ref()?.custom());
    source.unwrap_or("settings").to_string()
}

/// Every key with its value and, in a comment, where that stands: a file that can be loaded.
fn listing(figment: &Figment) -> String {
    let line = |key: &keys::Key| {
        let value = figment
            .find_value(key.name)
            .map_or(String::new(), |value| in_toml(&value));
        format!("{} = {value}  # {}\n", key.name, source(figment, key.name))
    };
    KEYS.iter().map(line).collect()
}

/// A value as it stands in TOML; a list of one is shown as the one.
fn in_toml(value: &Value) -> String {
    match value {
        Value::Array(_, list) if list.len() == 1 => in_toml(&list[0]),
        Value::Array(_, list) => {
            let list: Vec<_> = list.iter().map(in_toml).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Bool(_, on) => on.to_string(),
        Value::Num(_, number) => number.to_u128().unwrap_or_default().to_string(),
        other => toml::Value::from(other.as_str().unwrap_or_default()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> std::iter::Empty<(OsString, OsString)> {
        std::iter::empty()
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let config = Config {
            listen: vec!["127.0.0.1:8080".to_string()],
            clients_max: 10_000,
            clients_bytes_max: 256 << 20,
            request_bytes_max: 8 << 20,
            values_bytes_max: 16 << 20,
            store_bytes_max: 1 << 30,
            outbox_bytes_max: 1 << 20,
            history_bytes: 64 << 20,
            data_dir: None,
            sync: SyncMode::Interval,
            sync_interval: Duration::from_secs(1),
            echo: false,
            write_timeout_secs: 30,
            request_timeout_secs: 30,
            linger_secs: 2,
            progress_secs: 15,
            drain_secs: 10,
            log: log::LevelFilter::Info,
        };
        assert_eq!(Config::default(), config);
    }

    #[test]
    fn default_file_is_read_where_it_exists() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let listing = |file: &Path| match load_beside(file, ["--print-config".into()], nothing()) {
            Ok(Command::Print(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(listing(&here.join("kvmsg.toml")).contains("/kvmsg.toml:"));
        assert!(!listing(&here.join("no such.toml")).contains("toml"));
        let error = load_beside(here, [], nothing()).unwrap_err();
        assert!(error.to_string().starts_with("cannot read \"/"), "{error}");
    }

    #[test]
    fn value_that_does_not_fit_the_machine_is_named() {
        let mut settings = sources::defaults();
        settings.push(sources::Setting {
            key: keys::Key::named("clients_max").unwrap(),
            value: Value::from(1_u128 << 100),
            source: "kvmsg.toml:3".to_string(),
        });
        let figment = merge(settings);
        let message = unfit(&figment, &extract(&figment).unwrap_err()).to_string();
        let expected = format!(
            "kvmsg.toml:3: clients_max is {}, but must be at most ",
            1_u128 << 100
        );
        assert!(message.starts_with(&expected), "{message}");
    }
}
