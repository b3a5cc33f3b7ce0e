//! Says what travels between client and server: the words, and their bytes in both dialects.
//!
//! [`command`], [`reply`] and [`notice`] are the words; [`mod@line`], [`resp`] and [`values`] are
//! their bytes.
//! Everything here is pure: bytes in, words out, and the other way round; no sockets and no clock.

pub mod command;
pub mod notice;
pub mod reply;
pub mod line;
pub mod resp;
pub mod values;

use command::{Request, Version};
use notice::{Encoded, Notice};
use reply::Reply;

/// How the server speaks to a client: lines, or one of the two versions of RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Lines for people, chosen by any first byte but `*`.
    Lines,
    /// RESP2, which every framed client begins with.
    Resp2,
    /// RESP3, from `HELLO 3` on.
    Resp3,
}

/// What a parser found at the start of its input.
#[derive(Debug, PartialEq)]
pub enum Parsed {
    /// A request, and where the next one starts.
    Request(Request, usize),
    /// Nothing that is answered (an empty line, `*0`), and where the next request starts.
    Nothing(usize),
    /// The beginning of a request; call again with more input.
    Incomplete,
}

/// Reads requests in the dialect that the first byte decided for the whole connection.
#[derive(Debug)]
pub enum Parser {
    /// The line protocol.
    Lines(line::Parser),
    /// RESP.
    Frames(resp::Parser),
}

impl Parser {
    /// Chooses by the first byte that the client sent.
    pub fn new(first: u8) -> Parser {
        match first {
            b'*' => Parser::Frames(resp::Parser::default()),
            _ => Parser::Lines(line::Parser::default()),
        }
    }

    /// The dialect of the first reply.
    pub fn dialect(&self) -> Dialect {
        match self {
            Parser::Lines(_) => Dialect::Lines,
            Parser::Frames(_) => Dialect::Resp2,
        }
    }

    /// Reads what begins at `start`. A call after [`Parsed::Incomplete`] continues where that
    /// ended, so the work is linear in the input however small the packets. `bytes_max` limits
    /// one request; it is checked before its bytes have arrived, where the protocol tells.
    pub fn next(&mut self, input: &[u8], start: usize, bytes_max: usize) -> Parsed {
        match self {
            Parser::Lines(parser) => parser.next(input, start, bytes_max),
            Parser::Frames(parser) => parser.next(input, start, bytes_max),
        }
    }
}

/// Appends a reply's bytes. A list is encoded whole; a long one is better sent as
/// [`values::Values`].
pub fn encode_reply(reply: &Reply<'_>, dialect: Dialect, out: &mut Vec<u8>) {
    match dialect {
        Dialect::Lines => line::reply(reply, out),
        Dialect::Resp2 => resp::reply(reply, Version::Two, out),
        Dialect::Resp3 => resp::reply(reply, Version::Three, out),
    }
}

/// Encodes a notice for every client that speaks this dialect.
pub fn encode_notice(notice: &Notice<'_>, dialect: Dialect) -> Encoded {
    let mut encoded = Encoded::default();
    match dialect {
        Dialect::Lines => line::notice(notice, encoded.bytes()),
        Dialect::Resp2 => resp::notice(notice, Version::Two, &mut encoded),
        Dialect::Resp3 => resp::notice(notice, Version::Three, &mut encoded),
    }
    encoded
}

/// What a client is told, in either dialect, that is one more than `clients_max`.
pub const CLIENTS_MAX_REACHED: &[u8] = b"-ERR max number of clients reached\r\n";

/// The most of a client's own bytes that an error or a log line repeats.
const ECHO_MAX: usize = 64;

/// What a client sent, fit for an error or a log line: escaped, and at most 64 bytes of it.
pub fn escaped(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(ECHO_MAX)];
    let more = if bytes.len() > ECHO_MAX { "..." } else { "" };
    format!("{}{more}", shown.escape_ascii())
}

#[cfg(test)]
mod tests;
