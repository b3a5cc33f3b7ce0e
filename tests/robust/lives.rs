//! Cuts a connection into the lives of its watches, and says what each had to be told.
//!
//! A life lasts from the WATCH of a connection that held no watch to the UNWATCH that leaves it
//! none, or to the connection's end. Order and uniqueness are promised for a life: the next one
//! may begin earlier, with SINCE. A line client's first life begins with its first line.
//!
//! Where SPEC leaves something open, a change *may* be told and need not be:
//! * In lines a watch begins at an unknown revision, between two that are known.
//! * Own changes, if ECHO was set or cleared between the change and the moment when it was told:
//!   a client that is behind may be told by what held then or by what holds now.
//! * In lines, what the first WATCH replaces: changes that match it and were not told yet.

use crate::changes::{Change, Changes};
use crate::record::{Answer, ConnId, Dialect, Event, Push, Record, Reply, Word};
use std::collections::BTreeMap;

/// Whether a client had to be told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    No,
    May,
    Must,
}

/// One prefix that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The revision after which it begins is at least this one...
    low: u64,
    /// ...and at most this one; in frames they are the same.
    high: u64,
    echo: bool,
}

/// What a connection watches, from an entry of the record on.
#[derive(Debug, Clone, Default)]
pub struct State {
    from: usize,
    watches: BTreeMap<Word, Watch>,
    /// A line client that watches everything because it has not asked for anything.
    unasked: bool,
}

/// Something that came without being asked for.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: usize,
    /// The place of what was watched then in [`Life::states`].
    pub state: usize,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A change; in lines the revision is found by matching, and 0 if nothing matches.
    Told(u64, Word, Word, Option<Vec<Word>>),
    Lost(u64, u64),
    Progress(u64),
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By UNWATCH.
    Unwatched,
    /// By the client, with something on its way, perhaps.
    Cut,
    /// The client ended its sending side, and the server the connection.
    Halved,
    /// It lasted as long as the run, or the server drained: everything was told.
    Settled,
}

/// A life of a connection's watches.
#[derive(Debug, Clone)]
pub struct Life {
    pub conn: ConnId,
    pub dialect: Dialect,
    pub states: Vec<State>,
    pub heard: Vec<Heard>,
    /// The revision that it was to continue after.
    pub since: Option<u64>,
    /// The life before, on another connection, that it continues.
    pub resumes: Option<ConnId>,
    pub end: End,
    /// The place of the UNWATCH that ended it.
    pub until: usize,
    /// From where on the client or the server was about to end the connection.
    pub ending: usize,
}

/// The lives of one connection, and what it was told while it watched nothing.
#[derive(Debug, Default)]
pub struct Lives {
    pub lives: Vec<Life>,
    pub strays: Vec<(usize, Push)>,
}

impl Lives {
    /// Walks over what happened on a connection; `answers` are its replies.
    pub fn new(
        record: &Record,
        changes: &Changes,
        conn: ConnId,
        answers: &[Answer<'_>],
        events: &[(usize, &Event)],
    ) -> Lives {
        let mut walk = Walk {
            record,
            changes,
            conn,
            now: State::default(),
            life: None,
            done: Lives::default(),
            ending: usize::MAX,
        };
        let mut next = answers.iter();
        let mut is_first = record.conns[conn].dialect == Dialect::Lines;
        for (at, event) in events {
            match event {
                Event::Sent(request) => {
                    if std::mem::take(&mut is_first) && !request[0].ends_with("WATCH") {
                        walk.watch_unasked(*at, answers.first().map(|answer| answer.at));
                    }
                }
                Event::Replied(_) => next.next().into_iter().for_each(|it| walk.answered(it)),
                Event::Pushed(push) => walk.pushed(*at, push),
                Event::Halved => walk.ending = walk.ending.min(*at),
                Event::Cut => walk.finish(End::Cut),
                Event::Ended => walk.ended(),
                Event::Opened | Event::Stopped | Event::Reported(_) => {}
            }
        }
        walk.finish(End::Settled);
        walk.done
    }
}

struct Walk<'a> {
    record: &'a Record,
    changes: &'a Changes,
    conn: ConnId,
    now: State,
    life: Option<Life>,
    done: Lives,
    ending: usize,
}

