//! Reaches the files of a data folder, through an interface narrow enough to be simulated.

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;
use std::fmt::Debug;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::error::Error;
use super::{names, trial};

/// Who may read and write the files: what clients store is nobody else's business.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Spreads numbers that follow each other over all bits, so that they do not meet with times.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many zeros are written at once where room cannot be set aside otherwise.
const ZEROS: usize = 64 * 1024;

/// Where Linux tells one start of the machine from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An open file.
pub trait File: Debug + Send + Sync + 'static {
    /// Its length in bytes.
    fn bytes_len(&self) -> io::Result<u64>;
    /// Tells it from all other files, those that are gone included: a copy has another number.
    fn number(&self) -> io::Result<u64>;
    /// Reads some bytes from this place; none at the end.
    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes some of the bytes at this place.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;
    /// Makes it this long, of zeros as far as nothing has been written, with the room for it.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Cuts it off at this length.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Waits until what was written is on the disk, and the length with it.
    fn sync(&self) -> io::Result<()>;
}

/// A folder that holds nothing but files.
pub trait Folder: Clone + Debug + Send + Sync + 'static {
    /// What its files are.
    type File: File;
    /// The names of the files in it.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Opens a file to read and write it.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Makes a file that was not there.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, in place of the file that has it, if any.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Waits until names made, changed and removed are so on the disk.
    fn sync(&self) -> io::Result<()>;
    /// What a file is called in messages; the folder itself for an empty name.
    fn path(&self, name: &str) -> String;
    /// What tells this start of the machine from all others; 0 if that is not known.
    fn boot(&self) -> u128;
    /// Changes when files are copied into the folder over those that are there, which keep their
    /// numbers then.
    fn stamp(&self) -> u64;
}

/// Writes all of the bytes at this place.
pub fn write_all_at(file: &impl File, bytes: &[u8], at: u64) -> io::Result<()> {
    let (mut bytes, mut at) = (bytes, at);
    while !bytes.is_empty() {
        match file.write_at(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A folder of the operating system, locked as long as this or a clone of it lives.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    /// For its names to be synced.
    folder: Arc<fs::File>,
    _lock: Arc<fs::File>,
    stamp: u64,
}

impl Directory {
    /// Opens and locks a folder; makes it if it is not there but its parent is.
    ///
    /// # Errors
    ///
    /// Says that another process has locked it, or what the operating system refuses.
    pub fn open(path: &Path) -> Result<Directory, Error> {
        let shown = path.display().to_string();
        let failed = |doing: &'static str| {
            let shown = shown.clone();
            move |source: io::Error| Error::io(doing, shown, source)
        };
        match DirBuilder::new().mode(FOLDER_MODE).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("cannot make the folder")(error));
            }
            _ => {}
        }
        let folder = fs::File::open(path).map_err(failed("cannot open the folder"))?;
        let lock = options()
            .create(true)
            .open(path.join(names::LOCK))
            .map_err(failed("cannot write in the folder"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Error::Locked { path: shown }),
            Err(error) => return Err(failed("cannot lock the folder")(error.into())),
        }
        let stamp = stamp(&lock).map_err(failed("cannot look at the lock of the folder"))?;
        Ok(Directory {
            path: path.to_owned(),
            folder: Arc::new(folder),
            _lock: Arc::new(lock),
            stamp,
        })
    }

    /// Removes a folder that was made for nothing. One with more in it than the lock stays.
    pub fn unmake(self) {
        let lock = self.path.join(names::LOCK);
        let _ = fs::remove_file(lock).and_then(|()| fs::remove_dir(&self.path));
    }
}

/// When the lock was changed last, which is when it was made: nothing is ever written into it, but
/// by who copies a folder over this one. No copy can set that time.
fn stamp(lock: &fs::File) -> io::Result<u64> {
    // It must still be known after a loss of power.
    lock.sync_all()?;
    let changed = lock.metadata()?;
    let seconds = changed.ctime().wrapping_mul(1_000_000_000);
    let nanos = seconds.wrapping_add(changed.ctime_nsec()) as u64;
    // The files' numbers are of such times too.
    Ok(nanos.rotate_left(32))
}

/// Writes zeros up to this length.
fn fill(file: &fs::File, bytes: u64) -> io::Result<()> {
    let mut at = file.metadata()?.len();
    let zeros = vec![0; ZEROS];
    while at < bytes {
        let zeros = &zeros[..ZEROS.min((bytes - at) as usize)];
        file.write_all_at(zeros, at)?;
        at += zeros.len() as u64;
    }
    Ok(())
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE);
    options
}

impl Folder for Directory {
    type File = fs::File;

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        let name = |entry: io::Result<fs::DirEntry>| {
            let name = entry?.file_name();
            Ok(name.to_string_lossy().into_owned())
        };
        entries.map(name).collect()
    }

    fn open(&self, name: &str) -> io::Result<fs::File> {
        options().open(self.path.join(name))
    }

    fn create(&self, name: &str) -> io::Result<fs::File> {
        options().create_new(true).open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        trial::rename(|| fs::rename(self.path.join(from), self.path.join(to)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        trial::sync_names(&self.path, || self.folder.sync_all())
    }

    fn path(&self, name: &str) -> String {
        if name.is_empty() {
            self.path.display().to_string()
        } else {
            self.path.join(name).display().to_string()
        }
    }

    fn boot(&self) -> u128 {
        let text = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        u128::from_str_radix(&digits, 16).unwrap_or(0)
    }

    fn stamp(&self) -> u64 {
        self.stamp
    }
}

impl File for fs::File {
    fn bytes_len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    /// Of the number in the filesystem, which may have been that of a file that is gone, and of the
    /// time at which the file was made, where the filesystem keeps that.
    fn number(&self) -> io::Result<u64> {
        let metadata = self.metadata()?;
        let made = metadata.created().unwrap_or(UNIX_EPOCH);
        let made = made.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(metadata.ino().wrapping_mul(SPREAD) ^ made.as_nanos() as u64)
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, out, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        trial::write(bytes, |bytes| FileExt::write_at(self, bytes, at))
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::empty(), 0, bytes) {
            // Where room cannot be set aside, it is used at once.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(self, bytes),
            other => Ok(other?),
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        trial::sync(self, || self.sync_data())
    }
}
