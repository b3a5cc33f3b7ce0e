//! Writes a record as text and reads it again: `NAME MARK WORDS`, one entry a line.
//!
//! The marks: `opens` with the dialect, `mirror` and `after NAME`; `>` a request; `<` a reply; `!`
//! a push; `half`, `cut` and `end`; `stops` and `reports`, of the server, whatever the name.
//! An empty word stands as `""`.

use crate::record::{Conn, ConnId, Dialect, Event, Page, Push, Record, Reply, Word};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (0..self.entries.len()).try_for_each(|at| writeln!(f, "{}", self.line(at)))
    }
}

impl Record {
    /// One entry as text.
    pub fn line(&self, at: usize) -> String {
        let (id, event) = &self.entries[at];
        let conn = &self.conns[*id];
        let name = &conn.name;
        match event {
            Event::Opened => format!("{name} opens {}", self.opening(conn)),
            Event::Sent(words) => format!("{name} > {}", join(words)),
            Event::Replied(reply) => format!("{name} < {}", reply_text(reply)),
            Event::Pushed(push) => format!("{name} ! {}", push_text(push)),
            Event::Halved => format!("{name} half"),
            Event::Cut => format!("{name} cut"),
            Event::Ended => format!("{name} end"),
            Event::Stopped => format!("{name} stops"),
            Event::Reported(figures) => format!("{name} reports{}", pairs_text(figures)),
        }
    }

    fn opening(&self, conn: &Conn) -> String {
        let dialect = match conn.dialect {
            Dialect::Lines => "lines",
            Dialect::Resp2 => "resp2",
            Dialect::Resp3 => "resp3",
        };
        let mirror = if conn.is_mirror { " mirror" } else { "" };
        let after = conn
            .resumes
            .map(|id| format!(" after {}", self.conns[id].name));
        format!("{dialect}{mirror}{}", after.unwrap_or_default())
    }

    /// Reads what [`Record`]'s text form holds; empty lines and blanks around lines do not matter.
    pub fn parse(text: &str) -> Record {
        let mut record = Record::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<Word> = line.split(' ').map(unquote).collect();
            let [name, mark, rest @ ..] = &words[..] else {
                panic!("no entry: {line}")
            };
            if mark == "opens" {
                let conn = parse_conn(&record, name, rest);
                record.open(conn);
                continue;
            }
            let id = place(&record, name);
            record.push(
                id,
                parse_event(mark, rest).unwrap_or_else(|| panic!("{line}")),
            );
        }
        record
    }
}

fn place(record: &Record, name: &str) -> ConnId {
    let found = record.conns.iter().position(|conn| conn.name == name);
    found.unwrap_or_else(|| panic!("{name} was not opened"))
}

fn parse_conn(record: &Record, name: &str, words: &[Word]) -> Conn {
    let dialect = match words[0].as_str() {
        "lines" => Dialect::Lines,
        "resp2" => Dialect::Resp2,
        _ => Dialect::Resp3,
    };
    let after = words.iter().position(|word| word == "after");
    Conn {
        name: name.to_owned(),
        dialect,
        resumes: after.map(|at| place(record, &words[at + 1])),
        is_mirror: words.iter().any(|word| word == "mirror"),
    }
}

fn parse_event(mark: &str, words: &[Word]) -> Option<Event> {
    Some(match mark {
        ">" => Event::Sent(words.to_vec()),
        "<" => Event::Replied(parse_reply(words)?),
        "!" => Event::Pushed(parse_push(words)?),
        "half" => Event::Halved,
        "cut" => Event::Cut,
        "end" => Event::Ended,
        "stops" => Event::Stopped,
        "reports" => Event::Reported(parse_pairs(words)?),
        _ => return None,
    })
}

