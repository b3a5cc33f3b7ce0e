//! Holds what a daemon has after a crash to the record of what was answered before it.

use crate::record::{Answer, Audit, Change, Life, Sent};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Bound::{Excluded, Included};

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// What was answered is there, at its revision.
    Answered,
    /// Nothing is there that was never sent, or that was sent once and is there twice.
    Sent,
    /// What one client sent is there in its order, with nothing left out before something.
    Order,
    /// Every revision up to the last is one change, and everybody was told the same of it.
    Same,
    /// The keys hold what these changes make of them.
    State,
    /// Nobody was told of a later revision, or the series is another.
    Revision,
    /// What somebody read is there.
    Read,
    /// A watcher goes on where it was, and hears everything once.
    Resumed,
    /// A request that is right is not refused.
    Accepted,
}

/// A promise that was not kept, and where.
#[derive(Debug)]
pub struct Violation {
    pub promise: Promise,
    pub text: String,
}

/// What a loss of power may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing that was told.
    Nothing,
    /// What was not synced, if the series is another afterwards.
    Unsynced,
}

struct Check<'a> {
    before: &'a Audit,
    life: &'a Life,
    after: &'a Audit,
    violations: Vec<Violation>,
    /// What is known of each revision, from all who were told of it.
    log: BTreeMap<u64, Change>,
}

/// Finds what is wrong with `after`, the daemon that followed this life, which followed `before`.
pub fn check(before: &Audit, life: &Life, after: &Audit, loss: Loss) -> Vec<Violation> {
    let mut check = Check {
        before,
        life,
        after,
        violations: Vec::new(),
        log: BTreeMap::new(),
    };
    let is_same = before.epoch == after.epoch;
    check.gather();
    check.revisions(is_same, loss);
    check.requests();
    check.watchers(is_same);
    check.answers();
    if is_same {
        check.in_flight();
    }
    check.state();
    check.readers(is_same);
    check.violations
}

