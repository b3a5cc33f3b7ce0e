//! Folders for the data of servers, and that they are removed: with their row, and with this
//! program.
//!
//! They lie below `target`, for what is in `/tmp` is in memory on many machines. A [`Folder`] is
//! removed when it is dropped; a signal and the deadline of the whole run drop nothing, so every
//! folder also stands in a list.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often it is tried to remove a folder, and the time between: a server that was just killed
/// may still make a file.
const ATTEMPTS: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);

static HELD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn held() -> MutexGuard<'static, Vec<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder that nobody else uses.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes one, in this place.
    ///
    /// # Errors
    ///
    /// Says so if it cannot be made.
    pub(crate) fn new(place: &Path) -> Result<Folder, String> {
        let failed = |error| format!("a folder in {}: {error}", place.display());
        let mut held = held();
        let made = tempfile::Builder::new().prefix("data-").tempdir_in(place);
        let path = made.map_err(failed)?.keep();
        held.push(path.clone());
        Ok(Folder { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut held = held();
        remove(&self.path);
        held.retain(|path| *path != self.path);
    }
}

/// Removes every folder that there is. Those who use them must have been ended. While what it
/// returns is held, none is made.
pub(crate) fn remove_all() -> impl Drop {
    let mut held = held();
    held.drain(..).for_each(|path| remove(&path));
    held
}

fn remove(path: &Path) {
    for _ in 0..ATTEMPTS {
        if fs::remove_dir_all(path).is_ok() || !path.exists() {
            return;
        }
        thread::sleep(PAUSE);
    }
    eprintln!("beside: {} cannot be removed", path.display());
}

/// The kind of file system on which a path lies, such as `ext4`.
pub(crate) fn file_system(path: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    kind_of(&mounts, path).unwrap_or_else(|| "an unknown file system".to_owned())
}

/// The kind of the mount that holds a path: the longest of those it lies below, and of equals the
/// last, which covers the others.
pub(crate) fn kind_of(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = Path::new(mount.split(' ').nth(4)?);
        let kind = source.split(' ').next()?;
        path.starts_with(point)
            .then(|| (point.components().count(), kind))
    });
    let held = mounts.max_by_key(|(length, _)| *length);
    held.map(|(_, kind)| kind.to_owned())
}
