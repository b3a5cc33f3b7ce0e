//! Checks pages against the store as it was, and mirrors against the store as it is at the end.

use super::{Case, Violation};
use crate::changes::Map;
use crate::mirror::{Mirror, part};
use crate::record::{Answer, Event, Reply};

/// Every page of LIST shows the store at the page's revision, in lines at some revision that can
/// have been the present one; and every mirror whose connection
/// lasted to the end is equal to the store.
pub fn mirror_equal(case: &Case<'_>, violations: &mut Vec<Violation>) {
    pages(case, violations);
    pages_in_lines(case, violations);
    let conns = 0..case.record.conns.len();
    let mirrors: Vec<Mirror> = conns
        .map(|conn| mirror_of(case, conn, usize::MAX))
        .collect();
    case.changes.replay(&[case.changes.last()], |_, map| {
        for (conn, mirror) in mirrors.iter().enumerate() {
            let open = !case
                .record
                .of(conn)
                .any(|(_, it)| matches!(it, Event::Cut | Event::Ended));
            if !case.record.conns[conn].is_mirror || !open {
                continue;
            }
            let wrong = match &mirror.misfit {
                Some(misfit) => Some(misfit.clone()),
                None if !mirror.is_whole() => Some("the mirror has not listed all".to_owned()),
                None => difference(&mirror.map, &part(map, &mirror.prefix, None, None)),
            };
            let at = case.record.entries.len() - 1;
            violations.extend(wrong.map(|text| Violation::new("MirrorEqual", conn, at, text)));
        }
    });
}

/// What a mirror had come to at a place in the record. One that continues another begins with what
/// that had come to then, though the other may have heard more since.
fn mirror_of(case: &Case<'_>, conn: usize, until: usize) -> Mirror {
    let it = &case.record.conns[conn];
    let mut mirror = Mirror::default();
    if !it.is_mirror {
        return mirror;
    }
    let opened = case.record.of(conn).next().map_or(0, |(at, _)| at);
    let resumed = it.resumes.map(|id| mirror_of(case, id, opened));
    let mut answers = case.answers[conn].iter();
    let mut watches = false;
    for (_, event) in case.record.of(conn).take_while(|(at, _)| *at < until) {
        match event {
            Event::Sent(request) if request[0] == "LIST" => {
                let after = request.iter().position(|word| word == "AFTER");
                mirror.asked(after.map(|at| request[at + 1].clone()));
            }
            Event::Replied(reply) => {
                let Some(answer) = answers.next() else {
                    continue;
                };
                match reply {
                    Reply::Watching(..) if !watches => {
                        watches = true;
                        mirror = begun(answer, resumed.as_ref());
                    }
                    Reply::Page(page) => mirror.page(page),
                    _ => {}
                }
            }
            Event::Pushed(push) => mirror.push(push),
            _ => {}
        }
    }
    mirror.disconnected();
    mirror
}

fn begun(answer: &Answer<'_>, resumed: Option<&Mirror>) -> Mirror {
    match (answer.since(), resumed) {
        (Some(_), Some(mirror)) => mirror.clone(),
        _ => Mirror::new(&answer.request[1]),
    }
}

fn pages(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let pages = case
        .all_answers()
        .filter_map(|(conn, answer)| match answer.reply {
            Reply::Page(page) => Some((conn, answer, page)),
            _ => None,
        });
    let pages: Vec<_> = pages.collect();
    let revisions: Vec<u64> = pages.iter().map(|found| found.2.revision).collect();
    case.changes.replay(&revisions, |place, map| {
        let (conn, answer, page) = pages[place];
        let (prefix, after) = answer.listed();
        let next = page.next.as_deref();
        let shown: Map = page.keys.iter().cloned().collect();
        let sorted = page.keys.is_sorted_by(|a, b| a.0 < b.0);
        let text = match difference(&shown, &part(map, prefix, after, next)) {
            Some(text) => format!("the page at {}: {text}", page.revision),
            None if !sorted => format!("the keys of the page at {} are in disorder", page.revision),
            None => return,
        };
        violations.push(Violation::new("MirrorEqual", conn, answer.at, text));
    });
}

fn pages_in_lines(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let pages = case
        .all_answers()
        .filter_map(|(conn, answer)| match answer.reply {
            Reply::Keys(keys) => Some((conn, answer, keys)),
            _ => None,
        });
    for (conn, answer, keys) in pages {
        let (prefix, after) = answer.listed();
        let (low, _) = case.changes.bounds(answer.sent);
        let (_, high) = case.changes.bounds(answer.at);
        let revisions: Vec<u64> = (low..=high).collect();
        let mut fits = false;
        case.changes.replay(&revisions, |_, map| {
            fits = fits || part(map, prefix, after, None).keys().eq(keys);
        });
        if !fits {
            let text = format!("at no revision from {low} to {high} were these the keys: {keys:?}");
            violations.push(Violation::new("MirrorEqual", conn, answer.at, text));
        }
    }
}

/// The first key in which two maps differ.
fn difference(shown: &Map, store: &Map) -> Option<String> {
    let keys = shown.keys().chain(store.keys());
    let mut keys: Vec<_> = keys
        .filter(|key| shown.get(*key) != store.get(*key))
        .collect();
    keys.sort();
    let key = keys.first()?;
    Some(format!(
        "{key} is {:?}, and in the store {:?}",
        shown.get(*key),
        store.get(*key)
    ))
}
