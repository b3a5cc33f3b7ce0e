//! Reads and writes RESP, the wire format of Redis, versions 2 and 3, for programs.
//!
//! The rules are those of the Redis serialization protocol specification
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>). Requests are arrays of bulk
//! strings only; a request in any other form is broken framing, for what follows it cannot be
//! found again.

mod encode;

use super::command::{self, Refusal, Request, Span};
use super::{Parsed, escaped};
pub use encode::{array_head, bulk_head, notice, reply};

/// The most bulk strings that one request may hold, its verb included.
pub const BULKS_MAX: usize = 64;

/// The most bytes that a number and its sign may take in the head of an array or a bulk string.
const NUMBER_BYTES_MAX: usize = 20;

/// Reads frames; remembers how far it has come in the present one.
#[derive(Debug, Default)]
pub struct Parser {
    /// How many bulk strings are still to come, once the head of the array has been read.
    missing: Option<usize>,
    /// The bulk strings that have been read, relative to the start of the request.
    bulks: Vec<Span>,
    /// The length of the bulk string that has begun, once its head has been read.
    bulk: Option<usize>,
    /// The length of all bulk strings so far, the one that has begun included.
    bytes: usize,
    /// How much of the request has been read.
    read: usize,
}

/// How many bulk strings a request has at most that is read by [`whole`].
const WHOLE_BULKS_MAX: usize = 4;

/// Reads a request that is there whole, as nearly all are, without keeping anything for later.
/// Nothing if it is not, or is anything unusual: that is for the parser that can stop anywhere.
fn whole(input: &[u8], start: usize, bytes_max: usize) -> Option<(Request, usize)> {
    let [b'*', count @ b'1'..=b'9', b'\r', b'\n', ..] = *input.get(start..)? else {
        return None;
    };
    let count = usize::from(count - b'0');
    let mut bulks = [Span::default(); WHOLE_BULKS_MAX];
    let mut at = start + 4;
    for bulk in bulks.get_mut(..count)? {
        let Head::Number(length, taken) = number(input.get(at..)?.strip_prefix(b"$")?) else {
            return None;
        };
        let begin = at + 1 + taken;
        let end = begin + usize::try_from(length).ok().filter(|n| *n <= bytes_max)?;
        if input.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        *bulk = Span { start: begin, end };
        at = end + 2;
    }
    let is_short = at - start <= bytes_max;
    is_short.then(|| (request(&bulks[..count], input), at))
}

/// What stands at the head of an array or of a bulk string.
enum Head {
    Number(i64, usize),
    Incomplete,
    Broken,
}

impl Parser {
    /// See [`super::Parser::next`].
    pub fn next(&mut self, input: &[u8], start: usize, bytes_max: usize) -> Parsed {
        if self.missing.is_none()
            && let Some((request, next)) = whole(input, start, bytes_max)
        {
            return Parsed::Request(request, next);
        }
        let parsed = match self.read_array(input, start, bytes_max) {
            Ok(parsed) => parsed,
            Err(refusal) => Parsed::Request(Request::Fatal(refusal), input.len()),
        };
        if !matches!(parsed, Parsed::Incomplete) {
            self.bulks.clear();
            (self.missing, self.bulk, self.bytes, self.read) = (None, None, 0, 0);
        }
        parsed
    }

    fn read_array(
        &mut self,
        input: &[u8],
        start: usize,
        bytes_max: usize,
    ) -> Result<Parsed, Refusal> {
        if self.missing.is_none() {
            // Between requests Redis ignores an empty line, and `redis-cli --pipe` sends one.
            match input.get(start..) {
                Some([b'\r', b'\n', ..]) => return Ok(Parsed::Nothing(start + 2)),
                Some([b'\r']) => return Ok(Parsed::Incomplete),
                _ => {}
            }
            let Some(count) = self.head(input, start, b'*', "invalid multibulk length")? else {
                return Ok(Parsed::Incomplete);
            };
            if count == 0 || count == -1 {
                return Ok(Parsed::Nothing(start + self.read));
            }
            let count = usize::try_from(count)
                .ok()
                .filter(|count| *count <= BULKS_MAX);
            self.missing = Some(count.ok_or_else(|| {
                broken(&format!(
                    "invalid multibulk length, 1 to {BULKS_MAX} bulk strings"
                ))
            })?);
        }
        while self.missing.is_some_and(|missing| missing > 0) {
            if !self.read_bulk(input, start, bytes_max)? {
                return Ok(Parsed::Incomplete);
            }
            self.missing = self.missing.map(|missing| missing - 1);
        }
        let end = start + self.read;
        for bulk in &mut self.bulks {
            *bulk = Span {
                start: start + bulk.start,
                end: start + bulk.end,
            };
        }
        Ok(Parsed::Request(request(&self.bulks, input), end))
    }

