//! Words what the shell shows that was not asked for: notices, counts, news, mistakes, the prompt.

use super::flood::Counts;
use super::palette::{Palette, paint};
use crate::print;
use crate::verbs::{self, Place, VERBS, Verb};
use anstyle::Style;
use kvmsg::client::{Notice, Op};
use std::fmt::Display;

/// Where the verbs of the shell are understood.
pub const PLACES: [Place; 2] = [Place::Everywhere, Place::Session];

/// How many columns are filled where nobody says how many there are.
const COLUMNS: usize = 80;

/// The servers that are meant when none is named, as they may be named all the same.
const DEFAULTS: [&str; 3] = ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"];

/// The verbs of the shell.
pub fn known_verbs() -> impl Iterator<Item = &'static Verb> {
    VERBS.iter().filter(|verb| PLACES.contains(&verb.place))
}

/// The verb of the shell that somebody typed, in capitals or not.
pub fn known_verb(word: &[u8]) -> Option<&'static Verb> {
    verbs::find(word).filter(|verb| PLACES.contains(&verb.place))
}

/// Whether `word` is the beginning of `verb`, in capitals or not.
pub fn begins(word: &str, verb: &str) -> bool {
    let beginning = verb.as_bytes().get(..word.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word.as_bytes()))
}

/// What `verb` has behind its beginning `word`, in capitals if that is.
pub fn rest_of(word: &str, verb: &str) -> String {
    let rest = &verb[word.len()..];
    match is_capital(word) {
        true => rest.to_ascii_uppercase(),
        false => rest.to_owned(),
    }
}

/// Whether a word is typed in capitals.
pub fn is_capital(word: &str) -> bool {
    let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
    has(u8::is_ascii_uppercase) && !has(u8::is_ascii_lowercase)
}

/// What stands before the line being typed: which server it is for, unless that is the one that is
/// meant when none is named. A long name is cut, so that two fifths of a row are left.
pub fn prompt(server: &str, columns: usize) -> String {
    if DEFAULTS.contains(&server) {
        return "> ".to_owned();
    }
    let most = (columns * 3 / 5).saturating_sub(4).max(1);
    match server.char_indices().nth(most + 2) {
        None => format!("{server}> "),
        Some(_) => format!("{}..> ", server.chars().take(most).collect::<String>()),
    }
}

/// How wide the terminal is, in columns.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { COLUMNS } else { columns }
}

/// A notice, as a line.
pub fn notice(notice: &Notice, palette: &Palette) -> String {
    let style = match notice {
        Notice::Change { .. } | Notice::Progress { .. } => palette.notice,
        Notice::Lost { .. } | Notice::Drain { .. } => palette.bad,
    };
    let line = print::escape(&print::notice_line(notice));
    format!("{}\n", paint(style, &line))
}

/// How many changes were not shown, as lines; `is_first`: with what can be done about it.
pub fn flood(counts: &Counts, is_first: bool, palette: &Palette) -> String {
    let parts: Vec<(Op, u64)> = counts.parts().collect();
    let mut text = match parts[..] {
        [(op, count)] => format!("... and {count} more {}", op.word()),
        _ => {
            let parts = parts
                .iter()
                .map(|(op, count)| format!("{count} {}", op.word()));
            let parts: Vec<String> = parts.collect();
            format!("... and {} more: {}", counts.total(), parts.join(", "))
        }
    };
    if is_first {
        text.push_str("; watch PREFIX narrows this, unwatch ends it");
    }
    news(palette.notice, &text)
}

/// A mistake in what was typed, or why a request has no reply, as lines.
pub fn error(why: &str, palette: &Palette) -> String {
    news(palette.bad, &format!("Error: {why}"))
}

/// What became of the connection or of the terminal, as lines broken between words.
pub fn news(style: Style, text: &str) -> String {
    format!("{}\n", paint(style, &wrapped(text, columns(), 0)))
}

/// What an error of the system says to a person, which is all but its number.
pub fn cause(error: &dyn Display) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A text as it begins a line.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// `text` in lines of at most `columns`, where its words allow it; all but the first indented.
pub fn wrapped(text: &str, columns: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        if length > 0 && length + 1 + word.len() > columns {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += word.len();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_names_a_server_that_is_not_the_default() {
        let cases = [
            ("127.0.0.1:8080", 80, "> "),
            ("localhost:8080", 80, "> "),
            ("127.0.0.1:8081", 80, "127.0.0.1:8081> "),
            ("[fe80::1]:8080", 80, "[fe80::1]:8080> "),
            ("db.example.org:8080", 40, "db.example.org:8080> "),
            (
                "a.very.long.name.example.org:8080",
                40,
                "a.very.long.name.exa..> ",
            ),
            ("gr\u{fc}n.example.org:8080", 0, "g..> "),
        ];
        for (server, columns, expected) in cases {
            assert_eq!(prompt(server, columns), expected);
        }
    }

    #[test]
    fn a_flood_is_counted_by_what_happened() {
        let mut counts = Counts::default();
        for op in [Op::Delete, Op::Put, Op::Delete] {
            counts.add(op);
        }
        let plain = Palette::default();
        assert_eq!(
            flood(&counts, false, &plain),
            "... and 3 more: 2 DELETE, 1 PUT\n"
        );
        let mut puts = Counts::default();
        puts.add(Op::Put);
        assert_eq!(flood(&puts, false, &plain), "... and 1 more PUT\n");
        assert!(flood(&counts, true, &plain).contains("unwatch"));
    }
}
