//! Keeps the lines that were typed, between runs, for their owner alone.

use super::secret;
use super::words;
use kvmsg::flags::text::shown;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How many lines are kept.
pub const LINES_MAX: usize = 1000;

/// The longest line that is kept, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// Why lines are not kept; its text is one line.
#[derive(Debug)]
pub enum HistoryError {
    /// Nothing says where this user's files are.
    Nowhere,
    /// The file, or a directory above it, and why it cannot be used.
    File(PathBuf, ReadlineError),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::Nowhere => {
                write!(
                    f,
                    "the history is not kept: neither HOME nor XDG_STATE_HOME is set"
                )
            }
            HistoryError::File(path, error) => {
                let (path, cause) = (shown(path), words::cause(error));
                write!(f, "the history is not kept: {path}: {cause}")
            }
        }
    }
}

impl std::error::Error for HistoryError {}

/// Where the lines are kept; nowhere once that has failed.
#[derive(Debug)]
pub struct History {
    path: Option<PathBuf>,
}

impl History {
    /// Finds or makes the file, and reads what is in it into the editor.
    ///
    /// # Errors
    ///
    /// The file cannot be used; the history that is returned all the same keeps nothing.
    pub fn open<H: Helper>(editor: &mut Editor<H, FileHistory>) -> (History, Option<HistoryError>) {
        let Some(path) = path(&|name| env::var_os(name)) else {
            return (History { path: None }, Some(HistoryError::Nowhere));
        };
        let loaded = make(&path)
            .map_err(ReadlineError::from)
            .and_then(|is_file| match is_file {
                true => editor.load_history(&path).map(|()| true),
                false => Ok(false),
            });
        match loaded {
            Ok(true) => (History { path: Some(path) }, None),
            // What is no file, such as /dev/null, was put there so that nothing is kept.
            Ok(false) => (History { path: None }, None),
            Err(error) => (
                History { path: None },
                Some(HistoryError::File(path, error)),
            ),
        }
    }

    /// Keeps a line, in the editor and in the file; one that carries a secret in neither.
    ///
    /// # Errors
    ///
    /// The file cannot be written; said once, and not tried again.
    pub fn keep<H: Helper>(
        &mut self,
        editor: &mut Editor<H, FileHistory>,
        line: &str,
    ) -> Result<(), HistoryError> {
        if line.trim().is_empty() || line.len() > LINE_BYTES_MAX || secret::is_secret(line) {
            return Ok(());
        }
        let added = editor.add_history_entry(line);
        let Some(path) = self.path.take() else {
            return Ok(());
        };
        match added.and_then(|_| editor.append_history(&path)) {
            Ok(()) => {
                self.path = Some(path);
                Ok(())
            }
            Err(error) => Err(HistoryError::File(path, error)),
        }
    }
}

/// `$XDG_STATE_HOME/kvmsg/history`, else `~/.local/state/kvmsg/history`. As that specification has
/// it, a path that is not absolute counts as none.
fn path(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("kvmsg/history"))
}

/// Makes the file and the directories above it, if they are not there. False: what is there is no
/// file, but a device or a pipe, to be left alone.
fn make(path: &Path) -> io::Result<bool> {
    let parent = path.parent().ok_or(ErrorKind::NotFound)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)?;
    if fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir()) {
        return Ok(false);
    }
    let mut options = OpenOptions::new();
    options
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_lies_where_the_environment_says() {
        let (absolute, home) = (("XDG_STATE_HOME", "/x"), ("HOME", "/h"));
        let in_home = Some("/h/.local/state/kvmsg/history");
        let cases = [
            ([absolute, home], Some("/x/kvmsg/history")),
            ([home, home], in_home),
            ([("XDG_STATE_HOME", "x"), home], in_home),
            ([("XDG_STATE_HOME", ""), ("HOME", "")], None),
        ];
        for (variables, expected) in cases {
            let found = path(&|name| {
                let set = variables.iter().find(|(key, _)| *key == name);
                set.map(|(_, value)| OsString::from(value))
            });
            assert_eq!(found.as_deref(), expected.map(Path::new), "{variables:?}");
        }
    }
}
