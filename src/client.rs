//! Speaks to a server: the other end, for kvmsg-cli, for tests and for anyone's program.
//!
//! A [`Client`] is one connection. It speaks RESP3, so keys and values survive whatever bytes
//! they hold. There are two ways to use it, and they mix:
//!
//! * one request at a time: [`Client::put`], [`Client::get`] and so on wait for their reply;
//! * pipelined: [`Client::send`] as many [`Request`]s as there are, and [`Client::receive`] their
//!   replies, in the same order.
//!
//! A client that [`watch`](Client::watch)es is told of changes by others; [`Client::notice`] waits
//! for the next. What it was not told of is told as [`Notice::Lost`].
//!
//! Everything that waits for the server waits no longer than the time-out, but for a notice.

mod error;
mod frame;
mod words;
mod typed;

pub use error::Error;
pub use words::{Greeting, Notice, Op, Reply, Request, Stat};

use crate::protocol::resp;
use frame::{Decoder, Frame};
use futures_lite::future;
use smol::{Async, Timer};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use words::Expected;

/// How long connecting and each reply may take unless something else is said.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How much of what is sent may wait before [`Client::send`] writes it.
const UNSENT_BYTES_MAX: usize = 256 * 1024;

/// How many notices are kept while something else is waited for. What comes beyond is told as
/// [`Notice::Lost`], as the server does.
const NOTICES_MAX: usize = 65_536;

/// One connection to a server.
///
/// # Examples
///
/// ```
/// # use kvmsg::{config::Config, server::Server};
/// use kvmsg::client::{Client, Notice, Reply, Request, TIMEOUT};
/// # let config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
/// # let server = Server::bind(config).unwrap();
/// # let handle = server.handle();
/// # let running = std::thread::spawn(move || server.run());
/// # let address = handle.addresses()[0].to_string();
///
/// smol::block_on(async {
///     let mut client = Client::connect(&address, TIMEOUT).await?;
///     client.put(b"user", b"john").await?;
///     assert_eq!(client.get(b"user").await?, Some(vec![b"john".to_vec()]));
///
///     // Pipelined: send many, then receive as many.
///     client.send(&Request::Put { key: b"user", value: b"alice" }).await?;
///     client.send(&Request::Delete { key: b"nobody" }).await?;
///     assert_eq!(client.receive().await?, Reply::Revision(2));
///     assert_eq!(client.receive().await?, Reply::NotFound);
///
///     // Told of what others change; a loss is a value among the notices.
///     let mut watcher = Client::connect(&address, TIMEOUT).await?;
///     watcher.watch().await?;
///     client.delete(b"user").await?;
///     match watcher.notice().await? {
///         Notice::Change { key, .. } => assert_eq!(key, b"user"),
///         Notice::Lost { first, last } => panic!("{first} to {last} are lost: read anew"),
///         Notice::Drain { seconds } => println!("the server goes within {seconds} seconds"),
///     }
///     client.close().await
/// })?;
/// # handle.stop();
/// # running.join().unwrap();
/// # Ok::<(), kvmsg::client::Error>(())
/// ```
#[derive(Debug)]
pub struct Client {
    socket: Arc<Async<TcpStream>>,
    timeout: Duration,
    greeting: Greeting,
    /// Requests that have not been written yet.
    unsent: Vec<u8>,
    decoder: Decoder,
    /// What each request that has not been answered yet expects, in order.
    expected: VecDeque<Expected>,
    /// Replies that were read while something else was waited for.
    replies: VecDeque<Frame>,
    /// Notices that were read while something else was waited for.
    notices: VecDeque<Notice>,
}

impl Client {
    /// Connects, and greets. `address` is `HOST:PORT`; every address of the host is tried. The
    /// time-out holds for this, and for each reply later.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if nobody listens there, [`Error::Refused`] if the server takes no more
    /// clients, [`Error::Protocol`] if it is none of ours.
    pub async fn connect(address: &str, timeout: Duration) -> Result<Client, Error> {
        let connected = async {
            let socket = connect(address).await.map_err(|source| {
                let address = address.to_owned();
                Error::Connect { address, source }
            })?;
            let mut client = Client::new(socket, timeout);
            client.push(&[b"HELLO", b"3"], Expected::Greeting);
            client.greeting = Greeting::read(client.reply().await?.0)?;
            Ok(client)
        };
        within(timeout, connected).await
    }

    /// A client that has not greeted.
    fn new(socket: Async<TcpStream>, timeout: Duration) -> Client {
        Client {
            socket: Arc::new(socket),
            timeout,
            greeting: Greeting::default(),
            unsent: Vec::new(),
            decoder: Decoder::default(),
            expected: VecDeque::new(),
            replies: VecDeque::new(),
            notices: VecDeque::new(),
        }
    }

