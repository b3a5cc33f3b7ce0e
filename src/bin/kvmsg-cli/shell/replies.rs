//! Words replies in the manner of a dialogue.

use super::figures::figures;
use super::palette::{Palette, paint};
use super::words::{columns, news};
use crate::print;
use kvmsg::client::{Page, Reply};

/// What introduces a reply, and what stands below it.
const SERVER: &str = "Server:";
const INDENT: &str = "        ";

/// A reply, as whole lines. To a line with colons several values stand as in the original's
/// dialogue, which is as the server sends them; otherwise they have numbers and keys are aligned.
pub fn reply(reply: &Reply, is_colon: bool, palette: &Palette) -> String {
    let server = paint(palette.heading, SERVER);
    let said = |style, text: &str| format!("{server} {}\n", paint(style, text));
    match reply {
        Reply::Revision(_) | Reply::Done | Reply::Watching(_) => said(palette.good, "OK"),
        Reply::NotFound => said(palette.missing, "NOT_FOUND"),
        Reply::Refused(why) => {
            let why = print::escape(why.as_bytes());
            said(palette.bad, &format!("Error: {why}"))
        }
        Reply::Gone { .. } => said(palette.bad, &format!("Error: {}", print::GONE)),
        Reply::Page(page) => listed(page, is_colon, palette),
        Reply::Text(text) => format!("{server} {}", value(text, "", palette)),
        Reply::Values(values) if !is_colon && values.len() > 1 => numbered(values, palette),
        Reply::Values(values) => {
            let values = values.iter().map(|bytes| value(bytes, "", palette));
            format!("{server} {}", values.collect::<String>())
        }
        Reply::Stats(stats) => format!("{server}\n{}", figures(stats, columns(), palette)),
    }
}

/// Values with their numbers, below each other.
fn numbered(values: &[Vec<u8>], palette: &Palette) -> String {
    let width = values.len().to_string().len();
    let mut text = String::new();
    for (at, bytes) in values.iter().enumerate() {
        let before = match at {
            0 => paint(palette.heading, SERVER) + " ",
            _ => INDENT.to_owned(),
        };
        let number = paint(palette.faint, &format!("{:>width$})", at + 1));
        // The mark of a value's further lines stands below the bracket of its number.
        let mark = format!("{INDENT}{:width$}", "");
        text.push_str(&format!(
            "{before}{number} {}",
            value(bytes, &mark, palette)
        ));
    }
    text
}

/// Keys, and that there are more of them.
fn listed(page: &Page, is_colon: bool, palette: &Palette) -> String {
    let server = paint(palette.heading, SERVER);
    if page.keys.is_empty() {
        return format!("{server} {}\n", paint(palette.missing, "(no keys)"));
    }
    let keys = page.keys.iter().map(|(key, _)| value(key, "", palette));
    let keys: Vec<String> = keys.collect();
    let indent = if is_colon { "" } else { INDENT };
    let more = match page.next {
        None => String::new(),
        Some(_) => {
            let count = page.keys.len();
            let text = format!(
                "(the first {count} keys; list PREFIX shows fewer, kvmsg-cli list prints all)"
            );
            news(palette.missing, &text)
        }
    };
    format!("{server} {}{more}", keys.join(indent))
}

/// A value as lines of its own. What bytes a terminal would obey is escaped, but for line ends: a
/// value of several lines is shown as such, with a mark before each but the first, and `indent`
/// before that.
fn value(bytes: &[u8], indent: &str, palette: &Palette) -> String {
    let mut text = String::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if at > 0 {
            text.push_str(indent);
            text.push_str(&paint(palette.faint, "| "));
        }
        text.push_str(&print::escape(line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[&[u8]]) -> Reply {
        Reply::Values(values.iter().map(|value| value.to_vec()).collect())
    }

    #[test]
    fn replies_read_as_a_dialogue() {
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
        ];
        for (given, expected) in cases {
            assert_eq!(reply(&given, true, &Palette::default()), expected);
        }
    }

    #[test]
    fn several_values_are_numbered_below_each_other() {
        let shown = |given: &[&[u8]]| reply(&values(given), false, &Palette::default());
        assert_eq!(shown(&[b"john"]), "Server: john\n");
        assert_eq!(
            shown(&[b"john", b"al\nice"]),
            "Server: 1) john\n        2) al\n         | ice\n"
        );
        let ten = shown(&[&b"x"[..]; 10]);
        assert!(ten.starts_with("Server:  1) x\n         2) x\n"), "{ten}");
        assert!(ten.ends_with("\n        10) x\n"), "{ten}");
    }

    #[test]
    fn keys_are_aligned_and_more_of_them_are_spoken_of() {
        let page = |next: Option<&[u8]>| {
            let keys = [b"a", b"b"].map(|key| (key.to_vec(), Vec::new()));
            Reply::Page(Page {
                epoch: String::new(),
                revision: 1,
                next: next.map(<[u8]>::to_vec),
                keys: keys.to_vec(),
            })
        };
        let plain = Palette::default();
        assert_eq!(reply(&page(None), false, &plain), "Server: a\n        b\n");
        assert_eq!(reply(&page(None), true, &plain), "Server: a\nb\n");
        let more = reply(&page(Some(b"b")), true, &plain);
        assert!(
            more.starts_with("Server: a\nb\n(the first 2 keys; "),
            "{more}"
        );
    }

    #[test]
    fn a_plain_palette_writes_no_escapes() {
        assert!(!reply(&Reply::NotFound, true, &Palette::default()).contains('\x1b'));
    }
}
