//! Names what is read from a data folder.

use super::frame::Values;
use crate::protocol::notice::Change;
use std::fmt;

/// What takes in what is read.
pub trait Load {
    /// What follows belongs to this series, which continues after this revision.
    fn series(&mut self, epoch: u64, revision: u64);
    /// The key holds these values, and no others unless `more`: then they follow those that were
    /// told last.
    fn held(&mut self, key: &[u8], values: Values<'_>, more: bool);
    /// A change was made. False if it cannot be made to what the key holds.
    fn change(&mut self, change: &Change<'_>, how: How) -> bool;
    /// So many bytes have been read of so many. False if no more are to be read.
    fn progress(&mut self, read: u64, total: u64) -> bool;
}

/// What a change is to whoever loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It belongs to the history alone: what keys hold will be told without it.
    Told,
    /// It belongs to what keys hold alone, and is not part of the history. It may concern a key
    /// whose values have not been told yet: if it cannot be made, it need not.
    Past,
    /// It belongs to both, and may concern a key whose values have not been told yet.
    Loose,
    /// It belongs to both, and must be made.
    Strict,
}

/// A file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// The revision of its last change.
    pub(super) last: u64,
    /// How much of it is whole.
    pub(super) bytes: u64,
    /// Something follows that is not whole.
    pub(super) is_torn: bool,
    /// It holds no changes after all.
    pub(super) is_empty: bool,
}

/// What was at the end of the journal and not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub path: String,
    /// Where what is not whole begins.
    pub at: u64,
    /// How much it is, in bytes.
    pub bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { path, at, bytes } = self;
        write!(
            f,
            "{path}: {bytes} bytes at the end, from byte {at} on, are not whole"
        )
    }
}
