//! Keeps what the store holds on the disk: every change in a journal, and now and then all keys
//! in a snapshot, so that the journal before it is needed no more.
//!
//! Pure of the broker: it takes batches of changes and slices of keys, and gives them back when
//! the folder is opened again.

mod error;
mod names;
mod trial;
mod disk;
mod frame;
mod header;
mod run;
mod reader;
mod rear;
mod load;
mod tail;
mod source;
mod recovery;
mod repair;
mod backup;
mod space;
mod shared;
mod segments;
mod snapshot;
mod writer;
mod commits;
mod files;
mod upkeep;
#[cfg(test)]
mod tests;

pub use backup::{Backup, restore};
pub use commits::{Commit, Commits};
pub use disk::{Directory, File, Folder};
pub use error::{Damage, Error, Remedy};
pub use frame::{Batch, Slice, Values};
pub use header::{MAGIC, VERSION};
pub use load::{Cut, How, Load};
pub use recovery::{Recovered, recover};
pub use repair::{Repaired, repair};
pub use shared::{Room, Shared};
pub use snapshot::Snapshot;
pub use space::{Usage, is_behind, live_bytes, segment_bytes, wants_snapshot};
pub use upkeep::{Outcome, Task, Upkeep};
pub use writer::{Journal, Origin};
