//! Keeps in a file up to where a watch has got, so that the next run goes on from there.
//!
//! The file holds `EPOCH:REVISION` and a line end. A new one is written beside it and renamed, so
//! whoever looks finds an old position or a new one, whole. After a power failure the file may hold
//! an older position: some changes are handled once more, and none is skipped. A file that holds
//! anything else, be it nothing, is a mistake: to begin at the present instead would skip changes
//! in silence.

use crate::failure::Failure;
use crate::links::behind_links;
use kvmsg::client::Position;
use kvmsg::flags::text::quoted;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The longest content that is looked at, in bytes; a position has at most 36.
const BYTES_MAX: u64 = 128;

/// A cursor file.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    kept: Option<Position>,
    /// Whether a file is known to be on the disk, and not only on its way there.
    is_safe: bool,
}

impl Cursor {
    /// Reads what a file holds, or the one behind a link. If there is no such file, there is no
    /// position.
    ///
    /// # Errors
    ///
    /// [`Failure::Cursor`] if it cannot be read, or holds no position.
    pub fn open(path: &Path) -> Result<Cursor, Failure> {
        let mut text = String::new();
        let path = match behind_links(path) {
            Ok(path) => path,
            Err(error) => return Err(Failure::Cursor(path.to_owned(), error.to_string())),
        };
        let read =
            File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
        let kept = match read {
            Ok(0) => Err("it is empty; remove it to begin at the present".to_owned()),
            Ok(_) => match text.strip_suffix('\n').unwrap_or(&text).parse() {
                Ok(position) => Ok(Some(position)),
                Err(_) => Err("it holds no position, which is EPOCH:REVISION".to_owned()),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err("it holds no position, which is EPOCH:REVISION".to_owned())
            }
            Err(error) => Err(error.to_string()),
        };
        match kept {
            Ok(kept) => Ok(Cursor {
                path,
                is_safe: kept.is_some(),
                kept,
            }),
            Err(why) => Err(Failure::Cursor(path, why)),
        }
    }

    /// The position in the file.
    pub fn position(&self) -> Option<&Position> {
        self.kept.as_ref()
    }

    /// Writes a position, unless the file holds it.
    ///
    /// # Errors
    ///
    /// [`Failure::Cursor`]; the file is as it was.
    pub fn keep(&mut self, position: &Position) -> Result<(), Failure> {
        if self.kept.as_ref() == Some(position) {
            return Ok(());
        }
        self.write(position)
            .map_err(|error| Failure::Cursor(self.path.clone(), error.to_string()))?;
        self.kept = Some(position.clone());
        self.is_safe = true;
        Ok(())
    }

    fn write(&self, position: &Position) -> io::Result<()> {
        let mut beside = OsString::from(&self.path);
        beside.push(".new");
        // One that was left behind; what is created must be ours, and no link to elsewhere.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let why = format!("cannot remove {}: {error}", quoted(&beside));
                return Err(io::Error::new(error.kind(), why));
            }
            _ => {}
        }
        let mut file = File::create_new(&beside)?;
        let written = file
            .write_all(format!("{position}\n").as_bytes())
            .and_then(|()| {
                if self.is_safe {
                    Ok(())
                } else {
                    file.sync_all()
                }
            })
            .and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        } else if !self.is_safe {
            // Without any file the next run would begin at the present, and skip changes.
            let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        written
    }
}
