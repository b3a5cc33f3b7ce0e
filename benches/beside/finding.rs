//! What a row found out, and whether that is what is wanted.

use crate::figures::{Ratio, Rounds, median};
use serde_json::{Value, json};

/// What is wanted of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// The ratio to the other side, at least; and what would be better still.
    AtLeast(f64, Option<f64>),
    /// The ratio to the other side, at most; and what would be better still.
    AtMost(f64, Option<f64>),
    /// The figure itself, less than this.
    Below(f64),
    /// Nothing: it is there to be known.
    None,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// What is measured, such as `throughput`.
    pub(crate) measure: String,
    /// Of what it is a number.
    pub(crate) unit: &'static str,
    /// The figures of the rounds; those of the other side may be missing.
    pub(crate) rounds: Rounds,
    /// What the other side is called.
    pub(crate) beside: String,
    /// At which size it was measured, where that is what is varied.
    pub(crate) at: Option<u64>,
    /// The floor's figure, where it was measured.
    pub(crate) floor: Option<f64>,
    pub(crate) goal: Goal,
}

/// What is measured, and of what it is a number.
pub(crate) type Label<'a> = (&'a str, &'static str);

impl Finding {
    /// One figure of two of the things that were measured in every round.
    pub(crate) fn compare<T, const N: usize>(
        label: Label,
        rounds: &[[T; N]],
        [ours, theirs]: [usize; 2],
        figure: impl Fn(&T) -> f64,
        goal: Goal,
    ) -> Finding {
        let mut finding = Finding::alone(label, rounds, ours, &figure, goal);
        let theirs = rounds.iter().map(|round| figure(&round[theirs]));
        finding.rounds.theirs = theirs.collect();
        finding
    }

    /// One figure of one of the things that were measured in every round.
    pub(crate) fn alone<T, const N: usize>(
        (measure, unit): Label,
        rounds: &[[T; N]],
        ours: usize,
        figure: impl Fn(&T) -> f64,
        goal: Goal,
    ) -> Finding {
        let ours = rounds.iter().map(|round| figure(&round[ours])).collect();
        Finding {
            measure: measure.to_owned(),
            unit,
            rounds: Rounds {
                ours,
                theirs: Vec::new(),
            },
            beside: String::new(),
            at: None,
            floor: None,
            goal,
        }
    }

    /// Names the other side.
    pub(crate) fn beside(self, name: &str) -> Finding {
        Finding {
            beside: name.to_owned(),
            ..self
        }
    }

    pub(crate) fn ours(&self) -> f64 {
        median(&self.rounds.ours)
    }

    pub(crate) fn theirs(&self) -> f64 {
        median(&self.rounds.theirs)
    }

    /// None where there is nothing to compare with.
    pub(crate) fn ratio(&self) -> Option<Ratio> {
        (!self.rounds.theirs.is_empty()).then(|| self.rounds.ratio())
    }

    /// Whether the goal is met, and whether what would be better still is; none without a goal.
    pub(crate) fn is_met(&self) -> Option<(bool, bool)> {
        let ratio = self.ratio().map_or(f64::NAN, |ratio| ratio.median);
        match self.goal {
            Goal::AtLeast(bound, more) => {
                Some((ratio >= bound, more.is_some_and(|more| ratio >= more)))
            }
            Goal::AtMost(bound, more) => {
                Some((ratio <= bound, more.is_some_and(|more| ratio <= more)))
            }
            Goal::Below(bound) => Some((self.ours() < bound, false)),
            Goal::None => None,
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match self.is_met() {
            None => "",
            Some((false, _)) => "not met",
            Some((true, false)) => "met",
            Some((true, true)) => "met, stretch too",
        }
    }

    pub(crate) fn goal_text(&self) -> String {
        let stretch = |more: Option<f64>| more.map_or(String::new(), |m| format!(" (stretch {m})"));
        match self.goal {
            Goal::AtLeast(bound, more) => format!(">= {bound}{}", stretch(more)),
            Goal::AtMost(bound, more) => format!("<= {bound}{}", stretch(more)),
            Goal::Below(bound) => format!("< {bound} {}", self.unit),
            Goal::None => String::new(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let ratio = self.ratio();
        json!({
            "measure": self.measure,
            "unit": self.unit,
            "ours": number(self.ours()),
            "beside": self.beside,
            "theirs": number(self.theirs()),
            "ratio": ratio.map(|ratio| number(ratio.median)),
            "lowest": ratio.map(|ratio| number(ratio.low)),
            "highest": ratio.map(|ratio| number(ratio.high)),
            "at": self.at,
            "floor": self.floor,
            "goal": self.goal_text(),
            "met": self.is_met().map(|(met, _)| met),
            "rounds": { "ours": self.rounds.ours, "theirs": self.rounds.theirs },
        })
    }
}

/// JSON has no word for what is not a number.
fn number(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}
