//! Checks notices by themselves: their order, that none comes twice, what they say, to whom.

use super::{Case, Violation};
use crate::changes::Change;
use crate::lives::{Concern, Life, What};
use crate::record::{Dialect, Push};
use std::collections::HashSet;

/// In a life, revisions rise: a notice comes after those of lower revisions, a range after all
/// that lies before it.
pub fn ordered(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        let (mut highest, mut seen) = (0, HashSet::new());
        for heard in &life.heard {
            let (first, last) = match heard.what {
                What::Told(revision, ..) if case.changes.get(revision).is_some() => {
                    (revision, revision)
                }
                What::Lost(first, last) if first <= last => (first, last),
                _ => continue,
            };
            let again = !seen.insert((first, last)) || lost_covers(life, first, last, heard.at);
            if last < highest && !again {
                let what = if first == last {
                    "notice"
                } else {
                    "lost range"
                };
                let text = format!("the {what} of {first}..{last} comes after one of {highest}");
                violations.push(Violation::new("Ordered", life.conn, heard.at, text));
            }
            highest = highest.max(last);
        }
    }
}

/// Whether some other range of this life overlaps these revisions: that is Accounted's.
fn lost_covers(life: &Life, first: u64, last: u64, at: usize) -> bool {
    let overlaps = |low: u64, high: u64| low <= last && first <= high;
    life.lost()
        .any(|(heard, low, high)| heard.at != at && overlaps(low, high))
}

/// In a life, no change is told twice; nor again after a resume, if it was told before it.
pub fn unique(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        let mut seen = HashSet::new();
        for (heard, change) in life.told(&case.changes) {
            let revision = change.revision;
            if !seen.insert(revision) {
                let text = format!("the change of revision {revision} is told a second time");
                violations.push(Violation::new("Unique", life.conn, heard.at, text));
            } else if told_before(case, life, revision) {
                let text = format!(
                    "resumed after {}, it is told of revision {revision} again",
                    life.since.unwrap_or_default()
                );
                violations.push(Violation::new("Unique", life.conn, heard.at, text));
            }
        }
    }
}

/// Whether the connection that this life resumes was told of a change at or before its SINCE.
fn told_before(case: &Case<'_>, life: &Life, revision: u64) -> bool {
    let (Some(since), Some(before)) = (life.since, life.resumes) else {
        return false;
    };
    let mut lives = case.lives[before].lives.iter();
    let tells = |life: &Life| {
        life.told(&case.changes)
            .any(|(_, it)| it.revision == revision)
    };
    revision <= since && lives.any(tells)
}

/// A notice says exactly what the change of its revision was.
pub fn atomic(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        for heard in &life.heard {
            let What::Told(revision, op, key, values) = &heard.what else {
                continue;
            };
            let text = match case.changes.get(*revision) {
                None => format!("it is told of {op} {key} at {revision}, which nobody has made"),
                Some(change) if !says(change, op, key, values.as_ref()) => format!(
                    "revision {revision} was {} {} {:?}, and it is told {op} {key} {values:?}",
                    change.op, change.key, change.values
                ),
                Some(_) => continue,
            };
            violations.push(Violation::new("Atomic", life.conn, heard.at, text));
        }
    }
}

fn says(change: &Change, op: &str, key: &str, values: Option<&Vec<String>>) -> bool {
    let values = values.is_none_or(|values| *values == change.values);
    change.op == op && change.key == key && values
}

/// Nothing outside the prefixes, nothing from before their start, nothing of one's own without
/// ECHO, nothing while nothing is watched; no progress for lines.
pub fn filtered(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        let mut seen = HashSet::new();
        for (heard, change) in life.told(&case.changes) {
            let is_again =
                !seen.insert(change.revision) || told_before(case, life, change.revision);
            if !is_again && life.concern(heard.state, change) == Concern::No {
                let text = format!(
                    "revision {} ({} {}{}) does not concern it",
                    change.revision,
                    change.op,
                    change.key,
                    if change.by == life.conn {
                        ", its own"
                    } else {
                        ""
                    }
                );
                violations.push(Violation::new("Filtered", life.conn, heard.at, text));
            }
        }
        for heard in &life.heard {
            if matches!(heard.what, What::Progress(_)) && life.dialect == Dialect::Lines {
                let text = "lines know no progress".to_owned();
                violations.push(Violation::new("Filtered", life.conn, heard.at, text));
            }
        }
    }
    for (conn, lives) in case.lives.iter().enumerate() {
        for (at, push) in &lives.strays {
            // A drain may be said to somebody who has just stopped watching.
            if *push != Push::Drain {
                let text = format!("it watches nothing and is told {push:?}");
                violations.push(Violation::new("Filtered", conn, *at, text));
            }
        }
    }
}
