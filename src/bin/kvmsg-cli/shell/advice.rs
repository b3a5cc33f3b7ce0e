//! Says what to type instead of what was wrong.

use crate::request::UsageError;
use crate::syntax;
use crate::verbs::{self, Verb};

/// The longest line that is suggested, in bytes.
const LINE_BYTES_MAX: usize = 60;

/// A mistake and what to type instead, where `word` and `args` were typed, with colons or without.
pub fn usage(error: &UsageError, args: &[Vec<u8>], is_colon: bool) -> String {
    match error {
        UsageError::Unknown(word, nearest) => match nearest {
            Some(meant) => {
                let unknown = UsageError::Unknown(word.clone(), None).to_string();
                let unknown = unknown.split(';').next().unwrap_or_default();
                let usage = verbs::find(meant.as_bytes()).map(|verb| call(verb, is_colon));
                format!("{unknown}; did you mean {}?", usage.unwrap_or_default())
            }
            None => error.to_string(),
        },
        UsageError::Count(verb, _) => {
            let (takes, are_many) = match verb.args {
                "" => ("no argument", true),
                takes => (takes, args.len() > verb.fields.1),
            };
            let advice = if are_many { "; type" } else { ", as in" };
            let line = instead(verb, args, is_colon);
            format!("{} takes {takes}{advice} {line}", verb.word)
        }
        // The others say it themselves.
        other => other.to_string(),
    }
}

/// A verb with its arguments, in the form in which something was typed.
fn call(verb: &Verb, is_colon: bool) -> String {
    match is_colon && verb.fields.0 > 0 {
        true => format!(
            "{}:{}",
            verb.word.to_uppercase(),
            verb.args.replace(' ', ":")
        ),
        false => verb.usage(),
    }
}

/// What was probably meant by too many arguments: that the last ones are one, which has blanks, or
/// colons that cannot stand between colons. For too few there is the example of the verb.
fn instead(verb: &Verb, args: &[Vec<u8>], is_colon: bool) -> String {
    let most = verb.fields.1;
    if most == 0 {
        return verb.word.to_owned();
    }
    if args.len() > most {
        let (single, several) = args.split_at(most - 1);
        let last = several.join(if is_colon { &b":"[..] } else { b" " });
        let words = single.iter().chain([&last]).map(|word| syntax::typed(word));
        let line = words.fold(verb.word.to_owned(), |line, word| line + " " + &word);
        if line.len() <= LINE_BYTES_MAX {
            return line;
        }
    }
    let example = verb.examples.last().copied().unwrap_or(verb.word);
    match is_colon {
        true => with_colons(verb, example),
        false => example.to_owned(),
    }
}

/// An example of a verb in the other form.
pub fn with_colons(verb: &Verb, example: &str) -> String {
    let (word, args) = example.split_at(verb.word.len());
    word.to_ascii_uppercase() + &args.replace(' ', ":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;
    use crate::shell::words::PLACES;
    use crate::syntax::Line;

    #[test]
    fn mistakes_say_what_to_type_instead() {
        let cases = [
            ("gte user", "unknown verb \"gte\"; did you mean get KEY?"),
            (
                "PTU:user:john",
                "unknown verb \"PTU\"; did you mean PUT:KEY:VALUE?",
            ),
            (
                "SET user john",
                "unknown verb \"SET\"; did you mean put KEY VALUE?",
            ),
            (
                "keys *",
                "unknown verb \"keys\"; did you mean list [PREFIX]?",
            ),
            ("\\q", "unknown verb \"\\\\q\"; did you mean exit?"),
            (
                "nonsense",
                "unknown verb \"nonsense\"; help lists the verbs",
            ),
            ("get", "get takes KEY, as in get user"),
            ("put user", "put takes KEY VALUE, as in put user john"),
            ("PUT:user", "put takes KEY VALUE, as in PUT:user:john"),
            (
                "put user john smith",
                "put takes KEY VALUE; type put user \"john smith\"",
            ),
            ("GET:user:1", "get takes KEY; type get user:1"),
            ("stats all", "stats takes no argument; type stats"),
            ("list a b", "list takes [PREFIX]; type list \"a b\""),
        ];
        for (line, expected) in cases {
            let is_colon = syntax::colon(line.as_bytes()).is_some();
            let Ok(Line::Words { verb, args }) = syntax::parse(line.as_bytes()) else {
                panic!("{line}");
            };
            let error = request::verb(&verb, &args, &PLACES).unwrap_err();
            assert_eq!(usage(&error, &args, is_colon), expected, "{line}");
        }
        let long = vec![vec![b'x'; 100], vec![b'y'; 100]];
        let get = verbs::find(b"get").unwrap();
        assert_eq!(instead(get, &long, false), "get user");
    }
}
