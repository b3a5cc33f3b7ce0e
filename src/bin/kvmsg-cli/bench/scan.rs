//! Counts replies without keeping them.
//!
//! Only what a benchmark asks for is understood: of RESP2, arrays that hold no arrays. Bulk strings
//! are passed over, however they are cut by reads.

/// The longest head of a value that is waited for, in bytes: long enough for any error.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What answers is no server of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// One reply, or one notice.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A status, or a bulk string.
    Text,
    /// A number, in its digits.
    Number(&'a [u8]),
    /// There was nothing to act on.
    Null,
    /// A refusal.
    Error(&'a [u8]),
    /// An array.
    Array(Array),
}

/// What is known of an array.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Array {
    /// How many elements it has.
    pub length: usize,
    /// How many of those are numbers.
    pub count: usize,
    /// The first two numbers.
    pub numbers: [u64; 2],
}

/// Where in the replies it is.
#[derive(Debug, Default)]
pub struct Scanner {
    /// How many bytes of a bulk string, with its end, are still to come.
    skip: usize,
    /// The array that has begun, and how many of its elements are still to come.
    array: Array,
    missing: usize,
    /// The beginning of a head that was cut.
    head: Vec<u8>,
}

impl Scanner {
    /// Takes what has come, and shows each reply that it completes.
    ///
    /// # Errors
    ///
    /// [`Malformed`], after which this is of no use any more.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut see: impl FnMut(Seen<'_>),
    ) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
                if self.skip == 0 {
                    self.element(Seen::Text, &mut see);
                }
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.head.extend_from_slice(bytes);
                return match self.head.len() {
                    ..=HEAD_BYTES_MAX => Ok(()),
                    _ => Err(Malformed),
                };
            };
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.head.is_empty() {
                self.line(line, &mut see)?;
            } else {
                let mut head = std::mem::take(&mut self.head);
                head.extend_from_slice(line);
                self.line(&head, &mut see)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], see: &mut impl FnMut(Seen<'_>)) -> Result<(), Malformed> {
        let [mark, text @ .., b'\r'] = line else {
            return Err(Malformed);
        };
        match mark {
            b':' => {
                if self.missing > 0 {
                    let at = self.array.count.min(1);
                    self.array.numbers[at] = number(text).ok_or(Malformed)?;
                    self.array.count += 1;
                }
                self.element(Seen::Number(text), see);
            }
            b'+' => self.element(Seen::Text, see),
            b'-' => self.element(Seen::Error(text), see),
            b'$' | b'*' if text == b"-1" => self.element(Seen::Null, see),
            b'$' => {
                let length = number(text).and_then(|length| usize::try_from(length).ok());
                self.skip = length
                    .and_then(|length| length.checked_add(2))
                    .ok_or(Malformed)?;
            }
            b'*' if self.missing == 0 => {
                let length = number(text).and_then(|length| usize::try_from(length).ok());
                let length = length.ok_or(Malformed)?;
                self.array = Array {
                    length,
                    ..Array::default()
                };
                match length {
                    0 => see(Seen::Array(self.array)),
                    _ => self.missing = length,
                }
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// Shows a value that stands alone, or an array with its last element.
    fn element(&mut self, seen: Seen<'_>, see: &mut impl FnMut(Seen<'_>)) {
        match self.missing {
            0 => see(seen),
            1 => {
                self.missing = 0;
                see(Seen::Array(self.array));
            }
            _ => self.missing -= 1,
        }
    }
}

/// Digits as a number.
pub fn number(text: &[u8]) -> Option<u64> {
    let digit = |number: u64, byte: &u8| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    };
    match text.is_empty() {
        true => None,
        false => text.iter().try_fold(0, digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &[u8] = b"+PONG\r\n:4711\r\n$-1\r\n*-1\r\n-ERR no\r\n$5\r\na\r\n+b\r\n*0\r\n\
        *3\r\n$4\r\nlost\r\n:5\r\n:9\r\n*2\r\n$0\r\n\r\n$1\r\n\n\r\n";

    #[test]
    fn pieces_of_any_size_give_the_same_replies() {
        let lost = "Array(Array { length: 3, count: 2, numbers: [5, 9] })";
        let values = "Array(Array { length: 2, count: 0, numbers: [0, 0] })";
        let none = "Array(Array { length: 0, count: 0, numbers: [0, 0] })";
        let number = format!("Number({:?})", b"4711");
        let error = format!("Error({:?})", b"ERR no");
        let expected = [
            "Text", &number, "Null", "Null", &error, "Text", none, lost, values,
        ];
        for size in 1..=TALK.len() {
            let (mut scanner, mut seen) = (Scanner::default(), Vec::new());
            for piece in TALK.chunks(size) {
                let fed = scanner.feed(piece, |reply| seen.push(format!("{reply:?}")));
                assert_eq!(fed, Ok(()));
            }
            assert_eq!(seen, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_reply_is_an_error_and_never_a_panic() {
        let cases: [&[u8]; 9] = [
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\r\n",
            b"\n",
            b"+OK\n",
            b"$-2\r\n",
            b"$18446744073709551615\r\n",
            b"*x\r\n",
            b"*1\r\n*1\r\n",
            b"*1\r\n:x\r\n",
        ];
        for case in cases {
            let fed = Scanner::default().feed(case, |_| {});
            assert_eq!(fed, Err(Malformed), "{}", case.escape_ascii());
        }
    }
}
