//! Servers that keep their data on the disk: the flags with which each does.

use crate::folder::Folder;
use crate::server::{Kind, Server, Side};
use std::path::Path;

/// When what was changed is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Before it is answered.
    Always,
    /// Every second.
    Interval,
}

/// When redis-server writes its AOF anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// When it does so by itself.
    Default,
    Never,
    /// About as often as kvmsgd writes a snapshot, when that has no history to keep.
    Often,
}

/// How a server keeps its data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeping {
    pub(crate) sync: Sync,
    pub(crate) rewrite: Rewrite,
}

impl Keeping {
    /// Starts a server that keeps its data in this folder. The flags are for kvmsgd alone.
    ///
    /// # Errors
    ///
    /// See [`Side::start`].
    pub(crate) fn start(
        self,
        side: &Side,
        folder: &Folder,
        flags: &[&str],
    ) -> Result<Server, String> {
        let path = folder.path().to_string_lossy();
        let mut all = match side.kind {
            Kind::Kvmsgd => self.ours(&path),
            Kind::Redis => self.redis(&path),
            Kind::Floor => return Err("the floor keeps nothing".into()),
        };
        if side.kind == Kind::Kvmsgd {
            all.extend(flags);
        }
        side.start_with(&all)
    }

    fn ours(self, path: &str) -> Vec<&str> {
        let sync = match self.sync {
            Sync::Always => "always",
            Sync::Interval => "interval",
        };
        vec!["--data-dir", path, "--sync", sync]
    }

    fn redis(self, path: &str) -> Vec<&str> {
        let sync = match self.sync {
            Sync::Always => "always",
            Sync::Interval => "everysec",
        };
        let mut flags = vec!["--dir", path, "--appendonly", "yes", "--appendfsync", sync];
        let grown = "--auto-aof-rewrite-percentage";
        match self.rewrite {
            Rewrite::Default => {}
            Rewrite::Never => flags.extend([grown, "0"]),
            Rewrite::Often => flags.extend([grown, "75", "--auto-aof-rewrite-min-size", "1mb"]),
        }
        flags
    }
}

/// How often all data has been written anew as far as the names of files show it: the number in
/// the name of the last snapshot, or of the file with which the AOF begins.
pub(crate) fn written_anew(side: &Side, folder: &Folder) -> u64 {
    let (place, prefix) = match side.kind {
        Kind::Redis => (folder.path().join("appendonlydir"), "appendonly.aof."),
        _ => (folder.path().to_owned(), "snapshot-"),
    };
    let numbers = names(&place).into_iter().filter_map(|name| {
        let number = name.strip_prefix(prefix)?;
        let number = match side.kind {
            Kind::Redis => number.split_once(".base.")?.0,
            _ => number,
        };
        number.parse().ok()
    });
    numbers.max().unwrap_or_default()
}

fn names(place: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
