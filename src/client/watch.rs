//! Hears what changes under a prefix, over as many connections as that takes.

use super::connection::within;
use super::error::Error;
use super::pause::Pause;
use super::position::Position;
use super::words::{Notice, Reply, Request};
use super::{Arrival, Client, TIMEOUT};
use crate::protocol::notice::Op;
use smol::Timer;
use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// What a [`Watch`] tells. Two of these must not be passed over, for they say that changes will
/// not be told: [`Lost`](Event::Lost) and [`Gone`](Event::Gone). Whoever keeps anything that was
/// derived from earlier changes derives it anew then, or keeps a [`Mirror`](super::Mirror), which
/// does so by itself.
#[derive(Debug)]
pub enum Event {
    /// There is a connection, the first or another. What is told next is the first change after
    /// this position. On another connection that is where the last one stopped: nothing was
    /// skipped, so there is nothing to do.
    Connected {
        /// What was told last, or where the watch begins.
        from: Position,
    },
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
    /// Changes in this range of revisions were not told, for this client did not read fast enough.
    /// Whatever is known of any key under the prefix may be out of date: read it anew, at a
    /// revision of `last` or later. The changes after `last` will be told.
    Lost {
        /// The first revision of the range.
        first: u64,
        /// The last revision of the range.
        last: u64,
    },
    /// The watch could not go on where it stopped: while it was away, the server has forgotten
    /// changes, or it was started anew and knows nothing of the old ones. There is a connection,
    /// and the watch goes on from the server's present; what changed between `since` and `from`
    /// will not be told. Read anew, at `from` or later.
    Gone {
        /// Up to where changes had been told.
        since: Position,
        /// The first revision that the server could have told, or the next to come. It belongs to
        /// the series of `from`.
        oldest: u64,
        /// Where the watch goes on. Another epoch than that of `since` means a new series:
        /// revisions of the two cannot be compared.
        from: Position,
    },
    /// Nothing to tell: every change up to this revision has been told. Servers say so now and
    /// then, so that a position which is kept somewhere does not grow old.
    Progress {
        /// The revision.
        revision: u64,
    },
    /// The server is stopping and closes within this time. [`Event::Disconnected`] follows; there
    /// is nothing to do.
    Drain {
        /// The time, in seconds.
        seconds: u64,
    },
    /// There is no connection, or none any more. The next call waits for this long and tries
    /// again. Nothing is lost by that; whoever does not want to wait drops the watch.
    Disconnected {
        /// Why.
        error: Error,
        /// How long until the next attempt: at first at most 0.1 seconds, doubling up to 5, and of
        /// that a random part between half and all, so that clients do not come back all at once.
        pause: Duration,
    },
}

