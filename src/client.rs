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
//!
//! A connection ends with the first error that [is fatal](Error::is_fatal). Two go on beyond that:
//!
//! * a [`Watch`] hears what changes under a prefix, connects again by itself, and goes on where it
//!   stopped;
//! * a [`Mirror`] keeps a copy of what is under a prefix, equal to the server's.

mod error;
mod frame;
mod position;
mod words;
mod reading;
mod encode;
mod kept;
mod connection;
mod typed;
mod pause;
mod watch;
mod mirror;

pub use crate::protocol::notice::Op;
pub use error::Error;
pub use mirror::{Mirror, Update};
pub use position::{Position, PositionError};
pub use watch::{Event, Watch};
pub use words::{Greeting, Notice, Page, Reply, Request, Stat};

use connection::{Connection, within};
use frame::Frame;
use reading::{Expected, refusal};
use std::collections::VecDeque;
use std::time::Duration;

/// How long connecting and each reply may take unless something else is said.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of what is sent may wait before [`Client::send`] writes it.
const UNSENT_BYTES_MAX: usize = 256 * 1024;

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
///     watcher.watch(b"us").await?;
///     client.delete(b"user").await?;
///     match watcher.notice().await? {
///         Notice::Change { key, .. } => assert_eq!(key, b"user"),
///         Notice::Lost { first, last } => panic!("{first} to {last} are lost: read anew"),
///         Notice::Progress { revision } => println!("nothing is missing up to {revision}"),
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
    connection: Connection,
    timeout: Duration,
    greeting: Greeting,
    /// What each request that has not been answered yet expects, in order.
    expected: VecDeque<Expected>,
}

/// What has come, asked for or not.
#[derive(Debug)]
enum Arrival {
    Reply(Reply),
    Notice(Notice),
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
            let connection = Connection::open(address).await.map_err(|source| {
                let address = address.to_owned();
                Error::Connect { address, source }
            })?;
            let mut client = Client {
                connection,
                timeout,
                greeting: Greeting::default(),
                expected: VecDeque::new(),
            };
            let unsent = &mut client.connection.unsent;
            let expected = encode::words(&[b"HELLO", b"3"], Expected::Greeting, unsent);
            client.expected.push_back(expected);
            client.greeting = match client.reply().await? {
                (Frame::Error(text), _) => return Err(refused(&text)),
                (frame, _) => Greeting::read(frame)?,
            };
            Ok(client)
        };
        within(timeout, connected).await
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
        self.put_off(request);
        if self.unsent_bytes() >= UNSENT_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends a request with whatever is done next.
    fn put_off(&mut self, request: &Request<'_>) {
        let expected = request.encode(&mut self.connection.unsent);
        self.expected.push_back(expected);
    }

    /// Writes what has been sent and not been written yet.
    ///
    /// # Errors
    ///
    /// Only those that end the connection.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let timeout = self.timeout;
        let connection = &mut self.connection;
        while !connection.unsent.is_empty() {
            match within(timeout, connection.write_some()).await {
                // It closed, but has said more than that: who receives gets that first.
                Err(Error::Closed(_)) if !connection.replies.is_empty() => {
                    connection.forget_unsent();
                }
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
        match self.reply().await? {
            (Frame::Error(text), _) => Ok(refusal(&text)),
            (frame, expected) => expected.read(frame),
        }
    }

    /// How many requests wait for a reply.
    pub fn outstanding(&self) -> usize {
        self.expected.len()
    }

    /// How many bytes of requests wait to be written. A caller that receives before they are many
    /// never makes [`send`](Client::send) wait, nor keep replies meanwhile.
    pub fn unsent_bytes(&self) -> usize {
        self.connection.unsent_bytes()
    }

    /// The next notice; waits for it without limit.
    ///
    /// # Errors
    ///
    /// Only those that end the connection.
    pub async fn notice(&mut self) -> Result<Notice, Error> {
        self.flush().await?;
        loop {
            if let Some(notice) = self.connection.notices.pop() {
                return Ok(notice);
            }
            self.connection.read_some().await?;
        }
    }

    /// Closes the connection, after what has been sent.
    ///
    /// # Errors
    ///
    /// What has been sent may not have arrived.
    pub async fn close(mut self) -> Result<(), Error> {
        self.flush().await?;
        Ok(self.connection.shutdown()?)
    }

    /// The next notice, if it has been read already, and came before every reply that has not been
    /// received yet.
    ///
    /// ```no_run
    /// # async fn f(mut client: kvmsg::client::Client) -> Result<(), kvmsg::client::Error> {
    /// client.put(b"user", b"john").await?;
    /// while let Some(notice) = client.kept_notice() {
    ///     println!("told while the reply was awaited: {notice:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn kept_notice(&mut self) -> Option<Notice> {
        let Connection {
            replies, notices, ..
        } = &mut self.connection;
        let is_next = |(_, mark): &(Frame, u64)| !notices.is_past(*mark);
        match replies.front().is_none_or(is_next) {
            true => notices.pop(),
            false => None,
        }
    }

    /// Whatever comes next, replies and notices in the order in which they came. Waits without
    /// limit if no reply is due. Whoever drops this loses nothing.
    async fn arrival(&mut self) -> Result<Arrival, Error> {
        loop {
            let connection = &mut self.connection;
            match connection.replies.front() {
                Some((frame, mark)) if connection.notices.is_past(*mark) => {
                    return match (frame, self.expected.is_empty()) {
                        (_, false) => Ok(Arrival::Reply(self.receive().await?)),
                        (Frame::Error(text), true) => Err(refused(text)),
                        _ => Err(Error::protocol("a reply came that nobody asked for")),
                    };
                }
                _ => {}
            }
            if let Some(notice) = connection.notices.pop() {
                return Ok(Arrival::Notice(notice));
            }
            let is_due = !self.expected.is_empty();
            let more = self.connection.exchange();
            match is_due {
                true => within(self.timeout, more).await?,
                false => more.await?,
            }
        }
    }

    /// The next reply as it came, and what was expected.
    async fn reply(&mut self) -> Result<(Frame, Expected), Error> {
        if self.expected.is_empty() {
            return Err(Error::NothingExpected);
        }
        let frame = loop {
            match self.connection.replies.pop_front() {
                Some((frame, _)) => break frame,
                None => within(self.timeout, self.connection.exchange()).await?,
            }
        };
        let expected = self.expected.pop_front().ok_or(Error::NothingExpected)?;
        Ok((frame, expected))
    }
}

/// The error of a refusal that is no reply to a request.
fn refused(text: &[u8]) -> Error {
    match refusal(text) {
        Reply::Refused(text) => Error::Refused(text),
        _ => Error::protocol("a refusal came that nobody asked for"),
    }
}
