//! Medians, quantiles, and what the rounds of a comparison come to.

/// The value below which the share `q` of the figures lies; not a number if there are none.
pub(crate) fn quantile(figures: &[f64], q: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (q * sorted.len() as f64).ceil() as usize;
    let last = sorted.len().saturating_sub(1);
    let found = sorted.get(at.saturating_sub(1).min(last));
    found.copied().unwrap_or(f64::NAN)
}

/// The median: of an even number of figures the middle of the two.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

/// The ratios of the rounds: their median, and the lowest and highest of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What two sides came to, round by round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds {
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Vec<f64>,
}

impl Rounds {
    /// Ours to theirs in each round: what disturbs both sides of a round alike cancels out.
    pub(crate) fn ratio(&self) -> Ratio {
        let ratios = self.ours.iter().zip(&self.theirs);
        let ratios: Vec<f64> = ratios.map(|(ours, theirs)| ours / theirs).collect();
        Ratio {
            median: median(&ratios),
            low: quantile(&ratios, 0.0),
            high: quantile(&ratios, 1.0),
        }
    }
}
