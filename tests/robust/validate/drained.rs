//! Checks the end of a run that the server brought about, because it was told to stop.

use super::{Case, Violation};
use crate::lives::End;
use crate::record::{ConnId, Event, Push};

/// Once the server is told to stop, it tells everyone who watches, ends every connection after its
/// last words, and reports as many replies as were heard. Before that it ends no connection of its
/// own accord.
///
/// That what was told until then has no gap is for the other promises: a client that was told of
/// the drain and whose connection was ended has been told everything up to the last revision.
pub fn drained(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let mut entries = case.record.entries.iter();
    let stopped = entries.position(|(_, event)| *event == Event::Stopped);
    for conn in 0..case.record.conns.len() {
        let mut found = Vec::new();
        found.extend(ended_unasked(case, conn, stopped.unwrap_or(usize::MAX)));
        if let Some(stopped) = stopped {
            found.extend(not_ended(case, conn).map(|text| (stopped, text)));
            found.extend(not_told(case, conn, stopped));
        }
        let violation = |(at, text)| Violation::new("Drained", conn, at, text);
        violations.extend(found.into_iter().map(violation));
    }
    requests(case, violations);
}

/// Where the server, in stopping, ended the connection of one who watched and was not told.
fn not_told(case: &Case<'_>, conn: ConnId, stopped: usize) -> Option<(usize, String)> {
    let (at, last) = case.record.of(conn).next_back()?;
    let is_ended = *last == Event::Ended && at > stopped;
    let life = case.lives[conn].lives.last()?;
    let lasted = !matches!(life.end, End::Unwatched | End::Cut);
    let text = "it watches, and is not told that the server stops".to_owned();
    (is_ended && lasted && life.ending == usize::MAX).then_some((at, text))
}

/// A connection that is still open though the server has stopped.
fn not_ended(case: &Case<'_>, conn: ConnId) -> Option<String> {
    let mut events = case.record.of(conn);
    let is_over = events.any(|(_, event)| matches!(event, Event::Cut | Event::Ended));
    (!is_over).then(|| "the server has stopped, and not ended this connection".to_owned())
}

/// Where the server ended a connection before it was told to stop, and nobody had asked for it.
fn ended_unasked(case: &Case<'_>, conn: ConnId, stopped: usize) -> Option<(usize, String)> {
    let before = || case.record.of(conn).take_while(|(at, _)| *at < stopped);
    let (at, _) = before().find(|(_, event)| **event == Event::Ended)?;
    let is_asked = before().any(|(_, event)| *event == Event::Halved);
    let is_told = before().any(|(_, event)| *event == Event::Pushed(Push::Drain));
    let text = "the server has ended this connection of its own accord".to_owned();
    (!is_asked || is_told).then_some((at, text))
}

/// The replies of the report against those that were heard. What a client that cut its connection
/// was still answered is not known, but bounded.
fn requests(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let entries = case.record.entries.iter().enumerate();
    let mut reports = entries.filter_map(|(at, (conn, event))| match event {
        Event::Reported(figures) => Some((at, *conn, *figures.get("requests")?)),
        _ => None,
    });
    let Some((at, conn, figure)) = reports.next() else {
        return;
    };
    let (mut heard, mut more) = (0, 0);
    for conn in 0..case.record.conns.len() {
        let count = |what: fn(&Event) -> bool| {
            let events = case.record.of(conn).filter(|(_, event)| what(event));
            events.count() as u64
        };
        let replies = count(|event| matches!(event, Event::Replied(_)));
        heard += replies;
        if count(|event| *event == Event::Cut) > 0 {
            more += count(|event| matches!(event, Event::Sent(_))) - replies;
        }
    }
    if !(heard..=heard + more).contains(&figure) {
        let text =
            format!("{figure} requests were answered, and {heard} heard, at most {more} more");
        violations.push(Violation::new("Drained", conn, at, text));
    }
}
