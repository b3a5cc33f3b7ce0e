//! Gives the flags of the daemon their meaning.

use std::ffi::OsString;
use std::path::PathBuf;

use super::error::ConfigError;
use super::keys::{KEYS, Key};
use super::sources::{Setting, from_text};
use crate::flags::{self, Flag, Group, Table};

/// What the flags of the daemon mean.
#[derive(Debug, Clone, Copy)]
pub enum Id {
    /// The file to read.
    File,
    /// Read all settings, and stop.
    Check,
    /// Print all settings, and stop.
    PrintConfig,
    /// Repair the data folder, and stop.
    Repair,
    /// Make the data folder of a backup, and stop.
    Restore,
    /// Print help.
    Help,
    /// Print the version.
    Version,
    /// Set a key.
    Key(&'static Key),
}

/// The command line of the daemon.
pub static TABLE: Table<Id> = Table {
    program: "kvmsgd",
    about: "kvmsgd keeps ordered values under every key and tells its clients what changes.",
    groups: &[
        Group {
            heading: "Flags",
            brief: None,
            apart: false,
            flags: &[
                Flag {
                    value: Some("FILE"),
                    default: Some("/etc/kvmsg/kvmsg.toml, where it exists"),
                    ..Flag::switch(Id::File, Some('c'), "config", "the file of settings")
                },
                Flag::switch(Id::Check, None, "check", "check all settings and exit"),
                Flag::switch(
                    Id::PrintConfig,
                    None,
                    "print_config",
                    "print all settings and exit",
                ),
                Flag::switch(
                    Id::Repair,
                    None,
                    "repair",
                    "set aside what is damaged and exit",
                ),
                Flag {
                    value: Some("FILE"),
                    ..Flag::switch(
                        Id::Restore,
                        None,
                        "restore",
                        "make data_dir of a backup and exit",
                    )
                },
                Flag::last(Id::Help, 'h', "help", "print this and exit"),
                Flag::last(Id::Version, 'V', "version", "print the version and exit"),
            ],
        },
        Group {
            heading: "Settings, with their defaults (also KVMSGD_NAME=value and kvmsg.toml(5))",
            brief: Some("[--key value ...]"),
            apart: false,
            flags: &KEY_FLAGS,
        },
    ],
    operands: None,
};

/// A flag for each key.
static KEY_FLAGS: [Flag<Id>; KEYS.len()] = {
    let mut flags = [KEYS[0].flag(Id::Key(&KEYS[0])); KEYS.len()];
    let mut at = 0;
    while at < KEYS.len() {
        flags[at] = KEYS[at].flag(Id::Key(&KEYS[at]));
        at += 1;
    }
    flags
};

/// What the command line asks for.
pub(super) struct CommandLine {
    /// `-h`.
    pub(super) help: bool,
    /// `-V`.
    pub(super) version: bool,
    /// `--check`.
    pub(super) check: bool,
    /// `--print-config`.
    pub(super) print_config: bool,
    /// `--repair`.
    pub(super) repair: bool,
    /// The file that `--restore` names.
    pub(super) restore: Option<PathBuf>,
    /// The file that `-c` names, and how the flag was typed.
    pub(super) file: Option<(String, PathBuf)>,
    given: Vec<(&'static Key, String, OsString)>,
}

impl CommandLine {
    /// Reads the arguments, which begin after the name of the program, and looks at no value yet.
    pub(super) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let mut line = CommandLine {
            help: false,
            version: false,
            check: false,
            print_config: false,
            repair: false,
            restore: None,
            file: None,
            given: Vec::new(),
        };
        for flags::Given { id, typed, value } in flags::parse(&TABLE, args)?.given {
            match id {
                Id::Help => line.help = true,
                Id::Version => line.version = true,
                Id::Check => line.check = true,
                Id::PrintConfig => line.print_config = true,
                Id::Repair => line.repair = true,
                Id::Restore => line.restore = Some(value.into()),
                Id::File => line.file = Some((typed, value.into())),
                Id::Key(key) => line.given.push((key, typed, value)),
            }
        }
        Ok(line)
    }

    /// The settings among the flags, in their order: of a repeated one the last counts.
    pub(super) fn settings(self) -> Result<Vec<Setting>, ConfigError> {
        self.given
            .into_iter()
            .map(|(key, typed, value)| from_text(key, typed, value))
            .collect()
    }
}
