//! Keeps what one client watches, and how far it has been told.

use super::prefixes::common;
use crate::protocol::notice::Change;

/// What a watched prefix is counted with in `clients_bytes`, beside twice its length: it is kept
/// here and in the tree of prefixes.
const WATCH_OVERHEAD_BYTES: usize = 192;

/// One prefix that a client watches.
#[derive(Debug)]
pub(super) struct Watch {
    pub prefix: Box<[u8]>,
    /// The revision after which it begins.
    from: u64,
    /// The revision after which the client's own changes are told too, if they are.
    echo: Option<u64>,
    /// Whether the client never asked for it.
    implicit: bool,
}

/// A client that watches.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// Ordered by their prefixes, which differ.
    pub watches: Vec<Watch>,
    /// The next revision to look at, for a client that is behind.
    pub behind: Option<u64>,
    /// The last revision that a client which leaves is to be told of.
    pub until: Option<u64>,
}

impl Watcher {
    /// Whether a change concerns the client. All its watches that match are asked, for each begins
    /// at a place of its own; how many is added to `looks`.
    pub fn wants(&self, change: &Change<'_>, is_own: bool, looks: &mut u64) -> bool {
        let begun = |from: u64| from < change.revision;
        self.matching(&change.key)
            .inspect(|_| *looks += 1)
            .any(|watch| begun(watch.from) && (!is_own || watch.echo.is_some_and(begun)))
    }

    /// The watches whose prefix a key begins with, the longest first. A search for each, so that a
    /// client that watches many costs hardly more than one that watches few.
    fn matching<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a Watch> {
        let (mut watches, mut rest) = (&self.watches[..], key);
        std::iter::from_fn(move || {
            loop {
                let end = watches.partition_point(|watch| *watch.prefix <= *rest);
                let (last, before) = watches[..end].split_last()?;
                watches = before;
                // What else can match begins no later than where this one departs from the key.
                rest = &rest[..common(&last.prefix, rest)];
                if rest.len() == last.prefix.len() {
                    return Some(last);
                }
            }
        })
    }

    /// Adds a prefix after a revision; the same again only sets whether own changes are told,
    /// from `now` on. Returns whether it is new.
    pub fn watch(&mut self, prefix: &[u8], from: u64, echo: bool, now: u64) -> bool {
        let at = match self.find(prefix) {
            Ok(at) => {
                let watch = &mut self.watches[at];
                watch.echo = echo.then(|| watch.echo.unwrap_or(now));
                watch.implicit = false;
                return false;
            }
            Err(at) => at,
        };
        let watch = Watch {
            prefix: prefix.into(),
            from,
            echo: echo.then_some(from),
            implicit: false,
        };
        self.watches.insert(at, watch);
        true
    }

    /// Says that the client never asked for what it watches so far.
    pub fn make_implicit(&mut self) {
        self.watches
            .iter_mut()
            .for_each(|watch| watch.implicit = true);
    }

    /// Whether all it watches is what it never asked for, and not this prefix.
    pub fn is_replaced_by(&self, prefix: &[u8]) -> bool {
        let is_other = |watch: &Watch| watch.implicit && *watch.prefix != *prefix;
        self.watches.iter().all(is_other)
    }

    /// Whether it watches this prefix.
    pub fn has(&self, prefix: &[u8]) -> bool {
        self.find(prefix).is_ok()
    }

    /// Where a prefix stands, or would stand.
    fn find(&self, prefix: &[u8]) -> Result<usize, usize> {
        self.watches
            .binary_search_by(|watch| (*watch.prefix).cmp(prefix))
    }

    /// What it takes, in bytes, as `clients_bytes` counts it.
    pub fn bytes(&self) -> usize {
        let bytes = |watch: &Watch| 2 * watch.prefix.len() + WATCH_OVERHEAD_BYTES;
        self.watches.iter().map(bytes).sum()
    }
}
