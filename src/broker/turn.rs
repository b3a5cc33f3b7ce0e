//! Measures a turn of the broker: when it began, and when it is over.

use std::time::{Duration, Instant};

/// How long a turn may take. The clock is read every few steps, so it takes a little longer. Who
/// asks something waits for some three turns of others; and what is written of notices between two
/// turns takes about as long as one.
const TURN: Duration = Duration::from_micros(75);

/// How long it may take if it ends with the requests of one client, which then go on until this: to
/// answer a batch in two parts is to write twice, and that costs as much as some thirty requests.
const TURN_MAX: Duration = Duration::from_micros(150);

/// How many steps there are between two looks at the clock.
const STEPS_A_LOOK: u32 = 16;

/// A turn, its steps counted.
#[derive(Debug)]
pub(super) struct Turn {
    begun: Instant,
    steps: u32,
    over: bool,
    overdue: bool,
}

impl Turn {
    pub(super) fn begin() -> Turn {
        Turn {
            begun: Instant::now(),
            steps: 0,
            over: false,
            overdue: false,
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
        let elapsed = self.begun.elapsed();
        (self.over, self.overdue) = (elapsed >= TURN, elapsed >= TURN_MAX);
    }

    /// Whether it is over even for a batch that has begun.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}
