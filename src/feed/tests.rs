//! Holds the feed to the promises of kvmsg(7), with clients that take as much as they are given.

use super::*;
use crate::protocol::notice::{Held, Op};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const EPOCH: u64 = 7;

fn change(revision: u64, key: &str) -> Change<'_> {
    Change {
        revision,
        op: Op::Put,
        key: key.as_bytes().into(),
        old: None,
        new: Some(Held::from(&[b'v'; 200][..])),
    }
}

fn wish(prefix: &str, since: Option<u64>, echo: bool) -> Wish<'_> {
    let since = since.map(|revision| Since {
        epoch: EPOCH,
        revision,
    });
    Wish {
        prefix: prefix.as_bytes(),
        since,
        echo,
    }
}

/// Makes a change; returns who is told at once.
fn made(feed: &mut Feed, key: &str, by: ClientId) -> Vec<ClientId> {
    let mut told = Vec::new();
    let revision = feed.history().last() + 1;
    feed.record(&change(revision, key), by, &mut told);
    told
}

/// What a client that is behind is told next, as a range; nothing once it has caught up.
fn next_owed(feed: &mut Feed, id: ClientId) -> Option<(u64, u64)> {
    let told = loop {
        match feed.owed(id) {
            Owed::Pause => {}
            Owed::Nothing => return None,
            Owed::Change(change) => break (change.revision, change.revision),
            Owed::Lost(first, last) => break (first, last),
        }
    };
    feed.told(id, told.1);
    Some(told)
}

#[test]
fn a_change_is_told_once_to_whom_it_concerns_and_to_oneself_only_with_echo() {
    let mut feed = Feed::new(1 << 20, 0);
    for (client, prefix, echo) in [
        (1, "", false),
        (2, "a", false),
        (2, "ab", true),
        (3, "b", true),
    ] {
        assert_eq!(feed.watch(client, &wish(prefix, None, echo), EPOCH), Ok(0));
    }
    assert_eq!(made(&mut feed, "abc", 9), [1, 2]);
    assert_eq!(made(&mut feed, "abc", 2), [1, 2]);
    assert_eq!(made(&mut feed, "ac", 2), [1]);
    assert_eq!(made(&mut feed, "b", 1), [3]);
    assert_eq!(made(&mut feed, "b", 3), [1, 3]);
    feed.watch(3, &wish("b", None, false), EPOCH).unwrap();
    assert_eq!(made(&mut feed, "b", 3), [1]);
    feed.unwatch(2, Some(b"ab"));
    feed.unwatch(2, Some(b"never"));
    assert_eq!(made(&mut feed, "abc", 2), [1]);
    feed.unwatch(1, None);
    assert_eq!(made(&mut feed, "abc", 9), [2]);
    assert_eq!(feed.watchers(), 2);
}

#[test]
fn since_continues_with_the_next_change_or_says_that_it_is_gone() {
    let mut feed = Feed::new(65536, 0);
    assert_eq!(
        feed.watch(1, &wish("", Some(1), false), EPOCH),
        Err(Denied::Gone(1))
    );
    assert_eq!(
        feed.watch(1, &wish("", Some(0), false), EPOCH + 1),
        Err(Denied::Gone(1))
    );
    (0..1000).for_each(|_| _ = made(&mut feed, "k", 9));
    let first = feed.history().first();
    assert!(first > 1);
    assert_eq!(
        feed.watch(1, &wish("", Some(first - 2), false), EPOCH),
        Err(Denied::Gone(first))
    );
    assert!(!feed.is_watching(1));
    assert_eq!(
        feed.watch(1, &wish("", Some(first - 1), false), EPOCH),
        Ok(first - 1)
    );
    assert_eq!(
        feed.watch(1, &wish("x", Some(1000), false), EPOCH),
        Err(Denied::Watching)
    );
    let owed: Vec<_> = std::iter::from_fn(|| next_owed(&mut feed, 1)).collect();
    assert!(
        owed.iter()
            .copied()
            .eq((first..=1000).map(|revision| (revision, revision)))
    );
    assert_eq!(made(&mut feed, "k", 9), [1], "it has caught up");
}

