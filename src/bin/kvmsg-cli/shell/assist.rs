//! Helps while a line is being typed: completes verbs, and shows what a verb still lacks.

use super::palette::{Palette, paint};
use super::screen::Screen;
use crate::syntax::{self, Line};
use crate::verbs::{self, VERBS};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::sync::Arc;

/// What the line editor calls while somebody types.
#[derive(Debug)]
pub struct Assist {
    /// Told when a line begins and ends.
    pub screen: Arc<Screen>,
    /// How hints look; without colours there are none, for they would look like what was typed.
    pub palette: Palette,
}

impl Helper for Assist {}

impl Completer for Assist {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(complete(line.get(..pos).unwrap_or(line)))
    }
}

/// The verbs that `typed` may become, and where the word to be replaced begins. A verb that needs
/// arguments gets what stands before the first: a colon in capitals, otherwise a blank.
fn complete(typed: &str) -> (usize, Vec<Pair>) {
    let start = typed.len() - typed.trim_start().len();
    let word = &typed[start..];
    let (start, word, asks_help) = match word.split_once(|c: char| c == ':' || c.is_whitespace()) {
        None => (start, word, false),
        Some((first, rest)) if first.eq_ignore_ascii_case("help") => {
            let rest = rest.trim_start();
            (typed.len() - rest.len(), rest, true)
        }
        Some(_) => return (typed.len(), Vec::new()),
    };
    let begins = |verb: &str| {
        let beginning = verb.as_bytes().get(..word.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word.as_bytes()))
    };
    let is_capital = word.bytes().any(|byte| byte.is_ascii_uppercase())
        && !word.bytes().any(|byte| byte.is_ascii_lowercase());
    let pair = |(verb, needs_more): (&str, bool)| {
        let rest = &verb[word.len()..];
        let (rest, mark) = match is_capital {
            true => (rest.to_ascii_uppercase(), ":"),
            false => (rest.to_owned(), " "),
        };
        let display = format!("{word}{rest}");
        let mark = if needs_more && !asks_help { mark } else { "" };
        Pair {
            replacement: format!("{display}{mark}"),
            display,
        }
    };
    let verbs = VERBS.iter().map(|verb| (verb.word, verb.fields.0 > 0));
    let verbs = verbs
        .chain([("quit", false)])
        .filter(|(verb, _)| begins(verb));
    (start, verbs.map(pair).collect())
}

/// What is shown behind the cursor; it cannot be accepted, for it is no text to be sent.
#[derive(Debug)]
pub struct Usage(String);

impl Hint for Usage {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assist {
    type Hint = Usage;

    /// Called first of all when a line begins, and whenever it changes.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Usage> {
        self.screen.edit();
        let is_wanted = pos == line.len() && !self.palette.is_plain();
        is_wanted.then(|| usage(line)).flatten().map(Usage)
    }
}

/// The arguments that `line` lacks, as they would follow it.
fn usage(line: &str) -> Option<String> {
    let Ok(Line::Words { verb: word, args }) = syntax::parse(line.as_bytes()) else {
        return None;
    };
    let verb = verbs::find(&word)?;
    let named: Vec<&str> = verb.args.split_ascii_whitespace().collect();
    let typed = line.trim_start().get(word.len()..)?;
    let is_colon =
        typed.starts_with(':') || typed.is_empty() && !word.iter().any(u8::is_ascii_lowercase);
    let (mark, is_between) = match is_colon {
        true => (":", args.last().is_some_and(|last| last.is_empty())),
        false => (" ", typed.ends_with(|c: char| c.is_ascii_whitespace())),
    };
    // With colons an argument that is still empty has begun; with blanks it has not.
    let begun = args.len() - usize::from(is_colon && is_between);
    let lacking = named.get(begun..).filter(|lacking| !lacking.is_empty())?;
    let mark_before = if is_between { "" } else { mark };
    Some(format!("{mark_before}{}", lacking.join(mark)))
}

impl Highlighter for Assist {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(paint(self.palette.faint, hint))
    }
}

impl Validator for Assist {
    /// Called when a line is accepted.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.screen.leave();
        Ok(ValidationResult::Valid(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_completed_in_the_case_typed() {
        let cases: &[(&str, usize, &[&str])] = &[
            ("pu", 0, &["put "]),
            ("PU", 0, &["PUT:"]),
            ("Pu", 0, &["Put "]),
            ("  un", 2, &["unwatch"]),
            ("sta", 0, &["stats"]),
            ("STA", 0, &["STATS"]),
            ("p", 0, &["put ", "ping"]),
            ("q", 0, &["quit"]),
            ("x", 0, &[]),
            ("\u{fc}", 0, &[]),
            ("put us", 6, &[]),
            ("put:us", 6, &[]),
            ("help up", 5, &["update"]),
            ("HELP:UP", 5, &["UPDATE"]),
        ];
        for (typed, start, words) in cases {
            let (found, pairs) = complete(typed);
            let found_words: Vec<&str> = pairs.iter().map(|pair| &pair.replacement[..]).collect();
            assert_eq!((found, &found_words[..]), (*start, *words), "{typed}");
        }
        assert_eq!(complete("").1.len(), VERBS.len() + 1);
    }

    #[test]
    fn what_a_verb_lacks_is_shown_as_it_would_be_typed() {
        let cases = [
            ("put", Some(" KEY VALUE")),
            ("put ", Some("KEY VALUE")),
            ("put k", Some(" VALUE")),
            ("put k ", Some("VALUE")),
            ("put k v", None),
            ("put k v ", None),
            ("put 'k", None),
            ("PUT", Some(":KEY:VALUE")),
            ("PUT:", Some("KEY:VALUE")),
            ("PUT:k", Some(":VALUE")),
            ("put:k:", Some("VALUE")),
            ("PUT:k:v", None),
            ("PUT:k:v:", None),
            ("PUT ", Some("KEY VALUE")),
            ("ping", Some(" [TEXT]")),
            ("stats", None),
            ("stats:x:y", None),
            ("nonsense", None),
            ("", None),
        ];
        for (line, lacking) in cases {
            assert_eq!(usage(line).as_deref(), lacking, "{line}");
        }
    }
}
