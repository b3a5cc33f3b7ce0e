//! Checks that nothing is missed: gaps, resumes, bookmarks, and the account of what was lost.

use super::{Case, Violation};
use crate::changes::Change;
use crate::lives::{End, Heard, Life, What};
use crate::record::{Answer, Event, Reply};
use std::collections::HashSet;

/// The changes that had to be told or lost by what came later, and were neither.
///
/// While a client goes on, its last notice or range says how far it has been told. At the end of
/// a run, and in a drain, it has been told everything. Where a client cuts the connection, ends its
/// sending side or its watch, nothing is known of what comes after its last notice.
fn missed<'a>(case: &'a Case<'_>, life: &'a Life) -> Vec<(usize, &'a Change)> {
    let told: HashSet<u64> = life
        .told(&case.changes)
        .map(|(_, it)| it.revision)
        .collect();
    let is_missed = |change: &&Change| {
        let mut lost = life.lost();
        let is_lost = lost.any(|(_, first, last)| (first..=last).contains(&change.revision));
        !told.contains(&change.revision) && !is_lost
    };
    let (mut horizon, mut missed) = (life.start(), Vec::new());
    for heard in &life.heard {
        let up_to = match heard.what {
            What::Told(revision, ..) if case.changes.get(revision).is_some() => revision,
            What::Lost(_, last) => last,
            _ => continue,
        };
        let due = life.due(&case.changes, heard.state, horizon, up_to);
        missed.extend(due.filter(is_missed).map(|change| (heard.at, change)));
        horizon = horizon.max(up_to);
    }
    if life.end == End::Settled {
        let state = life.states.len() - 1;
        let due = life.due(&case.changes, state, horizon, case.changes.last());
        let at = case.record.entries.len() - 1;
        missed.extend(due.filter(is_missed).map(|change| (at, change)));
    }
    missed
}

/// The first revision that a life says anything of.
fn first_heard(life: &Life) -> u64 {
    let first = life.heard.iter().find_map(|heard| match heard.what {
        What::Told(revision, ..) | What::Lost(revision, _) => Some(revision),
        What::Progress(_) => None,
    });
    first.unwrap_or(u64::MAX)
}

/// No change that concerns a client is skipped without a `lost` that covers it.
pub fn reliable(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        let first = if life.since.is_some() {
            first_heard(life)
        } else {
            0
        };
        for (at, change) in missed(case, life) {
            if change.revision > first {
                let text = format!(
                    "revision {} ({} {}) concerns it, and is neither told nor lost",
                    change.revision, change.op, change.key
                );
                violations.push(Violation::new("Reliable", life.conn, at, text));
            }
        }
    }
}

/// SINCE r continues with the first change after r that concerns the client, or is answered GONE,
/// and that only if r + 1 has left the history, r is still to come, or the epoch is another.
pub fn resumable(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives().filter(|life| life.since.is_some()) {
        let first = first_heard(life);
        for (at, change) in missed(case, life) {
            if change.revision < first {
                let text = format!(
                    "it resumed after {}, and revision {} ({} {}) is missing before the first \
                     that it is told of",
                    life.since.unwrap_or_default(),
                    change.revision,
                    change.op,
                    change.key
                );
                violations.push(Violation::new("Resumable", life.conn, at, text));
            }
        }
    }
    for (conn, answers) in case.answers.iter().enumerate() {
        for answer in answers.iter().filter(|answer| answer.verb() == "WATCH") {
            if let Some(text) = wrong_resume(case, conn, answer) {
                violations.push(Violation::new("Resumable", conn, answer.at, text));
            }
        }
    }
}

/// What is wrong with the answer to a WATCH with SINCE.
fn wrong_resume(case: &Case<'_>, conn: usize, answer: &Answer<'_>) -> Option<String> {
    let (asked, since) = answer.since()?;
    let epoch = case.record.epoch()?;
    let (present_low, _) = case.changes.bounds(answer.sent);
    let (_, present_high) = case.changes.bounds(answer.at);
    let (oldest_low, _) = case.oldest_bounds(answer.sent);
    let (_, oldest_high) = case.oldest_bounds(answer.at);
    let lives = &case.lives[conn].lives;
    let holds = lives
        .iter()
        .any(|life| life.from() < answer.at && answer.at < life.until);
    match answer.reply {
        Reply::Watching(..) if holds => Some("SINCE while it watches was accepted".to_owned()),
        Reply::Watching(told, at) => {
            let accepted = |why: String| Some(format!("SINCE {asked} {since} was accepted, {why}"));
            if (told.as_str(), *at) != (epoch, since) {
                accepted(format!("and answered with {told} {at}"))
            } else if asked != epoch {
                accepted(format!("but the epoch is {epoch}"))
            } else if since + 1 < oldest_low {
                accepted(format!("but the history began at {oldest_low} before that"))
            } else if since > present_high {
                accepted(format!("but the revision was at most {present_high}"))
            } else {
                None
            }
        }
        Reply::Gone(oldest, told) => {
            let left = since + 1 < *oldest;
            if told != epoch {
                Some(format!("GONE names the epoch {told}, which is {epoch}"))
            } else if !(oldest_low..=oldest_high).contains(oldest) {
                Some(format!(
                    "GONE names {oldest} as the first revision held, which was between \
                     {oldest_low} and {oldest_high}"
                ))
            } else if !left && since <= present_low && asked == epoch {
                Some(format!("GONE after {since}, and {oldest} is held"))
            } else {
                None
            }
        }
        Reply::Refused(why) if !holds => Some(format!("SINCE was refused: {why}")),
        _ => None,
    }
}