#[test]
fn so_many_prefixes_and_no_more_can_be_watched() {
    let mut feed = Feed::new(0, 0);
    for n in 0..PREFIXES_MAX {
        feed.watch(1, &wish(&n.to_string(), None, false), EPOCH)
            .unwrap();
    }
    assert_eq!(
        feed.watch(1, &wish("x", None, false), EPOCH),
        Err(Denied::TooMany)
    );
    feed.watch(1, &wish("7", None, true), EPOCH).unwrap();
    feed.unwatch(1, Some(b"7"));
    feed.watch(1, &wish("x", None, false), EPOCH).unwrap();
}

#[test]
fn who_never_asked_hears_all_until_it_asks_for_something_else() {
    let mut feed = Feed::new(0, 0);
    (1..=3).for_each(|client| feed.listen(client, false));
    feed.watch(1, &wish("a", None, false), EPOCH).unwrap();
    feed.watch(2, &wish("", None, false), EPOCH).unwrap();
    feed.watch(2, &wish("b", None, false), EPOCH).unwrap();
    assert_eq!(made(&mut feed, "abc", 9), [1, 2, 3]);
    assert_eq!(made(&mut feed, "b", 9), [2, 3]);
    feed.unwatch(3, None);
    assert_eq!(made(&mut feed, "b", 9), [2]);
}

#[test]
fn who_leaves_behind_is_told_what_there_was_by_then() {
    let mut feed = Feed::new(1 << 20, 0);
    feed.watch(1, &wish("", None, false), EPOCH).unwrap();
    (0..3).for_each(|_| _ = made(&mut feed, "k", 9));
    feed.fall_behind(1, 2);
    feed.leave(1);
    made(&mut feed, "k", 9);
    assert_eq!(next_owed(&mut feed, 1), Some((2, 2)));
    assert_eq!(next_owed(&mut feed, 1), Some((3, 3)));
    assert_eq!(next_owed(&mut feed, 1), None);
    assert!(!feed.is_watching(1));
}

#[test]
fn what_is_given_up_is_the_range_that_was_not_told() {
    let mut feed = Feed::new(1 << 20, 0);
    feed.watch(1, &wish("", None, false), EPOCH).unwrap();
    (0..3).for_each(|_| _ = made(&mut feed, "k", 9));
    feed.fall_behind(1, 2);
    assert_eq!(feed.give_up(1), Some((2, 3)));
    feed.watch(1, &wish("", None, false), EPOCH).unwrap();
    assert_eq!(feed.give_up(1), None);
    assert_eq!(made(&mut feed, "k", 9), []);
}

#[test]
fn what_was_looked_through_for_however_many_prefixes_is_not_lost() {
    for count in [1, PREFIXES_MAX] {
        let mut feed = Feed::new(1 << 20, 0);
        for n in 0..count {
            let prefix = format!("b{n}");
            feed.watch(1, &wish(&prefix, None, false), EPOCH).unwrap();
        }
        assert_eq!(made(&mut feed, "b0", 9), [1]);
        feed.fall_behind(1, 1);
        feed.told(1, 1);
        (0..2000).for_each(|_| _ = made(&mut feed, "b", 9));
        assert!(matches!(feed.owed(1), Owed::Pause));
        (0..10_000).for_each(|_| _ = made(&mut feed, "b", 9));
        let (first, last) = next_owed(&mut feed, 1).expect("it has not looked at all");
        assert_eq!(first, LOOKS_MAX + 2, "the next one to look at");
        assert_eq!(last + 1, feed.history().first());
        assert_eq!(
            next_owed(&mut feed, 1),
            None,
            "the rest does not concern it"
        );
    }
}

