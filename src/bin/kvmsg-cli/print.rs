//! Prints replies and notices: in the line form, ended by NUL, as JSON, or fit for a terminal.

pub mod document;

use crate::failure::Failure;
use kvmsg::client::{Notice, Position, Reply, Stat};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};

/// What is said of a position that a server knows nothing of any more.
pub const GONE: &str = "the position is gone";

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form {
    /// One JSON document a line.
    pub json: bool,
    /// NUL instead of a line end.
    pub nul: bool,
    /// Nothing where the exit status says it all: no `OK`, no `PONG`.
    pub quiet: bool,
    /// Control bytes are escaped, for a person looks at them.
    pub escape: bool,
}

impl Form {
    /// This form, as standard output needs it.
    pub fn on_stdout(self) -> Form {
        let escape = !self.json && io::stdout().is_terminal();
        Form { escape, ..self }
    }

    /// Appends what is to be printed for a reply: values, or names and their figures, one a line,
    /// or `OK`. For what was not found it is nothing.
    pub fn reply(self, reply: &Reply, out: &mut Vec<u8>) {
        let is_word = match reply {
            Reply::Text(text) => text == b"PONG",
            reply => matches!(reply, Reply::Revision(_) | Reply::Done),
        };
        match reply {
            Reply::NotFound => {}
            _ if self.quiet && is_word => {}
            _ if self.json => self.json(&document::reply(reply), out),
            _ => each_part(reply, |part| self.line(part, out)),
        }
    }

    /// Appends what is to be printed for a notice.
    pub fn notice(self, notice: &Notice, out: &mut Vec<u8>) {
        match self.json {
            true => self.json(&document::notice(notice), out),
            false => self.line(&notice_line(notice), out),
        }
    }

    /// Appends what is to be printed when a watch could not go on where it was to.
    pub fn gone(self, since: &Position, oldest: u64, from: &Position, out: &mut Vec<u8>) {
        match self.json {
            true => self.json(&document::gone(since, oldest, from), out),
            false => self.line(format!("NOTIFY GONE {since} {from}").as_bytes(), out),
        }
    }

    /// Appends a key: alone, or with its values, each on a line behind the key and a TAB.
    pub fn key(self, key: &[u8], values: Option<&Vec<Vec<u8>>>, out: &mut Vec<u8>) {
        match values {
            None if self.json => self.json(&document::bytes(key), out),
            Some(values) if self.json => self.json(&document::entry(key, values), out),
            None => self.line(key, out),
            Some(values) => {
                for value in values {
                    self.bytes(key, out);
                    out.push(b'\t');
                    self.line(value, out);
                }
            }
        }
    }

    /// Appends a JSON document. Characters that mislead a terminal are escaped there as well.
    pub fn json(self, document: &Value, out: &mut Vec<u8>) {
        let mut text = String::new();
        for letter in document.to_string().chars() {
            match misleads(letter) {
                true => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
                false => text.push(letter),
            }
        }
        self.line(text.as_bytes(), out);
    }

    /// Appends a line, with its end.
    pub fn line(self, bytes: &[u8], out: &mut Vec<u8>) {
        self.bytes(bytes, out);
        out.push(if self.nul { 0 } else { b'\n' });
    }

    fn bytes(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.escape {
            true => out.extend_from_slice(escape(bytes).as_bytes()),
            false => out.extend_from_slice(bytes),
        }
    }
}

/// How much output is gathered before it is written, in bytes.
pub const OUTPUT_BYTES: usize = 64 * 1024;

/// Writes to standard output, at once.
///
/// # Errors
///
/// [`Failure::Output`], also if nobody reads it any more.
pub fn out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(Failure::Output)
}

/// Returns when nobody reads standard output any more, which a pipe's reader shows by closing it.
pub async fn hangup() {
    let (sender, closed) = async_channel::bounded::<()>(1);
    std::thread::spawn(move || {
        let stdout = io::stdout();
        let mut looked = [PollFd::new(&stdout, PollFlags::empty())];
        while poll(&mut looked, None) == Err(rustix::io::Errno::INTR) {}
        if looked[0].revents().is_empty() {
            // Nothing can be found out; whoever waits goes on waiting.
            std::mem::forget(sender);
        }
    });
    let _ = closed.recv().await;
}

/// Shows `take` what a reply consists of, each to be printed on a line.
fn each_part(reply: &Reply, mut take: impl FnMut(&[u8])) {
    match reply {
        Reply::Revision(_) | Reply::Done | Reply::Watching(_) => take(b"OK"),
        Reply::NotFound => take(b"NOT_FOUND"),
        Reply::Values(values) => values.iter().for_each(|value| take(value)),
        Reply::Text(text) => take(text),
        Reply::Stats(stats) => stats
            .iter()
            .for_each(|stat| take(stat_line(stat).as_bytes())),
        Reply::Page(page) => page.keys.iter().for_each(|(key, _)| take(key)),
        Reply::Gone { .. } => take(format!("Error: {GONE}").as_bytes()),
        Reply::Refused(why) => take(format!("Error: {why}").as_bytes()),
    }
}