    /// What the server said of itself.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Sends a request, to be answered by [`receive`](Client::receive). It may wait here until
    /// there is more, or until a reply is asked for; [`flush`](Client::flush) sends it at once.
    /// Replies that arrive meanwhile are kept, so receive what was sent now and then.
    ///
    /// # Errors
    ///
    /// Only those that end the connection.
    pub async fn send(&mut self, request: &Request<'_>) -> Result<(), Error> {
        match *request {
            Request::Put { key, value } => self.push(&[b"PUT", key, value], Expected::Revision),
            Request::Get { key } => self.push(&[b"GET", key], Expected::Values),
            Request::Update { key, old, new } => {
                self.push(&[b"UPDATE", key, old, new], Expected::Revision);
            }
            Request::Remove { key, value } => {
                self.push(&[b"REMOVE", key, value], Expected::Revision);
            }
            Request::Delete { key } => self.push(&[b"DELETE", key], Expected::Revision),
            Request::Ping { text: None } => self.push(&[b"PING"], Expected::Text),
            Request::Ping { text: Some(text) } => self.push(&[b"PING", text], Expected::Text),
            Request::Watch => self.push(&[b"WATCH", b""], Expected::Watching),
            Request::Unwatch => self.push(&[b"UNWATCH"], Expected::Done),
            Request::Stats => self.push(&[b"STATS"], Expected::Stats),
        }
        if self.unsent.len() >= UNSENT_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes what has been sent and not been written yet.
    ///
    /// # Errors
    ///
    /// Only those that end the connection.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let timeout = self.timeout;
        while !self.unsent.is_empty() {
            match within(timeout, self.write_some()).await {
                // It closed, but has said more than that: who receives gets that first.
                Err(Error::Closed(_)) if !self.replies.is_empty() => self.unsent.clear(),
                other => other?,
            }
        }
        Ok(())
    }

    /// The reply to the oldest request that has none yet. Returns as soon as it is there, though
    /// the last of what was sent may still wait for the server to take it.
    ///
    /// # Errors
    ///
    /// Those that end the connection, and that no request waits for a reply. That the server
    /// refused the request is no error here but a reply, for others follow it.
    pub async fn receive(&mut self) -> Result<Reply, Error> {
        match self.reply().await {
            Ok((frame, expected)) => expected.read(frame),
            Err(Error::Refused(text)) => Ok(Reply::Refused(text)),
            Err(error) => Err(error),
        }
    }

    /// How many requests wait for a reply.
    pub fn outstanding(&self) -> usize {
        self.expected.len()
    }

    /// How many bytes of requests wait to be written. A caller that receives before they are many
    /// never makes [`send`](Client::send) wait, nor keep replies meanwhile.
    pub fn unsent_bytes(&self) -> usize {
        self.unsent.len()
    }

    /// The next notice; waits for it without limit.
    ///
    /// # Errors
    ///
    /// Only those that end the connection.
    pub async fn notice(&mut self) -> Result<Notice, Error> {
        self.flush().await?;
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Ok(notice);
            }
            self.read_some().await?;
        }
    }

    /// Closes the connection, after what has been sent.
    ///
    /// # Errors
    ///
    /// What has been sent may not have arrived.
    pub async fn close(mut self) -> Result<(), Error> {
        self.flush().await?;
        Ok(self.socket.get_ref().shutdown(Shutdown::Write)?)
    }

    fn push(&mut self, words: &[&[u8]], expected: Expected) {
        encode(words, &mut self.unsent);
        self.expected.push_back(expected);
    }

    /// The next reply as it came, and what was expected.
    async fn reply(&mut self) -> Result<(Frame, Expected), Error> {
        if self.expected.is_empty() {
            return Err(Error::NothingExpected);
        }
        let timeout = self.timeout;
        let frame = loop {
            match self.replies.pop_front() {
                Some(frame) => break frame,
                None if self.unsent.is_empty() => within(timeout, self.read_some()).await?,
                None => within(timeout, self.write_some()).await?,
            }
        };
        let expected = self.expected.pop_front().ok_or(Error::NothingExpected)?;
        match frame {
            Frame::Error(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                Err(Error::Refused(
                    text.strip_prefix("ERR ").unwrap_or(&text).to_owned(),
                ))
            }
            frame => Ok((frame, expected)),
        }
    }

    /// Writes what the socket takes. While it takes nothing, reads: the server may be waiting
    /// for that before it takes more.
    async fn write_some(&mut self) -> Result<(), Error> {
        match self.socket.get_ref().write(&self.unsent) {
            Ok(written) => {
                self.unsent.drain(..written);
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
    async fn read_some(&mut self) -> Result<(), Error> {
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
                Frame::Push(push) => self.keep(Notice::read(push)?),
                reply => self.replies.push_back(reply),
            }
        }
        Ok(())
    }

    /// Keeps a notice until it is asked for. Of more than can be kept, the range is.
    fn keep(&mut self, notice: Notice) {
        let is_full = self.notices.len() >= NOTICES_MAX;
        match (self.notices.back_mut(), notice) {
            (Some(Notice::Lost { last, .. }), Notice::Change { revision, .. }) if is_full => {
                *last = revision;
            }
            (Some(Notice::Lost { last, .. }), Notice::Lost { last: later, .. }) if is_full => {
                *last = later;
            }
            (_, Notice::Change { revision, .. }) if is_full => {
                let (first, last) = (revision, revision);
                self.notices.push_back(Notice::Lost { first, last });
            }
            (_, notice) => self.notices.push_back(notice),
        }
    }

    /// Reads what has come. Not `async`, so that the buffer is not kept while that waits.
    fn read_now(&mut self) -> std::io::Result<usize> {
        let mut chunk = [0; CHUNK_BYTES];
        let length = self.socket.get_ref().read(&mut chunk)?;
        self.decoder.feed(&chunk[..length]);
        Ok(length)
    }
}

async fn connect(address: &str) -> std::io::Result<Async<TcpStream>> {
    let name = address.to_owned();
    let addresses = smol::unblock(move || name.to_socket_addrs()).await?;
    let mut failure = ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match Async::<TcpStream>::connect(address).await {
            Ok(socket) => {
                socket.get_ref().set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn within<T>(
    timeout: Duration,
    what: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = async {
        Timer::after(timeout).await;
        Err(Error::Timeout(timeout))
    };
    future::or(what, late).await
}

fn encode(words: &[&[u8]], out: &mut Vec<u8>) {
    resp::array_head(words.len(), out);
    for word in words {
        resp::bulk_head(word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
