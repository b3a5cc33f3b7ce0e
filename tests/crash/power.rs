//! Takes from a data folder what was not synced, as a loss of power may.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

/// Cuts the folder back to what was synced, which the daemon has kept in `synced`: the names, and
/// the bytes of each file.
pub fn cut(folder: &Path, synced: &Path) -> io::Result<()> {
    let names = fs::read_to_string(synced.join("names"))?;
    let kept: HashMap<&str, &str> = names
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(number, name)| (name, number))
        .collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // It is never written, and was there before anything else.
        if entry.file_name() != "lock" {
            fs::remove_file(entry.path())?;
        }
    }
    for (name, number) in kept {
        // The same file by its number, which a loss of power does not change.
        let path = folder.join(name);
        fs::hard_link(synced.join(format!("file-{number}")), &path)?;
        let content = match fs::read(synced.join(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        fs::write(path, content)?;
    }
    Ok(())
}

/// Whether these bytes are in what was synced of any file.
pub fn has(synced: &Path, bytes: &[u8]) -> bool {
    let Ok(entries) = fs::read_dir(synced) else {
        return false;
    };
    let is_content = |name: &str| name.chars().all(|digit| digit.is_ascii_digit());
    entries
        .filter_map(Result::ok)
        .filter(|entry| is_content(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| fs::read(entry.path()).ok())
        .any(|content| memchr::memmem::find(&content, bytes).is_some())
}
