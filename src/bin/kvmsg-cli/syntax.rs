//! Reads a typed line, in either of two syntaxes, into a verb and its arguments.
//!
//! * With colons, as lines travel to the server, see kvmsg(7): `PUT:user:john`. Fields are taken
//!   verbatim, blanks included; the last one of PUT, UPDATE and REMOVE takes the rest of the line.
//! * With blanks, as in a shell: `put user "john smith"`. A word that begins with a quote goes up
//!   to the next such quote, which must end the word: between double quotes a backslash begins an
//!   escape, between single ones it stands for itself. Outside of quotes nothing but a blank is
//!   special, so `it's`, `{"a":1}` and `C:\temp` are typed as they are.
//!
//! A line is in the first syntax if a colon ends its first word. So `get a:b` is in the second.

use crate::print;
use kvmsg::protocol::command;
use std::fmt;

/// A line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Nothing but blanks.
    Empty,
    /// A verb as it was typed, known or not, and what follows it.
    Words {
        /// The first word.
        verb: Vec<u8>,
        /// The others, as many as there are.
        args: Vec<Vec<u8>>,
    },
}

/// Why a line cannot be read. Columns count bytes, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxError {
    /// A quote has no other end.
    Open {
        /// Which quote.
        quote: u8,
        /// Where it stands.
        column: usize,
    },
    /// Something other than a blank follows a closing quote.
    Glued {
        /// Which quote.
        quote: u8,
        /// Where it stands.
        column: usize,
    },
    /// A backslash between double quotes begins no escape.
    Escape {
        /// Where the backslash stands.
        column: usize,
    },
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SyntaxError::Open { quote, column } => {
                let quote = char::from(quote);
                write!(
                    f,
                    "the {quote} at column {column} is not closed; type {quote} where the word ends"
                )
            }
            SyntaxError::Glued { quote, column } => {
                let quote = char::from(quote);
                write!(
                    f,
                    "the {quote} at column {column} must end its word; put a blank after it"
                )
            }
            SyntaxError::Escape { column } => write!(
                f,
                r#"the \ at column {column} begins no escape (\\ \" \' \n \r \t \0 \xHH \u{{HEX}})"#
            ),
        }
    }
}

impl std::error::Error for SyntaxError {}

/// Reads one line, given without its end.
///
/// # Errors
///
/// Quotes and escapes that do not end, or end wrongly. That a verb is unknown, or has too many
/// arguments or too few, is no concern of the syntax.
pub fn parse(line: &[u8]) -> Result<Line, SyntaxError> {
    match colon(line) {
        Some(end) => {
            let verb = line[..end].trim_ascii_start().to_vec();
            let args = fields(&verb, &line[end + 1..]);
            Ok(Line::Words { verb, args })
        }
        None => words(line),
    }
}

/// Where the colon stands that ends the first word, if the line is in the syntax with colons.
pub fn colon(line: &[u8]) -> Option<usize> {
    let start = line.len() - line.trim_ascii_start().len();
    let first = &line[start..];
    let end = first
        .iter()
        .position(|byte| *byte == b':' || is_blank(*byte))?;
    // A quote begins a word; it does not become a verb with colons.
    (first[end] == b':' && !is_quote(first[0])).then_some(start + end)
}

/// Whether `word` can be typed with blanks around it as it is, without quotes.
pub fn is_bare(word: &[u8]) -> bool {
    let is_plain = std::str::from_utf8(word).is_ok_and(|text| print::escape(word) == text);
    is_plain && !word.is_empty() && !is_quote(word[0]) && !word.iter().any(|byte| is_blank(*byte))
}

/// What `word` is typed as between double quotes, without the quotes.
pub fn escaped(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    for byte in word {
        if matches!(byte, b'\\' | b'"') {
            bytes.push(b'\\');
        }
        bytes.push(*byte);
    }
    print::escape(&bytes)
}

