//! Does to a data folder what is done while no daemon uses it: repairs it, or makes it of a backup.

use crate::flags::text::shown;
use crate::journal::{
    self, Cut, Directory, Error, File, Folder, How, Load, Recovered, Repaired, Values,
};
use crate::protocol::notice::Change;
use crate::store::{Limits, Store};
use std::fmt;
use std::fs;
use std::path::Path;

/// What a repair came to. Displayed, it is a line for each damage, and one for what is there.
#[derive(Debug)]
pub struct Repair {
    path: String,
    /// What was done, damage by damage; nothing if all was whole.
    pub done: Vec<Repaired>,
    /// What the next start cuts off by itself.
    pub cut: Option<Cut>,
    /// What is there now.
    pub contents: Contents,
}

/// How much a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// The last revision.
    pub revision: u64,
    /// How many keys there are.
    pub keys: usize,
    /// How many values these have.
    pub values: usize,
}

impl Contents {
    fn of(revision: u64, held: &Holding) -> Contents {
        Contents {
            revision,
            keys: held.store.keys(),
            values: held.store.values(),
        }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contents {
            revision,
            keys,
            values,
        } = self;
        let (key, value) = (plural(*keys), plural(*values));
        write!(
            f,
            "{keys} key{key} with {values} value{value}, at revision {revision}"
        )
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for repaired in &self.done {
            writeln!(f, "{repaired}")?;
        }
        if let Some(cut) = &self.cut {
            writeln!(f, "{cut}, and the next start cuts them off")?;
        }
        let (path, contents) = (&self.path, self.contents);
        match self.done.is_empty() {
            true => writeln!(f, "{path} needs no repair: {contents}"),
            false => writeln!(f, "{path} is repaired: {contents}"),
        }
    }
}

/// Repairs the folder until it can be read whole. What cannot be used is set aside under another
/// name and stays in the folder.
///
/// # Errors
///
/// That there is no such folder, that it is in use, and what cannot be repaired.
pub fn repair(path: &Path) -> Result<Repair, Error> {
    // A name mistyped must not become a new folder that needs no repair.
    fs::metadata(path)
        .map_err(|error| Error::io("cannot open the folder", path.display().to_string(), error))?;
    let folder = Directory::open(path)?;
    let mut done = Vec::new();
    // Each round sets something aside, so there is a last one.
    while let Some(repaired) = journal::repair(&folder, &mut Holding::default())? {
        done.push(repaired);
    }
    let (recovered, held) = read(&folder)?;
    Ok(Repair {
        path: folder.path(""),
        done,
        contents: Contents::of(recovered.revision, &held),
        cut: recovered.cut,
    })
}

fn read(folder: &Directory) -> Result<(Recovered, Holding), Error> {
    let mut held = Holding::default();
    let recovered = journal::recover(folder, &mut held)?;
    Ok((recovered, held))
}

/// Makes a data folder of a backup, after reading all of it. The next start begins a new epoch.
///
/// # Errors
///
/// That the folder is in use or not empty, what is wrong with the backup, and what the operating
/// system refuses. Nothing has changed then.
pub fn restore(path: &Path, backup: &Path) -> Result<Contents, Error> {
    let shown = shown(backup);
    let failed = |error| Error::io("cannot read", shown.clone(), error);
    let file = fs::File::open(backup).map_err(failed)?;
    // What can be opened, but has no length, such as a pipe, could not be read twice.
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is not a regular file")));
    }
    let was_there = path.exists();
    let folder = Directory::open(path)?;
    let restored = restore_file(&folder, file, shown);
    if restored.is_err() && !was_there {
        folder.unmake();
    }
    restored
}

fn restore_file(folder: &Directory, file: impl File, shown: String) -> Result<Contents, Error> {
    let (revision, held) = journal::restore::<_, _, Holding>(folder, file, shown)?;
    Ok(Contents::of(revision, &held))
}

/// What a folder is found to hold.
#[derive(Debug)]
struct Holding {
    store: Store,
}

impl Default for Holding {
    fn default() -> Holding {
        // Whatever the limits are: none holds for what is loaded.
        let limits = Limits {
            values_bytes_max: 0,
            store_bytes_max: 0,
        };
        Holding {
            store: Store::new(limits, 0),
        }
    }
}

impl Load for Holding {
    fn series(&mut self, _: u64, _: u64) {}

    fn held(&mut self, key: &[u8], values: Values<'_>, more: bool) {
        self.store.hold(key, values, more);
    }

    fn change(&mut self, change: &Change<'_>, how: How) -> bool {
        how == How::Told || self.store.redo(change).is_some()
    }

    fn progress(&mut self, _: u64, _: u64) -> bool {
        while self.store.is_untidy() {
            self.store.tidy();
        }
        true
    }
}

#[cfg(test)]
mod tests;
