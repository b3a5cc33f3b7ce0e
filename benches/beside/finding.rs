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
    /// The floor's figure, where it was measured.
    pub(crate) floor: Option<f64>,
    pub(crate) goal: Goal,
}

impl Finding {
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn finding(ours: &[f64], theirs: &[f64], goal: Goal) -> Finding {
        Finding {
            measure: "throughput".into(),
            unit: "requests/s",
            rounds: Rounds {
                ours: ours.to_vec(),
                theirs: theirs.to_vec(),
            },
            beside: "redis-server".into(),
            floor: None,
            goal,
        }
    }

    #[test]
    fn a_goal_is_held_against_the_median_of_the_ratios() {
        let ratio = |goal| finding(&[10.0, 12.0, 30.0], &[10.0, 10.0, 10.0], goal).verdict();
        assert_eq!(ratio(Goal::AtLeast(1.2, None)), "met");
        assert_eq!(ratio(Goal::AtLeast(1.3, Some(1.4))), "not met");
        assert_eq!(ratio(Goal::AtLeast(1.0, Some(1.1))), "met, stretch too");
        assert_eq!(ratio(Goal::AtMost(1.0, None)), "not met");
        assert_eq!(ratio(Goal::AtMost(1.3, Some(1.1))), "met");
        assert_eq!(ratio(Goal::None), "");
    }

    #[test]
    fn a_figure_can_be_a_goal_itself_and_nothing_measured_is_no_success() {
        assert_eq!(finding(&[0.4], &[], Goal::Below(1.0)).verdict(), "met");
        assert_eq!(
            finding(&[1.4], &[2.0], Goal::Below(1.0)).verdict(),
            "not met"
        );
        assert_eq!(finding(&[], &[], Goal::Below(1.0)).verdict(), "not met");
        assert_eq!(
            finding(&[1.0], &[], Goal::AtLeast(1.0, None)).verdict(),
            "not met"
        );
    }
}
