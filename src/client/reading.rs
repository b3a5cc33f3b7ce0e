//! Reads what came as the replies and notices that it stands for.

use super::error::Error;
use super::frame::Frame;
use super::position::Position;
use super::words::{Greeting, Notice, Page, Reply, Stat};
use crate::protocol::notice::Op;

impl Notice {
    /// Reads a push; one of a kind that is not known is none.
    pub(super) fn read(push: Vec<Frame>) -> Result<Option<Notice>, Error> {
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
                Ok(Some(Notice::Change {
                    op,
                    key,
                    revision,
                    values,
                }))
            }
            b"lost" => {
                let (first, last) = (next()?.into_number()?, next()?.into_number()?);
                Ok(Some(Notice::Lost { first, last }))
            }
            b"progress" => {
                let revision = next()?.into_number()?;
                Ok(Some(Notice::Progress { revision }))
            }
            b"drain" => {
                let seconds = next()?.into_number()?;
                Ok(Some(Notice::Drain { seconds }))
            }
            _ => Ok(None),
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
    Page,
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
            Expected::Values => Ok(Reply::Values(values(frame)?)),
            Expected::Watching => {
                let [epoch, revision] = frame.into_elements("epoch and revision")?;
                Ok(Reply::Watching(Position {
                    epoch: epoch.into_text()?,
                    revision: revision.into_number()?,
                }))
            }
            Expected::Page => Ok(Reply::Page(page(frame)?)),
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

fn values(frame: Frame) -> Result<Vec<Vec<u8>>, Error> {
    let values = frame.into_array("values")?.into_iter();
    values.map(Frame::into_bytes).collect()
}

fn page(frame: Frame) -> Result<Page, Error> {
    let [epoch, revision, next, keys] = frame.into_elements("a page of four parts")?;
    let keys = keys.into_array("keys")?.into_iter();
    let entry = |frame: Frame| {
        let [key, list] = frame.into_elements("a key and its values")?;
        Ok((key.into_bytes()?, values(list)?))
    };
    Ok(Page {
        epoch: epoch.into_text()?,
        revision: revision.into_number()?,
        next: match next {
            Frame::Null => None,
            key => Some(key.into_bytes()?),
        },
        keys: keys.map(entry).collect::<Result<_, Error>>()?,
    })
}

/// Reads the text of an error: that a position is gone, or why a request was refused.
pub(super) fn refusal(text: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(text);
    match gone(&text) {
        Some((oldest, epoch)) => Reply::Gone { oldest, epoch },
        None => Reply::Refused(text.strip_prefix("ERR ").unwrap_or(&text).to_owned()),
    }
}

/// Reads `GONE oldest N epoch EPOCH`; what a later server may add behind it does not matter.
fn gone(text: &str) -> Option<(u64, String)> {
    let mut words = text.split(' ');
    let mut word = |expected: &str| words.next().filter(|word| *word == expected).map(|_| ());
    word("GONE")?;
    word("oldest")?;
    let oldest = words.next()?.parse().ok()?;
    let epoch = words
        .next()
        .filter(|word| *word == "epoch")
        .and(words.next())?;
    Some((oldest, epoch.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gone_is_told_from_other_refusals() {
        let gone = Reply::Gone {
            oldest: 7,
            epoch: "0123456789abcdef".to_owned(),
        };
        assert_eq!(refusal(b"GONE oldest 7 epoch 0123456789abcdef"), gone);
        assert_eq!(refusal(b"GONE oldest 7 epoch 0123456789abcdef more"), gone);
        for (text, read) in [
            ("ERR no", "no"),
            ("NOPROTO no", "NOPROTO no"),
            ("GONE", "GONE"),
            ("GONE oldest x epoch y", "GONE oldest x epoch y"),
            ("GONE oldest 7", "GONE oldest 7"),
        ] {
            assert_eq!(refusal(text.as_bytes()), Reply::Refused(read.to_owned()));
        }
    }

    #[test]
    fn a_kind_of_notice_that_is_not_known_is_left_out() {
        let push = |words: &[&str]| {
            let words = words
                .iter()
                .map(|word| Frame::Bulk(word.as_bytes().to_vec()));
            words.collect::<Vec<_>>()
        };
        assert_eq!(Notice::read(push(&["moved", "elsewhere"])).unwrap(), None);
        // But a change of an unknown kind must not be: it would be skipped silently.
        assert!(Notice::read(push(&["notify", "RENAME", "k", "1"])).is_err());
        assert!(Notice::read(push(&["lost"])).is_err());
    }
}