impl Check<'_> {
    fn fail(&mut self, promise: Promise, text: String) {
        self.violations.push(Violation { promise, text });
    }

    fn answered(&self) -> impl Iterator<Item = (u64, &Sent)> {
        let answered = |sent: &&Sent| matches!(sent.answer, Some(Answer::Revision(_)));
        let all = self.life.sent.iter().flatten().filter(answered);
        all.map(|sent| match sent.answer {
            Some(Answer::Revision(revision)) => (revision, sent),
            _ => (0, sent),
        })
    }

    /// Puts together what everybody was told.
    fn gather(&mut self) {
        let mut told: Vec<(u64, Change)> = Vec::new();
        told.extend(self.answered().map(|(at, sent)| (at, sent.change.clone())));
        for heard in &self.life.heard {
            told.extend(heard.told.iter().cloned());
        }
        told.extend(self.after.told.iter().cloned());
        for (revision, change) in told {
            let known = self.log.entry(revision).or_insert_with(|| change.clone());
            if *known != change {
                let text = format!("{revision}: {} and {}", known.shown(), change.shown());
                self.fail(Promise::Same, text);
            }
        }
    }

    /// The last revision that somebody was told of.
    fn told(&self) -> u64 {
        let answered = self.answered().map(|(revision, _)| revision);
        let heard = self.life.heard.iter().flat_map(|heard| {
            let lost = heard.lost.iter().map(|(_, last)| *last);
            heard.told.iter().map(|(revision, _)| *revision).chain(lost)
        });
        answered.chain(heard).max().unwrap_or(0)
    }

    fn revisions(&mut self, is_same: bool, loss: Loss) {
        let (told, last) = (self.told().max(self.before.revision), self.after.revision);
        if is_same && last < told {
            self.fail(
                Promise::Revision,
                format!("{told} was told, and {last} is the last"),
            );
        }
        if !is_same && loss == Loss::Nothing {
            self.fail(Promise::Revision, "the series is another".to_owned());
        }
        if last < self.life.synced {
            let text = format!(
                "{} was on the disk, and {last} is the last",
                self.life.synced
            );
            self.fail(Promise::Answered, text);
        }
    }

    fn requests(&mut self) {
        let refused = self
            .life
            .sent
            .iter()
            .flatten()
            .filter_map(|sent| match &sent.answer {
                Some(Answer::Refused(why)) => Some(format!("{}: {why}", sent.change.shown())),
                _ => None,
            });
        let refused: Vec<_> = refused.collect();
        for text in refused {
            self.fail(Promise::Accepted, text);
        }
    }

    fn watchers(&mut self, is_same: bool) {
        for heard in &self.life.heard {
            // What is heard after the crash has an end.
            let is_after = heard.end.is_some();
            if is_after && heard.gone == is_same || heard.gone && !is_after {
                let (gone, since) = (heard.gone, &heard.since);
                let text = format!("gone: {gone}, after {} of {}", since.revision, since.epoch);
                self.fail(Promise::Resumed, text);
            }
            let mut last = heard.since.revision;
            for (revision, _) in &heard.told {
                let is_lost = heard
                    .lost
                    .iter()
                    .any(|(first, to)| *first <= last + 1 && revision - 1 <= *to);
                if *revision != last + 1 && !is_lost {
                    self.fail(
                        Promise::Resumed,
                        format!("{revision} was told after {last}"),
                    );
                }
                last = *revision;
            }
            let lost = heard.lost.iter().map(|(_, to)| *to).max().unwrap_or(0);
            if heard
                .end
                .is_some_and(|end| !heard.gone && last.max(lost) != end)
            {
                let text = format!("it is told up to {last}, of {:?}", heard.end);
                self.fail(Promise::Resumed, text);
            }
        }
    }

    /// What was answered, up to the last revision that is there.
    fn answers(&mut self) {
        let last = self.after.revision;
        let told: BTreeMap<u64, &Change> =
            self.after.told.iter().map(|(at, it)| (*at, it)).collect();
        let first = told.keys().next().copied().unwrap_or(u64::MAX);
        let mut missing = Vec::new();
        for (revision, sent) in self.answered() {
            let is_there = told.get(&revision) == Some(&&sent.change);
            if revision > last && self.before.epoch == self.after.epoch {
                missing.push(format!("{revision}, {}, is not there", sent.change.shown()));
            } else if revision >= first && revision <= last && !is_there {
                missing.push(format!("{revision} is not {}", sent.change.shown()));
            }
        }
        for text in missing {
            self.fail(Promise::Answered, text);
        }
    }

    /// What is there and was not answered was in flight.
    fn in_flight(&mut self) {
        let answered: BTreeMap<u64, &Sent> = self.answered().collect();
        let clients = self.life.sent.iter().map(|sent| {
            let last = sent.iter().filter_map(|sent| match sent.answer {
                Some(Answer::Revision(revision)) => Some(revision),
                _ => None,
            });
            let waiting = sent.iter().filter(|sent| sent.answer.is_none());
            (last.max().unwrap_or(0), waiting.collect::<VecDeque<_>>())
        });
        let mut clients: Vec<_> = clients.collect();
        let mut wrong = Vec::new();
        for revision in self.before.revision + 1..=self.after.revision {
            let Some(change) = self.log.get(&revision) else {
                wrong.push((Promise::Same, format!("nobody knows what {revision} is")));
                continue;
            };
            if answered.contains_key(&revision) {
                continue;
            }
            let owner = clients.iter_mut().find_map(|(last, waiting)| {
                let at = waiting.iter().position(|sent| sent.change == *change)?;
                Some((*last, waiting, at))
            });
            let Some((last, waiting, at)) = owner else {
                wrong.push((Promise::Sent, format!("{revision}: {}", change.shown())));
                continue;
            };
            let passed = waiting.drain(..=at).take(at);
            // A PUT always changes something.
            for passed in passed.filter(|sent| sent.change.op == kvmsg::client::Op::Put) {
                let text = format!("{} is not before {revision}", passed.change.shown());
                wrong.push((Promise::Order, text));
            }
            if revision < last {
                let text = format!("{revision} was in flight, and {last} was answered before");
                wrong.push((Promise::Order, text));
            }
        }
        for sent in &self.life.sent {
            let mut last = 0;
            for sent in sent {
                if let Some(Answer::Revision(revision)) = sent.answer {
                    if revision <= last {
                        wrong.push((Promise::Order, format!("{revision} after {last}")));
                    }
                    last = revision;
                }
            }
        }
        for (promise, text) in wrong {
            self.fail(promise, text);
        }
    }

    /// Whether every change up to the last revision is known.
    fn is_all_known(&self) -> bool {
        let all = self.before.revision + 1..=self.after.revision;
        self.after.revision >= self.before.revision
            && all.into_iter().all(|at| self.log.contains_key(&at))
    }

    fn state(&mut self) {
        // In another series some of what was in flight may be nowhere but in the state.
        if !self.is_all_known() {
            return;
        }
        let mut state = self.before.state.clone();
        let mut wrong = Vec::new();
        let missing = (
            Excluded(self.before.revision),
            Included(self.after.revision),
        );
        for (revision, change) in self.log.range(missing) {
            if !change.apply(&mut state) {
                wrong.push(format!("{revision}, {}, does not fit", change.shown()));
            }
        }
        let keys: HashSet<_> = state.keys().chain(self.after.state.keys()).collect();
        for key in keys {
            if state.get(key) != self.after.state.get(key) {
                wrong.push(format!("key {key} holds something else"));
            }
        }
        for text in wrong {
            self.fail(Promise::State, text);
        }
    }

    /// What somebody read is among the values that ever came to be.
    fn readers(&mut self, is_same: bool) {
        if !is_same {
            return;
        }
        let mut all: HashSet<&String> = self.before.state.values().flatten().collect();
        for (_, change) in self.log.range(..=self.after.revision) {
            all.extend(&change.values);
        }
        let unknown = self.life.read.iter().filter(|value| !all.contains(value));
        let unknown: Vec<_> = unknown
            .map(|value| value.chars().take(20).collect())
            .collect();
        for text in unknown {
            self.fail(Promise::Read, text);
        }
    }
}
