//! Lets a test end the process at a named moment, and know what the disk would have kept then.
//!
//! A build without debug assertions, as a release is, holds none of this: there each function is
//! what it surrounds, and no variable is read.
//!
//! * `KVMSG_FAIL_POINT=NAME:COUNT` kills the process the COUNTth time that it passes this point:
//!   `before-write`, `half-write`, `after-write`, `before-sync`, `after-sync`, `before-rename`,
//!   `after-rename`, `snapshot`.
//! * `KVMSG_SYNCED=FOLDER`, in the same filesystem, holds what was synced of each file, and the
//!   names that were: a test cuts the data folder back to that, as a loss of power would.

#[cfg(not(debug_assertions))]
mod off {
    use std::{fs, io, path};

    pub fn pass(_: &str) {}

    pub fn write(
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        write(bytes)
    }

    pub fn sync(_: &fs::File, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        sync()
    }

    pub fn rename(rename: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        rename()
    }

    pub fn sync_names(_: &path::Path, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        sync()
    }
}

#[cfg(debug_assertions)]
mod on {
    use super::super::names;
    use rustix::process::{Signal, getpid, kill_process};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::{env, fs, io};

    /// A point, and how many times more it is passed unharmed.
    struct Point {
        name: String,
        left: AtomicU64,
    }

    static POINT: LazyLock<Option<Point>> = LazyLock::new(|| {
        let set = env::var("KVMSG_FAIL_POINT").ok()?;
        let (name, count) = set.split_once(':')?;
        let (name, left) = (name.to_owned(), AtomicU64::new(count.parse().ok()?));
        Some(Point { name, left })
    });

    static SYNCED: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| env::var_os("KVMSG_SYNCED").map(PathBuf::from));

    /// Whether the process is to end here.
    fn is_due(name: &str) -> bool {
        let point = POINT.as_ref().filter(|point| point.name == name);
        point.is_some_and(|point| point.left.fetch_sub(1, SeqCst) == 1)
    }

    fn end() -> ! {
        // That leaves no time for anything, as when somebody else sends it.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort()
    }

    pub fn pass(name: &str) {
        if is_due(name) {
            end();
        }
    }

    pub fn write(
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        pass("before-write");
        if is_due("half-write") {
            let _ = write(&bytes[..bytes.len() / 2]);
            end();
        }
        let written = write(bytes);
        pass("after-write");
        written
    }

    pub fn rename(rename: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        pass("before-rename");
        let renamed = rename();
        pass("after-rename");
        renamed
    }

    pub fn sync(file: &fs::File, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        pass("before-sync");
        let Some(synced) = SYNCED.as_ref() else {
            let done = sync();
            pass("after-sync");
            return done;
        };
        // What is written while the sync goes on may not be covered by it. Two syncs of one file
        // at the same time must not mix what they copy.
        static TAKEN: AtomicU64 = AtomicU64::new(0);
        let number = file.metadata()?.ino();
        let copy = synced.join(format!("copy-{}", TAKEN.fetch_add(1, SeqCst)));
        copy_content(file, &copy)?;
        sync()?;
        fs::rename(copy, synced.join(number.to_string()))?;
        pass("after-sync");
        Ok(())
    }

    fn copy_content(file: &fs::File, to: &Path) -> io::Result<()> {
        let mut content = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
        let mut read = 0;
        while read < content.len() {
            match std::os::unix::fs::FileExt::read_at(file, &mut content[read..], read as u64)? {
                0 => break,
                count => read += count,
            }
        }
        content.truncate(read);
        fs::write(to, content)
    }

    pub fn sync_names(folder: &Path, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Some(synced) = SYNCED.as_ref() else {
            return sync();
        };
        let names = names(folder, synced)?;
        sync()?;
        let new = synced.join(format!("{:?}.new", std::thread::current().id()));
        fs::write(&new, names)?;
        fs::rename(new, synced.join("names"))
    }

    /// The number and the name of each file, which gets a second name so that it is still there
    /// when the first is gone.
    fn names(folder: &Path, synced: &Path) -> io::Result<String> {
        let mut names = String::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A second name would change it, and it is empty.
            if name == names::LOCK {
                continue;
            }
            // It may be gone by now.
            let Ok(metadata) = fs::symlink_metadata(entry.path()) else {
                continue;
            };
            let link = synced.join(format!("file-{}", metadata.ino()));
            match fs::hard_link(entry.path(), link) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            names.push_str(&format!("{} {name}\n", metadata.ino()));
        }
        Ok(names)
    }
}

#[cfg(not(debug_assertions))]
pub(super) use off::{pass, rename, sync, sync_names, write};
#[cfg(debug_assertions)]
pub(super) use on::{pass, rename, sync, sync_names, write};
