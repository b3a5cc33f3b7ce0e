//! Names the files of a data folder.

/// A file being made: without this ending it is whole.
const NEW: &str = ".new";
/// What a repair has set aside.
const DAMAGED: &str = ".damaged";

/// The file whose lock says that the folder is in use.
pub const LOCK: &str = "lock";

/// The file that says which run of the daemon was the last, see [`Run`].
///
/// [`Run`]: super::run::Run
pub const RUN: &str = "run";

const SEGMENT: &str = "journal-";
const SNAPSHOT: &str = "snapshot-";

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The segment of the journal with this number.
    Segment(u64),
    /// The snapshot that was begun at this revision.
    Snapshot(u64),
    /// What was set aside of the segment with this number.
    Damaged(u64),
    /// A file that was being made.
    New,
    /// None of ours, or no matter.
    Other,
}

/// The name of a segment of the journal.
pub fn segment(number: u64) -> String {
    format!("{SEGMENT}{number:010}")
}

/// The name of the snapshot that was begun at this revision.
pub fn snapshot(revision: u64) -> String {
    format!("{SNAPSHOT}{revision:020}")
}

/// The name of a file while it is being made.
pub fn new(name: &str) -> String {
    format!("{name}{NEW}")
}

/// The name under which a repair sets aside what it takes from a file, the first time, the second.
pub fn damaged(name: &str, times: usize) -> String {
    match times {
        1 => format!("{name}{DAMAGED}"),
        _ => format!("{name}{DAMAGED}-{times}"),
    }
}

/// What a file is.
pub fn read(name: &str) -> Name {
    let number = |digits: &str| digits.parse::<u64>().ok();
    if name.ends_with(NEW) && (name.starts_with(SEGMENT) || name.starts_with(SNAPSHOT)) {
        return Name::New;
    }
    if let Some((name, _)) = name.split_once(DAMAGED) {
        return match read(name) {
            Name::Segment(number) => Name::Damaged(number),
            _ => Name::Other,
        };
    }
    // Only what would be written the same is ours: not `journal-1`, and not `journal-+000000001`.
    if let Some(number) = name.strip_prefix(SEGMENT).and_then(number)
        && segment(number) == name
    {
        return Name::Segment(number);
    }
    if let Some(number) = name.strip_prefix(SNAPSHOT).and_then(number)
        && snapshot(number) == name
    {
        return Name::Snapshot(number);
    }
    Name::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(read(&segment(7)), Name::Segment(7));
        assert_eq!(read(&segment(u64::MAX)), Name::Segment(u64::MAX));
        assert_eq!(read(&snapshot(0)), Name::Snapshot(0));
        assert_eq!(read(&new(&snapshot(3))), Name::New);
        for other in ["journal-7", "journal-+000000007", "lock", "snapshot-", ""] {
            assert_eq!(read(other), Name::Other, "{other}");
        }
        assert_eq!(read(&damaged(&segment(7), 1)), Name::Damaged(7));
        assert_eq!(read(&damaged(&segment(7), 2)), Name::Damaged(7));
        assert_eq!(read(&damaged(&snapshot(7), 1)), Name::Other);
    }
}
