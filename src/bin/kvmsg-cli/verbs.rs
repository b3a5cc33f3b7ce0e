//! Lists the verbs: the one table behind parsing, help, the shell's completion and the manual.

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
}

impl Place {
    /// What to do instead where a verb of this place is not understood.
    pub fn instead(self) -> &'static str {
        match self {
            Place::Everywhere => "it is understood everywhere",
            Place::Session => "it is for the shell, which opens without a verb",
        }
    }
}

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

/// Every verb, in the order of the help.
pub static VERBS: [Verb; 12] = [
    Verb {
        name: Name::Get,
        word: "get",
        args: "KEY",
        fields: (1, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "print all values of a key, in order",
        examples: &["get user"],
        once: "Prints the values one a line, -0 ends each with NUL, --json prints an array.\n\
               Exit status 1, and nothing printed: there is no such key.\n",
        once_examples: &["--json get user"],
    },
    Verb {
        name: Name::Put,
        word: "put",
        args: "KEY VALUE",
        fields: (2, 2),
        first_value: Some(1),
        place: Place::Everywhere,
        help: "append a value",
        examples: &["put user john"],
        once: "The value - stands for standard input, whole. --json prints the revision.\n",
        once_examples: &["put photo - < cat.jpg"],
    },
    Verb {
        name: Name::Update,
        word: "update",
        args: "KEY OLD NEW",
        fields: (3, 3),
        first_value: Some(1),
        place: Place::Everywhere,
        help: "replace the first value equal to OLD",
        examples: &["update user john johnsmith"],
        once: "Exit status 1: there is no such key, or it does not hold OLD.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::Remove,
        word: "remove",
        args: "KEY VALUE",
        fields: (2, 2),
        first_value: Some(1),
        place: Place::Everywhere,
        help: "remove the first value equal to VALUE",
        examples: &["remove user alice"],
        once: "The key goes with its last value.\n\
               Exit status 1: there is no such key, or it does not hold VALUE.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::Delete,
        word: "delete",
        args: "KEY",
        fields: (1, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "remove a key and all its values",
        examples: &["delete user"],
        once: "Exit status 1: there is no such key.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::List,
        word: "list",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "print the keys, or those that begin with PREFIX",
        examples: &["list", "list user"],
        once: "Prints the keys one a line, in the order of their bytes; none is no failure.\n\
               --values: a line for each value, behind its key and a TAB; --json: an object.\n",
        once_examples: &["list --values --json user"],
    },
    Verb {
        name: Name::Watch,
        word: "watch",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "print what others change, as they change it",
        examples: &["watch", "watch user"],
        once: "Prints a line for each change of a key that begins with PREFIX, such as\n\
               NOTIFY PUT user, until it is interrupted; --json prints values too.\n\
               NOTIFY LOST FIRST LAST: the changes of these revisions could not be told.\n\
               NOTIFY GONE SINCE FROM: nor could those between two positions.\n\
               With --since or --cursor-file it connects again when the connection breaks.\n\
               --exec runs CMD for each change, with KVMSG_OP, KVMSG_KEY, KVMSG_REVISION, and\n\
               the new value on standard input. A failure stops it, unless --keep-going.\n\
               Exit status 3: changes were lost, and --fail-on-loss was given.\n",
        once_examples: &[
            "watch --json --count 1",
            "watch --cursor-file user.cursor user --exec -- ./sync.sh",
        ],
    },
    Verb {
        name: Name::Unwatch,
        word: "unwatch",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Session,
        help: "hear of no more changes, or of none to keys with PREFIX",
        examples: &["unwatch", "unwatch user"],
        once: "",
        once_examples: &[],
    },
    Verb {
        name: Name::Stats,
        word: "stats",
        args: "",
        fields: (0, 0),
        first_value: None,
        place: Place::Everywhere,
        help: "print what the server counts",
        examples: &["stats"],
        once: "Prints a name and a value a line; --json prints one object.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::Ping,
        word: "ping",
        args: "[TEXT]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "ask for a sign of life, or for TEXT",
        examples: &["ping"],
        once: "Prints PONG, or the text. With -q it prints no PONG: the exit status tells.\n",
        once_examples: &["-q --timeout 1 ping && echo up"],
    },
    Verb {
        name: Name::Help,
        word: "help",
        args: "[VERB]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "explain a verb, or list them",
        examples: &["help put"],
        once: "",
        once_examples: &[],
    },
    Verb {
        name: Name::Exit,
        word: "exit",
        args: "",
        fields: (0, 0),
        first_value: None,
        place: Place::Session,
        help: "leave; quit does the same",
        examples: &["exit"],
        once: "",
        once_examples: &[],
    },
];

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
    let known = VERBS.iter().filter(|verb| places.contains(&verb.place));
    nearest(typed, known.map(|verb| verb.word))
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
    pub fn explain_once(&self) -> String {
        let mut text = format!(
            "{} - {}\n{}\nExamples:\n",
            self.usage(),
            self.help,
            self.once
        );
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
