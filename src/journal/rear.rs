//! Sums up what follows a bad place of the journal.

use super::disk::File;
use super::error::Error;
use super::frame::CHANGES;
use super::header::Header;
use super::reader::{Found, Reader, Rest};
use crate::codec::Parts;

/// What follows a bad place.
#[derive(Debug, Default)]
pub(super) struct Rear {
    /// Whether there is anything whole.
    pub(super) has_whole: bool,
    /// The last revision that was on the disk, by what is whole.
    pub(super) synced: u64,
    /// Whether all of it was written in the same start of the machine.
    pub(super) is_of_other_boot: bool,
    /// How much there is.
    pub(super) bytes: u64,
}

impl Rear {
    /// Takes in the header of a file, when the bad place is in a file with this one, or behind it.
    pub(super) fn note(&mut self, header: &Header, before: Option<Header>) {
        self.has_whole = true;
        self.synced = self.synced.max(header.synced);
        self.is_of_other_boot &= before.is_some_and(|before| before.boot == header.boot);
    }

    /// Takes in what is whole in the rest of a file, which has been searched once, from `from` on.
    pub(super) fn take<F: File>(
        &mut self,
        reader: &mut Reader<F>,
        from: u64,
        rest: Rest,
    ) -> Result<(), Error> {
        let (mut begun, mut end, mut rest) = (from, from, rest);
        while rest == Rest::Whole {
            self.has_whole = true;
            if reader.look()? != Found::Frame {
                // It looked like a frame and cannot be checked.
                self.synced = u64::MAX;
                end = reader.bytes_len();
                break;
            }
            let mut parts = Parts(reader.body());
            let (kind, _, synced) = (parts.byte(), parts.fixed64(), parts.fixed64());
            self.synced = self.synced.max(match kind {
                Some(CHANGES) => synced.unwrap_or(u64::MAX),
                _ => u64::MAX,
            });
            reader.skip();
            (begun, end) = (reader.at(), reader.at());
            rest = reader.search(true)?;
        }
        if let Rest::Torn(bytes) = rest {
            end = begun + bytes;
        }
        self.bytes += end - from;
        Ok(())
    }
}
