//! The requests that both servers understand, each in its own words.

use kvmsg::protocol::resp;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// kvmsgd, in frames.
    Framed,
    /// kvmsgd, in lines.
    Lines,
    /// redis-server, whose lists stand for the values of a key.
    Redis,
}

/// A request whose replies have a known number of lines.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// Appends a value.
    Put(&'a [u8], &'a [u8]),
    /// Asks for all values of a key, of which there are so many.
    Get(&'a [u8], usize),
    /// Removes a key.
    Delete(&'a [u8]),
    Ping,
    /// Makes a change that watchers hear of: in kvmsgd a PUT of this key.
    Tell(&'a [u8], &'a [u8]),
    /// Asks to be told of what [`Ask::Tell`] says of this key.
    Hear(&'a [u8]),
    /// Asks for RESP3.
    Hello,
    /// Asks for silence, which is what lines need before they can be counted.
    Unwatch,
}

/// How many lines a watcher in frames hears of a key that is removed.
pub(crate) const LINES_OF_DELETE: u64 = 8;

/// How many lines a listener hears of one [`Ask::Tell`].
pub(crate) fn lines_heard(dialect: Dialect) -> u64 {
    match dialect {
        Dialect::Framed => 10,
        Dialect::Lines => 1,
        Dialect::Redis => 7,
    }
}

impl Ask<'_> {
    /// Appends the request.
    pub(crate) fn encode(self, dialect: Dialect, out: &mut Vec<u8>) {
        match dialect {
            Dialect::Lines => self.line(out),
            Dialect::Framed => self.frame(false, out),
            Dialect::Redis => self.frame(true, out),
        }
    }

    fn frame(self, redis: bool, out: &mut Vec<u8>) {
        let words: &[&[u8]] = match (self, redis) {
            (Ask::Put(key, value), true) => &[b"RPUSH", key, value],
            (Ask::Put(key, value) | Ask::Tell(key, value), false) => &[b"PUT", key, value],
            (Ask::Get(key, _), true) => &[b"LRANGE", key, b"0", b"-1"],
            (Ask::Get(key, _), false) => &[b"GET", key],
            (Ask::Delete(key), true) => &[b"DEL", key],
            (Ask::Delete(key), false) => &[b"DELETE", key],
            (Ask::Tell(key, value), true) => &[b"PUBLISH", key, value],
            (Ask::Hear(key), true) => &[b"SUBSCRIBE", key],
            (Ask::Hear(key), false) => &[b"WATCH", key],
            (Ask::Ping, _) => &[b"PING"],
            (Ask::Hello, _) => &[b"HELLO", b"3"],
            (Ask::Unwatch, _) => &[b"UNWATCH"],
        };
        resp::array_head(words.len(), out);
        for word in words {
            resp::bulk_head(word.len(), out);
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn line(self, out: &mut Vec<u8>) {
        let words: &[&[u8]] = match self {
            Ask::Put(key, value) | Ask::Tell(key, value) => &[b"PUT:", key, b":", value],
            Ask::Get(key, _) => &[b"GET:", key],
            Ask::Delete(key) => &[b"DELETE:", key],
            Ask::Hear(key) => &[b"WATCH:", key],
            Ask::Ping | Ask::Hello => &[b"PING"],
            Ask::Unwatch => &[b"UNWATCH"],
        };
        words.iter().for_each(|word| out.extend_from_slice(word));
        out.push(b'\n');
    }

    /// Appends the request, and returns how many lines its reply has.
    pub(crate) fn say(self, dialect: Dialect, out: &mut Vec<u8>) -> u64 {
        self.encode(dialect, out);
        self.lines(dialect)
    }

    /// How many lines the reply has.
    pub(crate) fn lines(self, dialect: Dialect) -> u64 {
        match (self, dialect) {
            (Ask::Get(_, values), Dialect::Lines) => values as u64,
            (Ask::Get(_, values), _) => 1 + 2 * values as u64,
            (Ask::Hear(_), Dialect::Framed) => 4,
            (Ask::Hear(_), Dialect::Redis) => 6,
            (Ask::Hello, Dialect::Framed) => 33,
            (Ask::Hello, Dialect::Redis) => 26,
            _ => 1,
        }
    }
}

/// A key of 16 bytes, as redis-benchmark makes them of `key:__rand_int__`.
pub(crate) fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut left = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    key
}

/// A number below `below` for each one, in no order that a processor's cache would notice.
pub(crate) fn random(number: u64, below: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20) % below.max(1)
}

/// A value of so many bytes.
pub(crate) fn value(bytes: usize) -> Vec<u8> {
    vec![b'v'; bytes]
}