fn stat_line((name, stat): &(String, Stat)) -> String {
    match stat {
        Stat::Number(number) => format!("{name} {number}"),
        Stat::Text(text) => format!("{name} {text}"),
    }
}

/// A notice as the line form has it, without its end: `NOTIFY PUT user`.
pub fn notice_line(notice: &Notice) -> Vec<u8> {
    match notice {
        Notice::Change { op, key, .. } => {
            [b"NOTIFY ", op.word().as_bytes(), b" ", &key[..]].concat()
        }
        Notice::Lost { first, last } => format!("NOTIFY LOST {first} {last}").into_bytes(),
        Notice::Progress { revision } => format!("NOTIFY PROGRESS {revision}").into_bytes(),
        Notice::Drain { seconds } => format!("NOTIFY DRAIN {seconds}").into_bytes(),
    }
}

/// Bytes as a person can look at them: control characters, and those that turn the direction of
/// writing, escaped; bytes that are no UTF-8 as `\xff`. All other text stays, a backslash too.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' | '\r' | '\t' => text.extend(letter.escape_default()),
                '\0'..='\x1f' | '\x7f' => text.push_str(&format!("\\x{:02x}", u32::from(letter))),
                _ if misleads(letter) => text.extend(letter.escape_unicode()),
                _ => text.push(letter),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Whether a character does something to a terminal, or to the order of what it shows.
fn misleads(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvmsg::client::Op;

    #[test]
    fn a_terminal_gets_no_control_bytes_and_all_other_text() {
        let shown = escape(b"a\0\t\n\r\x1b[m\x7f\xff\\ \"'");
        assert_eq!(shown, r#"a\x00\t\n\r\x1b[m\x7f\xff\ "'"#);
        assert_eq!(
            escape("gr\u{fc}n e\u{301} \u{1f600}".as_bytes()),
            "gr\u{fc}n e\u{301} \u{1f600}"
        );
        assert_eq!(escape("\u{9b}\u{202e}".as_bytes()), r"\u{9b}\u{202e}");
    }

    #[test]
    fn replies_are_printed_in_each_form() {
        let values = Reply::Values(vec![b"a\x1bb".to_vec(), b"".to_vec(), b"\xff".to_vec()]);
        let stats = ["a", "b"].map(str::to_owned);
        let stats = stats
            .into_iter()
            .zip([Stat::Number(1), Stat::Text("x".to_owned())]);
        let stats = Reply::Stats(stats.collect());
        let printed = |flags: &str, reply: &Reply| {
            let mut out = Vec::new();
            form(flags).reply(reply, &mut out);
            out.escape_ascii().to_string()
        };
        assert_eq!(printed("", &values), r"a\x1bb\n\n\xff\n");
        assert_eq!(printed("0", &values), r"a\x1bb\x00\x00\xff\x00");
        assert_eq!(printed("e", &values), r"a\\x1bb\n\n\\xff\n");
        let document = r#"[\"a\\u001bb\",\"\",{\"base64\":\"/w==\"}]\n"#;
        assert_eq!(printed("j", &values), document);
        assert_eq!(
            printed("j", &Reply::Text("\u{9b}".into())),
            r#"\"\\u009b\"\n"#
        );
        assert_eq!(printed("j", &Reply::Revision(7)), r#"{\"revision\":7}\n"#);
        assert_eq!(printed("", &Reply::Revision(7)), r"OK\n");
        assert_eq!(printed("q", &Reply::Revision(7)), "");
        assert_eq!(printed("q", &Reply::Text(b"PONG".to_vec())), "");
        assert_eq!(printed("", &Reply::NotFound), "");
        assert_eq!(printed("", &stats), r"a 1\nb x\n");
        assert_eq!(printed("j", &stats), r#"{\"a\":1,\"b\":\"x\"}\n"#);
    }

    #[test]
    fn notices_are_printed_in_each_form() {
        let change = Notice::Change {
            op: Op::Put,
            key: b"user".to_vec(),
            revision: 7,
            values: vec![b"john".to_vec()],
        };
        let lost = Notice::Lost { first: 5, last: 9 };
        let printed = |flags: &str, notice: &Notice| {
            let mut out = Vec::new();
            form(flags).notice(notice, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed("", &change), "NOTIFY PUT user\n");
        let document = r#"{"op":"PUT","key":"user","revision":7,"values":["john"]}"#;
        assert_eq!(printed("j", &change), format!("{document}\n"));
        assert_eq!(printed("", &lost), "NOTIFY LOST 5 9\n");
        assert_eq!(printed("j", &lost), "{\"lost\":[5,9]}\n");
        assert_eq!(
            printed("j", &Notice::Drain { seconds: 3 }),
            "{\"drain\":3}\n"
        );
    }

    fn form(flags: &str) -> Form {
        Form {
            json: flags.contains('j'),
            nul: flags.contains('0'),
            quiet: flags.contains('q'),
            escape: flags.contains('e'),
        }
    }
}
