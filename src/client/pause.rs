//! Grows the pauses between attempts to connect, so that a server which comes back is not run
//! over by all its clients at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The longest first pause.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause of all.
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait before the next attempt.
#[derive(Debug)]
pub(super) struct Pause {
    most: Duration,
}

impl Default for Pause {
    fn default() -> Pause {
        Pause { most: FIRST }
    }
}

impl Pause {
    /// The pause before the next attempt: at random between half of the most that it may be and
    /// all of it, and that doubles each time, up to [`LONGEST`].
    pub(super) fn grow(&mut self) -> Duration {
        let half = self.most / 2;
        self.most = (self.most * 2).min(LONGEST);
        // Each such state has keys of its own, from the operating system.
        let random = RandomState::new().hash_one(0) >> 32;
        half + half.mul_f64(random as f64 / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_by_chance() {
        let mut pause = Pause::default();
        let mut most = FIRST;
        for _ in 0..20 {
            let taken = pause.grow();
            assert!((most / 2..=most).contains(&taken), "{taken:?} of {most:?}");
            most = (most * 2).min(LONGEST);
        }
        let long: Vec<Duration> = (0..20).map(|_| pause.grow()).collect();
        assert!(long.iter().any(|taken| *taken != long[0]), "{long:?}");
    }
}
