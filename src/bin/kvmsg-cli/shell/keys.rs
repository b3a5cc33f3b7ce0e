//! Knows which keys the server has, for completion.
//!
//! Whoever presses Tab asks for the keys that begin with what has been typed ([`Keys::starting`])
//! and waits a moment that nobody notices. The [`Finder`] asks the server, over a connection of its
//! own: the first LIST of a server with many keys takes a while, and no request of the person at
//! the terminal is to wait behind it. An answer that comes late is there at the next Tab.
//!
//! Nothing is asked before somebody presses Tab: a LIST makes the server put its keys in order.

use async_channel::{Receiver, Sender, bounded};
use futures_lite::future;
use kvmsg::client::{Client, Error, Page};
use smol::Timer;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many keys are found. What does not fit a screen is no help.
const KEYS_MAX: usize = 100;

/// How many pages of LIST are asked for at most. Long values make pages of few keys.
const PAGES_MAX: usize = 4;

/// How often the server is asked what all of too many keys begin with.
const PROBES_MAX: usize = 16;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// How long Tab waits for an answer.
const WAIT: Duration = Duration::from_millis(250);

/// How long the connection is kept for the next Tab.
const IDLE: Duration = Duration::from_secs(10);

/// Keys that begin with the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Some of them, in the order of their bytes.
    pub keys: Vec<Vec<u8>>,
    /// There are more: what all of them begin with, as far as that is known.
    pub more: Option<Vec<u8>>,
}

/// The keys, as the line editor asks for them.
#[derive(Debug)]
pub struct Keys {
    wanted: Sender<Vec<u8>>,
    known: Arc<Known>,
}

/// What both sides know.
#[derive(Debug, Default)]
struct Known {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many questions have been answered, if only by a failure, and the beginning of the last.
    answers: u64,
    beginning: Vec<u8>,
    /// The last keys that were found, and their beginning.
    found: Option<(Vec<u8>, Found)>,
}

/// The other side, which asks the server.
#[derive(Debug)]
pub struct Finder {
    server: String,
    timeout: Duration,
    wanted: Receiver<Vec<u8>>,
    known: Arc<Known>,
}

/// Both sides. The finder connects when it is first asked.
pub fn keys(server: &str, timeout: Duration) -> (Keys, Finder) {
    let (wanted, questions) = bounded(1);
    let known = Arc::new(Known::default());
    let finder = Finder {
        server: server.to_owned(),
        timeout,
        wanted: questions,
        known: known.clone(),
    };
    (Keys { wanted, known }, finder)
}

impl Keys {
    /// The keys that begin with `beginning`. What the server does not tell at once comes from an
    /// earlier answer, or is missing.
    pub fn starting(&self, beginning: &[u8]) -> Found {
        let state = self.known.state();
        let answers = state.answers;
        // A question that waits is out of date by now.
        if self.wanted.force_send(beginning.to_vec()).is_err() {
            return Found::default();
        }
        let is_open = |state: &mut State| state.answers == answers || state.beginning != beginning;
        let waited = self.known.answered.wait_timeout_while(state, WAIT, is_open);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &state.found {
            Some((known, found)) if beginning.starts_with(known) => found.narrowed(beginning),
            _ => Found::default(),
        }
    }
}

impl Found {
    /// Those of some words that begin with `beginning`, but not one that is empty.
    pub fn among(words: &[Vec<u8>], beginning: &[u8]) -> Found {
        let words = words.iter().filter(|word| !word.is_empty());
        let words = words.filter(|word| word.starts_with(beginning));
        Found {
            keys: words.cloned().collect(),
            more: None,
        }
    }

    /// Those that begin with `beginning`, which is at least what all of these begin with.
    fn narrowed(&self, beginning: &[u8]) -> Found {
        let keys = self.keys.iter().filter(|key| key.starts_with(beginning));
        let more = self
            .more
            .as_ref()
            .map(|common| match common.starts_with(beginning) {
                true => common.clone(),
                false => beginning.to_vec(),
            });
        Found {
            keys: keys.cloned().collect(),
            more,
        }
    }
}

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the answer to a question; none if the server did not give any.
    fn answer(&self, beginning: Vec<u8>, found: Option<Found>) {
        let mut state = self.state();
        state.answers += 1;
        if let Some(found) = found {
            state.found = Some((beginning.clone(), found));
        }
        state.beginning = beginning;
        self.answered.notify_all();
    }
}

