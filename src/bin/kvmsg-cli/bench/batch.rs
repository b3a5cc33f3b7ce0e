//! Makes requests with keys at random, many at once, with as little work as possible.
//!
//! A request is made once and then copied; of each copy only the ten digits of its key are written
//! anew. Where all requests are alike not even that: they stand in one buffer for good.

use crate::options::Benching;
use crate::verbs::Name;
use std::hash::{BuildHasher as _, RandomState};

/// What every key begins with.
pub const PREFIX: &[u8] = b"bench:";

/// How many digits follow it.
pub const DIGITS: usize = 10;

/// A request, but for its key.
#[derive(Debug, Clone)]
struct Template {
    bytes: Vec<u8>,
    /// Where the digits of its key stand, if it has one.
    digits: Option<usize>,
    /// A draw below this takes it, unless it takes one before it.
    below: u64,
}

impl Template {
    fn new(words: &[&[u8]], below: u64) -> Template {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        let mut digits = None;
        for (at, word) in words.iter().enumerate() {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            if at == 1 {
                digits = Some(bytes.len() + PREFIX.len());
            }
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        Template {
            bytes,
            digits,
            below,
        }
    }
}

/// Whether a key is one of those that are made here.
pub fn is_ours(key: &[u8]) -> bool {
    let digits = key.strip_prefix(PREFIX);
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.iter().all(u8::is_ascii_digit))
}

/// The requests of one connection.
#[derive(Debug)]
pub struct Batch {
    templates: Vec<Template>,
    /// All draws are below this.
    draws: u64,
    keyspace: u64,
    random: u64,
    buffer: Vec<u8>,
}

impl Batch {
    /// Requests as they were asked for.
    pub fn new(benching: &Benching) -> Batch {
        let key = [PREFIX, &[b'0'; DIGITS]].concat();
        let length = benching.value_bytes as usize;
        // These differ, for an update that changes nothing is none.
        let (one, other) = (vec![b'x'; length], vec![b'y'; length.max(1)]);
        let (mut templates, mut draws) = (Vec::new(), 0);
        let mut add = |words: &[&[u8]], share: u64| {
            draws += share;
            templates.push(Template::new(words, draws));
        };
        for (name, share) in &benching.mix.0 {
            // Two of each, for an update goes there and back.
            match name {
                Name::Get => add(&[b"GET", &key], 2 * share),
                Name::Update => {
                    add(&[b"UPDATE", &key, &one, &other], *share);
                    add(&[b"UPDATE", &key, &other, &one], *share);
                }
                Name::Remove => add(&[b"REMOVE", &key, &one], 2 * share),
                Name::Delete => add(&[b"DELETE", &key], 2 * share),
                Name::Ping => add(&[b"PING"], 2 * share),
                _ => add(&[b"PUT", &key, &one], 2 * share),
            }
        }
        let buffer = match &templates[..] {
            [alone] => alone.bytes.repeat(benching.pipeline as usize),
            _ => Vec::new(),
        };
        Batch {
            templates,
            draws,
            keyspace: benching.keyspace,
            // Each such state has keys of its own, from the operating system.
            random: RandomState::new().hash_one(0),
            buffer,
        }
    }

    /// The bytes of the next requests, at most as many as are in flight.
    pub fn fill(&mut self, count: usize) -> &[u8] {
        if let [alone] = &self.templates[..] {
            let (length, digits) = (alone.bytes.len(), alone.digits);
            if let Some(digits) = digits {
                for at in 0..count {
                    let key = self.draw(self.keyspace);
                    write_digits(key, &mut self.buffer[at * length + digits..]);
                }
            }
            return &self.buffer[..count * length];
        }
        self.buffer.clear();
        for _ in 0..count {
            let (drawn, key) = (self.draw(self.draws), self.draw(self.keyspace));
            let start = self.buffer.len();
            let taken = self
                .templates
                .iter()
                .find(|template| drawn < template.below);
            let Some(template) = taken else { continue };
            self.buffer.extend_from_slice(&template.bytes);
            if let Some(digits) = template.digits {
                write_digits(key, &mut self.buffer[start + digits..]);
            }
        }
        &self.buffer
    }

    /// A number below this, by chance.
    fn draw(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(below)) >> 64) as u64
    }
}

/// Writes a number in [`DIGITS`] digits at the beginning of `out`.
fn write_digits(mut number: u64, out: &mut [u8]) {
    for digit in out[..DIGITS].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn batch(mix: &str, keyspace: u64) -> Batch {
        Batch::new(&Benching {
            pipeline: 1000,
            keyspace,
            mix: mix.parse().unwrap(),
            ..Benching::default()
        })
    }

    #[test]
    fn requests_are_as_asked_for_with_keys_all_over_the_keyspace() {
        let mut batch = batch("put=1", 10_000_000_000);
        let bytes = batch.fill(1000).to_vec();
        let text = String::from_utf8(bytes).unwrap();
        let mut keys: Vec<&str> = Vec::new();
        for request in text.split_terminator("*3\r\n$3\r\nPUT\r\n$16\r\n").skip(1) {
            let key = request.strip_suffix("\r\n$3\r\nxxx\r\n").unwrap();
            assert!(is_ours(key.as_bytes()), "{key}");
            keys.push(key);
        }
        assert_eq!(keys.len(), 1000);
        keys.sort_unstable();
        keys.dedup();
        assert!(keys.len() > 990 && keys[0] < "bench:02" && keys[keys.len() - 1] > "bench:98");
        assert_eq!(batch.fill(2).len(), 2 * text.len() / 1000);
    }

    #[test]
    fn a_mix_has_its_shares_and_an_update_goes_there_and_back() {
        let mut batch = batch("get=7,update=2,ping=1", 1);
        let text = String::from_utf8(batch.fill(1000).to_vec()).unwrap();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for request in text.split_terminator('*').skip(1) {
            *counts.entry(request).or_default() += 1;
        }
        let near = |request: &str, share: usize| {
            let count = counts.get(request).copied().unwrap_or_default();
            assert!(count.abs_diff(share) < 100, "{count} of {request:?}");
        };
        let key = "$16\r\nbench:0000000000\r\n";
        near(&format!("2\r\n$3\r\nGET\r\n{key}"), 700);
        near(
            &format!("4\r\n$6\r\nUPDATE\r\n{key}$3\r\nxxx\r\n$3\r\nyyy\r\n"),
            100,
        );
        near(
            &format!("4\r\n$6\r\nUPDATE\r\n{key}$3\r\nyyy\r\n$3\r\nxxx\r\n"),
            100,
        );
        near("1\r\n$4\r\nPING\r\n", 100);
        assert_eq!(counts.len(), 4);
    }

    #[test]
    fn only_keys_of_this_form_are_ours() {
        assert!(is_ours(b"bench:0000000042"));
        for other in [
            "bench:",
            "bench:42",
            "bench:000000004x",
            "bench:00000000420",
            "user",
        ] {
            assert!(!is_ours(other.as_bytes()), "{other}");
        }
    }
}
