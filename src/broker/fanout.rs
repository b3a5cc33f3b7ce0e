//! Tells those who are live of a change, encoded once for each dialect that they speak.

use crate::feed::{ClientId, Feed};
use crate::protocol::notice::{Change, Encoded, Notice};
use crate::protocol::{Dialect, encode_notice};

/// A change on its way to those who watch; none most of the time.
#[derive(Debug, Default)]
pub(super) struct Fanout {
    change: Option<Change<'static>>,
    clients: Vec<ClientId>,
    next: usize,
    lines: Option<Encoded>,
    resp2: Option<Encoded>,
    resp3: Option<Encoded>,
}

impl Fanout {
    /// Whether a change is being told.
    pub(super) fn is_going_on(&self) -> bool {
        self.change.is_some()
    }

    /// Records a change made by this client, and begins to tell it to those it concerns; false if
    /// there are none.
    pub(super) fn begin(&mut self, feed: &mut Feed, change: Change<'_>, by: ClientId) -> bool {
        feed.record(&change, by, &mut self.clients);
        if !self.clients.is_empty() {
            (self.lines, self.resp2, self.resp3) = (None, None, None);
            self.change = Some(change.into_owned());
            self.next = 0;
        }
        self.is_going_on()
    }

    /// The next client to tell; nothing, and an end, when all have been told.
    pub(super) fn next(&mut self) -> Option<ClientId> {
        let next = self.clients.get(self.next).copied();
        self.next += 1;
        if next.is_none() {
            self.change = None;
        }
        next
    }

    /// The revision of the change and its notice in a dialect, while it goes on.
    pub(super) fn notice(&mut self, dialect: Dialect) -> Option<(u64, &Encoded)> {
        let change = self.change.as_ref()?;
        let encoded = match dialect {
            Dialect::Lines => &mut self.lines,
            Dialect::Resp2 => &mut self.resp2,
            Dialect::Resp3 => &mut self.resp3,
        };
        let notice = Notice::Change(change);
        let made = encoded.get_or_insert_with(|| encode_notice(&notice, dialect));
        Some((change.revision, made))
    }
}
