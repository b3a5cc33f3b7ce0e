//! Names a place in a server's series of changes, to be kept and resumed from.

use crate::protocol::command::Since;
use crate::protocol::reply::epoch_text;
use std::fmt;
use std::str::FromStr;

/// How far a server's changes are known: all up to a revision, of one series of revisions.
///
/// Written as text, it is `EPOCH:REVISION`, such as `00f3a9c27b1e4d55:4711`.
///
/// ```
/// use kvmsg::client::Position;
///
/// let position: Position = "00f3a9c27b1e4d55:4711".parse()?;
/// assert_eq!(position.revision, 4711);
/// assert_eq!(position.to_string(), "00f3a9c27b1e4d55:4711");
/// # Ok::<(), kvmsg::client::PositionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The series, 16 hexadecimal digits.
    pub epoch: String,
    /// The last revision that is known, below 2^63. 0 stands before the first change.
    pub revision: u64,
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionError;

impl fmt::Display for PositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position is EPOCH:REVISION, 16 hexadecimal digits and a number below 2^63")
    }
}

impl std::error::Error for PositionError {}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.revision)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    /// Reads `EPOCH:REVISION`, and nothing else.
    fn from_str(text: &str) -> Result<Position, PositionError> {
        let (epoch, revision) = text.split_once(':').ok_or(PositionError)?;
        let epoch = Since::read_epoch(epoch.as_bytes()).ok_or(PositionError)?;
        let revision = Since::read_revision(revision.as_bytes()).ok_or(PositionError)?;
        Ok(Position {
            epoch: epoch_text(epoch),
            revision,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_epoch_and_a_revision_are_a_position() {
        let position = "0123456789ABcdef:9223372036854775807".parse::<Position>();
        assert_eq!(
            position.map(|position| position.to_string()),
            Ok("0123456789abcdef:9223372036854775807".to_owned())
        );
        for wrong in [
            "",
            ":",
            "0123456789abcdef",
            "0123456789abcdef:",
            "0123456789abcdef:x",
            "0123456789abcdef:+1",
            "0123456789abcdef:-1",
            "0123456789abcdef:1 ",
            "0123456789abcdef:1\n",
            "0123456789abcdef:9223372036854775808",
            "0123456789abcde:1",
            "0123456789abcdefg:1",
            "+123456789abcdef:1",
        ] {
            assert_eq!(wrong.parse::<Position>(), Err(PositionError), "{wrong:?}");
        }
    }
}