/// After `progress r` nothing at or below r comes; before it everything was told or lost.
///
/// What was skipped below a notice that came before is Reliable's.
pub fn bookmarkable(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        let (mut horizon, mut marked, mut seen) = (life.start(), 0, HashSet::new());
        for heard in &life.heard {
            let text = match heard.what {
                What::Told(revision, ..) if case.changes.get(revision).is_none() => continue,
                What::Told(revision, ..) => {
                    let again = !seen.insert(revision);
                    horizon = horizon.max(revision);
                    let late = revision <= marked && !again;
                    late.then(|| format!("revision {revision} is told after progress {marked}"))
                }
                What::Lost(first, last) => {
                    horizon = horizon.max(last);
                    let late = first <= marked && !lost_twice(life, first, last, heard.at);
                    late.then(|| format!("{first}..{last} is lost after progress {marked}"))
                }
                What::Progress(revision) => {
                    let text = wrong_progress(case, life, heard, (horizon, marked, revision));
                    marked = marked.max(revision);
                    text
                }
            };
            let violation = |text| Violation::new("Bookmarkable", life.conn, heard.at, text);
            violations.extend(text.map(violation));
        }
    }
}

fn wrong_progress(
    case: &Case<'_>,
    life: &Life,
    heard: &Heard,
    (horizon, marked, revision): (u64, u64, u64),
) -> Option<String> {
    let possible = case.changes.bounds(heard.at).1;
    if revision > possible {
        return Some(format!(
            "progress {revision}, and the revision is at most {possible}"
        ));
    }
    if revision < marked {
        return Some(format!("progress {revision} after progress {marked}"));
    }
    let mut due = life.due(&case.changes, heard.state, horizon, revision);
    let first = due.next()?.revision;
    Some(format!(
        "progress {revision}, and revision {first} was neither told nor lost before"
    ))
}

/// Whether a range says again what another says, or a notice: that is Accounted's.
fn lost_twice(life: &Life, first: u64, last: u64, at: usize) -> bool {
    life.heard.iter().any(|heard| match heard.what {
        What::Lost(low, high) => heard.at != at && low <= last && first <= high,
        What::Told(revision, ..) => (first..=last).contains(&revision),
        What::Progress(_) => false,
    })
}

/// A change that concerns the client is told or lies in one range; ranges are ranges, and hold
/// only what has left the history; the figures agree.
///
/// A range need not hold a change that concerns the client: of what has left the history nobody
/// can say any more.
pub fn accounted(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for life in case.all_lives() {
        let mut before: Vec<(u64, u64)> = Vec::new();
        for (heard, first, last) in life.lost() {
            let text = wrong_range(case, life, heard, (first, last), &before);
            let violation = |text| Violation::new("Accounted", life.conn, heard.at, text);
            violations.extend(text.map(violation));
            before.push((first, last));
        }
        for (heard, change) in life.told(&case.changes) {
            let revision = change.revision;
            if let Some(range) = before
                .iter()
                .find(|range| range.0 <= revision && revision <= range.1)
            {
                let text = format!("revision {revision} is told, and lost in {range:?}");
                violations.push(Violation::new("Accounted", life.conn, heard.at, text));
            }
        }
    }
    figures(case, violations);
}

fn wrong_range(
    case: &Case<'_>,
    life: &Life,
    heard: &Heard,
    (first, last): (u64, u64),
    before: &[(u64, u64)],
) -> Option<String> {
    let changes = &case.changes;
    if first > last {
        return Some(format!("lost {first} {last} is no range"));
    }
    if last > changes.bounds(heard.at).1 {
        return Some(format!("lost {first} {last}, which is still to come"));
    }
    if let Some(range) = before
        .iter()
        .find(|range| range.0 <= last && first <= range.1)
    {
        return Some(format!("lost {first} {last} overlaps lost {range:?}"));
    }
    // At the end of a connection what is not told any more is lost, wherever it lies.
    let mut later = case
        .samples
        .iter()
        .filter(|it| it.sent > heard.at && heard.at < life.ending);
    let held = later.find(|sample| sample.oldest <= last)?.oldest;
    Some(format!(
        "lost {first} {last}, and the history still holds {held} and what follows"
    ))
}

/// The last figures of the run, of STATS or of the report, against what all have heard. What a
/// client that cut its connection was sent after its last words is not known, but bounded.
fn figures(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let mut entries = case.record.entries.iter().enumerate().rev();
    let last = entries.find_map(|(at, (conn, event))| match event {
        Event::Replied(Reply::Stats(figures)) | Event::Reported(figures) => {
            Some((at, *conn, figures))
        }
        _ => None,
    });
    let Some((at, conn, stats)) = last else {
        return;
    };
    let (mut told, mut lost, mut told_more, mut lost_more) = (0, 0, 0, 0);
    for life in case.all_lives() {
        told += life.told(&case.changes).count() as u64;
        lost += life
            .lost()
            .map(|(_, first, last)| (last + 1).saturating_sub(first))
            .sum::<u64>();
        if life.end == End::Cut {
            let unknown = case.changes.last().saturating_sub(last_heard(life));
            told_more += unknown;
            lost_more += unknown;
        }
    }
    for (name, sum, more) in [
        ("notices_delivered", told, told_more),
        ("notices_lost", lost, lost_more),
    ] {
        let Some(figure) = stats
            .get(name)
            .filter(|figure| !(sum..=sum + more).contains(figure))
        else {
            continue;
        };
        let text = format!("{name} is {figure}, and all have heard of {sum}, at most {more} more");
        violations.push(Violation::new("Accounted", conn, at, text));
    }
}

/// The highest revision that a life says anything of.
fn last_heard(life: &Life) -> u64 {
    let heard = life.heard.iter().map(|heard| match heard.what {
        What::Told(revision, ..) | What::Lost(_, revision) | What::Progress(revision) => revision,
    });
    heard.max().unwrap_or(0).max(life.start())
}
