//! Matches the notices of a line client, which name no revision, with the changes of the store.
//!
//! A notice is of the next change that concerns the client, if nothing was skipped. Where a change
//! may have been told or not, both are followed; at the end one way that holds is taken. A notice
//! that no way explains gets the next change with its verb and key, or the last one before, or 0;
//! the validators then say what is wrong with it.

use crate::changes::Changes;
use crate::lives::{Concern, End, Life, What};

/// One possible change for a notice, and the place of what came before it in the step before.
type Way = (u64, usize);

/// Fills in the revisions of a line client's notices.
pub fn number(life: &mut Life, changes: &Changes) {
    let mut steps: Vec<Vec<Way>> = vec![vec![(life.start(), 0)]];
    let mut found = Vec::new();
    for heard in &life.heard {
        let ways = steps.last().expect("there is the first");
        match &heard.what {
            What::Told(_, op, key, _) => {
                let next = follow(life, changes, ways, heard.state, (op, key));
                if !next.is_empty() {
                    steps.push(next);
                    continue;
                }
                let after = ways[0].0;
                let guess = guess(changes, after, (op, key));
                settle(&mut steps, &mut found, 0);
                found.push(guess);
                steps = vec![vec![(after.max(guess), 0)]];
            }
            What::Lost(first, last) => {
                let before = first.saturating_sub(1);
                let whole = |way: &Way| none_due(life, changes, heard.state, way.0, before);
                let way = ways.iter().position(whole).unwrap_or(0);
                let after = ways[way].0;
                settle(&mut steps, &mut found, way);
                found.push(*last);
                steps = vec![vec![(after.max(*last), 0)]];
            }
            What::Progress(_) => {}
        }
    }
    let ways = steps.last().expect("there is the first");
    let state = life.states.len() - 1;
    let whole = |way: &Way| none_due(life, changes, state, way.0, changes.last());
    let way = ways
        .iter()
        .position(whole)
        .filter(|_| life.end == End::Settled);
    settle(&mut steps, &mut found, way.unwrap_or(0));
    let told = life
        .heard
        .iter_mut()
        .filter(|heard| !matches!(heard.what, What::Progress(_)));
    for (heard, revision) in told.zip(found) {
        if let What::Told(place, ..) = &mut heard.what {
            *place = revision;
        }
    }
}

fn none_due(life: &Life, changes: &Changes, state: usize, after: u64, up_to: u64) -> bool {
    life.due(changes, state, after, up_to).next().is_none()
}

/// Every change that the next notice can be of, after each way.
fn follow(
    life: &Life,
    changes: &Changes,
    ways: &[Way],
    state: usize,
    (op, key): (&str, &str),
) -> Vec<Way> {
    let mut next: Vec<Way> = Vec::new();
    for (place, (after, _)) in ways.iter().enumerate() {
        for change in changes.between(*after, changes.last()) {
            let concern = life.concern(state, change);
            let is_it = change.op == op && change.key == key && concern != Concern::No;
            if is_it && !next.iter().any(|way| way.0 == change.revision) {
                next.push((change.revision, place));
            }
            if concern == Concern::Must {
                break;
            }
        }
    }
    next
}

fn guess(changes: &Changes, after: u64, (op, key): (&str, &str)) -> u64 {
    let is_it = |change: &&crate::changes::Change| change.op == op && change.key == key;
    let later = changes.between(after, changes.last()).iter().find(is_it);
    let found = later.or_else(|| changes.between(0, after).iter().rfind(is_it));
    found.map_or(0, |change| change.revision)
}

/// Takes the way that ends at `place` of the last step. The first step is where they begin.
fn settle(steps: &mut Vec<Vec<Way>>, found: &mut Vec<u64>, mut place: usize) {
    let mut taken = Vec::new();
    for step in steps.drain(1..).rev() {
        let (revision, before) = step[place];
        taken.push(revision);
        place = before;
    }
    found.extend(taken.into_iter().rev());
}
