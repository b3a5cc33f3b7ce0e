//! Decides how large segments are and when a snapshot is due, so that the folder stays within
//! three times the live data plus the history.
//!
//! "Live data" is what a snapshot of it takes. The folder holds the last snapshot, the journal
//! since that was begun, and what else of the journal the history needs; while the next snapshot
//! is written, that too. So:
//!
//! * a snapshot is due when the last one and the journal since then together reach 7/4 of the
//!   live data, or the history if that is more;
//! * while it is written, the journal may grow by a quarter of what the snapshot grows by: whoever
//!   writes it goes ahead of the changes by that much.
//!
//! Then the peak is 7/4 + 1 + 1/4 of the live data, and the segments that are set aside.

/// The least and the most that a segment takes, in bytes. More if one batch alone is longer.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// The part of all data that a segment takes.
const SEGMENTS: u64 = 16;

/// How many segments the journal may have, however little data there is.
const SEGMENTS_FREE: u64 = 4;

/// What a snapshot takes for a key beside its bytes and for a value beside its bytes, about.
const KEY_OVERHEAD_BYTES: u64 = 4;
const VALUE_OVERHEAD_BYTES: u64 = 2;

/// What the folder holds, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All files, with what is set aside for more.
    pub folder: u64,
    /// The last snapshot.
    pub snapshot: u64,
    /// The changes since that was begun.
    pub since: u64,
}

/// What a snapshot of keys and values that have so many bytes would take.
pub fn live_bytes(keys: u64, values: u64, bytes: u64) -> u64 {
    bytes + keys * KEY_OVERHEAD_BYTES + values * VALUE_OVERHEAD_BYTES
}

/// How much to set aside for a segment: a power of two.
pub fn segment_bytes(live: u64, history: u64) -> u64 {
    let part = (live.saturating_add(history) / SEGMENTS).max(1);
    (1 << part.ilog2()).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
}

/// Whether a snapshot is due.
pub fn wants_snapshot(usage: &Usage, live: u64, history: u64) -> bool {
    let least = SEGMENTS_FREE * segment_bytes(live, history);
    let limit = (live / 4 * 7).max(history).max(least);
    usage.since > 0 && usage.snapshot + usage.since >= limit
}

/// Whether the snapshot must go ahead before more changes are made: so much of it has been
/// written, and so many bytes of changes since it was begun.
pub fn is_behind(written: u64, changes: u64, live: u64, history: u64) -> bool {
    changes > written / 4 + segment_bytes(live, history)
}
