//! Finds the order of the store: which change made which revision, from what its writer was told.
//!
//! A framed writer is answered with the revision of each change. A line client is answered `OK`;
//! it writes only while nobody else does, so its change has the one revision that nobody else was
//! given and that lies between what was answered before and what was sent after.

use crate::Violation;
use crate::record::{Answer, ConnId, Dialect, Record, Reply, Word};
use std::collections::BTreeMap;

/// A change of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub revision: u64,
    pub op: Word,
    pub key: Word,
    pub values: Vec<Word>,
    /// Who made it.
    pub by: ConnId,
    /// Where in the record the request stands.
    pub sent: usize,
    /// Where in the record its reply stands.
    pub replied: usize,
}

/// All changes; that of revision r has the place r - 1.
#[derive(Debug, Default)]
pub struct Changes {
    list: Vec<Change>,
    /// For every place in the record the highest revision that somebody had been told by then.
    known: Vec<u64>,
    /// For every place in the record the highest revision of a request sent by then.
    begun: Vec<u64>,
}

/// The keys and their values.
pub type Map = BTreeMap<Word, Vec<Word>>;

const OPS: [&str; 4] = ["PUT", "UPDATE", "REMOVE", "DELETE"];

impl Changes {
    /// Finds them. A revision that two were given, or nobody, is a violation of `Known`.
    pub fn new(record: &Record) -> (Changes, Vec<Violation>) {
        let mut found: BTreeMap<u64, Change> = BTreeMap::new();
        let mut violations = Vec::new();
        let mut unnumbered = Vec::new();
        for (conn, answers) in record.answers().iter().enumerate() {
            for answer in answers.iter().filter(|answer| OPS.contains(&answer.verb())) {
                let is_line = record.conns[conn].dialect == Dialect::Lines;
                match answer.reply {
                    Reply::Done(revision) if answer.is_change() => {
                        let change = change(*revision, conn, answer);
                        if found.insert(*revision, change).is_some() {
                            let text = format!("revision {revision} was given to two changes");
                            violations.push(Violation::new("Known", conn, answer.at, text));
                        }
                    }
                    Reply::Ok if is_line => unnumbered.push(change(0, conn, answer)),
                    _ => {}
                }
            }
        }
        number(&mut found, unnumbered, &mut violations);
        for (place, revision) in found.keys().enumerate() {
            if *revision != place as u64 + 1 {
                let text = format!("nobody was given revision {}", place + 1);
                violations.push(Violation::new("Known", 0, 0, text));
                break;
            }
        }
        let list = found.into_values().collect();
        (Changes::of(list, record.entries.len()), violations)
    }

    fn of(list: Vec<Change>, len: usize) -> Changes {
        let (mut known, mut begun) = (vec![0; len + 1], vec![0; len + 1]);
        for change in &list {
            known[change.replied + 1] = known[change.replied + 1].max(change.revision);
            begun[change.sent + 1] = begun[change.sent + 1].max(change.revision);
        }
        for at in 1..=len {
            known[at] = known[at].max(known[at - 1]);
            begun[at] = begun[at].max(begun[at - 1]);
        }
        Changes { list, known, begun }
    }

    /// The last revision of all.
    pub fn last(&self) -> u64 {
        self.list.len() as u64
    }

    /// The change that made this revision.
    pub fn get(&self, revision: u64) -> Option<&Change> {
        self.list
            .get(usize::try_from(revision.checked_sub(1)?).ok()?)
    }

    /// Those after one revision and up to another, in order.
    pub fn between(&self, after: u64, up_to: u64) -> &[Change] {
        let end = up_to.min(self.last()) as usize;
        &self.list[(after as usize).min(end)..end]
    }

    /// What the revision was at least at this place of the record, and what it was at most.
    pub fn bounds(&self, at: usize) -> (u64, u64) {
        (self.known[at], self.begun[at])
    }

    /// The store as it was at several revisions, handed to `look` in rising order.
    pub fn replay(&self, revisions: &[u64], mut look: impl FnMut(usize, &Map)) {
        let mut order: Vec<usize> = (0..revisions.len()).collect();
        order.sort_by_key(|at| revisions[*at]);
        let (mut map, mut now) = (Map::new(), 0);
        for at in order {
            for change in self.between(now, revisions[at]) {
                apply(&mut map, &change.op, &change.key, &change.values);
            }
            now = now.max(revisions[at]);
            look(at, &map);
        }
    }
}

fn change(revision: u64, by: ConnId, answer: &Answer<'_>) -> Change {
    Change {
        revision,
        op: answer.request[0].clone(),
        key: answer.request[1].clone(),
        values: answer.request[2..].to_vec(),
        by,
        sent: answer.sent,
        replied: answer.at,
    }
}

/// Gives those of line clients the revisions that are left over.
fn number(found: &mut BTreeMap<u64, Change>, mut rest: Vec<Change>, bad: &mut Vec<Violation>) {
    rest.sort_by_key(|change| change.replied);
    for mut change in rest {
        let before = found.values().filter(|other| other.replied < change.sent);
        let after = before.map(|other| other.revision).max().unwrap_or(0);
        if found.contains_key(&(after + 1)) {
            let text = format!("no revision is left after {after} for a change in lines");
            bad.push(Violation::new("Known", change.by, change.replied, text));
            continue;
        }
        change.revision = after + 1;
        found.insert(after + 1, change);
    }
}

/// Does to a map what a change did to the store; says whether there was something to do it to.
pub fn apply(map: &mut Map, op: &str, key: &str, values: &[Word]) -> bool {
    if op == "PUT" {
        map.entry(key.to_owned())
            .or_default()
            .extend_from_slice(values);
        return true;
    }
    if op == "DELETE" {
        return map.remove(key).is_some();
    }
    let Some(list) = map.get_mut(key) else {
        return false;
    };
    let Some(place) = list.iter().position(|value| Some(value) == values.first()) else {
        return false;
    };
    list.splice(place..=place, values.get(1).cloned());
    if list.is_empty() {
        map.remove(key);
    }
    true
}
