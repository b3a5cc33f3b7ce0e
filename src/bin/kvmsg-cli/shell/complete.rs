//! Finds what a line being typed may go on with: a verb, or a key that the server has.

use super::keys::Found;
use super::words;
use crate::print;
use crate::syntax::{self, Line};
use crate::verbs::{Name, Verb};
use rustyline::completion::Pair;

/// What is listed behind keys of which there are more.
const MORE: &str = "(and more)";

/// What `typed` may become, up to the cursor, and where that begins which is to be replaced.
/// `find` knows the keys, or prefixes, for a verb that begin with some bytes.
pub fn complete(typed: &str, find: &dyn Fn(Name, &[u8]) -> Found) -> (usize, Vec<Pair>) {
    match Place::of(typed) {
        Place::Verb { start, asks_help } => (start, verbs(&typed[start..], asks_help)),
        Place::Key(key) => {
            let found = find(key.verb.name, &key.beginning);
            (key.start, key.candidates(&found))
        }
        Place::Elsewhere => (typed.len(), Vec::new()),
    }
}

/// What is being typed at the end of a line.
enum Place {
    Verb {
        start: usize,
        /// It is what help is asked for.
        asks_help: bool,
    },
    Key(Key),
    Elsewhere,
}

/// A key that is being typed.
struct Key {
    verb: &'static Verb,
    /// Where that begins which is to be replaced: the key with its quote, or the colon before it.
    start: usize,
    /// What has been typed of the key.
    beginning: Vec<u8>,
    is_colon: bool,
    /// It begins with a quote.
    is_quoted: bool,
}

impl Place {
    fn of(typed: &str) -> Place {
        let start = typed.len() - typed.trim_ascii_start().len();
        let word = &typed[start..];
        let is_end = |letter: char| letter == ':' || letter.is_ascii_whitespace();
        let Some(length) = word.find(is_end) else {
            let asks_help = false;
            return Place::Verb { start, asks_help };
        };
        let (word, rest) = word.split_at(length);
        if word.eq_ignore_ascii_case("help") {
            let start = typed.len() - rest[1..].trim_ascii_start().len();
            let asks_help = true;
            return Place::Verb { start, asks_help };
        }
        let takes_key = |verb: &&Verb| verb.args.starts_with("KEY") || verb.args == "[PREFIX]";
        match words::known_verb(word.as_bytes()).filter(takes_key) {
            Some(verb) => Key::at_end(typed, verb, rest).map_or(Place::Elsewhere, Place::Key),
            None => Place::Elsewhere,
        }
    }
}

impl Key {
    /// The key at the end of `typed`, whose verb ends before `rest`.
    fn at_end(typed: &str, verb: &'static Verb, rest: &str) -> Option<Key> {
        let is_colon = syntax::colon(typed.as_bytes()).is_some();
        let key = rest.trim_ascii_start();
        let (start, beginning, is_quoted) = match (is_colon, key.as_bytes().first()) {
            (true, _) => (
                typed.len() - rest.len(),
                rest.as_bytes()[1..].to_vec(),
                false,
            ),
            (false, Some(quote @ (b'"' | b'\''))) => {
                let closed = format!("{} {key}{}", verb.word, char::from(*quote));
                match syntax::parse(closed.as_bytes()) {
                    Ok(Line::Words { args, .. }) => match <[_; 1]>::try_from(args) {
                        Ok([word]) => (typed.len() - key.len(), word, true),
                        Err(_) => return None,
                    },
                    _ => return None,
                }
            }
            (false, _) => (typed.len() - key.len(), key.as_bytes().to_vec(), false),
        };
        let is_behind = match is_colon {
            true => beginning.contains(&b':'),
            false => !is_quoted && key.contains(|letter: char| letter.is_ascii_whitespace()),
        };
        (!is_behind).then_some(Key {
            verb,
            start,
            beginning,
            is_colon,
            is_quoted,
        })
    }

    /// The keys that were found, as they are typed; what all of them begin with comes last if they
    /// are not all.
    fn candidates(&self, found: &Found) -> Vec<Pair> {
        let more = found.more.as_ref().map(|common| self.text_of(common));
        let keys = found.keys.iter().map(Vec::as_slice);
        let all = || keys.clone().chain(more);
        let is_quoted = self.is_quoted || !all().all(|key| self.is_plain(key));
        let mut pairs: Vec<Pair> = keys
            .clone()
            .map(|key| Pair {
                display: print::escape(key),
                replacement: self.typed(key, is_quoted, true),
            })
            .collect();
        if let Some(common) = more {
            pairs.push(Pair {
                display: MORE.to_owned(),
                replacement: self.typed(common, is_quoted, false),
            });
        }
        pairs
    }

    /// As much of `common` as is text, and at least what has been typed.
    fn text_of<'a>(&self, common: &'a [u8]) -> &'a [u8] {
        let text = common
            .utf8_chunks()
            .next()
            .map_or(0, |chunk| chunk.valid().len());
        &common[..text.max(self.beginning.len()).min(common.len())]
    }

    /// Whether a key can be typed with blanks around it without quotes, or with a colon before it.
    fn is_plain(&self, key: &[u8]) -> bool {
        syntax::is_bare(key) || self.is_colon && fits_colons(key) || key.is_empty()
    }

    /// What a key is typed as, from `start` on. A key that does not fit between colons is typed
    /// with a blank before it instead.
    fn typed(&self, key: &[u8], is_quoted: bool, is_whole: bool) -> String {
        let is_colon = self.is_colon && fits_colons(key);
        let mut text = match (self.is_colon, is_colon) {
            (false, _) => String::new(),
            (true, true) => ":".to_owned(),
            (true, false) => " ".to_owned(),
        };
        let quote = if is_quoted && !is_colon { "\"" } else { "" };
        text += quote;
        text += &match is_quoted && !is_colon {
            true => syntax::escaped(key),
            false => String::from_utf8_lossy(key).into_owned(),
        };
        if is_whole {
            text += quote;
            text += match (self.verb.fields.0 > 1, is_colon) {
                (false, _) => "",
                (true, true) => ":",
                (true, false) => " ",
            };
        }
        text
    }
}

/// Whether a key can stand between colons, where nothing can be escaped.
fn fits_colons(key: &[u8]) -> bool {
    let is_text = std::str::from_utf8(key).is_ok_and(|text| print::escape(key) == text);
    is_text && !key.contains(&b':')
}

/// The verbs that `word` may become. A verb that needs arguments gets what stands before the first:
/// a colon in capitals, otherwise a blank.
fn verbs(word: &str, asks_help: bool) -> Vec<Pair> {
    let mark = if words::is_capital(word) { ":" } else { " " };
    let pair = |(verb, needs_more): (&str, bool)| {
        let display = format!("{word}{}", words::rest_of(word, verb));
        let mark = if needs_more && !asks_help { mark } else { "" };
        Pair {
            replacement: format!("{display}{mark}"),
            display,
        }
    };
    let verbs = words::known_verbs().map(|verb| (verb.word, verb.fields.0 > 0));
    let verbs = verbs.chain([("quit", false)]);
    let verbs = verbs.filter(|(verb, _)| words::begins(word, verb));
    verbs.map(pair).collect()
}

#[cfg(test)]
#[path = "complete/tests.rs"]
mod tests;
