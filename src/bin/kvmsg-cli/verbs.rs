//! Knows the verbs: one table is behind parsing, help, completion and the manual.

mod table;

pub use table::VERBS;

use kvmsg::flags::text::nearest;
use std::fmt::Write as _;

/// The verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each is for")]
pub enum Name {
    Get,
    Put,
    Update,
    Remove,
    Delete,
    List,
    Watch,
    Unwatch,
    Stats,
    Ping,
    Dump,
    Load,
    Backup,
    Bench,
    Completions,
    Help,
    Exit,
}

/// Where a verb is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the command line, in the shell and in a pipe.
    Everywhere,
    /// In the shell and in a pipe, where there is something to end.
    Session,
    /// On the command line alone.
    Once,
}

impl Place {
    /// What to do instead where a verb of this place is not understood.
    pub fn instead(self) -> &'static str {
        match self {
            Place::Everywhere => "it is understood everywhere",
            Place::Session => "it is for the shell, which opens without a verb",
            Place::Once => "it is typed on a command line, behind kvmsg-cli",
        }
    }
}

/// What people type who come from elsewhere, and the verb for it.
const ELSEWHERE: [(&str, &str); 25] = [
    ("set", "put"),
    ("add", "put"),
    ("append", "put"),
    ("push", "put"),
    ("rpush", "put"),
    ("publish", "put"),
    ("lrange", "get"),
    ("read", "get"),
    ("show", "get"),
    ("replace", "update"),
    ("lrem", "remove"),
    ("del", "delete"),
    ("rm", "delete"),
    ("unlink", "delete"),
    ("keys", "list"),
    ("ls", "list"),
    ("scan", "list"),
    ("subscribe", "watch"),
    ("psubscribe", "watch"),
    ("monitor", "watch"),
    ("unsubscribe", "unwatch"),
    ("info", "stats"),
    ("\\q", "exit"),
    ("\\?", "help"),
    ("?", "help"),
];

/// What is known of a verb.
#[derive(Debug, PartialEq, Eq)]
pub struct Verb {
    /// Which one it is.
    pub name: Name,
    /// How it is typed; case does not count.
    pub word: &'static str,
    /// Its arguments, as usage shows them.
    pub args: &'static str,
    /// How many arguments it takes, at least and at most.
    pub fields: (usize, usize),
    /// Which of its arguments, counted from 0, is the first that is a value. Values are taken as
    /// they are, also if they begin with a dash.
    pub first_value: Option<usize>,
    /// Where it is understood.
    pub place: Place,
    /// What it does, in a few words.
    pub help: &'static str,
    /// How it is typed, on a command line behind the name of the program.
    pub examples: &'static [&'static str],
    /// What else there is to know of it on a command line, in whole lines of at most 80 columns.
    pub once: &'static str,
    /// How it is typed on a command line alone.
    pub once_examples: &'static [&'static str],
}

/// The verb that somebody typed, in capitals or not.
pub fn find(word: &[u8]) -> Option<&'static Verb> {
    let word = if word.eq_ignore_ascii_case(b"quit") {
        b"exit"
    } else {
        word
    };
    VERBS
        .iter()
        .find(|verb| verb.word.as_bytes().eq_ignore_ascii_case(word))
}

/// The verb that was perhaps meant, of those understood in one of these places.
pub fn suggest(word: &[u8], places: &[Place]) -> Option<&'static str> {
    let typed = std::str::from_utf8(word).ok()?;
    let known = || VERBS.iter().filter(|verb| places.contains(&verb.place));
    let is_word = |(other, _): &&(&str, &str)| other.eq_ignore_ascii_case(typed);
    let elsewhere = ELSEWHERE.iter().find(is_word).map(|(_, verb)| *verb);
    let elsewhere = elsewhere.filter(|word| known().any(|verb| verb.word == *word));
    elsewhere.or_else(|| nearest(typed, known().map(|verb| verb.word)))
}

impl Verb {
    /// The verb and its arguments: `put KEY VALUE`.
    pub fn usage(&self) -> String {
        format!("{} {}", self.word, self.args).trim_end().to_owned()
    }

    /// The help for this verb in the shell and in a pipe, whole lines.
    pub fn explain(&self) -> String {
        let mut text = format!("{} - {}\n", self.usage(), self.help);
        for example in self.examples {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  {example}");
        }
        text
    }

    /// The help for this verb on a command line, whole lines.
    /// `flags` are those of this verb alone, as help shows them.
    pub fn explain_once(&self, flags: &str) -> String {
        let mut text = format!("{} - {}\n{}", self.usage(), self.help, self.once);
        for part in [flags, "Examples:\n"]
            .iter()
            .filter(|part| !part.is_empty())
        {
            let _ = write!(text, "\n{part}");
        }
        for example in self.examples.iter().chain(self.once_examples) {
            let _ = writeln!(text, "  kvmsg-cli {example}");
        }
        text
    }
}

/// The verbs understood in one of these places, one a line, each with what it does.
pub fn list(places: &[Place]) -> String {
    let verbs = || VERBS.iter().filter(|verb| places.contains(&verb.place));
    let width = verbs().map(|verb| verb.usage().len()).max().unwrap_or(0);
    verbs().fold(String::new(), |mut text, verb| {
        let _ = writeln!(text, "  {:width$}  {}", verb.usage(), verb.help);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_found_in_any_case_and_suggested_when_misspelt() {
        assert_eq!(find(b"GeT").map(|verb| verb.name), Some(Name::Get));
        assert_eq!(find(b"QUIT").map(|verb| verb.name), Some(Name::Exit));
        assert!(find(b"gte").is_none());
        assert!(find(b"").is_none());
        assert_eq!(suggest(b"gte", &[Place::Everywhere]), Some("get"));
        assert_eq!(suggest(b"KEYS", &[Place::Everywhere]), Some("list"));
        assert_eq!(suggest(b"\\q", &[Place::Everywhere]), None);
        assert_eq!(suggest(b"updaet", &[Place::Everywhere]), Some("update"));
        assert_eq!(suggest(b"unwatc", &[Place::Everywhere]), None);
        assert_eq!(suggest(b"\xff", &[Place::Everywhere]), None);
    }

    #[test]
    fn the_table_agrees_with_itself() {
        for verb in &VERBS {
            let named = verb.args.split_ascii_whitespace();
            let least = named.clone().filter(|arg| !arg.starts_with('[')).count();
            assert_eq!(verb.fields, (least, named.count()), "{}", verb.word);
            assert!(verb.once.lines().all(|line| line.len() <= 80));
            for example in verb.examples.iter().chain(verb.once_examples) {
                assert!(
                    example.split(' ').any(|word| word == verb.word),
                    "{example}"
                );
            }
        }
    }
}
