//! Decides when changes are handed over to be synced: not before those who have just been answered
//! have asked again, if they do that soon.
//!
//! Clients that wait for a reply before they ask again would otherwise fall into two groups: while
//! the changes of one are synced those of the other wait, and then the other way round. So each
//! sync would serve half of them. Where a sync takes longer than it takes them to ask again, it is
//! better to wait for all. (PostgreSQL has `commit_delay` for the same.)
//!
//! That they ask again is a guess. A wait lasts no longer than the last commit did, and after one
//! that was in vain there is none for a while.
//!
//! A commit that takes well below a millisecond is mostly work of a processor, which is missing
//! elsewhere meanwhile, so two in place of one cost more than a wait. There it may last several
//! times as long, and is in vain unless nearly all came.

use std::time::{Duration, Instant};

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_millis(10);

/// How many times as long as the last commit a wait may last that is no longer than this.
const LONGER: u32 = 6;
const LONGER_MAX: Duration = Duration::from_millis(1);

/// How many batches go without a wait after one that was in vain.
const PAUSE: u32 = 16;

/// Who has a change in the open batch, and the wait for those who have been answered.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How many clients have a change in the open batch.
    asked: usize,
    /// What is waited for, if anything is.
    wait: Option<Wait>,
    /// How many batches go without a wait.
    pause: u32,
}

#[derive(Debug)]
struct Wait {
    /// How many have asked when all are back.
    all: usize,
    /// With fewer than this many it was in vain.
    few: usize,
    end: Instant,
    /// The open batch has been kept back for it.
    has_kept: bool,
}

impl Gathering {
    /// Counts a client that has its first change in the open batch.
    pub(super) fn count(&mut self) {
        self.asked += 1;
    }

    /// Notes that the open batch is closed, and another is open.
    pub(super) fn close(&mut self) {
        self.asked = 0;
        self.wait = None;
    }

    /// Begins to wait for so many who have just been answered, and have nothing in the open batch,
    /// after a commit that took so long.
    pub(super) fn begin(&mut self, now: Instant, answered: usize, took: Duration) {
        self.wait = None;
        if self.pause > 0 {
            self.pause -= 1;
        } else if answered > 0 {
            let longer = (took * LONGER).min(LONGER_MAX);
            let (lasts, missing) = match longer > took {
                true => (longer, answered / 8),
                false => (took.min(WAIT_MAX), answered / 2),
            };
            let all = self.asked + answered;
            self.wait = Some(Wait {
                all,
                few: all - missing,
                end: now + lasts,
                has_kept: false,
            });
        }
    }

    /// Whether the open batch is kept back for others; if not, the wait is over.
    pub(super) fn keeps(&mut self, now: Instant) -> bool {
        let Some(wait) = &mut self.wait else {
            return false;
        };
        if self.asked < wait.all && now < wait.end {
            wait.has_kept = true;
            return true;
        }
        if wait.has_kept && self.asked < wait.few {
            self.pause = PAUSE;
        }
        self.wait = None;
        false
    }

    /// When it is over at the latest.
    pub(super) fn end(&self) -> Option<Instant> {
        self.wait.as_ref().map(|wait| wait.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_millis(4);

    /// So many have been answered when so many others have a change in the open batch.
    fn begin(gathering: &mut Gathering, now: Instant, answered: usize, others: usize) {
        gathering.close();
        (0..others).for_each(|_| gathering.count());
        gathering.begin(now, answered, SYNC);
    }

    #[test]
    fn the_others_wait_until_all_are_back_who_were_answered() {
        let (mut gathering, begun) = (Gathering::default(), Instant::now());
        gathering.count();
        assert!(!gathering.keeps(begun), "nobody was answered yet");
        begin(&mut gathering, begun, 3, 2);
        for _ in 0..3 {
            assert!(gathering.keeps(begun));
            gathering.count();
        }
        assert!(!gathering.keeps(begun));
        assert_eq!(gathering.end(), None);
    }

    #[test]
    fn one_client_alone_never_waits() {
        let (mut gathering, begun) = (Gathering::default(), Instant::now());
        for _ in 0..3 {
            begin(&mut gathering, begun, 1, 0);
            gathering.count();
            assert!(!gathering.keeps(begun));
            // It has sent more than one change: nobody else has been answered.
            begin(&mut gathering, begun, 0, 1);
            assert!(!gathering.keeps(begun));
        }
    }

    #[test]
    fn a_wait_lasts_no_longer_than_the_commit_and_than_the_limit() {
        for (took, lasts) in [(SYNC, SYNC), (Duration::from_secs(3), WAIT_MAX)] {
            let (mut gathering, begun) = (Gathering::default(), Instant::now());
            gathering.count();
            gathering.begin(begun, 1, took);
            assert_eq!(gathering.end(), Some(begun + lasts));
            assert!(gathering.keeps(begun + lasts - Duration::from_nanos(1)));
            assert!(!gathering.keeps(begun + lasts));
        }
    }

    #[test]
    fn after_a_short_commit_a_wait_lasts_longer_and_nearly_all_must_come() {
        let short = Duration::from_micros(100);
        for (took, lasts) in [(short, short * 6), (short * 3, LONGER_MAX)] {
            for (back, is_in_vain) in [(13, true), (14, false)] {
                let (mut gathering, begun) = (Gathering::default(), Instant::now());
                gathering.begin(begun, 16, took);
                (0..back).for_each(|_| gathering.count());
                assert!(gathering.keeps(begun + lasts - Duration::from_nanos(1)));
                assert!(!gathering.keeps(begun + lasts));
                gathering.close();
                gathering.begin(begun, 16, took);
                assert_eq!(gathering.end().is_none(), is_in_vain, "{back} are back");
            }
        }
    }

    #[test]
    fn after_a_wait_in_vain_there_is_none_for_a_while() {
        for (answered, back) in [(1, 0), (3, 1), (4, 1)] {
            let (mut gathering, begun) = (Gathering::default(), Instant::now());
            begin(&mut gathering, begun, answered, 2);
            (0..back).for_each(|_| gathering.count());
            assert!(gathering.keeps(begun));
            assert!(!gathering.keeps(begun + SYNC));
            for _ in 0..PAUSE {
                begin(&mut gathering, begun, answered, 2);
                assert!(!gathering.keeps(begun));
            }
            begin(&mut gathering, begun, answered, 2);
            assert!(gathering.keeps(begun));
        }
    }

    #[test]
    fn a_wait_was_not_in_vain_if_half_are_back_or_nobody_waited() {
        let (mut gathering, begun) = (Gathering::default(), Instant::now());
        begin(&mut gathering, begun, 3, 2);
        (0..2).for_each(|_| gathering.count());
        assert!(gathering.keeps(begun) && !gathering.keeps(begun + SYNC));
        begin(&mut gathering, begun, 3, 0);
        gathering.count();
        assert!(!gathering.keeps(begun + SYNC), "the first comes too late");
        begin(&mut gathering, begun, 3, 2);
        assert!(gathering.keeps(begun));
    }
}
