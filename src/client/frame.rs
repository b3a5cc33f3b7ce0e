//! Reads RESP3 as a server writes it.
//!
//! A reply may arrive in any number of pieces; the decoder goes on where it stopped, so the work
//! is linear in the bytes.

use super::error::Error;

/// How deep arrays may lie in each other. Replies use four levels.
const DEPTH_MAX: usize = 8;

/// The most bytes that the head of a value may have; long enough for any error text.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The longest bulk string that is read, in bytes; a server's limits are far below.
const BULK_BYTES_MAX: usize = 1 << 40;

/// How many elements memory is taken for before they have come.
const RESERVED_MAX: usize = 1024;

/// A value of RESP3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    Status(Vec<u8>),
    Error(Vec<u8>),
    Number(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Frame>),
    /// Names and values in turn.
    Map(Vec<Frame>),
    Push(Vec<Frame>),
}

/// An aggregate whose elements have not all come.
#[derive(Debug)]
struct Open {
    mark: u8,
    missing: usize,
    elements: Vec<Frame>,
}

/// Reads values from bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    /// How much of `bytes` has been read.
    read: usize,
    /// How far has been looked for the end of a head.
    scanned: usize,
    /// The length of the bulk string that has begun.
    bulk: Option<usize>,
    open: Vec<Open>,
}

impl Decoder {
    /// Takes what has arrived.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.read > 0 && self.read >= self.bytes.len() / 2 {
            self.bytes.drain(..self.read);
            self.scanned = self.scanned.saturating_sub(self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next value, if it is there whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            let Some(mut frame) = self.element()? else {
                return Ok(None);
            };
            loop {
                let Some(open) = self.open.last_mut() else {
                    return Ok(Some(frame));
                };
                open.elements.push(frame);
                open.missing -= 1;
                if open.missing > 0 {
                    break;
                }
                frame = close(self.open.pop());
            }
        }
    }

    /// The next value that holds no others, or an empty aggregate. The head of any other opens it.
    fn element(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(length) = self.bulk {
                return self.bulk(length);
            }
            let Some((mark, text)) = self.head()? else {
                return Ok(None);
            };
            match mark {
                b'+' => return Ok(Some(Frame::Status(text))),
                b'-' => return Ok(Some(Frame::Error(text))),
                b'_' => return Ok(Some(Frame::Null)),
                b':' => return Ok(Some(Frame::Number(number(&text)?))),
                b'$' | b'*' if text == b"-1" => return Ok(Some(Frame::Null)),
                b'$' => self.bulk = Some(length(&text, BULK_BYTES_MAX)?),
                b'*' | b'%' | b'>' => {
                    let each = if mark == b'%' { 2 } else { 1 };
                    let missing = each * length(&text, usize::MAX / 64)?;
                    let elements = Vec::with_capacity(missing.min(RESERVED_MAX));
                    let open = Open {
                        mark,
                        missing,
                        elements,
                    };
                    if missing == 0 {
                        return Ok(Some(close(Some(open))));
                    }
                    if self.open.len() == DEPTH_MAX {
                        return Err(Error::protocol("a reply is nested too deeply"));
                    }
                    self.open.push(open);
                }
                other => {
                    let found = [other].escape_ascii().to_string();
                    return Err(Error::protocol(format!("a reply begins with '{found}'")));
                }
            }
        }
    }

    /// A mark and the rest of its line.
    fn head(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let from = self.scanned.max(self.read);
        let Some(found) = memchr::memchr(b'\n', &self.bytes[from..]) else {
            self.scanned = self.bytes.len();
            if self.bytes.len() - self.read > HEAD_BYTES_MAX {
                return Err(Error::protocol("a line of a reply does not end"));
            }
            return Ok(None);
        };
        let line = &self.bytes[self.read..from + found];
        let line = line
            .strip_suffix(b"\r")
            .ok_or_else(|| Error::protocol("it speaks no RESP"))?;
        let (mark, text) = line
            .split_first()
            .ok_or_else(|| Error::protocol("a line of a reply is empty"))?;
        let head = (*mark, text.to_vec());
        self.read = from + found + 1;
        Ok(Some(head))
    }

    fn bulk(&mut self, length: usize) -> Result<Option<Frame>, Error> {
        let end = self.read + length;
        let Some(after) = self.bytes.get(end..end + 2) else {
            return Ok(None);
        };
        if after != b"\r\n" {
            return Err(Error::protocol("a bulk string does not end in CRLF"));
        }
        let bytes = self.bytes[self.read..end].to_vec();
        (self.read, self.bulk) = (end + 2, None);
        Ok(Some(Frame::Bulk(bytes)))
    }
}