impl Finder {
    /// Answers questions until nobody can ask any more.
    pub async fn run(self) {
        let mut client = None;
        loop {
            let question = async { Some(self.wanted.recv().await) };
            let is_kept = client.is_some();
            let idle = async {
                match is_kept {
                    true => Timer::after(IDLE).await,
                    false => future::pending().await,
                };
                None
            };
            match future::or(question, idle).await {
                None => client = None,
                Some(Err(_)) => return,
                Some(Ok(beginning)) => {
                    let found = self.find(&mut client, &beginning).await.ok();
                    self.known.answer(beginning, found);
                }
            }
        }
    }

    /// Asks over the connection there is, and if that is broken, over a new one.
    async fn find(&self, kept: &mut Option<Client>, beginning: &[u8]) -> Result<Found, Error> {
        if let Some(mut client) = kept.take()
            && let Ok(found) = find(&mut client, beginning).await
        {
            *kept = Some(client);
            return Ok(found);
        }
        let mut client = Client::connect(&self.server, self.timeout).await?;
        let found = find(&mut client, beginning).await?;
        *kept = Some(client);
        Ok(found)
    }
}

async fn find(client: &mut Client, beginning: &[u8]) -> Result<Found, Error> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    for _ in 0..PAGES_MAX {
        let count = KEYS_MAX - keys.len();
        let page = client
            .list(beginning, after.as_deref(), Some(count as u64))
            .await?;
        let Page {
            next, keys: listed, ..
        } = page;
        keys.extend(listed.into_iter().map(|(key, _)| key));
        after = next;
        if after.is_none() || keys.len() >= KEYS_MAX {
            break;
        }
    }
    let more = match after {
        None => None,
        Some(_) => Some(common(client, beginning, &keys).await?),
    };
    Ok(Found { keys, more })
}

/// What all keys that begin with `beginning` begin with, `first` being the first of them. A key
/// that does not begin as those do stands behind all that do, so it is asked for there.
async fn common(
    client: &mut Client,
    beginning: &[u8],
    first: &[Vec<u8>],
) -> Result<Vec<u8>, Error> {
    let mut common = first.first().map_or(beginning, Vec::as_slice);
    for key in first {
        common = shared(common, key);
    }
    let mut common = common.to_vec();
    for _ in 0..PROBES_MAX {
        if common.len() <= beginning.len() {
            break;
        }
        let mut last = common.clone();
        last.resize(KEY_BYTES_MAX, 0xff);
        let page = client.list(beginning, Some(&last), Some(1)).await?;
        match page.keys.first() {
            Some((key, _)) => common.truncate(shared(&common, key).len()),
            None => return Ok(common),
        }
    }
    Ok(beginning.to_vec())
}

/// The bytes with which both begin.
fn shared<'a>(one: &'a [u8], other: &[u8]) -> &'a [u8] {
    let length = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    &one[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(keys: &[&str], more: Option<&str>) -> Found {
        Found {
            keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
            more: more.map(|common| common.as_bytes().to_vec()),
        }
    }

    #[test]
    fn an_earlier_answer_is_narrowed_to_what_is_wanted() {
        let known = found(&["user:1", "user:2", "uses"], Some("use"));
        assert_eq!(known.narrowed(b"u"), known);
        let narrowed = known.narrowed(b"user:");
        assert_eq!(narrowed, found(&["user:1", "user:2"], Some("user:")));
        assert_eq!(
            found(&["a", "ab"], None).narrowed(b"ab"),
            found(&["ab"], None)
        );
    }

    #[test]
    fn a_server_that_does_not_answer_is_not_waited_for_and_a_late_answer_is_kept() {
        let (keys, finder) = keys("127.0.0.1:1", Duration::from_secs(1));
        assert_eq!(keys.starting(b"u"), Found::default());
        finder
            .known
            .answer(b"u".to_vec(), Some(found(&["user", "uses"], None)));
        // No other answer comes; the one that is there serves.
        assert_eq!(keys.starting(b"user"), found(&["user"], None));
        assert_eq!(keys.starting(b"x"), Found::default());
        assert_eq!(finder.wanted.try_recv().ok(), Some(b"x".to_vec()));
    }
}