/// What `word` is typed as, in quotes if it needs them.
pub fn typed(word: &[u8]) -> String {
    match is_bare(word) {
        true => String::from_utf8_lossy(word).into_owned(),
        false => format!("\"{}\"", escaped(word)),
    }
}

/// Cuts the first line off a text of several, such as was pasted. A line end between quotes does
/// not end the line. Returns the line without its end, and what follows.
pub fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let newline = |from: usize| memchr::memchr(b'\n', &text[from..]).map(|at| from + at);
    let mut end = newline(0);
    while let Some(at) = end {
        match parse(&text[..at]) {
            Err(SyntaxError::Open { .. }) => end = newline(at + 1),
            _ => return (&text[..at], &text[at + 1..]),
        }
    }
    match newline(0) {
        // The quote is never closed: the other lines are not part of that mistake.
        Some(at) if matches!(parse(text), Err(SyntaxError::Open { .. })) => {
            (&text[..at], &text[at + 1..])
        }
        _ => (text, &[]),
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// Cuts what follows the first colon into fields: as many as there are colons, but no more than
/// the verb has if its last one takes the rest.
fn fields(verb: &[u8], rest: &[u8]) -> Vec<Vec<u8>> {
    let most = match command::find(verb) {
        Some(verb) if verb.rest => verb.line.map_or(usize::MAX, |form| form.fields.1),
        _ => usize::MAX,
    };
    let fields = rest.splitn(most, |byte| *byte == b':');
    fields.map(<[u8]>::to_vec).collect()
}

fn words(line: &[u8]) -> Result<Line, SyntaxError> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        if is_blank(*byte) {
            at += 1;
            continue;
        }
        let (word, end) = match byte {
            b'"' | b'\'' => quoted(line, at)?,
            _ => bare(line, at),
        };
        words.push(word);
        at = end;
    }
    let mut words = words.into_iter();
    Ok(match words.next() {
        None => Line::Empty,
        Some(verb) => {
            let args = words.collect();
            Line::Words { verb, args }
        }
    })
}

/// A word without quotes, and where it ends.
fn bare(line: &[u8], start: usize) -> (Vec<u8>, usize) {
    let rest = &line[start..];
    let length = rest.iter().position(|byte| is_blank(*byte));
    let length = length.unwrap_or(rest.len());
    (rest[..length].to_vec(), start + length)
}

/// A word in quotes, and where it ends.
fn quoted(line: &[u8], start: usize) -> Result<(Vec<u8>, usize), SyntaxError> {
    let quote = line[start];
    let mut word = Vec::new();
    let mut at = start + 1;
    while let Some(&byte) = line.get(at) {
        if byte == quote {
            let column = at + 1;
            let glued = line.get(at + 1).is_some_and(|next| !is_blank(*next));
            return match glued {
                true => Err(SyntaxError::Glued { quote, column }),
                false => Ok((word, at + 1)),
            };
        }
        if byte == b'\\' && quote == b'"' {
            let length = escape(&line[at + 1..], &mut word);
            at += 1 + length.ok_or(SyntaxError::Escape { column: at + 1 })?;
        } else {
            word.push(byte);
            at += 1;
        }
    }
    let column = start + 1;
    Err(SyntaxError::Open { quote, column })
}

/// Appends what the escape stands for that `rest` begins with, and says how long it is without
/// its backslash.
fn escape(rest: &[u8], word: &mut Vec<u8>) -> Option<usize> {
    let byte = match rest.first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        sign @ (b'\\' | b'"' | b'\'') => *sign,
        b'x' => {
            word.push(u8::try_from(hexadecimal(rest.get(1..3)?)?).ok()?);
            return Some(3);
        }
        b'u' => {
            let digits = rest.get(1..)?.strip_prefix(b"{")?;
            let length = digits.iter().take(7).position(|byte| *byte == b'}')?;
            let letter = char::from_u32(hexadecimal(&digits[..length])?)?;
            word.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(length + 3);
        }
        _ => return None,
    };
    word.push(byte);
    Some(1)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
#[path = "syntax/tests.rs"]
mod tests;
