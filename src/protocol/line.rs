//! Reads and writes the line protocol: `VERB:field:field`, for people and scripts.

use super::command::{self, Refusal, Request, Span, VERBS};
use super::notice::Notice;
use super::reply::{Reply, Stat};
use super::{Parsed, escaped};
use crate::list::NOTICE_WORD;
use std::io::Write as _;

/// Reads lines; remembers how far it has looked for the end of the present one.
#[derive(Debug, Default)]
pub struct Parser {
    scanned: usize,
    spoken: bool,
}

impl Parser {
    /// See [`super::Parser::next`].
    pub fn next(&mut self, input: &[u8], start: usize, bytes_max: usize) -> Parsed {
        let Some(found) = memchr::memchr(b'\n', &input[start + self.scanned..]) else {
            self.scanned = input.len() - start;
            let unfinished = &input[start..];
            if content(unfinished).len() > bytes_max {
                return Parsed::Request(Request::Fatal(too_long(bytes_max)), input.len());
            }
            return Parsed::Incomplete;
        };
        let end = start + self.scanned + found;
        let line = Span {
            start,
            end: start + content(&input[start..end]).len(),
        };
        if line.end - line.start > bytes_max {
            return Parsed::Request(Request::Fatal(too_long(bytes_max)), end + 1);
        }
        if !self.spoken {
            self.spoken = true;
            return Parsed::Request(Request::Listen, start);
        }
        self.scanned = 0;
        match request(line, input) {
            Some(request) => Parsed::Request(request, end + 1),
            None => Parsed::Nothing(end + 1),
        }
    }
}

/// A line without the CR that may stand before its LF.
fn content(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn too_long(bytes_max: usize) -> Refusal {
    Refusal::new(format!(
        "the line is longer than request_bytes_max ({bytes_max} bytes)"
    ))
}

fn request(line: Span, input: &[u8]) -> Option<Request> {
    let bytes = line.of(input);
    let colon = memchr::memchr(b':', bytes);
    let word = bytes[..colon.unwrap_or(bytes.len())].trim_ascii();
    if word.is_empty() && colon.is_none() {
        return None;
    }
    let rest = colon.map(|at| Span {
        start: line.start + at + 1,
        end: line.end,
    });
    let refusal = match parse(word, rest, input) {
        Ok(command) => return Some(Request::Command(command)),
        Err(refusal) => refusal,
    };
    Some(match is_http(word, bytes) {
        true => Request::Fatal(Refusal::new(
            "this is no HTTP server; the connection is closed",
        )),
        false => Request::Refused(refusal),
    })
}

/// Whether a web browser speaks: a page somewhere must not be able to write here, so its request
/// line, or at the latest its Host header, ends the connection before the body is looked at.
fn is_http(word: &[u8], line: &[u8]) -> bool {
    let version = line.ends_with(b" HTTP/1.0") || line.ends_with(b" HTTP/1.1");
    version || word.eq_ignore_ascii_case(b"HOST")
}

fn parse(word: &[u8], rest: Option<Span>, input: &[u8]) -> Result<command::Command, Refusal> {
    let verb = command::find(word).and_then(|verb| Some((verb, verb.line?)));
    let (verb, form) = verb.ok_or_else(|| {
        Refusal::new(format!(
            "unknown request '{}'; HELP lists the requests",
            escaped(word)
        ))
    })?;
    let rest_from = verb.rest.then_some(form.fields.1);
    let (fields, count) = split(rest_from, rest, input);
    if !form.takes(count) {
        let (word, usage) = (verb.word, form.usage);
        return Err(Refusal::new(format!(
            "wrong number of fields: {word}{usage}"
        )));
    }
    command::build(verb, &fields[..count], input, false)
}

/// Cuts the rest of a line at its colons, but not the field, counted from 1, that takes the rest.
/// Returns at most one field more than any verb has, which is enough to be refused.
fn split(takes_rest: Option<usize>, rest: Option<Span>, input: &[u8]) -> ([Span; 4], usize) {
    let mut fields = [Span::default(); 4];
    let mut count = 0;
    let mut rest = rest;
    while let Some(left) = rest.take().filter(|_| count < fields.len()) {
        let is_cut = takes_rest != Some(count + 1);
        let colon = memchr::memchr(b':', left.of(input)).filter(|_| is_cut);
        let end = colon.map_or(left.end, |at| left.start + at);
        fields[count] = Span {
            start: left.start,
            end,
        };
        rest = colon.map(|_| Span {
            start: end + 1,
            end: left.end,
        });
        count += 1;
    }
    (fields, count)
}

/// Appends a reply's bytes.
pub fn reply(reply: &Reply<'_>, out: &mut Vec<u8>) {
    match reply {
        Reply::Done(_) | Reply::Ok | Reply::Watching { .. } => out.extend_from_slice(b"OK\n"),
        Reply::Missing | Reply::MissingList => out.extend_from_slice(b"NOT_FOUND\n"),
        Reply::Values(list) if !list.is_typable() => refused(UNTYPABLE, out),
        Reply::Values(list) => {
            out.reserve(list.bytes() + list.len());
            for value in list.iter() {
                out.extend_from_slice(value);
                out.push(b'\n');
            }
        }
        Reply::Pong => out.extend_from_slice(b"PONG\n"),
        Reply::Text(text) if text.starts_with(NOTICE_WORD) => refused(NOTICE_LIKE, out),
        Reply::Text(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Reply::Page { .. } => {}
        Reply::Key(key) => {
            out.extend_from_slice(key);
            out.push(b'\n');
        }
        Reply::PageEnd => out.push(b'\n'),
        Reply::Hello(_) => refused("HELLO is for the framed protocol", out),
        Reply::Stats(stats) => {
            for (name, stat) in *stats {
                // Writing into a Vec cannot fail.
                let _ = match stat {
                    Stat::Number(number) => writeln!(out, "{name} {number}"),
                    Stat::Text(text) => writeln!(out, "{name} {text}"),
                };
            }
            out.push(b'\n');
        }
        Reply::Help => help(out),
        Reply::Refused(refusal) => refused(&refusal.text, out),
    }
}

const UNTYPABLE: &str = "a value of this key holds a line end or begins with 'NOTIFY '; \
     read it with the framed protocol";

/// Why a line client is refused a reply of which a line would look like a notice.
pub const NOTICE_LIKE: &str = "a reply must not begin with 'NOTIFY '; use the framed protocol";

fn refused(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Error: ");
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

fn help(out: &mut Vec<u8>) {
    for verb in &VERBS {
        if let Some(form) = verb.line {
            let usage = format!("{}{}", verb.word, form.usage);
            // Writing into a Vec cannot fail.
            let _ = writeln!(out, "{usage:<20} {}", verb.help);
        }
    }
    out.push(b'\n');
}

/// Appends a notice's bytes; of progress lines are told nothing.
pub fn notice(notice: &Notice<'_>, out: &mut Vec<u8>) {
    if matches!(notice, Notice::Progress { .. }) {
        return;
    }
    out.extend_from_slice(NOTICE_WORD);
    let _ = match notice {
        Notice::Change(change) => {
            out.extend_from_slice(change.op.word().as_bytes());
            out.push(b' ');
            out.extend_from_slice(&change.key);
            Ok(())
        }
        Notice::Lost { first, last } => write!(out, "LOST {first} {last}"),
        Notice::Drain { seconds } => write!(out, "DRAIN {seconds}"),
        Notice::Progress { .. } => Ok(()),
    };
    out.push(b'\n');
}