fn close(open: Option<Open>) -> Frame {
    match open {
        Some(Open {
            mark: b'%',
            elements,
            ..
        }) => Frame::Map(elements),
        Some(Open {
            mark: b'>',
            elements,
            ..
        }) => Frame::Push(elements),
        Some(Open { elements, .. }) => Frame::Array(elements),
        None => Frame::Null,
    }
}

fn number(text: &[u8]) -> Result<i64, Error> {
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| Error::protocol(format!("'{}' is no number", text.escape_ascii())))
}

fn length(text: &[u8], max: usize) -> Result<usize, Error> {
    let length = usize::try_from(number(text)?)
        .ok()
        .filter(|length| *length <= max);
    length.ok_or_else(|| Error::protocol(format!("'{}' is no length", text.escape_ascii())))
}

impl Frame {
    pub(super) fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self {
            Frame::Bulk(bytes) | Frame::Status(bytes) => Ok(bytes),
            other => Err(other.unexpected("a string")),
        }
    }

    pub(super) fn into_text(self) -> Result<String, Error> {
        let bytes = self.into_bytes()?;
        String::from_utf8(bytes).map_err(|_| Error::protocol("a name is no UTF-8"))
    }

    pub(super) fn into_number(self) -> Result<u64, Error> {
        match self {
            Frame::Number(number) if number >= 0 => Ok(number.unsigned_abs()),
            other => Err(other.unexpected("a number")),
        }
    }

    pub(super) fn into_array(self, wanted: &str) -> Result<Vec<Frame>, Error> {
        match self {
            Frame::Array(elements) => Ok(elements),
            other => Err(other.unexpected(wanted)),
        }
    }

    /// The elements of an array that has exactly as many.
    pub(super) fn into_elements<const N: usize>(self, wanted: &str) -> Result<[Frame; N], Error> {
        let elements = self.into_array(wanted)?;
        let wrong = |_| Error::protocol(format!("an array of another length than {wanted} came"));
        <[Frame; N]>::try_from(elements).map_err(wrong)
    }

    pub(super) fn into_pairs(self) -> Result<Vec<(String, Frame)>, Error> {
        let Frame::Map(elements) = self else {
            return Err(self.unexpected("a map"));
        };
        let mut elements = elements.into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (elements.next(), elements.next()) {
            pairs.push((name.into_text()?, value));
        }
        Ok(pairs)
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        let what = match self {
            Frame::Status(_) => "a status",
            Frame::Error(_) => "an error",
            Frame::Number(_) => "a number",
            Frame::Bulk(_) => "a string",
            Frame::Null => "null",
            Frame::Array(_) => "an array",
            Frame::Map(_) => "a map",
            Frame::Push(_) => "a notice",
        };
        Error::protocol(format!("{what} came instead of {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &[u8] =
        b"+OK\r\n:7\r\n$3\r\na\r\n\r\n_\r\n*2\r\n$0\r\n\r\n*1\r\n:1\r\n%1\r\n$1\r\nn\r\n\
        :2\r\n*0\r\n>2\r\n$4\r\nlost\r\n:1\r\n-ERR no\r\n$-1\r\n";

    fn talk() -> Vec<Frame> {
        let bulk = |text: &str| Frame::Bulk(text.as_bytes().to_vec());
        vec![
            Frame::Status(b"OK".to_vec()),
            Frame::Number(7),
            bulk("a\r\n"),
            Frame::Null,
            Frame::Array(vec![bulk(""), Frame::Array(vec![Frame::Number(1)])]),
            Frame::Map(vec![bulk("n"), Frame::Number(2)]),
            Frame::Array(vec![]),
            Frame::Push(vec![bulk("lost"), Frame::Number(1)]),
            Frame::Error(b"ERR no".to_vec()),
            Frame::Null,
        ]
    }

    #[test]
    fn pieces_of_any_size_give_the_same_values() {
        for size in 1..TALK.len() {
            let mut decoder = Decoder::default();
            let mut frames = Vec::new();
            for piece in TALK.chunks(size) {
                decoder.feed(piece);
                while let Some(frame) = decoder.next().unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, talk(), "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_resp_is_an_error_and_never_a_panic() {
        let cases: [&[u8]; 8] = [
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\r\n",
            b"OK\n",
            b":x\r\n",
            b"$-2\r\n",
            b"*99999999999999999999\r\n",
            b"$1\r\nabc",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ];
        for case in cases {
            let mut decoder = Decoder::default();
            decoder.feed(case);
            assert!(decoder.next().is_err(), "{}", case.escape_ascii());
        }
    }
}
