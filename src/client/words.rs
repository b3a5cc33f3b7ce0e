//! Names what a client asks and what it is told.

use super::error::Error;
use super::frame::Frame;

/// What can be asked, with the fields where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named as in kvmsg(7)")]
pub enum Request<'a> {
    /// Appends a value; answered with the revision.
    Put { key: &'a [u8], value: &'a [u8] },
    /// Asks for all values of a key; answered with them, or that there is no such key.
    Get { key: &'a [u8] },
    /// Replaces the first value equal to `old`; answered with the revision, or that there is none.
    Update {
        key: &'a [u8],
        old: &'a [u8],
        new: &'a [u8],
    },
    /// Removes the first value equal to this; answered with the revision, or that there is none.
    Remove { key: &'a [u8], value: &'a [u8] },
    /// Removes a key; answered with the revision, or that there is none.
    Delete { key: &'a [u8] },
    /// Asks for a sign of life; answered with it, or with the text.
    Ping { text: Option<&'a [u8]> },
    /// Asks to be told of changes; answered with the revision after which that begins.
    Watch,
    /// Asks to be told no more.
    Unwatch,
    /// Asks for the counters.
    Stats,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was done; the server's revision.
    Revision(u64),
    /// There was no such key or value.
    NotFound,
    /// All values of a key, in order.
    Values(Vec<Vec<u8>>),
    /// A text: `PONG`, or what was sent.
    Text(Vec<u8>),
    /// It was done, and no revision has to do with it.
    Done,
    /// Notices follow this revision of this series.
    Watching {
        /// The series, 16 hexadecimal digits.
        epoch: String,
        /// The revision after which the notices begin.
        revision: u64,
    },
    /// The counters, in the server's order.
    Stats(Vec<(String, Stat)>),
    /// The server refused the request, and says why. The connection stays open unless the text
    /// says that the protocol was broken.
    Refused(String),
}

/// One figure of the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stat {
    /// A count or an amount.
    Number(u64),
    /// A name.
    Text(String),
}

/// What a request did that others are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A value was appended: the notice carries it.
    Put,
    /// A value was replaced: the notice carries the old one and the new one.
    Update,
    /// A value was removed: the notice carries it.
    Remove,
    /// A key was removed with all its values: the notice carries none.
    Delete,
}

impl Op {
    /// The verb, as it is written in requests and notices.
    pub fn word(self) -> &'static str {
        match self {
            Op::Put => "PUT",
            Op::Update => "UPDATE",
            Op::Remove => "REMOVE",
            Op::Delete => "DELETE",
        }
    }
}

/// What a watching client is told without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something changed.
    Change {
        /// What happened.
        op: Op,
        /// The key that it concerns.
        key: Vec<u8>,
        /// The server's revision after it.
        revision: u64,
        /// The values that it concerns; see [`Op`].
        values: Vec<Vec<u8>>,
    },
    /// Changes in this range of revisions were not told, for this client did not read fast enough:
    /// what it knows of any key may be out of date.
    Lost {
        /// The first revision of the range.
        first: u64,
        /// The last revision of the range.
        last: u64,
    },
    /// The server is stopping and closes within this time.
    Drain {
        /// The time, in seconds.
        seconds: u64,
    },
}

/// What the server says of itself on connecting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Greeting {
    /// Its version.
    pub version: String,
    /// The number of this connection.
    pub id: u64,
    /// The series that its revisions belong to.
    pub epoch: String,
    /// Its revision.
    pub revision: u64,
}

impl Notice {
    /// Reads a push.
    pub(super) fn read(push: Vec<Frame>) -> Result<Notice, Error> {
        let mut words = push.into_iter();
        let word = words
            .next()
            .map(Frame::into_bytes)
            .transpose()?
            .unwrap_or_default();
        let mut next = || {
            words
                .next()
                .ok_or_else(|| Error::protocol("a notice is too short"))
        };
        match &word[..] {
            b"notify" => {
                let op = op(&next()?.into_bytes()?)?;
                let (key, revision) = (next()?.into_bytes()?, next()?.into_number()?);
                let values = words.map(Frame::into_bytes).collect::<Result<_, _>>()?;
                Ok(Notice::Change {
                    op,
                    key,
                    revision,
                    values,
                })
            }
            b"lost" => {
                let (first, last) = (next()?.into_number()?, next()?.into_number()?);
                Ok(Notice::Lost { first, last })
            }
            b"drain" => Ok(Notice::Drain {
                seconds: next()?.into_number()?,
            }),
            other => Err(Error::protocol(format!(
                "an unknown notice, {}",
                other.escape_ascii()
            ))),
        }
    }
}

fn op(word: &[u8]) -> Result<Op, Error> {
    [Op::Put, Op::Update, Op::Remove, Op::Delete]
        .into_iter()
        .find(|op| op.word().as_bytes() == word)
        .ok_or_else(|| Error::protocol(format!("an unknown change, {}", word.escape_ascii())))
}

impl Greeting {
    /// Reads the answer to HELLO.
    pub(super) fn read(frame: Frame) -> Result<Greeting, Error> {
        let mut pairs = frame.into_pairs()?;
        let mut take = |name: &str| {
            let at = pairs.iter().position(|(word, _)| word == name);
            at.map(|at| pairs.swap_remove(at).1)
                .ok_or_else(|| Error::protocol(format!("its greeting has no {name}")))
        };
        let server = take("server")?.into_text()?;
        if server != "kvmsg" {
            return Err(Error::protocol(format!("it is {server}")));
        }
        Ok(Greeting {
            version: take("version")?.into_text()?,
            id: take("id")?.into_number()?,
            epoch: take("epoch")?.into_text()?,
            revision: take("revision")?.into_number()?,
        })
    }
}

/// What a reply means depends on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Revision,
    Values,
    Text,
    Done,
    Watching,
    Stats,
    Greeting,
}

impl Expected {
    /// Reads what came as the reply that was expected.
    pub(super) fn read(self, frame: Frame) -> Result<Reply, Error> {
        if frame == Frame::Null {
            return Ok(Reply::NotFound);
        }
        match self {
            Expected::Revision => Ok(Reply::Revision(frame.into_number()?)),
            Expected::Text => Ok(Reply::Text(frame.into_bytes()?)),
            Expected::Done => frame.into_bytes().map(|_| Reply::Done),
            Expected::Values => {
                let Frame::Array(values) = frame else {
                    return Err(frame.unexpected("values"));
                };
                Ok(Reply::Values(
                    values
                        .into_iter()
                        .map(Frame::into_bytes)
                        .collect::<Result<_, _>>()?,
                ))
            }
            Expected::Watching => {
                let Frame::Array(words) = frame else {
                    return Err(frame.unexpected("an array"));
                };
                let [epoch, revision] = <[Frame; 2]>::try_from(words)
                    .map_err(|_| Error::protocol("WATCH is answered by epoch and revision"))?;
                Ok(Reply::Watching {
                    epoch: epoch.into_text()?,
                    revision: revision.into_number()?,
                })
            }
            Expected::Stats => {
                let stat = |(name, value)| match value {
                    Frame::Number(_) => Ok((name, Stat::Number(value.into_number()?))),
                    other => Ok((name, Stat::Text(other.into_text()?))),
                };
                let pairs = frame.into_pairs()?.into_iter();
                Ok(Reply::Stats(pairs.map(stat).collect::<Result<_, Error>>()?))
            }
            Expected::Greeting => Err(frame.unexpected("the reply to a request")),
        }
    }
}
