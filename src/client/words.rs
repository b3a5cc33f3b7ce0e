//! Names what a client asks and what it is told.

use super::position::Position;
use crate::protocol::notice::Op;

/// What can be asked, with the fields where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named as in kvmsg(7)")]
pub enum Request<'a> {
    /// Appends a value; answered with the revision.
    Put { key: &'a [u8], value: &'a [u8] },
    /// Asks for all values of a key; answered with them, or that there is no such key.
    Get { key: &'a [u8] },
    /// Replaces the first value equal to `old`; answered with the revision, or that there is none.
    Update {
        key: &'a [u8],
        old: &'a [u8],
        new: &'a [u8],
    },
    /// Removes the first value equal to this; answered with the revision, or that there is none.
    Remove { key: &'a [u8], value: &'a [u8] },
    /// Removes a key; answered with the revision, or that there is none.
    Delete { key: &'a [u8] },
    /// Asks for a sign of life; answered with it, or with the text.
    Ping { text: Option<&'a [u8]> },
    /// Asks to be told of changes to keys that begin with `prefix`: of those after now, or after
    /// `since`, on a connection that watches nothing yet. With `echo` also of one's own. Answered
    /// with the position after which that begins, or that it is gone.
    Watch {
        prefix: &'a [u8],
        since: Option<&'a Position>,
        echo: bool,
    },
    /// Asks to be told no more of a prefix, or at all.
    Unwatch { prefix: Option<&'a [u8]> },
    /// Asks for the keys that begin with `prefix` and stand behind `after`, with their values, in
    /// the order of their bytes; for `count` at most, or as many as the server thinks fit.
    /// Answered with a page.
    List {
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        count: Option<u64>,
    },
    /// Asks for the counters.
    Stats,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was done; the server's revision.
    Revision(u64),
    /// There was no such key or value.
    NotFound,
    /// All values of a key, in order.
    Values(Vec<Vec<u8>>),
    /// A text: `PONG`, or what was sent.
    Text(Vec<u8>),
    /// It was done, and no revision has to do with it.
    Done,
    /// Every change after this position that concerns the client will be told.
    Watching(Position),
    /// The watch cannot continue where it was asked to: changes since then have left the server's
    /// history, or its series of revisions is another.
    Gone {
        /// The first revision that the server still holds, or the next to come.
        oldest: u64,
        /// The server's series, 16 hexadecimal digits.
        epoch: String,
    },
    /// Some keys, and where to go on.
    Page(Page),
    /// The counters, in the server's order.
    Stats(Vec<(String, Stat)>),
    /// The server refused the request, and says why. The connection stays open unless the text
    /// says that the protocol was broken.
    Refused(String),
}

/// Some keys in the order of their bytes, with their values, as they were at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The series that the revision belongs to, 16 hexadecimal digits.
    pub epoch: String,
    /// The revision at which the server looked.
    pub revision: u64,
    /// The key after which the next page begins; none if this is the last.
    pub next: Option<Vec<u8>>,
    /// Each key with its values, in order.
    pub keys: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// One figure of the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stat {
    /// A count or an amount.
    Number(u64),
    /// A name.
    Text(String),
}

/// What a watching client is told without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something changed.
    Change {
        /// What happened.
        op: Op,
        /// The key that it concerns.
        key: Vec<u8>,
        /// The server's revision after it.
        revision: u64,
        /// The values that it concerns; see [`Op`].
        values: Vec<Vec<u8>>,
    },
    /// Changes in this range of revisions were not told, for this client did not read fast enough:
    /// what it knows of any key may be out of date.
    Lost {
        /// The first revision of the range.
        first: u64,
        /// The last revision of the range.
        last: u64,
    },
    /// Everything that concerns this client up to this revision has been told.
    Progress {
        /// The revision.
        revision: u64,
    },
    /// The server is stopping and closes within this time.
    Drain {
        /// The time, in seconds.
        seconds: u64,
    },
}

/// What the server says of itself on connecting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Greeting {
    /// Its version.
    pub version: String,
    /// The number of this connection.
    pub id: u64,
    /// The series that its revisions belong to.
    pub epoch: String,
    /// Its revision.
    pub revision: u64,
}
