//! Measures a turn of the broker: when it began, and when it is over.

use std::time::{Duration, Instant};

/// How long a turn may take. The clock is read every few steps, so it takes a little longer. Who
/// asks something waits for what is left of the present turn, and perhaps for one more.
const TURN: Duration = Duration::from_micros(75);

/// How long it may take where a change is being told, or little of a batch is left: to answer a
/// batch in two parts is to write twice, which costs as much as to execute some thirty requests.
const TURN_MAX: Duration = Duration::from_micros(150);

/// How many requests are little.
const LITTLE: usize = 64;

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

    /// Whether nobody else is served in it.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether what has begun is broken off too.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue
    }

    /// Whether a batch is broken off of which so many requests are left.
    pub(super) fn ends_batch(&self, left: usize) -> bool {
        self.overdue || self.over && left > LITTLE
    }
}
