//! Makes a file that gets its name only when it is whole.

use crate::failure::Failure;
use crate::links::behind_links;
use kvmsg::flags::text::shown;
use kvmsg::journal;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Where a file is to be.
pub struct Target {
    path: PathBuf,
    /// Whether it may replace one that is there.
    force: bool,
}

/// A file without its name. Dropped, it is gone.
pub struct New<'a> {
    target: &'a Target,
    file: NamedTempFile,
}

impl Target {
    /// A file of this name, or behind the link of this name, which is not there, unless `force`.
    ///
    /// # Errors
    ///
    /// [`Failure::Exists`], and that the name is that of a folder, of a device or the like, or of
    /// none.
    pub fn new(name: &[u8], force: bool) -> Result<Target, Failure> {
        let path = PathBuf::from(OsStr::from_bytes(name));
        let mut target = Target { path, force };
        if name == b"-" || target.path.file_name().is_none() {
            let error = io::Error::other("a backup is written into a file with a name");
            return Err(target.failed(error));
        }
        target.path = behind_links(&target.path).map_err(|error| target.failed(error))?;
        match fs::symlink_metadata(&target.path) {
            Ok(found) if found.is_dir() => Err(target.failed(io::ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => {
                let error = io::Error::other("it is not a regular file, which alone is replaced");
                Err(target.failed(error))
            }
            Ok(_) if !force => Err(Failure::Exists(target.path)),
            _ => Ok(target),
        }
    }

    /// What it is called in messages.
    pub fn shown(&self) -> String {
        shown(&self.path)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Makes the file, for its owner alone, beside the place where it will be.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn file(&self) -> Result<New<'_>, Failure> {
        let file = tempfile::Builder::new()
            .prefix(".kvmsg-backup-")
            .tempfile_in(self.folder());
        match file {
            Ok(file) => Ok(New { target: self, file }),
            Err(error) => Err(self.failed(plain(error))),
        }
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::Backup(journal::Error::io("cannot write", self.shown(), error))
    }
}

impl New<'_> {
    /// The file, to be written.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn reopen(&self) -> Result<File, Failure> {
        self.file
            .reopen()
            .map_err(|error| self.target.failed(error))
    }

    /// Gives it its name, now that it is whole and on the disk.
    ///
    /// # Errors
    ///
    /// [`Failure::Exists`] if another has come meanwhile, and what the operating system refuses.
    pub fn keep(self) -> Result<(), Failure> {
        let New { target, file } = self;
        let kept = match target.force {
            true => file.persist(&target.path),
            false => file.persist_noclobber(&target.path),
        };
        match kept.map_err(|refused| refused.error) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Failure::Exists(target.path.clone()));
            }
            Err(error) => return Err(target.failed(error)),
        }
        let synced = File::open(target.folder()).and_then(|folder| folder.sync_all());
        synced.map_err(|error| target.failed(error))
    }
}

/// What the operating system says alone: tempfile adds the name that it has made up.
fn plain(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause.to_owned()),
        None => error,
    }
}
