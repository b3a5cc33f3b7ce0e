//! Says what keeps a data folder from being used.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a data folder cannot be opened, read or written. Each is one line when displayed.
#[derive(Debug, Clone)]
pub enum Error {
    /// The operating system refuses something.
    Io {
        /// What was being done, as in "cannot read".
        doing: &'static str,
        /// The file or folder.
        path: String,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// There is no room on the device. Nothing is lost: the same may be tried again.
    Full {
        /// The file or folder.
        path: String,
    },
    /// Another process uses the folder.
    Locked {
        /// The folder.
        path: String,
    },
    /// A file was written by a later version.
    Later {
        /// The file.
        path: String,
        /// The version of its format.
        version: u32,
    },
    /// A file does not hold what it should.
    Damaged(Box<Damage>),
    /// The disk has failed before. What the operating system keeps for it since then is not known,
    /// so nothing may be written any more.
    Failed {
        /// The folder.
        path: String,
    },
    /// Who loads it wanted no more of it.
    Stopped {
        /// The folder.
        path: String,
    },
    /// A backup is not whole, or is none.
    Backup(Box<Damage>),
    /// The folder holds data where there should be none.
    NotEmpty {
        /// The folder.
        path: String,
    },
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: String,
    /// The name of the file within the folder.
    pub name: String,
    /// Where in the file, in bytes from its beginning.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
    /// The last revision that is whole before it.
    pub revision: u64,
    /// What a repair would do.
    pub remedy: Remedy,
}

/// What a repair would do about a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Set aside everything from there on: this many bytes.
    Cut(u64),
    /// Set aside the segments of the journal before this one: only the history needs them. It
    /// begins after this revision then.
    Forget {
        /// The number of the first segment that stays.
        segment: u64,
        /// The revision.
        revision: u64,
    },
    /// Nothing: what is left does not make a whole.
    None,
}

impl Error {
    /// Wraps what the operating system says, and knows when it says that there is no room.
    pub fn io(doing: &'static str, path: impl Into<String>, source: io::Error) -> Error {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path },
            _ => Error::Io {
                doing,
                path,
                source: Arc::new(source),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io {
                doing,
                path,
                source,
            } => write!(f, "{doing} {path}: {source}"),
            Error::Full { path } => write!(f, "no space is left on the device of {path}"),
            Error::Locked { path } => write!(f, "{path} is in use by another kvmsgd"),
            Error::Later { path, version } => write!(
                f,
                "{path} was written by a later version of kvmsg (format {version}, this one knows \
                 up to {})",
                super::VERSION
            ),
            Error::Damaged(damage) => damage.fmt(f),
            Error::Backup(damage) => {
                let Damage { path, at, what, .. } = &**damage;
                write!(f, "{path} is no whole backup: {what} (byte {at})")
            }
            Error::Failed { path } => write!(
                f,
                "{path}: writing to the disk has failed before, and what is on it is not known \
                 until the next start"
            ),
            Error::Stopped { path } => {
                write!(
                    f,
                    "{path}: loading was stopped, and nothing in the folder has been changed"
                )
            }
            Error::NotEmpty { path } => {
                write!(
                    f,
                    "{path} is not empty: a backup is restored into an empty folder"
                )
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage {
            path,
            at,
            what,
            revision,
            ..
        } = self;
        write!(f, "{path} is damaged at byte {at}: {what}; ")?;
        match self.remedy {
            Remedy::Cut(bytes) => write!(
                f,
                "kvmsgd --repair would keep everything up to revision {revision} and set aside the \
                 {bytes} bytes from there on"
            ),
            Remedy::Forget { revision, .. } => write!(
                f,
                "kvmsgd --repair would keep every key, and set aside the history up to revision \
                 {revision}"
            ),
            Remedy::None => write!(f, "kvmsgd --repair cannot help, restore a backup"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
