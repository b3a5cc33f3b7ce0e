//! Remembers what the person at the terminal wants to hear of, over all connections.

use kvmsg::client::{Client, Error};

/// Prefixes of keys; changes to keys that begin with any of them are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    prefixes: Vec<Vec<u8>>,
    /// Nobody has asked for anything yet, so everything is told.
    is_default: bool,
}

impl Default for Watched {
    fn default() -> Watched {
        Watched {
            prefixes: vec![Vec::new()],
            is_default: true,
        }
    }
}

impl Watched {
    /// Whether there is nothing to be told.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Adds a prefix. The first one replaces watching everything; then that is to be ended at the
    /// server too, and this returns true.
    pub fn add(&mut self, prefix: &[u8]) -> bool {
        let replaces = self.is_default && !prefix.is_empty();
        if replaces {
            self.prefixes.clear();
        }
        self.is_default = false;
        if !self.prefixes.iter().any(|known| known == prefix) {
            self.prefixes.push(prefix.to_vec());
        }
        replaces
    }

    /// Removes a prefix, or all.
    pub fn remove(&mut self, prefix: Option<&[u8]>) {
        let is_meant = |known: &[u8]| prefix.is_none_or(|prefix| prefix == known);
        self.prefixes.retain(|known| !is_meant(known));
        self.is_default = false;
    }

    /// Asks for it all on a new connection; returns the revision after which that begins.
    ///
    /// # Errors
    ///
    /// Those of [`Client::watch`].
    pub async fn begin(&self, client: &mut Client) -> Result<u64, Error> {
        let mut revision = client.greeting().revision;
        for prefix in self.prefixes.iter().rev() {
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
        let mut watched = Watched::default();
        assert_eq!(watched.prefixes, [b""]);
        assert!(watched.add(b"a"));
        assert!(!watched.add(b"b") && !watched.add(b"a"));
        assert_eq!(watched.prefixes, [b"a", b"b"]);
        watched.remove(Some(b"a"));
        assert_eq!(watched.prefixes, [b"b"]);
        watched.remove(None);
        assert!(watched.is_empty());
        // Asked for by name, everything is a prefix like others.
        assert!(!watched.add(b"") && !watched.add(b"a"));
        assert_eq!(watched.prefixes, [&b""[..], b"a"]);
    }
}
