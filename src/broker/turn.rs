//! Measures a turn of the broker: when it began, and when it is over.

use std::time::{Duration, Instant};

/// How long a turn may take. The clock is read every few steps, so it takes a little longer.
const TURN: Duration = Duration::from_micros(500);

/// How long it may take while there are notices to be written, so that these take about a third of
/// the time when there is much else to do.
const SHORT_TURN: Duration = Duration::from_micros(100);

/// How many steps there are between two looks at the clock.
const STEPS_A_LOOK: u32 = 16;

/// A turn, its steps counted.
#[derive(Debug)]
pub(super) struct Turn {
    begun: Instant,
    length: Duration,
    steps: u32,
    over: bool,
}

impl Turn {
    /// Begins a turn, a short one if notices wait to be written.
    pub(super) fn begin(is_short: bool) -> Turn {
        Turn {
            begun: Instant::now(),
            length: if is_short { SHORT_TURN } else { TURN },
            steps: 0,
            over: false,
        }
    }

    /// When it began, which is as good as now.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Counts a step: a request, or a notice to one client.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_A_LOOK) {
            self.look();
        }
    }

    /// Looks at the clock, after a step that may have been long.
    pub(super) fn look(&mut self) {
        self.over = self.begun.elapsed() >= self.length;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}
