//! Says, behind the cursor, what a line being typed still lacks.

use super::secret;
use super::words;
use crate::syntax::{self, Line};

/// What is said of a line that will not be found in the history.
const NOT_KEPT: &str = "(not kept in the history)";

/// What is shown behind the cursor, and what of it can be accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint {
    display: String,
    completion: Option<String>,
}

impl rustyline::hint::Hint for Hint {
    fn display(&self) -> &str {
        &self.display
    }

    fn completion(&self) -> Option<&str> {
        self.completion.as_deref()
    }
}

/// The rest of a verb and the arguments that `line` lacks, as they would follow it, and whether
/// the line will be kept.
pub fn hint(line: &str) -> Option<Hint> {
    let mut hint = begun_verb(line).unwrap_or_else(|| Hint {
        display: lacking(line).unwrap_or_default(),
        completion: None,
    });
    if !line.trim().is_empty() && secret::is_secret(line) {
        hint.display = format!("{}  {NOT_KEPT}", hint.display);
    }
    (!hint.display.is_empty()).then_some(hint)
}

/// The rest of the one verb that a line of a single word may become. It can be accepted.
fn begun_verb(line: &str) -> Option<Hint> {
    let word = line.trim_ascii_start();
    let mut verbs = words::known_verbs().filter(|verb| words::begins(word, verb.word));
    let verb = verbs.next()?;
    if word.is_empty() || word.len() == verb.word.len() || verbs.next().is_some() {
        return None;
    }
    let rest = words::rest_of(word, verb.word);
    let lacks = lacking(&format!("{word}{rest}")).unwrap_or_default();
    Some(Hint {
        display: format!("{rest}{lacks}"),
        completion: Some(rest),
    })
}

/// The arguments that `line` lacks, as they would follow it.
fn lacking(line: &str) -> Option<String> {
    let Ok(Line::Words { verb: word, args }) = syntax::parse(line.as_bytes()) else {
        return None;
    };
    let verb = words::known_verb(&word)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_lacks_is_shown_as_it_would_be_typed() {
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
            ("p", None),
            ("pu", Some("t KEY VALUE")),
            ("UPD", Some("ATE:KEY:OLD:NEW")),
            ("sta", Some("ts")),
            ("\u{a0}", None),
            ("put password", Some(" VALUE  (not kept in the history)")),
            ("put password x", Some("  (not kept in the history)")),
            (" put k", Some(" VALUE  (not kept in the history)")),
            ("  ", None),
        ];
        for (line, shown) in cases {
            let hint = hint(line).map(|hint| hint.display);
            assert_eq!(hint.as_deref(), shown, "{line}");
        }
    }

    #[test]
    fn the_rest_of_a_verb_can_be_accepted_and_nothing_else() {
        for (line, rest) in [("upd", Some("ate")), ("DEL", Some("ETE")), ("put k", None)] {
            assert_eq!(hint(line).unwrap().completion.as_deref(), rest, "{line}");
        }
    }
}
