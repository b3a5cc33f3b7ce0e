//! Checks the order of replies and notices on one connection.

use super::{Case, SHARE_BYTES_MIN, Violation};
use crate::lives::{Concern, Life, What};
use crate::record::{Answer, Dialect, length};

/// A notice never comes before the reply to a request that was executed before its change; and
/// until a client is behind, never after the reply to one that was executed later.
///
/// The revision in a reply says when its request was executed. Replies without one lie between
/// those that have one. In lines only STATS has one. A client is not behind while all the notices
/// that can wait for it are fewer bytes than the least share of the outbox, counted from the last
/// moment when it was not. One that may have been behind counts as behind until a progress; also
/// when it has been told everything, for the server notices that a little later. A life that began
/// with SINCE is behind at first.
pub fn reply_order(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for (conn, answers) in case.answers.iter().enumerate() {
        notices_ahead(case, conn, answers, violations);
        for life in &case.lives[conn].lives {
            if life.dialect != Dialect::Lines {
                notices_late(case, life, answers, violations);
            }
        }
    }
}

/// The highest revision that a notice, a range or a progress tells of.
fn highest(what: &What) -> u64 {
    match *what {
        What::Told(revision, ..) | What::Lost(_, revision) | What::Progress(revision) => revision,
    }
}

fn notices_ahead(
    case: &Case<'_>,
    conn: usize,
    answers: &[Answer<'_>],
    violations: &mut Vec<Violation>,
) {
    let lives = &case.lives[conn].lives;
    let known = |what: &What| highest(what) <= case.changes.last();
    let all = lives
        .iter()
        .flat_map(|life| life.heard.iter().map(move |heard| (life, heard)));
    let mut heard = all.filter(|(_, heard)| known(&heard.what)).peekable();
    let (mut told, mut executed) = (0, 0);
    for answer in answers {
        while let Some((life, heard)) = heard.next_if(|(_, heard)| heard.at < answer.at) {
            // What does not concern it at all has no place; Filtered says so.
            let concerns = match heard.what {
                What::Told(revision, ..) => case.changes.get(revision).is_some_and(|change| {
                    life.concern(heard.state, change) != Concern::No || change.by == conn
                }),
                _ => true,
            };
            told = told.max(if concerns { highest(&heard.what) } else { 0 });
        }
        let Some(position) = answer.position() else {
            continue;
        };
        let (request, own) = (answer.verb(), u64::from(answer.is_change()));
        let text = if told + own > position {
            format!("revision {told} is told before the reply to {request} at {position}")
        } else if executed + own > position {
            format!("{request} is answered {position}, after one that was answered {executed}")
        } else {
            executed = position;
            continue;
        };
        violations.push(Violation::new("ReplyOrder", conn, answer.at, text));
    }
}

fn notices_late(
    case: &Case<'_>,
    life: &Life,
    answers: &[Answer<'_>],
    violations: &mut Vec<Violation>,
) {
    // For each thing heard, the lowest revision that is heard from there on.
    let lowest_of = |what: &What| match *what {
        What::Told(revision, ..) | What::Lost(revision, _) => revision,
        What::Progress(_) => u64::MAX,
    };
    let mut lowest = vec![u64::MAX; life.heard.len() + 1];
    for place in (0..life.heard.len()).rev() {
        lowest[place] = lowest[place + 1].min(lowest_of(&life.heard[place].what));
    }
    // Where it was not behind for certain; unknown after SINCE, until a progress says so.
    let mut level = life.since.is_none().then(|| life.start());
    let mut seen = 0;
    let inside = answers
        .iter()
        .filter(|it| life.from() < it.at && it.at < life.until);
    for answer in inside {
        let Some(position) = answer.position() else {
            continue;
        };
        let place = life.heard.partition_point(|heard| heard.at < answer.at);
        for heard in &life.heard[seen..place] {
            if let What::Progress(revision) = heard.what {
                level = Some(revision);
            }
        }
        seen = place;
        let Some(from) = level else { continue };
        let bytes = notice_bytes(case, life, from, position);
        if bytes > SHARE_BYTES_MIN {
            level = None;
            continue;
        }
        level = Some(position);
        let late = lowest[place];
        // The notice of an own change belongs behind its reply.
        if late < position + u64::from(!answer.is_change()) {
            let text = format!(
                "the reply to {} at {position} comes before the notice of {late}, though no more \
                 than {bytes} bytes of notices can have waited since {from}",
                answer.verb()
            );
            violations.push(Violation::new("ReplyOrder", life.conn, answer.at, text));
            level = None;
        }
    }
}

/// What the notices of all changes in a range take on the wire that may concern a client.
fn notice_bytes(case: &Case<'_>, life: &Life, after: u64, up_to: u64) -> usize {
    let changes = case.changes.between(after, up_to).iter();
    let concerning = changes.filter(|change| {
        (0..life.states.len()).any(|state| life.concern(state, change) != Concern::No)
    });
    let sizes = concerning.map(|change| {
        let values = change.values.iter().map(|value| length(value) + 12);
        60 + change.key.len() + values.sum::<usize>()
    });
    sizes.sum()
}
