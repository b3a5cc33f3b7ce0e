//! Takes addresses, and says why a server cannot start.

use super::accept;
use crate::journal;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// How many connections wait to be accepted before the kernel turns more away.
const BACKLOG: i32 = 4096;

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

/// Lets clients connect.
pub(super) fn listen(
    listeners: &[TcpListener],
    addresses: &[SocketAddr],
) -> Result<(), StartError> {
    for (at, (listener, address)) in listeners.iter().zip(addresses).enumerate() {
        // The standard library's backlog is 128.
        let listened = rustix::net::listen(listener, BACKLOG);
        listened.map_err(|error| StartError::Bind {
            address: address.to_string(),
            source: by_ours(*address, &addresses[..at]).unwrap_or(error.into()),
        })?;
    }
    Ok(())
}

/// What is wrong with an address that one of these has, if one of them has it.
fn by_ours(address: SocketAddr, others: &[SocketAddr]) -> Option<io::Error> {
    let has = |other: &&SocketAddr| {
        let is_any = other.ip().is_unspecified() || address.ip().is_unspecified();
        other.port() == address.port() && (is_any || other.ip() == address.ip())
    };
    let other = others.iter().find(has)?;
    let why = format!("{other}, which is listed too, has its port");
    Some(io::Error::new(io::ErrorKind::AddrInUse, why))
}