/// What changes under one prefix, told in order, each change once, however often the connection
/// breaks.
///
/// It connects when it is first asked for an event. When a connection breaks it makes another by
/// itself, and goes on after the last event that it has handed out: what was on its way at that
/// moment, also half of a notice, is told again by the server. So nothing is told twice, and what
/// is not told is an [`Event::Lost`] or [`Event::Gone`].
///
/// # Examples
///
/// ```
/// # use kvmsg::{config::Config, server::Server};
/// use kvmsg::client::{Client, Event, TIMEOUT, Watch};
/// # let config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
/// # let server = Server::bind(config).unwrap();
/// # let handle = server.handle();
/// # let running = std::thread::spawn(move || server.run());
/// # let address = handle.addresses()[0].to_string();
///
/// smol::block_on(async {
///     let mut watch = Watch::new(&address, b"user:");
///     loop {
///         match watch.next().await? {
///             Event::Change { key, .. } => {
///                 assert_eq!(key, b"user:john");
///                 break;
///             }
///             Event::Lost { .. } | Event::Gone { .. } => panic!("read everything anew"),
///             Event::Disconnected { error, .. } => eprintln!("{error}; trying again"),
///             Event::Connected { .. } => {
///                 let mut client = Client::connect(&address, TIMEOUT).await?;
///                 client.put(b"user:john", b"here").await?;
///             }
///             Event::Progress { .. } | Event::Drain { .. } => {}
///         }
///     }
///     let cursor = watch.position().map(ToString::to_string);
///     println!("to be continued after {cursor:?}");
///     Ok(())
/// })
/// # .and_then(|()| { handle.stop(); running.join().unwrap(); Ok(()) })
/// # as Result<(), kvmsg::client::Error>;
/// ```
#[derive(Debug)]
pub struct Watch {
    address: String,
    timeout: Duration,
    prefix: Vec<u8>,
    /// All up to here has been handed out.
    position: Option<Position>,
    link: Link,
    pause: Pause,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Begun, Broken>> + Send>>;

enum Link {
    /// The next attempt is due then.
    Down(Option<Instant>),
    Connecting(Connecting),
    Up(Box<Client>),
}

/// A connection that watches.
struct Begun {
    client: Client,
    from: Position,
    /// The first revision that the server held, if it could not go on where it was asked to.
    gone: Option<u64>,
}

/// Why there is no connection.
enum Broken {
    /// Another attempt may have more success.
    ForNow(Error),
    /// No other attempt will.
    ForGood(Error),
}

/// What came over a connection that somebody shares with the watch.
#[derive(Debug)]
pub(super) enum Turn {
    Event(Event),
    Reply(Reply),
}

impl Watch {
    /// A watch of the keys that begin with `prefix`, at the server `address`, `HOST:PORT`, from
    /// its present on. The empty prefix is that of every key.
    pub fn new(address: &str, prefix: &[u8]) -> Watch {
        Watch {
            address: address.to_owned(),
            timeout: TIMEOUT,
            prefix: prefix.to_vec(),
            position: None,
            link: Link::Down(None),
            pause: Pause::default(),
        }
    }

    /// The same, but going on after this position, such as [`position`](Watch::position) once was.
    #[must_use]
    pub fn since(mut self, position: Position) -> Watch {
        self.position = Some(position);
        self
    }

    /// The same, but with this time-out for connecting and for the reply that it begins with.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Watch {
        self.timeout = timeout;
        self
    }

    /// Up to where everything has been handed out: to be kept, and given to
    /// [`since`](Watch::since) by a later run. None before the first connection.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// The prefix.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The next event; waits for it without limit. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// What no other attempt would mend: [`Error::Refused`] if the server takes no such watch,
    /// because the prefix is too long for example, and [`Error::Protocol`] if what answers is no
    /// kvmsg server. A further call tries again all the same.
    pub async fn next(&mut self) -> Result<Event, Error> {
        match self.turn().await? {
            Turn::Event(event) => Ok(event),
            Turn::Reply(_) => Err(self.protocol("a reply came that nobody asked for")),
        }
    }

    /// The next event, or the next reply to what was [sent](Watch::send).
    pub(super) async fn turn(&mut self) -> Result<Turn, Error> {
        loop {
            match &mut self.link {
                Link::Down(due) => {
                    if let Some(due) = *due {
                        Timer::at(due).await;
                    }
                    let (prefix, since) = (self.prefix.clone(), self.position.clone());
                    let begin = begin(self.address.clone(), self.timeout, prefix, since);
                    self.link = Link::Connecting(Box::pin(begin));
                }
                // Kept, so that whoever drops this future now and then gets there all the same.
                Link::Connecting(connecting) => {
                    return match connecting.await {
                        Ok(begun) => Ok(Turn::Event(self.begun(begun))),
                        Err(Broken::ForNow(error)) => Ok(Turn::Event(self.broke(error))),
                        Err(Broken::ForGood(error)) => Err(self.close(error)),
                    };
                }
                Link::Up(client) => match client.arrival().await {
                    Ok(Arrival::Reply(reply)) => return Ok(Turn::Reply(reply)),
                    Ok(Arrival::Notice(notice)) => {
                        if let Some(event) = self.told(notice) {
                            return Ok(Turn::Event(event));
                        }
                    }
                    Err(error @ Error::Protocol(_)) => return Err(self.close(error)),
                    Err(error) => return Ok(Turn::Event(self.broke(error))),
                },
            }
        }
    }