/// What a client did or what happened.
#[derive(Debug, Clone)]
enum Step {
    Change {
        key: String,
        by: ClientId,
    },
    Watch {
        id: ClientId,
        prefix: String,
        echo: bool,
    },
    Unwatch {
        id: ClientId,
        prefix: String,
    },
    /// From the next change on, a client takes nothing.
    Stop(ClientId),
    /// A client reads so much.
    Read(ClientId, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 1..4u64;
    prop_oneof![
        12 => ("[ab]{1,4}", 1..5u64).prop_map(|(key, by)| Step::Change { key, by }),
        3 => (id(), "[ab]{0,3}", any::<bool>())
            .prop_map(|(id, prefix, echo)| Step::Watch { id, prefix, echo }),
        1 => (id(), "[ab]{0,3}").prop_map(|(id, prefix)| Step::Unwatch { id, prefix }),
        3 => id().prop_map(Step::Stop),
        3 => (id(), 0..200usize).prop_map(|(id, much)| Step::Read(id, much)),
    ]
}

/// What the model knows of a client: what it watches, each after which revision and with its own
/// changes after which, and what concerns it and has not been told.
#[derive(Debug, Default)]
struct Model {
    watches: BTreeMap<String, (u64, Option<u64>)>,
    untold: Vec<(u64, String, bool)>,
    stopped: bool,
}

impl Model {
    fn wants(&self, revision: u64, key: &str, is_own: bool) -> bool {
        self.watches.iter().any(|(prefix, (from, echo))| {
            key.starts_with(prefix.as_str())
                && *from < revision
                && (!is_own || echo.is_some_and(|echo| echo < revision))
        })
    }

    /// Forgets what it has asked not to be told.
    fn forget(&mut self) {
        let mut untold = std::mem::take(&mut self.untold);
        untold.retain(|(revision, key, is_own)| self.wants(*revision, key, *is_own));
        self.untold = untold;
    }

    /// Takes off what a notice or a range covers; all of it must be owed, without a gap.
    fn hears(&mut self, first: u64, last: u64) {
        let covers = |(at, ..): &&(u64, String, bool)| *at <= last;
        let covered = self.untold.iter().take_while(covers).count();
        let is_next = self.untold.first().is_none_or(|next| next.0 >= first);
        assert!(is_next, "{first} to {last} leaves a gap: {self:?}");
        assert!(
            covered > 0 || first < last,
            "{first} does not concern it: {self:?}"
        );
        self.untold.drain(..covered);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn every_change_that_concerns_a_client_is_told_or_lost_once_and_in_order(
        steps in vec(step(), 1..700),
    ) {
        let mut feed = Feed::new(65536, 0);
        let mut clients: BTreeMap<ClientId, Model> =
            (1..4).map(|id| (id, Model::default())).collect();
        for step in steps {
            let now = feed.history().last();
            match step {
                Step::Change { key, by } => {
                    let told = made(&mut feed, &key, by);
                    for (id, model) in &mut clients {
                        let wants = model.wants(now + 1, &key, *id == by);
                        let is_live = !feed.is_behind(*id);
                        prop_assert_eq!(told.contains(id), wants && is_live);
                        if wants && (model.stopped || !is_live) {
                            model.untold.push((now + 1, key.clone(), *id == by));
                        }
                        if wants && is_live && model.stopped {
                            feed.fall_behind(*id, now + 1);
                        }
                    }
                }
                Step::Watch { id, prefix, echo } => {
                    feed.watch(id, &wish(&prefix, None, echo), EPOCH).unwrap();
                    let model = clients.get_mut(&id).unwrap();
                    let held = model.watches.entry(prefix).or_insert((now, None));
                    held.1 = echo.then(|| held.1.unwrap_or(now));
                    model.forget();
                }
                Step::Unwatch { id, prefix } => {
                    feed.unwatch(id, Some(prefix.as_bytes()));
                    let model = clients.get_mut(&id).unwrap();
                    model.watches.remove(&prefix);
                    model.forget();
                }
                Step::Stop(id) => clients.get_mut(&id).unwrap().stopped = true,
                Step::Read(id, much) => {
                    let model = clients.get_mut(&id).unwrap();
                    model.stopped = false;
                    for _ in 0..much {
                        let Some((first, last)) = next_owed(&mut feed, id) else {
                            break;
                        };
                        model.hears(first, last);
                    }
                    if !feed.is_behind(id) {
                        prop_assert!(model.untold.is_empty(), "{:?}", model);
                    }
                }
            }
        }
    }
}
