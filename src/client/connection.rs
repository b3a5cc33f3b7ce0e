//! Carries requests to a server, and sorts what comes back into replies and notices.

use super::error::Error;
use super::frame::{Decoder, Frame};
use super::kept::Kept;
use super::words::Notice;
use futures_lite::future;
use rustix::net::sockopt;
use smol::{Async, Timer};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// When a silent server's machine is asked whether it is still there, how often, and how many
/// times in vain: after about a minute a peer that is gone ends the connection.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// A socket, what waits to be written, and what has been read.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Arc<Async<TcpStream>>,
    /// Requests that have not been written yet, behind so much that has.
    pub(super) unsent: Vec<u8>,
    sent: usize,
    decoder: Decoder,
    /// Replies that were read while something else was waited for, each with the mark of the
    /// notices before it.
    pub(super) replies: VecDeque<(Frame, u64)>,
    /// Notices that were read while something else was waited for.
    pub(super) notices: Kept,
}

impl Connection {
    /// Connects to `HOST:PORT`; every address of the host is tried.
    ///
    /// # Errors
    ///
    /// Why the last address could not be reached.
    pub(super) async fn open(address: &str) -> io::Result<Connection> {
        let name = address.to_owned();
        let addresses = smol::unblock(move || name.to_socket_addrs()).await?;
        let mut failure = ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match Async::<TcpStream>::connect(address).await {
                Ok(socket) => {
                    set_up(socket.get_ref())?;
                    return Ok(Connection::new(socket));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn new(socket: Async<TcpStream>) -> Connection {
        Connection {
            socket: Arc::new(socket),
            unsent: Vec::new(),
            sent: 0,
            decoder: Decoder::default(),
            replies: VecDeque::new(),
            notices: Kept::default(),
        }
    }

    /// Ends the sending side.
    pub(super) fn shutdown(&self) -> io::Result<()> {
        self.socket.get_ref().shutdown(Shutdown::Write)
    }

    /// How many bytes wait to be written.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// Does not write what waits.
    pub(super) fn forget_unsent(&mut self) {
        self.unsent.clear();
        self.sent = 0;
    }

    /// Writes what waits, or reads if nothing does. Whoever drops this loses nothing.
    pub(super) async fn exchange(&mut self) -> Result<(), Error> {
        match self.unsent.is_empty() {
            true => self.read_some().await,
            false => self.write_some().await,
        }
    }

    /// Writes what the socket takes. While it takes nothing, reads: the server may be waiting
    /// for that before it takes more.
    pub(super) async fn write_some(&mut self) -> Result<(), Error> {
        match self.socket.get_ref().write(&self.unsent[self.sent..]) {
            Ok(written) => {
                self.sent += written;
                // Not each time, for what is left is moved.
                if self.sent > self.unsent.len() / 2 {
                    self.unsent.drain(..self.sent);
                    self.sent = 0;
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let socket = self.socket.clone();
                let writable = async { Ok(socket.writable().await?) };
                future::or(writable, self.read_some()).await
            }
            // The server may have said why before it closed.
            Err(_) => self.read_some().await,
        }
    }

    /// Reads what has come, at least something, and sorts it.
    pub(super) async fn read_some(&mut self) -> Result<(), Error> {
        loop {
            match self.read_now() {
                Ok(0) => return Err(Error::Closed(None)),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.socket.readable().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        while let Some(frame) = self.decoder.next()? {
            match frame {
                // One of a kind that is not known yet is left out, as kvmsg(7) tells clients to.
                Frame::Push(push) => {
                    if let Some(notice) = Notice::read(push)? {
                        self.notices.push(notice);
                    }
                }
                reply => self.replies.push_back((reply, self.notices.mark())),
            }
        }
        Ok(())
    }

    /// Reads what has come. Not `async`, so that the buffer is not kept while that waits.
    fn read_now(&mut self) -> io::Result<usize> {
        let mut chunk = [0; CHUNK_BYTES];
        let length = self.socket.get_ref().read(&mut chunk)?;
        self.decoder.feed(&chunk[..length]);
        Ok(length)
    }
}

/// A watcher may say nothing for days: the system finds out whether anyone is left to listen to.
fn set_up(socket: &TcpStream) -> io::Result<()> {
    let (idle, interval, count) = KEEPALIVE;
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, idle)?;
    sockopt::set_tcp_keepintvl(socket, interval)?;
    sockopt::set_tcp_keepcnt(socket, count)?;
    Ok(())
}

/// Waits for something, but no longer than this.
///
/// # Errors
///
/// [`Error::Timeout`], and those of what is waited for.
pub(super) async fn within<T>(
    timeout: Duration,
    what: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = async {
        Timer::after(timeout).await;
        Err(Error::Timeout(timeout))
    };
    future::or(what, late).await
}