    /// Reads one bulk string; false if it is not there whole.
    fn read_bulk(&mut self, input: &[u8], start: usize, bytes_max: usize) -> Result<bool, Refusal> {
        let length = match self.bulk {
            Some(length) => length,
            None => {
                let Some(length) = self.head(input, start, b'$', "invalid bulk length")? else {
                    return Ok(false);
                };
                let length = usize::try_from(length).map_err(|_| broken("invalid bulk length"))?;
                if length > bytes_max - self.bytes {
                    let text = format!("request beyond request_bytes_max ({bytes_max} bytes)");
                    return Err(broken(&text));
                }
                self.bytes += length;
                *self.bulk.insert(length)
            }
        };
        let begin = start + self.read;
        let Some(end) = input.get(begin + length..begin + length + 2) else {
            return Ok(false);
        };
        if end != b"\r\n" {
            return Err(broken("a bulk string does not end in CRLF"));
        }
        self.bulks.push(Span {
            start: self.read,
            end: self.read + length,
        });
        self.read += length + 2;
        self.bulk = None;
        Ok(true)
    }

    /// Reads the head of an array or a bulk string; nothing if it is not there whole.
    fn head(
        &mut self,
        input: &[u8],
        start: usize,
        mark: u8,
        otherwise: &str,
    ) -> Result<Option<i64>, Refusal> {
        let Some((&first, rest)) = input.get(start + self.read..).and_then(<[u8]>::split_first)
        else {
            return Ok(None);
        };
        if first != mark {
            let (wanted, found) = (char::from(mark), escaped(&[first]));
            return Err(broken(&format!("expected '{wanted}', got '{found}'")));
        }
        match number(rest) {
            Head::Number(number, taken) => {
                self.read += 1 + taken;
                Ok(Some(number))
            }
            Head::Incomplete => Ok(None),
            Head::Broken => Err(broken(otherwise)),
        }
    }
}

/// Reads a decimal number and the CRLF after it. Most have one digit or two.
#[inline(always)] // five times in a request
fn number(input: &[u8]) -> Head {
    let digit = |byte: u8| i64::from(byte - b'0');
    match *input {
        [one @ b'0'..=b'9', b'\r', b'\n', ..] => Head::Number(digit(one), 3),
        [ten @ b'0'..=b'9', one @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Head::Number(digit(ten) * 10 + digit(one), 4)
        }
        _ => any_number(input),
    }
}

fn any_number(input: &[u8]) -> Head {
    let negative = input.first() == Some(&b'-');
    let digits = usize::from(negative);
    let mut number = 0i64;
    for (at, byte) in input.iter().enumerate().skip(digits).take(NUMBER_BYTES_MAX) {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                let Some(next) = number.checked_mul(10).and_then(|n| n.checked_add(digit)) else {
                    return Head::Broken;
                };
                number = next;
            }
            b'\r' if at > digits => {
                return match input.get(at + 1) {
                    Some(b'\n') if negative && number == 0 => Head::Broken,
                    Some(b'\n') if negative => Head::Number(-number, at + 2),
                    Some(b'\n') => Head::Number(number, at + 2),
                    Some(_) => Head::Broken,
                    None => Head::Incomplete,
                };
            }
            _ => return Head::Broken,
        }
    }
    if input.len() < digits + NUMBER_BYTES_MAX {
        Head::Incomplete
    } else {
        Head::Broken
    }
}

fn broken(text: &str) -> Refusal {
    Refusal::new(format!("Protocol error: {text}"))
}

fn request(bulks: &[Span], input: &[u8]) -> Request {
    match parse(bulks, input) {
        Ok(command) => Request::Command(command),
        Err(refusal) => Request::Refused(refusal),
    }
}

fn parse(bulks: &[Span], input: &[u8]) -> Result<command::Command, Refusal> {
    let (word, fields) = bulks
        .split_first()
        .ok_or_else(|| Refusal::new("no command"))?;
    let word = word.of(input);
    let verb = command::find(word).and_then(|verb| Some((verb, verb.frame?)));
    let Some((verb, form)) = verb else {
        return Err(Refusal::new(format!("unknown command '{}'", escaped(word))));
    };
    if !form.takes(fields.len()) {
        let usage = format!("{} {}", verb.word, form.usage);
        return Err(Refusal::new(format!(
            "wrong number of arguments: {}",
            usage.trim_end()
        )));
    }
    command::build(verb, fields, input, true)
}
