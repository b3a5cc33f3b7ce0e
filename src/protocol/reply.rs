//! Names what a request is answered with.

use super::command::{Refusal, Version};
use crate::list::List;

/// What `HELLO` answers as the server's name, and `STATS` and `HELLO` as its version.
pub const SERVER: (&str, &str) = ("kvmsg", env!("CARGO_PKG_VERSION"));

/// The answer to one request.
#[derive(Debug)]
pub enum Reply<'a> {
    /// It was done, or there was nothing to change: the server's revision now.
    Done(u64),
    /// It was done, and no revision has to do with it.
    Ok,
    /// There was no such key or value to act on.
    Missing,
    /// There was no such key to read.
    MissingList,
    /// All values of a key.
    Values(List<'a>),
    /// A sign of life.
    Pong,
    /// The client's own words.
    Text(&'a [u8]),
    /// Notices follow this revision of this series.
    Watching {
        /// The series that the revision belongs to.
        epoch: u64,
        /// The revision after which the notices begin.
        revision: u64,
    },
    /// A page begins; so many times follow [`Reply::Key`] and, in frames, [`Reply::Values`], and
    /// then [`Reply::PageEnd`].
    Page {
        /// The series that the revision belongs to.
        epoch: u64,
        /// The revision at which the page is what the store holds.
        revision: u64,
        /// The key to continue after, if there are more.
        next: Option<&'a [u8]>,
        /// How many keys follow.
        keys: usize,
    },
    /// One key of a page.
    Key(&'a [u8]),
    /// A page ends.
    PageEnd,
    /// Who the server is and what was agreed.
    Hello(Hello),
    /// The counters, by name.
    Stats(&'a [(&'static str, Stat)]),
    /// The list of requests.
    Help,
    /// What was wrong.
    Refused(&'a Refusal),
}

/// What `HELLO` answers, beside the fixed words.
#[derive(Debug, Clone, Copy)]
pub struct Hello {
    /// The version of RESP from here on.
    pub version: Version,
    /// The number of this connection.
    pub id: u64,
    /// The series that the revision belongs to.
    pub epoch: u64,
    /// The server's revision.
    pub revision: u64,
}

/// One figure of `STATS`.
#[derive(Debug, Clone)]
pub enum Stat {
    /// A count or an amount.
    Number(u64),
    /// A name.
    Text(String),
}

/// An epoch as clients see it: 16 hexadecimal digits.
pub fn epoch_text(epoch: u64) -> String {
    format!("{epoch:016x}")
}
