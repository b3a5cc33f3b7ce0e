//! Takes addresses, and says why a server cannot start.

use super::accept;
use crate::journal;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// Why a server cannot start. Each is one line when displayed.
#[derive(Debug)]
pub enum StartError {
    /// It cannot have an address.
    Bind {
        /// The address, as the configuration has it.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// It cannot use its data folder.
    Data(journal::Error),
}

impl StartError {
    /// Whether nothing is wrong: it was told to stop before it had its data.
    pub fn is_stop(&self) -> bool {
        matches!(self, StartError::Data(journal::Error::Stopped { .. }))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bind { address, source } => {
                write!(f, "cannot listen on {address}: {source}")
            }
            StartError::Data(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Bind { source, .. } => Some(source),
            StartError::Data(error) => Some(error),
        }
    }
}

impl From<journal::Error> for StartError {
    fn from(error: journal::Error) -> StartError {
        StartError::Data(error)
    }
}

/// Takes an address; nobody can connect yet.
pub(super) fn bind(address: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = || -> io::Result<(TcpListener, SocketAddr)> {
        let mut failure = io::ErrorKind::AddrNotAvailable.into();
        for candidate in address.to_socket_addrs()? {
            match bind_one(candidate) {
                Ok(listener) => {
                    let address = listener.local_addr()?;
                    return Ok((listener, address));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    };
    let (listener, bound) = bound().map_err(|source| {
        let address = address.to_owned();
        StartError::Bind { address, source }
    })?;
    if !bound.ip().is_loopback() {
        log::warn!("{bound} can be reached from other machines, and there are no passwords");
    }
    Ok((listener, bound))
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    let listener = TcpListener::from(socket);
    accept::prepare(&listener)?;
    Ok(listener)
}
