//! Keeps pages in a temporary file, to be read once, in order.
//!
//! Little of it is kept in memory and makes no file. The file has no name, so nothing is left of it
//! however the program ends.

use crate::failure::Failure;
use kvmsg::client::Page;
use std::io::{self, BufReader, Read, Seek as _, Write as _};
use tempfile::SpooledTempFile;

/// How much is kept in memory before there is a file, in bytes.
const MEMORY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What stands in front of each record: what it is.
const PAGE: u8 = 0;
const KEY: u8 = 1;
const END: u8 = 2;

/// Pages that are being kept.
pub struct Spool {
    file: SpooledTempFile,
    /// One page as it is written.
    bytes: Vec<u8>,
}

/// One part of what was kept.
pub enum Record {
    /// A page begins: the key that it reaches up to, if not to the end.
    Page(Option<Vec<u8>>),
    /// A key of the page, with its values.
    Key(Vec<u8>, Vec<Vec<u8>>),
}

impl Spool {
    /// An empty one.
    pub fn new() -> Spool {
        Spool {
            file: SpooledTempFile::new(MEMORY_BYTES_MAX),
            bytes: Vec::new(),
        }
    }

    /// Keeps a page.
    ///
    /// # Errors
    ///
    /// [`Failure::Temporary`], so for all that follows.
    pub fn page(&mut self, page: &Page) -> Result<(), Failure> {
        self.bytes.clear();
        self.bytes.push(PAGE);
        self.bytes.push(u8::from(page.next.is_some()));
        self.field(page.next.as_deref().unwrap_or_default());
        for (key, values) in &page.keys {
            self.bytes.push(KEY);
            self.field(key);
            self.number(values.len() as u64);
            values.iter().for_each(|value| self.field(value));
        }
        self.file.write_all(&self.bytes).map_err(Failure::Temporary)
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends it, to be read from the beginning.
    ///
    /// # Errors
    ///
    /// See [`page`](Spool::page).
    pub fn read(mut self) -> Result<Kept, Failure> {
        let ended = self.file.write_all(&[END]);
        let rewound = ended.and_then(|()| self.file.rewind());
        rewound.map_err(Failure::Temporary)?;
        Ok(Kept(BufReader::with_capacity(CHUNK_BYTES, self.file)))
    }
}

/// Pages that were kept.
pub struct Kept(BufReader<SpooledTempFile>);

impl Kept {
    /// The next record, or none at the end.
    ///
    /// # Errors
    ///
    /// See [`Spool::page`].
    pub fn next(&mut self) -> Result<Option<Record>, Failure> {
        self.record().map_err(Failure::Temporary)
    }

    fn record(&mut self) -> io::Result<Option<Record>> {
        match self.byte()? {
            END => Ok(None),
            PAGE => {
                let has_bound = self.byte()? != 0;
                let bound = self.field()?;
                Ok(Some(Record::Page(has_bound.then_some(bound))))
            }
            _ => {
                let key = self.field()?;
                let count = self.number()?;
                let values = (0..count)
                    .map(|_| self.field())
                    .collect::<io::Result<_>>()?;
                Ok(Some(Record::Key(key, values)))
            }
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte).map(|()| byte[0])
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn field(&mut self) -> io::Result<Vec<u8>> {
        // What was written here was in memory then, so its length is one that fits.
        let length = self.number()?;
        let mut bytes = Vec::new();
        match self.0.by_ref().take(length).read_to_end(&mut bytes)? as u64 {
            read if read == length => Ok(bytes),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
