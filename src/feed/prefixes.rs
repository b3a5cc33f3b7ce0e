//! Finds the clients that watch a prefix of a key: a tree of prefixes.
//!
//! To look a key up costs a walk along it, as far as prefixes agree with it; clients that watch
//! other prefixes cost nothing. Each node holds the bytes that it adds to its parent's prefix, so
//! a prefix that nobody shares is one node, however long.

use super::ClientId;

/// Which clients watch which prefixes.
#[derive(Debug, Default)]
pub struct Prefixes {
    root: Node,
}

/// A prefix that is watched, or that several which are watched begin with.
#[derive(Debug, Default)]
struct Node {
    /// What it adds to its parent's prefix; at least one byte but in the root.
    label: Box<[u8]>,
    /// Those who watch it, in ascending order.
    clients: Vec<ClientId>,
    /// Ordered by the first byte of their labels, which differ.
    children: Vec<Node>,
}

impl Prefixes {
    /// Notes that a client watches a prefix.
    pub fn insert(&mut self, prefix: &[u8], client: ClientId) {
        let mut node = &mut self.root;
        let mut rest = prefix;
        while let Some(first) = rest.first() {
            let at = match node.child(*first) {
                Ok(at) => at,
                Err(at) => {
                    let leaf = Node {
                        label: rest.into(),
                        ..Node::default()
                    };
                    node.children.insert(at, leaf);
                    at
                }
            };
            node = &mut node.children[at];
            let common = common(&node.label, rest);
            if common < node.label.len() {
                node.split(common);
            }
            rest = &rest[common..];
        }
        if let Err(at) = node.clients.binary_search(&client) {
            node.clients.insert(at, client);
        }
    }

    /// Forgets that a client watches a prefix.
    pub fn remove(&mut self, prefix: &[u8], client: ClientId) {
        self.root.remove(prefix, client);
    }

    /// Appends everyone who watches a prefix of `key`: once for each, those of one prefix in
    /// ascending order. Returns how many prefixes are watched by somebody.
    pub fn gather(&self, key: &[u8], clients: &mut Vec<ClientId>) -> usize {
        let mut node = &self.root;
        let mut rest = key;
        let mut watched = 0;
        loop {
            clients.extend_from_slice(&node.clients);
            watched += usize::from(!node.clients.is_empty());
            let Some(Ok(at)) = rest.first().map(|first| node.child(*first)) else {
                return watched;
            };
            node = &node.children[at];
            match rest.strip_prefix(&*node.label) {
                Some(left) => rest = left,
                None => return watched,
            }
        }
    }
}

impl Node {
    /// Where the child stands that begins with this byte, or would stand.
    fn child(&self, first: u8) -> Result<usize, usize> {
        self.children
            .binary_search_by_key(&first, |child| child.label[0])
    }

    /// Puts a node for the first `length` bytes of the label in this one's place, and this one
    /// below it.
    fn split(&mut self, length: usize) {
        let (upper, lower) = self.label.split_at(length);
        let (upper, lower) = (Box::from(upper), Box::from(lower));
        let mut below = std::mem::take(self);
        below.label = lower;
        self.label = upper;
        self.children.push(below);
    }

    fn remove(&mut self, rest: &[u8], client: ClientId) {
        let Some(first) = rest.first() else {
            if let Ok(at) = self.clients.binary_search(&client) {
                self.clients.remove(at);
            }
            return;
        };
        let Ok(at) = self.child(*first) else { return };
        let child = &mut self.children[at];
        let Some(rest) = rest.strip_prefix(&*child.label) else {
            return;
        };
        child.remove(rest, client);
        if child.clients.is_empty() {
            match &mut child.children[..] {
                [] => drop(self.children.remove(at)),
                [only] => {
                    only.label = [&*child.label, &*only.label].concat().into();
                    let only = std::mem::take(only);
                    *child = only;
                }
                _ => {}
            }
        }
    }
}

/// How many bytes two words have in common at their beginning.
pub(super) fn common(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Whether every node but the root is needed: it is watched, or leads to two.
    fn is_tight(node: &Node) -> bool {
        node.children.iter().all(|child| {
            (!child.clients.is_empty() || child.children.len() > 1)
                && !child.label.is_empty()
                && is_tight(child)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_key_finds_exactly_those_who_watch_a_prefix_of_it(
            steps in vec((any::<bool>(), "[ab]{0,5}", 1..4u64), 1..60),
            keys in vec("[abc]{1,6}", 1..10),
        ) {
            let mut prefixes = Prefixes::default();
            let mut model = BTreeSet::new();
            for (inserts, prefix, client) in steps {
                if inserts {
                    prefixes.insert(prefix.as_bytes(), client);
                    model.insert((prefix, client));
                } else {
                    prefixes.remove(prefix.as_bytes(), client);
                    model.remove(&(prefix, client));
                }
                prop_assert!(is_tight(&prefixes.root));
            }
            for key in keys {
                let mut found = Vec::new();
                let watched = prefixes.gather(key.as_bytes(), &mut found);
                let matching: Vec<_> = model
                    .iter()
                    .filter(|(prefix, _)| key.starts_with(prefix.as_str()))
                    .collect();
                let expected: Vec<_> = matching.iter().map(|(_, client)| *client).collect();
                prop_assert_eq!(found, expected);
                let distinct: BTreeSet<_> = matching.iter().map(|(prefix, _)| prefix).collect();
                prop_assert_eq!(watched, distinct.len());
            }
            for (prefix, client) in model {
                prefixes.remove(prefix.as_bytes(), client);
            }
            prop_assert!(prefixes.root.children.is_empty() && prefixes.root.clients.is_empty());
        }
    }
}
