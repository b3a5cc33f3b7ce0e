//! Connects as often as a benchmark asks for, and carries bytes.

use super::scan::{Scanner, Seen};
use kvmsg::client::Error;
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use smol::Async;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};

/// How much is read at once.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// One connection.
pub struct Link {
    socket: Async<TcpStream>,
    scanner: Scanner,
}

/// What could be done at once.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// So many bytes.
    Bytes(usize),
    /// Nothing.
    Nothing,
}

impl Link {
    /// Connects, and makes sure of an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`], [`Error::Refused`] if there are too many clients, and what any
    /// connection may end with.
    pub async fn open(name: &str, address: SocketAddr) -> Result<Link, Error> {
        let socket = Async::<TcpStream>::connect(address).await;
        let socket = socket.map_err(|source| Error::Connect {
            address: name.to_owned(),
            source,
        })?;
        sockopt::set_tcp_nodelay(socket.get_ref(), true).map_err(io::Error::from)?;
        let mut link = Link {
            socket,
            scanner: Scanner::default(),
        };
        link.ask(b"*1\r\n$4\r\nPING\r\n").await?;
        Ok(link)
    }

    /// Sends one short request and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], and what any connection may end with.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(), Error> {
        // So short a request always finds room in an empty socket.
        self.write(request)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let (mut is_answered, mut refusal) = (false, None);
        while !is_answered {
            self.readable().await?;
            self.read(&mut chunk, |reply| {
                is_answered = true;
                if let Seen::Error(text) = reply {
                    let text = String::from_utf8_lossy(text);
                    refusal = Some(text.strip_prefix("ERR ").unwrap_or(&text).to_owned());
                }
            })?;
        }
        refusal.map_or(Ok(()), |text| Err(Error::Refused(text)))
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn write(&self, bytes: &[u8]) -> Result<Done, Error> {
        done(self.socket.get_ref().write(bytes))
    }

    /// Reads what is there, into `chunk`, and shows each reply that it completes.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Protocol`].
    pub fn read(&mut self, chunk: &mut [u8], see: impl FnMut(Seen<'_>)) -> Result<Done, Error> {
        let read = done(self.socket.get_ref().read(chunk))?;
        match read {
            Done::Bytes(0) => return Err(Error::Closed(None)),
            Done::Bytes(length) => {
                let fed = self.scanner.feed(&chunk[..length], see);
                fed.map_err(|_| Error::Protocol("a reply is none".to_owned()))?;
            }
            Done::Nothing => {}
        }
        Ok(read)
    }

    /// Waits until there is something to read.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub async fn readable(&self) -> Result<(), Error> {
        Ok(self.socket.readable().await?)
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub async fn writable(&self) -> Result<(), Error> {
        Ok(self.socket.writable().await?)
    }
}

fn done(result: io::Result<usize>) -> Result<Done, Error> {
    match result {
        Ok(length) => Ok(Done::Bytes(length)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(Done::Nothing)
        }
        Err(error) => Err(error.into()),
    }
}

/// The address of a server that is reached under this name, among all that it has.
///
/// # Errors
///
/// [`Error::Connect`].
pub async fn address(name: &str) -> Result<SocketAddr, Error> {
    let looked_up = name.to_owned();
    let failure = |source| Error::Connect {
        address: name.to_owned(),
        source,
    };
    let addresses = smol::unblock(move || looked_up.to_socket_addrs()).await;
    let mut last = ErrorKind::AddrNotAvailable.into();
    for address in addresses.map_err(failure)? {
        match Async::<TcpStream>::connect(address).await {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(failure(last))
}

/// Lets the program have as many connections as it may. Where that is too few, connecting fails.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
}
