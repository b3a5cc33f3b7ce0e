//! Keeps memory in chunks of 64 KiB, which come from the system in regions of 2 MiB.
//!
//! The system makes a page when it is touched for the first time, which can take as long as to
//! execute several requests. A store that has become large therefore asks for huge pages
//! (madvise(2), `MADV_HUGEPAGE`), one for all of a region, which saves time too when it is read.
//! To make one takes milliseconds: that is done on another thread, a region ahead.

use futures_lite::future;
use memmap2::{Advice, MmapMut};
use smol::Task;
use std::collections::BTreeSet;
use std::ops::Range;

/// How long a chunk is, in bytes.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// How many chunks a region has: it is as long as a huge page of most processors.
const CHUNKS: usize = 32;

/// How many regions have small pages, of which there are no more than have been touched. A region
/// with a huge one is there whole, and another is ready: so much of the memory is wasted at most.
const SMALL: usize = 16;

const REGION_BYTES: usize = CHUNKS * CHUNK_BYTES;

/// How long a page is, in bytes, on nearly all machines.
pub const PAGE_BYTES: usize = 4096;

/// The chunks, known by their numbers.
#[derive(Debug)]
pub struct Regions {
    /// Nothing where one was given back.
    regions: Vec<Option<MmapMut>>,
    regions_max: usize,
    /// The chunks of the regions that are in no use.
    free: BTreeSet<u32>,
    /// The region that is next, if it will be one with a huge page.
    next: Option<Task<Option<MmapMut>>>,
}

impl Regions {
    /// None yet, and never more than it takes for so many chunks.
    pub fn new(chunks_max: usize) -> Regions {
        Regions {
            regions: Vec::new(),
            regions_max: chunks_max / CHUNKS,
            free: BTreeSet::new(),
            next: None,
        }
    }

    /// A chunk of which nothing is known; the first that is free, so that the last regions may be
    /// given back. Nothing if there are as many as there may be, or the system gives no more.
    pub fn take(&mut self) -> Option<u32> {
        if self.free.is_empty() {
            self.add()?;
        }
        self.free.pop_first()
    }

    fn add(&mut self) -> Option<()> {
        let gone = self.regions.iter().position(Option::is_none);
        let at = gone.unwrap_or(self.regions.len());
        if at == self.regions_max {
            return None;
        }
        let region = match self.next.take_if(|next| next.is_finished()) {
            Some(next) => future::block_on(next),
            // One that is not ready is not waited for.
            None => MmapMut::map_anon(REGION_BYTES).ok(),
        }?;
        if at >= SMALL && self.next.is_none() {
            self.next = Some(smol::unblock(make_huge));
        }
        match self.regions.get_mut(at) {
            Some(place) => *place = Some(region),
            None => self.regions.push(Some(region)),
        }
        self.free.extend(chunks_of(at));
        Some(())
    }

    /// Gives a chunk back; to the system, if its region and as many other chunks are free: chunks
    /// come and go.
    pub fn give_back(&mut self, chunk: u32) {
        self.free.insert(chunk);
        let region = chunk as usize / CHUNKS;
        let all = chunks_of(region);
        if self.free.len() >= 2 * CHUNKS && self.free.range(all.clone()).count() == CHUNKS {
            all.for_each(|chunk| _ = self.free.remove(&chunk));
            self.regions[region] = None;
        }
    }

    /// A piece of a chunk, if there is such a chunk.
    pub fn piece(&self, chunk: u32, place: Range<usize>) -> Option<&[u8]> {
        let (region, begin) = lies(chunk);
        let region = self.regions.get(region)?.as_ref()?;
        region.get(begin + place.start..begin + place.end)
    }

    /// The same, to be written.
    pub fn piece_mut(&mut self, chunk: u32, place: Range<usize>) -> Option<&mut [u8]> {
        let (region, begin) = lies(chunk);
        let region = self.regions.get_mut(region)?.as_mut()?;
        region.get_mut(begin + place.start..begin + place.end)
    }

    /// Copies so many bytes from one place of a chunk to another.
    pub fn copy(&mut self, from: (u32, usize), to: (u32, usize), bytes: usize) {
        let ((from_region, from_begin), (to_region, to_begin)) = (lies(from.0), lies(to.0));
        let (begin, into) = (from_begin + from.1, to_begin + to.1);
        match self.regions.get_disjoint_mut([from_region, to_region]) {
            Ok([Some(from), Some(to)]) => {
                to[into..into + bytes].copy_from_slice(&from[begin..begin + bytes]);
            }
            _ => {
                if let Some(region) = &mut self.regions[from_region] {
                    region.copy_within(begin..begin + bytes, into);
                }
            }
        }
    }

    /// How much of it is there, in bytes, and how much is in use.
    #[cfg(test)]
    pub fn bytes(&self) -> (usize, usize) {
        let chunks = self.regions.iter().flatten().count() * CHUNKS;
        let used = chunks - self.free.len();
        (chunks * CHUNK_BYTES, used * CHUNK_BYTES)
    }
}

/// A region with a huge page, if the system has one.
fn make_huge() -> Option<MmapMut> {
    let mut region = MmapMut::map_anon(REGION_BYTES).ok()?;
    // Otherwise the pages are small, and there all the same.
    let _ = region.advise(Advice::HugePage);
    for page in region.chunks_mut(PAGE_BYTES) {
        page[0] = 0;
    }
    Some(region)
}

fn chunks_of(region: usize) -> Range<u32> {
    (region * CHUNKS) as u32..((region + 1) * CHUNKS) as u32
}

/// The region of a chunk, and where in it the chunk begins.
fn lies(chunk: u32) -> (usize, usize) {
    let chunk = chunk as usize;
    (chunk / CHUNKS, chunk % CHUNKS * CHUNK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_come_when_they_are_needed_and_go_when_none_of_their_chunks_is() {
        let mut regions = Regions::new(100 * CHUNKS);
        let mark = |regions: &mut Regions, chunk: u32| {
            let piece = regions.piece_mut(chunk, CHUNK_BYTES - 4..CHUNK_BYTES);
            piece.unwrap().copy_from_slice(&chunk.to_le_bytes());
        };
        let taken: Vec<u32> = std::iter::from_fn(|| regions.take()).collect();
        assert_eq!(taken, (0..100 * CHUNKS as u32).collect::<Vec<_>>());
        taken.iter().for_each(|chunk| mark(&mut regions, *chunk));
        for chunk in &taken {
            let piece = regions.piece(*chunk, CHUNK_BYTES - 4..CHUNK_BYTES);
            assert_eq!(piece, Some(&chunk.to_le_bytes()[..]));
        }
        let (some, others) = taken.split_at(50);
        others.iter().for_each(|chunk| regions.give_back(*chunk));
        assert_eq!(regions.bytes(), (3 * REGION_BYTES, 50 * CHUNK_BYTES));
        assert!(regions.piece(taken[taken.len() - 1], 0..1).is_none());
        assert_eq!(regions.take(), Some(50));
        some.iter().for_each(|chunk| regions.give_back(*chunk));
        assert_eq!(regions.bytes(), (2 * REGION_BYTES, CHUNK_BYTES));
    }
}
