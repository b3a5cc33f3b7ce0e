//! Shows some of the notices of a flood, and counts the rest.
//!
//! Time goes in windows, the first of which begins with a notice. In each, the first few notices
//! are shown as they come; the others are counted, and the count is told when the window ends. So
//! a person sees what kind of changes there are, and how many, and can go on typing.

use kvmsg::client::Op;
use std::time::{Duration, Instant};

/// How many notices are shown in a window.
pub const SHOWN_MAX: usize = 10;

/// How long a window lasts.
const WINDOW: Duration = Duration::from_secs(1);

/// The notices that were counted and not shown, by what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts([(Option<Op>, u64); 4]);

/// Decides which notices are shown.
#[derive(Debug, Default)]
pub struct Flood {
    /// When the present window ends. None: the next notice begins one.
    end: Option<Instant>,
    shown: usize,
    hidden: Counts,
}

impl Counts {
    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What happened, and how often, in the order in which it first did.
    pub fn parts(&self) -> impl Iterator<Item = (Op, u64)> + '_ {
        self.0
            .iter()
            .filter_map(|(op, count)| Some(((*op)?, *count)))
    }

    /// Counts one more.
    pub fn add(&mut self, op: Op) {
        let is_its = |place: &&mut (Option<Op>, u64)| place.0.is_none_or(|known| known == op);
        // There are as many places as there are kinds.
        if let Some((known, count)) = self.0.iter_mut().find(is_its) {
            *known = Some(op);
            *count += 1;
        }
    }
}

impl Flood {
    /// Whether a notice that comes now is to be shown.
    pub fn admits(&mut self, now: Instant) -> bool {
        if self
            .end
            .is_none_or(|end| end <= now && self.hidden.total() == 0)
        {
            self.end = Some(now + WINDOW);
            self.shown = 0;
        }
        self.shown < SHOWN_MAX && self.hidden.total() == 0
    }

    /// A notice was shown.
    pub fn show(&mut self) {
        self.shown += 1;
    }

    /// A notice was not shown.
    pub fn hide(&mut self, op: Op) {
        self.hidden.add(op);
    }

    /// When the count is to be told, if there is one.
    pub fn due(&self) -> Option<Instant> {
        self.end.filter(|_| self.hidden.total() > 0)
    }

    /// What has been counted.
    pub fn hidden(&self) -> &Counts {
        &self.hidden
    }

    /// The count has been told. The next window begins at once, so that a flood that lasts is told
    /// of at a steady pace.
    pub fn told(&mut self, now: Instant) {
        *self = Flood {
            end: Some(now + WINDOW),
            ..Flood::default()
        };
    }

    /// The count could not be told yet; it is due again a window later.
    pub fn put_off(&mut self, now: Instant) {
        self.end = Some(now + WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notices that come at the same moment; returns how many were shown.
    fn come(flood: &mut Flood, now: Instant, count: usize) -> usize {
        let mut shown = 0;
        for _ in 0..count {
            if flood.admits(now) {
                flood.show();
                shown += 1;
            } else {
                flood.hide(Op::Put);
            }
        }
        shown
    }

    #[test]
    fn some_are_shown_in_each_window_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut flood = Flood::default();
        assert_eq!(come(&mut flood, start, SHOWN_MAX), SHOWN_MAX);
        assert_eq!(flood.due(), None);
        assert_eq!(come(&mut flood, start + WINDOW / 2, 1000), 0);
        assert_eq!(flood.due(), Some(start + WINDOW));
        // Nothing is shown before the count, however late that comes.
        assert_eq!(come(&mut flood, start + WINDOW * 2, 1), 0);
        flood.hide(Op::Delete);
        let parts: Vec<(Op, u64)> = flood.hidden().parts().collect();
        assert_eq!(parts, [(Op::Put, 1001), (Op::Delete, 1)]);
        assert_eq!(flood.hidden().total(), 1002);
        flood.put_off(start + WINDOW * 2);
        assert_eq!(flood.due(), Some(start + WINDOW * 3));
        flood.told(start + WINDOW * 3);
        assert_eq!((flood.due(), flood.hidden().total()), (None, 0));
        assert_eq!(
            come(&mut flood, start + WINDOW * 3, SHOWN_MAX + 1),
            SHOWN_MAX
        );
        assert_eq!(flood.due(), Some(start + WINDOW * 4));
    }

    #[test]
    fn notices_that_come_slowly_are_all_shown() {
        let start = Instant::now();
        let mut flood = Flood::default();
        for second in 0..100 {
            let now = start + WINDOW * second;
            assert_eq!(come(&mut flood, now, SHOWN_MAX), SHOWN_MAX);
        }
        assert_eq!(flood.due(), None);
    }
}
