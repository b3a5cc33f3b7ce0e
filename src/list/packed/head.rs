//! What stands in front of a packed key: four bytes that say where its values lie.
//!
//! ```text
//!  31         20   19   18            8 7         0
//! |    number    | even |   key length  |  values  |
//! ```
//!
//! The number is how long each value is, as long as all have been of one length; otherwise how long
//! they are together.

/// How long it is, in bytes.
pub(super) const HEAD_BYTES: usize = 4;

const KEY_SHIFT: u32 = 8;
const EVEN_SHIFT: u32 = 19;
const NUMBER_SHIFT: u32 = 20;

/// How many values there may be.
pub(super) const VALUES_MAX: usize = (1 << KEY_SHIFT) - 1;

/// How long a key may be that it has room for.
pub(super) const KEY_MAX: usize = (1 << (EVEN_SHIFT - KEY_SHIFT)) - 1;

/// The greatest number that it has room for.
pub(super) const NUMBER_MAX: usize = (1 << (u32::BITS - NUMBER_SHIFT)) - 1;

/// A length below this is one byte; others are two, the first with its highest bit set.
pub(super) const SHORT: usize = 0x80;

/// The head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head(u32);

/// How the values lie, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// Each is so long.
    Even(usize),
    /// Each has its length before it; so long are they together.
    Apart(usize),
}

impl Head {
    pub(super) fn new(values: usize, key_bytes: usize, layout: Layout) -> Head {
        let (even, number) = match layout {
            Layout::Even(each) => (1, each),
            Layout::Apart(bytes) => (0, bytes),
        };
        let number = even << EVEN_SHIFT | (number as u32) << NUMBER_SHIFT;
        Head(values as u32 | (key_bytes as u32) << KEY_SHIFT | number)
    }

    /// The one at the beginning of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Head {
        let mut head = [0; HEAD_BYTES];
        head.copy_from_slice(&bytes[..HEAD_BYTES]);
        Head(u32::from_le_bytes(head))
    }

    pub(super) fn write(self, bytes: &mut [u8]) {
        bytes[..HEAD_BYTES].copy_from_slice(&self.0.to_le_bytes());
    }

    pub(super) fn values(self) -> usize {
        self.0 as usize & VALUES_MAX
    }

    pub(super) fn key_bytes(self) -> usize {
        (self.0 >> KEY_SHIFT) as usize & KEY_MAX
    }

    pub(super) fn layout(self) -> Layout {
        let number = (self.0 >> NUMBER_SHIFT) as usize;
        match self.0 >> EVEN_SHIFT & 1 {
            0 => Layout::Apart(number),
            _ => Layout::Even(number),
        }
    }

    /// Where the values begin.
    pub(super) fn values_at(self) -> usize {
        HEAD_BYTES + self.key_bytes()
    }

    /// Where the values end.
    pub(super) fn size(self) -> usize {
        self.values_at() + self.layout().values_bytes(self.values())
    }
}

impl Layout {
    /// What a value of this length takes, its own length included.
    pub(super) fn takes(self, length: usize) -> usize {
        match self {
            Layout::Even(_) => length,
            Layout::Apart(_) => length + if length < SHORT { 1 } else { 2 },
        }
    }

    /// What so many values take.
    pub(super) fn values_bytes(self, values: usize) -> usize {
        match self {
            Layout::Even(each) => values * each,
            Layout::Apart(bytes) => bytes,
        }
    }
}