impl Walk<'_> {
    /// A line client's first line, and the place of its first reply: it watches by then.
    fn watch_unasked(&mut self, at: usize, replied: Option<usize>) {
        let (low, _) = self.changes.bounds(at);
        let high = replied.map_or(self.changes.last(), |at| self.changes.bounds(at).1);
        let watch = Watch {
            low,
            high: high.max(low),
            echo: false,
        };
        self.now.unasked = true;
        self.now.watches.insert(Word::new(), watch);
        self.turn(at, None);
    }

    fn answered(&mut self, answer: &Answer<'_>) {
        let prefix = answer.request.get(1).cloned().unwrap_or_default();
        match (answer.verb(), answer.reply) {
            ("WATCH", Reply::Watching(_, revision)) => {
                let (low, high, echo) = (*revision, *revision, answer.has_echo());
                let held = self
                    .now
                    .watches
                    .entry(prefix)
                    .or_insert(Watch { low, high, echo });
                held.echo = echo;
                self.turn(answer.at, answer.since().map(|since| since.1));
            }
            ("WATCH", Reply::Ok) => {
                let (known, _) = self.changes.bounds(answer.sent);
                let replaced = self.now.watches.values().next().map(|watch| watch.low);
                let unasked = std::mem::take(&mut self.now.unasked);
                if unasked {
                    self.now.watches.clear();
                }
                let low = replaced.filter(|_| unasked).unwrap_or(known);
                let high = self.changes.bounds(answer.at).1.max(low);
                let watch = Watch {
                    low,
                    high,
                    echo: false,
                };
                self.now.watches.entry(prefix).or_insert(watch);
                self.turn(answer.at, None);
            }
            ("UNWATCH", Reply::Ok) => {
                match answer.request.get(1) {
                    Some(prefix) => _ = self.now.watches.remove(prefix),
                    None => self.now.watches.clear(),
                }
                self.now.unasked = false;
                match self.now.watches.is_empty() {
                    true => {
                        self.life.iter_mut().for_each(|life| life.until = answer.at);
                        self.finish(End::Unwatched);
                    }
                    false => self.turn(answer.at, None),
                }
            }
            _ => {}
        }
    }

    /// Notes that what is watched has changed.
    fn turn(&mut self, at: usize, since: Option<u64>) {
        self.now.from = at;
        let conn = &self.record.conns[self.conn];
        let life = self.life.get_or_insert_with(|| Life {
            conn: self.conn,
            dialect: conn.dialect,
            states: Vec::new(),
            heard: Vec::new(),
            since,
            resumes: conn.resumes.filter(|_| since.is_some()),
            end: End::Settled,
            until: usize::MAX,
            ending: usize::MAX,
        });
        life.states.push(self.now.clone());
    }

    fn pushed(&mut self, at: usize, push: &Push) {
        if *push == Push::Drain {
            self.ending = self.ending.min(at);
        }
        let Some(life) = &mut self.life else {
            return self.done.strays.push((at, push.clone()));
        };
        let what = match push {
            Push::Notify(op, key, Some((revision, values))) => {
                What::Told(*revision, op.clone(), key.clone(), Some(values.clone()))
            }
            Push::Notify(op, key, None) => What::Told(0, op.clone(), key.clone(), None),
            Push::Lost(first, last) => What::Lost(*first, *last),
            Push::Progress(revision) => What::Progress(*revision),
            Push::Drain => return,
        };
        life.heard.push(Heard {
            at,
            state: life.states.len() - 1,
            what,
        });
    }

    fn ended(&mut self) {
        let has = |what: Event| self.record.of(self.conn).any(|(_, event)| *event == what);
        let drained = has(Event::Pushed(Push::Drain)) && !has(Event::Halved);
        self.finish(if drained { End::Settled } else { End::Halved });
    }

    fn finish(&mut self, end: End) {
        self.now = State::default();
        if let Some(mut life) = self.life.take() {
            (life.end, life.ending) = (end, self.ending);
            if life.dialect == Dialect::Lines {
                crate::matching::number(&mut life, self.changes);
            }
            self.done.lives.push(life);
        }
    }
}

impl Life {
    /// Whether this change concerns the client while the state of this number holds.
    pub fn concern(&self, state: usize, change: &Change) -> Concern {
        if change.by != self.conn {
            return self.states[state].concern(change, false);
        }
        let made = self
            .states
            .iter()
            .rposition(|state| state.from < change.replied);
        let since_then = &self.states[made.unwrap_or(0).min(state)..=state];
        let concerns = since_then.iter().map(|state| state.concern(change, true));
        let (least, most) = concerns.fold((Concern::Must, Concern::No), |(least, most), one| {
            (least.min(one), most.max(one))
        });
        if least == Concern::Must {
            least
        } else {
            most.min(Concern::May)
        }
    }

    /// The changes that had to be told or lost while a state held, after one revision and up to
    /// another.
    pub fn due<'a>(
        &'a self,
        changes: &'a Changes,
        state: usize,
        after: u64,
        up_to: u64,
    ) -> impl Iterator<Item = &'a Change> {
        let between = changes.between(after, up_to).iter();
        between.filter(move |change| self.concern(state, change) == Concern::Must)
    }

    /// Where in the record it began.
    pub fn from(&self) -> usize {
        self.states[0].from
    }

    /// The revision before the first that could concern it.
    pub fn start(&self) -> u64 {
        let watches = self.states.iter().flat_map(|state| state.watches.values());
        watches.map(|watch| watch.low).min().unwrap_or(0)
    }

    /// The changes that it was told of, by revision, those known to the store alone.
    pub fn told<'a>(
        &'a self,
        changes: &'a Changes,
    ) -> impl Iterator<Item = (&'a Heard, &'a Change)> {
        self.heard.iter().filter_map(|heard| match &heard.what {
            What::Told(revision, ..) => Some((heard, changes.get(*revision)?)),
            _ => None,
        })
    }

    /// The ranges that it lost.
    pub fn lost(&self) -> impl Iterator<Item = (&Heard, u64, u64)> {
        self.heard.iter().filter_map(|heard| match heard.what {
            What::Lost(first, last) => Some((heard, first, last)),
            _ => None,
        })
    }
}

impl State {
    fn concern(&self, change: &Change, own: bool) -> Concern {
        let matching = self.watches.iter().filter(|(prefix, watch)| {
            change.key.starts_with(prefix.as_str()) && (!own || watch.echo)
        });
        let concerns = matching.map(|(_, watch)| match change.revision {
            revision if revision > watch.high => Concern::Must,
            revision if revision > watch.low => Concern::May,
            _ => Concern::No,
        });
        concerns.max().unwrap_or(Concern::No)
    }
}
