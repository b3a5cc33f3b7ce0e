//! Reads the frames of a file one after the other, and looks at what follows a bad one.

use super::disk::File;
use super::error::Error;
use super::frame::{self, HEAD_BYTES, MAGIC, crc};
use super::header::{Begin, HEADER_BYTES, Header, Kind};
use crate::codec::Parts;
use memchr::memmem;

/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// How often the length of a file may be checked in search of a frame. Values that look like
/// frames could otherwise make that take very long. Beyond it one of them counts as whole, but not
/// within what the frame at the beginning says to be its own: clients choose what stands there.
const CHECKS_MAX: u64 = 64;

/// Reads a file.
#[derive(Debug)]
pub struct Reader<F> {
    file: F,
    /// What the file is called in messages.
    path: String,
    bytes_len: u64,
    salt: u64,
    /// Bytes of the file from `base` on.
    buffer: Vec<u8>,
    base: u64,
    /// Where in the buffer the next frame begins.
    at: usize,
}

/// What stands at a place of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole frame. Its body is [`Reader::body`].
    Frame,
    /// Zeros, or the end of the file.
    Nothing,
    /// Something else.
    Bad,
}

/// What the rest of a file holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Rest {
    /// Zeros.
    Nothing,
    /// No whole frame. So many bytes, to the last that is not zero.
    Torn(u64),
    /// A whole frame.
    Whole,
}

impl<F: File> Reader<F> {
    /// Reads the header of a file; the reader stands behind it then.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn open(file: F, path: String, kind: Kind) -> Result<(Reader<F>, Begin), Error> {
        let bytes_len = file
            .bytes_len()
            .map_err(|error| Error::io("cannot look at", path.clone(), error))?;
        let mut reader = Reader {
            file,
            path,
            bytes_len,
            salt: 0,
            buffer: Vec::new(),
            base: 0,
            at: 0,
        };
        reader.fill(HEADER_BYTES)?;
        let begin = Header::read(
            &reader.buffer[..reader.buffer.len().min(HEADER_BYTES)],
            kind,
        );
        if let Begin::Header(header) = begin {
            reader.salt = header.salt;
            reader.at = HEADER_BYTES;
        }
        Ok((reader, begin))
    }

    /// Takes the salt from elsewhere, for a file whose header is not there.
    pub fn set_salt(&mut self, salt: u64) {
        self.salt = salt;
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// What the file is called in messages.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How long the file is.
    pub fn bytes_len(&self) -> u64 {
        self.bytes_len
    }

    /// Where the next frame begins.
    pub fn at(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Looks at what comes next, and stays there.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn look(&mut self) -> Result<Found, Error> {
        self.fill(HEAD_BYTES)?;
        let head = &self.buffer[self.at..];
        let head = &head[..head.len().min(HEAD_BYTES)];
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Found::Nothing);
        }
        let Some((len, expected)) = frame::head(head) else {
            return Ok(Found::Bad);
        };
        let whole = HEAD_BYTES + len as usize;
        if len == 0 || self.at() + whole as u64 > self.bytes_len {
            return Ok(Found::Bad);
        }
        self.fill(whole)?;
        let is_whole = self.buffer.len() - self.at >= whole
            && crc(
                self.salt,
                len,
                &self.buffer[self.at + HEAD_BYTES..][..len as usize],
            ) == expected;
        Ok(if is_whole { Found::Frame } else { Found::Bad })
    }

    /// The body of the frame that was found.
    pub fn body(&self) -> &[u8] {
        let body = &self.buffer[self.at + HEAD_BYTES..][..self.body_len()];
        body.split_last().map_or(body, |(_, body)| body)
    }

    /// Whether what stands at this place, so many bytes of it, is a frame that was not even written
    /// to its end. If not, a whole frame may have stood there.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn is_unfinished(&self, at: u64, bytes: u64) -> Result<bool, Error> {
        let mut head = [0; HEAD_BYTES];
        let read = self.file.read_at(&mut head, at);
        read.map_err(|error| Error::io("cannot read", self.path.clone(), error))?;
        let whole = frame::head(&head).map(|(len, _)| HEAD_BYTES as u64 + u64::from(len));
        Ok(match whole {
            Some(whole) => bytes < whole,
            None => bytes < HEAD_BYTES as u64,
        })
    }

    /// Goes on behind the frame that was found.
    pub fn skip(&mut self) {
        self.at += HEAD_BYTES + self.body_len();
    }

    fn body_len(&self) -> usize {
        let head = self.buffer.get(self.at + 4..).unwrap_or_default();
        Parts(head).fixed32().unwrap_or(0) as usize
    }

    /// Looks through the rest of the file for a whole frame, and stands there if there is one.
    /// `checked` says whether frames can be checked; without a header, what looks like one counts.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn search(&mut self, checked: bool) -> Result<Rest, Error> {
        let (begun, own_end) = (self.at(), self.own_end()?);
        let (mut seen, mut last, mut work) = (begun, None, 0);
        let work_max = CHECKS_MAX * self.bytes_len;
        loop {
            self.fill(READ_BYTES)?;
            let unseen = (seen - self.base) as usize;
            let fresh = &self.buffer[unseen..];
            if let Some(place) = fresh.iter().rposition(|byte| *byte != 0) {
                last = Some(seen + place as u64);
            }
            seen += fresh.len() as u64;
            let window = &self.buffer[self.at..];
            match memmem::find(window, &MAGIC) {
                Some(place) => {
                    self.at += place;
                    work += self.body_len().min(self.buffer.len()) as u64;
                    let is_whole = match work > work_max {
                        true => self.at() >= own_end,
                        false => self.look()? == Found::Frame,
                    };
                    if !checked || is_whole {
                        return Ok(Rest::Whole);
                    }
                    self.at += 1;
                }
                None if window.len() < READ_BYTES => break,
                None => self.at += window.len() - (MAGIC.len() - 1),
            }
        }
        Ok(last.map_or(Rest::Nothing, |last| Rest::Torn(last + 1 - begun)))
    }

    /// Where the frame that begins here says to end; here if nothing says so.
    fn own_end(&mut self) -> Result<u64, Error> {
        self.fill(HEAD_BYTES)?;
        let head = self.buffer[self.at..].get(..HEAD_BYTES);
        let own = head.and_then(frame::head);
        Ok(self.at() + own.map_or(0, |(len, _)| HEAD_BYTES as u64 + u64::from(len)))
    }

    /// Has so many bytes from the place on in the buffer, or all that there are.
    fn fill(&mut self, bytes: usize) -> Result<(), Error> {
        if self.buffer.len() - self.at >= bytes {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        let left = self.bytes_len.saturating_sub(self.base);
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(bytes.max(READ_BYTES));
        let mut have = self.buffer.len();
        self.buffer.resize(wanted.max(have), 0);
        while have < wanted {
            let at = self.base + have as u64;
            match self.file.read_at(&mut self.buffer[have..], at) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("cannot read", self.path.clone(), error)),
            }
        }
        self.buffer.truncate(have);
        Ok(())
    }
}