fn parse_reply(words: &[Word]) -> Option<Reply> {
    let (kind, rest) = words.split_first()?;
    let number = |at: usize| rest.get(at)?.parse::<u64>().ok();
    Some(match kind.as_str() {
        "done" => Reply::Done(number(0)?),
        "missing" => Reply::Missing,
        "ok" => Reply::Ok,
        "watching" => Reply::Watching(rest.first()?.clone(), number(1)?),
        "gone" => Reply::Gone(number(0)?, rest.get(1)?.clone()),
        "refused" => Reply::Refused(rest.join(" ")),
        "page" => Reply::Page(Page {
            revision: number(0)?,
            next: rest.get(1).filter(|next| *next != "-").cloned(),
            keys: rest[2..]
                .iter()
                .map(|key| parse_key(key))
                .collect::<Option<_>>()?,
        }),
        "keys" => Reply::Keys(rest.to_vec()),
        "stats" => Reply::Stats(parse_pairs(rest)?),
        "other" => Reply::Other,
        _ => return None,
    })
}

fn parse_pairs(words: &[Word]) -> Option<BTreeMap<Word, u64>> {
    let pairs = words.iter().map(|pair| pair.split_once('='));
    let pair = |(name, value): (&str, &str)| Some((name.to_owned(), value.parse().ok()?));
    pairs.map(|found| found.and_then(pair)).collect()
}

fn parse_key(text: &str) -> Option<(Word, Vec<Word>)> {
    let (key, values) = text.split_once('=')?;
    Some((
        key.to_owned(),
        values.split(',').map(str::to_owned).collect(),
    ))
}

fn parse_push(words: &[Word]) -> Option<Push> {
    let (kind, rest) = words.split_first()?;
    let number = |at: usize| rest.get(at)?.parse::<u64>().ok();
    Some(match kind.as_str() {
        "notify" => {
            let told = rest.get(2).map(|_| Some((number(2)?, rest[3..].to_vec())));
            let told = if let Some(told) = told {
                Some(told?)
            } else {
                None
            };
            Push::Notify(rest.first()?.clone(), rest.get(1)?.clone(), told)
        }
        "lost" => Push::Lost(number(0)?, number(1)?),
        "progress" => Push::Progress(number(0)?),
        "drain" => Push::Drain,
        _ => return None,
    })
}

fn reply_text(reply: &Reply) -> String {
    match reply {
        Reply::Done(revision) => format!("done {revision}"),
        Reply::Missing => "missing".to_owned(),
        Reply::Ok => "ok".to_owned(),
        Reply::Watching(epoch, revision) => format!("watching {epoch} {revision}"),
        Reply::Gone(oldest, epoch) => format!("gone {oldest} {epoch}"),
        Reply::Refused(why) => format!("refused {why}"),
        Reply::Page(page) => {
            let keys = page.keys.iter();
            let keys = keys.map(|(key, values)| format!(" {key}={}", values.join(",")));
            let next = page.next.as_deref().unwrap_or("-");
            format!("page {} {next}{}", page.revision, keys.collect::<String>())
        }
        Reply::Keys(keys) => format!("keys {}", join(keys)).trim_end().to_owned(),
        Reply::Stats(stats) => format!("stats{}", pairs_text(stats)),
        Reply::Other => "other".to_owned(),
    }
}

fn pairs_text(pairs: &BTreeMap<Word, u64>) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!(" {name}={value}"));
    pairs.collect()
}

fn push_text(push: &Push) -> String {
    match push {
        Push::Notify(op, key, None) => format!("notify {op} {key}"),
        Push::Notify(op, key, Some((revision, values))) => {
            let values: String = values
                .iter()
                .map(|value| format!(" {}", quote(value)))
                .collect();
            format!("notify {op} {key} {revision}{values}")
        }
        Push::Lost(first, last) => format!("lost {first} {last}"),
        Push::Progress(revision) => format!("progress {revision}"),
        Push::Drain => "drain".to_owned(),
    }
}

fn quote(word: &str) -> &str {
    if word.is_empty() { "\"\"" } else { word }
}

fn unquote(word: &str) -> Word {
    if word == "\"\"" {
        Word::new()
    } else {
        word.to_owned()
    }
}

fn join(words: &[Word]) -> String {
    words
        .iter()
        .map(|word| quote(word))
        .collect::<Vec<_>>()
        .join(" ")
}
