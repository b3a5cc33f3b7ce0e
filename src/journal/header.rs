//! Begins every file: what it is, where it belongs, and who wrote it.

use crate::codec::Parts;
use std::hash::{BuildHasher, RandomState};

/// The version of the format that this program writes, and the last one that it reads.
pub const VERSION: u32 = 1;

/// How long a header is.
pub const HEADER_BYTES: usize = 88;

/// The first bytes of every file, and so of a backup.
pub const MAGIC: [u8; 8] = *b"\x89kvmsg\r\n";
const CRC_AT: usize = HEADER_BYTES - 4;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes in their order.
    Journal,
    /// Keys and their values.
    Snapshot,
}

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the file is.
    pub kind: Kind,
    /// Whether changes are answered only when they are on the disk.
    pub always: bool,
    /// The series that the revisions belong to.
    pub epoch: u64,
    /// The revision before the first change in a journal, or before the first that may be missing
    /// in a snapshot.
    pub base: u64,
    /// The last revision that was on the disk when the file was begun.
    pub synced: u64,
    /// Which start of the machine it was written in.
    pub boot: u128,
    /// What tells the file from all others, and the folder from one that was copied over it.
    pub number: u64,
    /// How long the file was made; for a snapshot 0.
    pub bytes_len: u64,
    /// A random number that the CRCs of the frames begin with.
    pub salt: u64,
}

/// What the beginning of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// A header.
    Header(Header),
    /// A header of this later version.
    Later(u32),
    /// Zeros: the file has been made and not been used.
    Unused,
    /// None of these.
    Bad,
}

/// A random number for the CRCs of a file.
pub fn salt() -> u64 {
    // The standard library draws its keys from the operating system's random numbers.
    RandomState::new().hash_one("salt")
}

impl Header {
    /// The bytes of the header.
    pub fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.push(match self.kind {
            Kind::Journal => 1,
            Kind::Snapshot => 2,
        });
        out.push(u8::from(self.always));
        out.extend_from_slice(&[0; 2]);
        let numbers = [
            self.epoch,
            self.base,
            self.synced,
            self.number,
            self.bytes_len,
            self.salt,
        ];
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.boot.to_le_bytes());
        out.resize(CRC_AT, 0);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        let mut bytes = [0; HEADER_BYTES];
        bytes.copy_from_slice(&out);
        bytes
    }

    /// Reads the beginning of a file, up to the length of a header of it.
    pub fn read(bytes: &[u8], kind: Kind) -> Begin {
        if bytes.iter().all(|byte| *byte == 0) {
            return Begin::Unused;
        }
        let version = bytes
            .strip_prefix(&MAGIC)
            .and_then(|rest| Parts(rest).fixed32());
        match version {
            Some(version) if version > VERSION && version <= VERSIONS_MAX => Begin::Later(version),
            Some(VERSION) => Header::parse(bytes, kind).map_or(Begin::Bad, Begin::Header),
            _ => Begin::Bad,
        }
    }

    fn parse(bytes: &[u8], kind: Kind) -> Option<Header> {
        let (content, crc) = bytes.get(..HEADER_BYTES)?.split_at(CRC_AT);
        if Parts(crc).fixed32()? != crc32c::crc32c(content) {
            return None;
        }
        let mut parts = Parts(&content[MAGIC.len() + 4..]);
        let written = match parts.byte()? {
            1 => Kind::Journal,
            2 => Kind::Snapshot,
            _ => return None,
        };
        let always = parts.byte()? == 1;
        parts.take(2)?;
        Some(Header {
            kind: Some(written).filter(|written| *written == kind)?,
            always,
            epoch: parts.fixed64()?,
            base: parts.fixed64()?,
            synced: parts.fixed64()?,
            number: parts.fixed64()?,
            bytes_len: parts.fixed64()?,
            salt: parts.fixed64()?,
            boot: u128::from_le_bytes(parts.take(16)?.try_into().ok()?),
        })
    }
}

/// A version beyond this is no version: something else stands in its place.
const VERSIONS_MAX: u32 = 1000;
