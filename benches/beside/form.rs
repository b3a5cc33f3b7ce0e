//! How much is measured: in seconds for a test, in a minute or two, or thoroughly.

use std::time::Duration;

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) name: &'static str,
    /// How often each comparison is made, the sides taking turns.
    pub(crate) rounds: usize,
    /// How many turns each side has in a round, where the same clients ask in all of them.
    pub(crate) turns: u64,
    /// The rounds of what is plotted and has no goal.
    pub(crate) rounds_plotted: usize,
    /// The share of the full number of requests.
    pub(crate) effort: f64,
    /// The keys that are put are picked from so many.
    pub(crate) keys: u64,
    /// The keys that are there when they are asked for.
    pub(crate) filled: u64,
    /// How many clients are many: idle ones, and watchers of other prefixes.
    pub(crate) crowd: usize,
    /// How long a server is given to put away what it needs no more: redis-server shrinks the
    /// buffers of clients that have been idle for two seconds.
    pub(crate) settle: Duration,
    /// The powers of ten up to which keys are counted when costs are plotted.
    pub(crate) decades: u32,
}

/// Every row, in seconds; its figures say nothing.
pub(crate) const TINY: Form = Form {
    name: "Tiny form: it shows that every row can be measured, and no more",
    rounds: 1,
    turns: 2,
    rounds_plotted: 1,
    effort: 0.004,
    keys: 1000,
    filled: 1000,
    crowd: 200,
    settle: Duration::ZERO,
    decades: 4,
};

/// All of it in some two minutes.
pub(crate) const QUICK: Form = Form {
    name: "Quick form: few rounds, short runs, a tenth of the keys where they are asked for",
    rounds: 3,
    turns: 10,
    rounds_plotted: 1,
    effort: 0.2,
    keys: 1_000_000,
    filled: 100_000,
    crowd: 10_000,
    settle: Duration::from_secs(3),
    decades: 5,
};

/// All of it in a quarter of an hour.
pub(crate) const FULL: Form = Form {
    name: "Full form",
    rounds: 5,
    turns: 20,
    rounds_plotted: 3,
    effort: 1.0,
    keys: 1_000_000,
    filled: 1_000_000,
    crowd: 10_000,
    settle: Duration::from_secs(3),
    decades: 7,
};

impl Form {
    /// So many requests of the full form's, but enough that there is something to measure.
    pub(crate) fn requests(&self, full: u64) -> u64 {
        ((full as f64 * self.effort) as u64).max(200)
    }
}
