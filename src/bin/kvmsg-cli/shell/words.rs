//! Words what the shell shows: replies in the manner of a dialogue, notices, and help.

use super::palette::{Palette, paint};
use crate::print;
use crate::verbs::{VERBS, Verb};
use anstyle::Style;
use kvmsg::client::{Notice, Reply, Stat};
use std::fmt::{Display, Write as _};

/// How many columns are filled where nobody says how many there are.
const COLUMNS: usize = 80;

/// How wide the terminal is, in columns.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { COLUMNS } else { columns }
}

/// A reply, as whole lines.
pub fn reply(reply: &Reply, palette: &Palette) -> String {
    let server = paint(palette.heading, "Server:");
    let said = |style, text: &str| format!("{server} {}\n", paint(style, text));
    match reply {
        Reply::Revision(_) | Reply::Done | Reply::Watching(_) => said(palette.good, "OK"),
        Reply::NotFound => said(palette.missing, "NOT_FOUND"),
        Reply::Refused(why) => {
            let why = print::escape(why.as_bytes());
            said(palette.bad, &format!("Error: {why}"))
        }
        Reply::Gone { .. } => said(palette.bad, &format!("Error: {}", print::GONE)),
        Reply::Page(page) if page.keys.is_empty() => said(palette.missing, "(no keys)"),
        Reply::Page(page) => {
            let keys = page.keys.iter().map(|(key, _)| value(key, palette));
            format!("{server} {}", keys.collect::<String>())
        }
        Reply::Text(text) => format!("{server} {}", value(text, palette)),
        Reply::Values(values) => {
            let values = values.iter().map(|bytes| value(bytes, palette));
            format!("{server} {}", values.collect::<String>())
        }
        Reply::Stats(stats) => stats.iter().fold(format!("{server}\n"), |text, stat| {
            text + &figure(stat, stats, palette)
        }),
    }
}

/// A value as lines of its own. What bytes a terminal would obey is escaped, but for line ends: a
/// value of several lines is shown as such, with a mark before each but the first.
fn value(bytes: &[u8], palette: &Palette) -> String {
    let mut text = String::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if at > 0 {
            text.push_str(&paint(palette.faint, "| "));
        }
        text.push_str(&print::escape(line));
        text.push('\n');
    }
    text
}

/// A line of the counters, `of` being all of them.
fn figure((name, stat): &(String, Stat), of: &[(String, Stat)], palette: &Palette) -> String {
    let width = of.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let stat = match stat {
        Stat::Number(number) => number.to_string(),
        Stat::Text(text) => print::escape(text.as_bytes()),
    };
    let name = print::escape(name.as_bytes());
    format!(
        "  {}  {stat}\n",
        paint(palette.verb, &format!("{name:width$}"))
    )
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

/// What can be typed, as lines of at most so many columns.
pub fn operations(columns: usize, palette: &Palette) -> String {
    let mut text = format!("{}\n", paint(palette.heading, "Available operations:"));
    let width = VERBS.iter().map(|verb| verb.word.len()).max().unwrap_or(0);
    for verb in &VERBS {
        let word = format!("{:width$}", verb.word.to_ascii_uppercase());
        let indent = width + 5;
        let help = wrapped(&capital(verb.help), columns.saturating_sub(indent), indent);
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {} - {help}", paint(palette.verb, &word));
    }
    let hint = "Type PUT:user:john or put user \"john smith\"; help VERB explains a verb.";
    let _ = writeln!(text, "\n{}", wrapped(hint, columns, 0));
    text
}

/// What there is to know of a verb, as lines; the examples in both syntaxes.
pub fn explained(verb: &Verb, palette: &Palette) -> String {
    let usage = paint(palette.verb, verb.word) + &verb.usage()[verb.word.len()..];
    let mut text = format!("{usage} - {}\n", verb.help);
    for example in verb.examples {
        let _ = writeln!(text, "  {example}");
        if verb.fields.1 > 0 {
            let (word, args) = example.split_at(verb.word.len());
            let colons = word.to_ascii_uppercase() + &args.replace(' ', ":");
            let _ = writeln!(text, "  {colons}");
        }
    }
    text
}

/// A text as it begins a line.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// `text` in lines of at most `columns`, where its words allow it; all but the first indented.
fn wrapped(text: &str, columns: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        if length > 0 && length + 1 + word.len() > columns {
            let _ = write!(lines, "\n{:indent$}", "");
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
    fn replies_read_as_a_dialogue() {
        let values =
            |values: &[&[u8]]| Reply::Values(values.iter().map(|value| value.to_vec()).collect());
        let stats = [
            ("a".to_owned(), Stat::Number(7)),
            ("bcd".to_owned(), Stat::Number(1)),
        ];
        let cases = [
            (Reply::Revision(7), "Server: OK\n"),
            (Reply::NotFound, "Server: NOT_FOUND\n"),
            (
                Reply::Refused("no \x1b".to_owned()),
                "Server: Error: no \\x1b\n",
            ),
            (Reply::Text(b"PONG".to_vec()), "Server: PONG\n"),
            (values(&[b"john", b"alice"]), "Server: john\nalice\n"),
            (values(&[b"", b"x"]), "Server: \nx\n"),
            (
                values(&[b"a\nb\n", b"c\r\n\xff"]),
                "Server: a\n| b\n| \nc\\r\n| \\xff\n",
            ),
            (
                Reply::Stats(stats.to_vec()),
                "Server:\n  a    7\n  bcd  1\n",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(reply(&given, &Palette::default()), expected);
        }
    }

    #[test]
    fn help_keeps_to_the_columns_there_are() {
        for columns in [40, 80, 200] {
            let text = operations(columns, &Palette::default());
            assert!(text.lines().all(|line| line.len() <= columns), "{text}");
        }
        let plain = Palette::default();
        assert!(
            operations(80, &plain).lines().count() <= VERBS.len() + 3,
            "one line a verb"
        );
        operations(0, &plain);
        for verb in &VERBS {
            let text = explained(verb, &plain);
            assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        }
    }

    #[test]
    fn a_plain_palette_writes_no_escapes() {
        let reply = reply(&Reply::NotFound, &Palette::default());
        assert!(!(operations(80, &Palette::default()) + &reply).contains('\x1b'));
    }
}
