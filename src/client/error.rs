//! Says why a client could not do what it was asked.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why a request was not answered as it should be, by kind.
#[derive(Debug)]
pub enum Error {
    /// There is no connection to be had.
    Connect {
        /// The address that was tried.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The server did not answer in time.
    Timeout(Duration),
    /// The server closed the connection, in order or not.
    Closed(Option<io::Error>),
    /// The server refused the request, or the connection, and said why.
    Refused(String),
    /// Changes since the position asked for have left the server's history, or its series of
    /// revisions is another.
    Gone {
        /// The first revision that the server still holds, or the next to come.
        oldest: u64,
        /// The server's series, 16 hexadecimal digits.
        epoch: String,
    },
    /// What answers is no kvmsg server, or one that speaks otherwise than this library.
    Protocol(String),
    /// No request waits for a reply.
    NothingExpected,
}

impl Error {
    pub(super) fn protocol(text: impl Into<String>) -> Error {
        Error::Protocol(text.into())
    }

    /// Whether the connection is of no use any more.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Error::Refused(_) | Error::Gone { .. } | Error::NothingExpected
        )
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Closed(Some(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Connect { address, source } => {
                write!(f, "cannot connect to {address}: {source}")
            }
            Error::Timeout(after) => {
                let secs = after.as_secs_f64();
                let s = if secs == 1.0 { "" } else { "s" };
                write!(f, "the server did not answer within {secs} second{s}")
            }
            Error::Closed(None) => write!(f, "the server closed the connection"),
            Error::Closed(Some(error)) => write!(f, "the connection broke: {error}"),
            Error::Refused(text) => write!(f, "{text}"),
            Error::Gone { oldest, epoch } => write!(
                f,
                "the position is gone: the server's changes begin with {epoch}:{oldest}"
            ),
            Error::Protocol(text) => write!(f, "what answers is no kvmsg server: {text}"),
            Error::NothingExpected => write!(f, "no request waits for a reply"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Connect { source, .. } | Error::Closed(Some(source)) => Some(source),
            _ => None,
        }
    }
}
