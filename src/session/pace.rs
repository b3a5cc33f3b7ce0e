//! Judges whether a client takes its replies fast enough to be kept.
//!
//! Taken is what has left the kernel's send buffer: what the socket accepted from us, and what it
//! has sent since of what it had accepted before. A socket says that it can be written to only
//! when half of what it may hold unsent has left it, so a slow client that lives may look dead for
//! a minute to one who counts writes alone.

use std::time::{Duration, Instant};

/// The least that a client has to take of its replies, in bytes a second.
const BYTES_A_SECOND_MIN: f64 = 1024.0;

/// How many looks there are in the time that a client has: the first reads the send buffer, the
/// last reads it again.
const LOOKS: u32 = 4;

/// The pace of one client while replies wait for it.
#[derive(Debug)]
pub(super) struct Pace {
    timeout: Duration,
    window: Option<Window>,
}

#[derive(Debug)]
struct Window {
    next: Instant,
    looks: u32,
    /// What the socket has accepted since the window began.
    accepted: u64,
    /// What the send buffer held at the first look.
    unsent: Option<u64>,
}

impl Pace {
    /// A client has to take 1 KiB a second over this time.
    pub(super) fn new(timeout: Duration) -> Pace {
        Pace {
            timeout,
            window: None,
        }
    }

    /// When to look at the client next: never while no replies wait.
    pub(super) fn next_look(&mut self, has_replies: bool) -> Option<Instant> {
        if !has_replies {
            self.window = None;
            return None;
        }
        let first = Instant::now() + self.timeout / LOOKS;
        let begin = || Window {
            next: first,
            looks: 0,
            accepted: 0,
            unsent: None,
        };
        Some(self.window.get_or_insert_with(begin).next)
    }

    /// Notes that the socket has accepted this many bytes, and whether more is left.
    pub(super) fn took(&mut self, bytes: usize, is_more_left: bool) {
        match &mut self.window {
            Some(window) if is_more_left => window.accepted += bytes as u64,
            _ => self.window = None,
        }
    }

    /// Notes what the kernel's send buffer holds, if that is known; true if the client has taken
    /// too little over the whole time.
    pub(super) fn look(&mut self, unsent: Option<u64>) -> bool {
        let Some(window) = &mut self.window else {
            return false;
        };
        window.looks += 1;
        window.next += self.timeout / LOOKS;
        if window.looks < LOOKS {
            window.unsent = window.unsent.or(unsent);
            return false;
        }
        let (sent, time) = match (window.unsent, unsent) {
            (Some(before), Some(now)) => {
                let sent = (before + window.accepted).saturating_sub(now);
                (sent, self.timeout * (LOOKS - 1) / LOOKS)
            }
            _ => (window.accepted, self.timeout),
        };
        self.window = None;
        (sent as f64) < BYTES_A_SECOND_MIN * time.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a client is too slow that takes so much between two looks, a slice of what waits.
    fn is_ended(bytes: usize) -> bool {
        let mut pace = Pace::new(Duration::from_secs(400));
        (0..LOOKS).any(|_| {
            assert!(pace.next_look(true).is_some());
            pace.took(bytes, true);
            pace.look(None)
        })
    }

    #[test]
    fn slices_that_leave_more_to_write_count_over_the_whole_time() {
        // 400 KiB in 400 seconds, in four parts.
        assert!(!is_ended(100 * 1024));
        assert!(is_ended(99 * 1024));
    }

    #[test]
    fn who_has_taken_everything_has_the_whole_time_again() {
        let mut pace = Pace::new(Duration::from_secs(400));
        for _ in 0..2 * LOOKS {
            assert!(pace.next_look(true).is_some());
            pace.took(1, false);
            assert!(!pace.look(None));
        }
    }
}