    /// Sends a request over the connection, if there is one, with the next turn.
    pub(super) fn send(&mut self, request: &Request<'_>) {
        if let Link::Up(client) = &mut self.link {
            client.put_off(request);
        }
    }

    /// Gives up the connection, and hands the error on.
    pub(super) fn close(&mut self, error: Error) -> Error {
        self.link = Link::Down(Some(Instant::now() + self.pause.grow()));
        error
    }

    /// Gives up the connection to a server that does not keep to the protocol.
    pub(super) fn protocol(&mut self, text: &str) -> Error {
        self.close(Error::protocol(text))
    }

    fn begun(&mut self, begun: Begun) -> Event {
        self.link = Link::Up(Box::new(begun.client));
        self.pause = Pause::default();
        let from = begun.from;
        let since = self.position.replace(from.clone());
        match (begun.gone, since) {
            (Some(oldest), Some(since)) => Event::Gone {
                since,
                oldest,
                from,
            },
            _ => Event::Connected { from },
        }
    }

    fn broke(&mut self, error: Error) -> Event {
        let pause = self.pause.grow();
        self.link = Link::Down(Some(Instant::now() + pause));
        Event::Disconnected { error, pause }
    }

    /// Moves the position, and makes the notice an event. What the position says to have been told
    /// already is not told again.
    fn told(&mut self, notice: Notice) -> Option<Event> {
        let reached = match notice {
            Notice::Change { revision, .. } => revision,
            Notice::Lost { last, .. } => last,
            Notice::Progress { revision } => revision,
            Notice::Drain { seconds } => return Some(Event::Drain { seconds }),
        };
        let position = self.position.as_mut()?;
        let is_new = reached > position.revision;
        position.revision = position.revision.max(reached);
        match notice {
            Notice::Change {
                op,
                key,
                revision,
                values,
            } if is_new => Some(Event::Change {
                op,
                key,
                revision,
                values,
            }),
            Notice::Lost { first, last } if is_new => Some(Event::Lost { first, last }),
            Notice::Progress { revision } => Some(Event::Progress { revision }),
            _ => None,
        }
    }
}

/// Connects and watches: from where it is told to, or else from the server's present. The position
/// of the watch moves only when this is done, so wherever it breaks, the next attempt is the same.
async fn begin(
    address: String,
    timeout: Duration,
    prefix: Vec<u8>,
    since: Option<Position>,
) -> Result<Begun, Broken> {
    let mut client = match Client::connect(&address, timeout).await {
        Ok(client) => client,
        Err(error @ Error::Protocol(_)) => return Err(Broken::ForGood(error)),
        // Also a server that has enough clients for now.
        Err(error) => return Err(Broken::ForNow(error)),
    };
    let begun = async {
        let Some(since) = since else {
            let from = client.watch(&prefix).await?;
            return Ok((from, None));
        };
        match client.watch_since(&prefix, &since).await {
            Ok(from) if from.revision == since.revision => Ok((from, None)),
            Ok(_) => Err(Error::protocol("it resumes elsewhere than it was asked to")),
            Err(Error::Gone { oldest, .. }) => Ok((client.watch(&prefix).await?, Some(oldest))),
            Err(error) => Err(error),
        }
    };
    match within(timeout, begun).await {
        Ok((from, gone)) => Ok(Begun { client, from, gone }),
        Err(error @ (Error::Refused(_) | Error::Protocol(_))) => Err(Broken::ForGood(error)),
        Err(error) => Err(Broken::ForNow(error)),
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::Down(due) => write!(f, "Down({due:?})"),
            Link::Connecting(_) => f.write_str("Connecting"),
            Link::Up(_) => f.write_str("Up"),
        }
    }
}
