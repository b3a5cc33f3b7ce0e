//! Finds where a file is that is to be replaced by a new one.
//!
//! A new file is written beside the old one and takes its name. Were that the name of a symbolic
//! link, the link would be replaced, and the file behind it would stay as it was.

use rustix::io::Errno;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many links are followed, as many as Linux does (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The path behind all links; nothing need be there.
///
/// # Errors
///
/// `ELOOP` for links that lead nowhere but to each other.
pub fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(next) = fs::read_link(&path) else {
            return Ok(path);
        };
        // An absolute one takes the place of all of it.
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(Errno::LOOP.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_to_what_is_there_or_will_be_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        symlink("sub/second", at("first")).unwrap();
        symlink(at("file"), at("sub/second")).unwrap();
        assert_eq!(behind_links(&at("first")).unwrap(), at("file"));
        fs::write(at("file"), "").unwrap();
        assert_eq!(behind_links(&at("first")).unwrap(), at("file"));
        assert_eq!(behind_links(&at("file")).unwrap(), at("file"));
        symlink("loop", at("loop")).unwrap();
        assert!(behind_links(&at("loop")).is_err());
    }
}
