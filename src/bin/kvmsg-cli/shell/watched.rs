//! Remembers what the person at the terminal wants to hear of, over all connections.

use kvmsg::client::{Client, Error};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Prefixes of keys; changes to keys that begin with any of them are told. A clone is another
/// handle of the same ones, for the line editor completes them.
#[derive(Debug, Clone)]
pub struct Watched {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    prefixes: Vec<Vec<u8>>,
    /// Nobody has asked for anything yet, so everything is told.
    is_default: bool,
}

impl Default for Watched {
    fn default() -> Watched {
        let state = State {
            prefixes: vec![Vec::new()],
            is_default: true,
        };
        Watched {
            state: Arc::new(Mutex::new(state)),
        }
    }
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prefixes, in the order in which they were asked for.
    pub fn prefixes(&self) -> Vec<Vec<u8>> {
        self.state().prefixes.clone()
    }

    /// Adds a prefix. The first one replaces watching everything; then that is to be ended at the
    /// server too, and this returns true.
    pub fn add(&self, prefix: &[u8]) -> bool {
        let mut state = self.state();
        let replaces = state.is_default && !prefix.is_empty();
        if replaces {
            state.prefixes.clear();
        }
        state.is_default = false;
        if !state.prefixes.iter().any(|known| known == prefix) {
            state.prefixes.push(prefix.to_vec());
        }
        replaces
    }

    /// Removes a prefix, or all.
    pub fn remove(&self, prefix: Option<&[u8]>) {
        let is_meant = |known: &[u8]| prefix.is_none_or(|prefix| prefix == known);
        let mut state = self.state();
        state.prefixes.retain(|known| !is_meant(known));
        state.is_default = false;
    }

    /// Asks for it all on a new connection; returns the revision after which that begins.
    ///
    /// # Errors
    ///
    /// Those of [`Client::watch`].
    pub async fn begin(&self, client: &mut Client) -> Result<u64, Error> {
        let mut revision = client.greeting().revision;
        for prefix in self.prefixes().iter().rev() {
            revision = client.watch(prefix).await?.revision;
        }
        Ok(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_prefix_replaces_watching_everything_and_the_others_add_up() {
        let watched = Watched::default();
        assert_eq!(watched.prefixes(), [b""]);
        assert!(watched.add(b"a"));
        assert!(!watched.add(b"b") && !watched.add(b"a"));
        assert_eq!(watched.prefixes(), [b"a", b"b"]);
        watched.remove(Some(b"a"));
        assert_eq!(watched.prefixes(), [b"b"]);
        watched.remove(None);
        assert!(watched.prefixes().is_empty());
        // Asked for by name, everything is a prefix like others.
        assert!(!watched.add(b"") && !watched.add(b"a"));
        assert_eq!(watched.prefixes(), [&b""[..], b"a"]);
    }
}
