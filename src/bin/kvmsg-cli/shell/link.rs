//! Holds the connection to the server, which may break, and makes it anew with the next request.

use super::palette::Palette;
use super::watched::Watched;
use super::words;
use crate::print;
use crate::request;
use kvmsg::client::{Client, Error, Notice, Reply, Request};
use std::future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::time::Duration;

/// Becomes a connection, and the revision after which its notices begin.
type Connecting = Pin<Box<dyn Future<Output = Result<(Client, u64), Error>>>>;

enum State {
    /// The next request connects.
    Down,
    Connecting(Connecting),
    Up(Box<Client>),
}

/// What happens that was not asked for.
#[derive(Debug)]
pub enum Event {
    /// Somebody else has changed something.
    Change(Notice),
    /// This is to be shown: another notice, or that the connection was made or broke.
    Said(String),
}

/// A connection to one server, over and over again.
pub struct Link {
    server: String,
    timeout: Duration,
    palette: Palette,
    state: State,
    /// Which changes by others are to be told, on every connection.
    pub watched: Watched,
    /// Whether a request waits for a reply that may change something.
    is_changing: bool,
    /// The latest epoch and revision that the server has told.
    seen: Option<(String, u64)>,
}

impl Link {
    /// A connection that begins to be made as soon as somebody waits for an [`event`].
    ///
    /// [`event`]: Link::event
    pub fn new(server: &str, timeout: Duration, watched: Watched, palette: Palette) -> Link {
        let mut link = Link {
            server: server.to_owned(),
            timeout,
            palette,
            state: State::Down,
            watched,
            is_changing: false,
            seen: None,
        };
        link.state = State::Connecting(link.connect());
        link
    }

    /// Waits for something that was not asked for. May be dropped and called again.
    pub async fn event(&mut self) -> Event {
        let said = match &mut self.state {
            State::Down => future::pending().await,
            State::Connecting(connecting) => {
                let connected = connecting.await;
                match self.connected(connected) {
                    Ok(text) => text,
                    Err(why) => self.bad(&format!(
                        "{}; the next request tries again",
                        words::capital(&why)
                    )),
                }
            }
            State::Up(client) => match news(client).await {
                Ok(notice) => {
                    self.see(&notice);
                    match notice {
                        Notice::Change { .. } => return Event::Change(notice),
                        other => words::notice(&other, &self.palette),
                    }
                }
                Err(error) => {
                    self.state = State::Down;
                    let why = shown(&error);
                    self.bad(&format!(
                        "Connection lost: {why}; the next request reconnects"
                    ))
                }
            },
        };
        Event::Said(said)
    }

    /// Sends a request, over a new connection if there is none; returns what there is to say of
    /// that, as lines, and the reply or why there is none. A request without a reply is not sent
    /// again: it may have been executed.
    pub async fn exchange(&mut self, request: &Request<'_>) -> (String, Result<Reply, String>) {
        let mut text = String::new();
        if let State::Down = self.state {
            self.state = State::Connecting(self.connect());
        }
        if let State::Connecting(connecting) = &mut self.state {
            let connected = connecting.await;
            match self.connected(connected) {
                Ok(news) => text = news,
                Err(why) => return (text, Err(why)),
            }
        }
        let State::Up(client) = &mut self.state else {
            return (text, Err("there is no connection".to_owned()));
        };
        self.is_changing = request::changes(request);
        let reply = match client.ask(request).await {
            Err(Error::Refused(why)) => Ok(Reply::Refused(why)),
            other => other,
        };
        let reply = reply.map_err(|error| {
            self.state = State::Down;
            format!("{}{}", shown(&error), self.perhaps())
        });
        if let Ok(reply) = &reply {
            self.note(reply);
        }
        self.is_changing = false;
        (text, reply)
    }

    /// Drops a request that waits for its reply, and with it the connection, on which that reply
    /// would still come. Says so, as a line.
    pub fn give_up(&mut self) -> String {
        self.state = State::Down;
        let text = format!("Given up{}", self.perhaps());
        self.is_changing = false;
        self.bad(&text)
    }

    /// Ends the connection in order, if there is one.
    pub async fn close(self) {
        if let State::Up(client) = self.state {
            // Nothing waits to be sent, so nothing can be lost.
            let _ = client.close().await;
        }
    }

    fn connect(&self) -> Connecting {
        let (server, timeout, watched) = (self.server.clone(), self.timeout, self.watched.clone());
        Box::pin(async move {
            let mut client = Client::connect(&server, timeout).await?;
            let revision = watched.begin(&mut client).await?;
            Ok((client, revision))
        })
    }

    /// Takes a new connection, and says so, as a line; or says why there is none.
    fn connected(&mut self, connected: Result<(Client, u64), Error>) -> Result<String, String> {
        let (client, revision) = connected.map_err(|error| {
            self.state = State::Down;
            let advice = match &error {
                Error::Connect { source, .. } if source.kind() == ErrorKind::ConnectionRefused => {
                    "; is kvmsgd running there?"
                }
                _ => "",
            };
            format!(
                "cannot connect to {}: {}{advice}",
                self.server,
                shown(&error)
            )
        })?;
        let epoch = client.greeting().epoch.clone();
        let server = &self.server;
        let text = match &self.seen {
            None => format!("Connected to KV server at {server}"),
            Some((old, _)) if *old != epoch => {
                format!("Reconnected to KV server at {server}, which was started anew")
            }
            Some((_, old)) if *old != revision && !self.watched.prefixes().is_empty() => {
                format!("Reconnected to KV server at {server}; changes in between were not told")
            }
            Some(_) => format!("Reconnected to KV server at {server}"),
        };
        self.seen = Some((epoch, revision));
        self.state = State::Up(Box::new(client));
        Ok(words::news(self.palette.good, &text))
    }

    /// Remembers the revision that a notice tells.
    fn see(&mut self, notice: &Notice) {
        match notice {
            Notice::Change { revision, .. } => self.reach(*revision),
            Notice::Lost { last, .. } => self.reach(*last),
            Notice::Progress { .. } | Notice::Drain { .. } => {}
        }
    }

    /// Remembers the revision that a reply tells.
    fn note(&mut self, reply: &Reply) {
        match reply {
            Reply::Revision(revision) => self.reach(*revision),
            Reply::Watching(position) => self.reach(position.revision),
            _ => {}
        }
    }

    fn reach(&mut self, revision: u64) {
        if let Some((_, seen)) = &mut self.seen {
            *seen = revision.max(*seen);
        }
    }

    /// What is to be said of a request without a reply.
    fn perhaps(&self) -> &'static str {
        if self.is_changing {
            request::PERHAPS
        } else {
            ""
        }
    }

    fn bad(&self, text: &str) -> String {
        words::news(self.palette.bad, text)
    }
}

/// The next notice that is worth showing.
async fn news(client: &mut Client) -> Result<Notice, Error> {
    loop {
        match client.notice().await? {
            Notice::Progress { .. } => {}
            notice => return Ok(notice),
        }
    }
}

/// What an error says to a person, escaped, for some of its words may be the server's.
fn shown(error: &Error) -> String {
    let text = match error {
        Error::Connect { source, .. } => words::cause(source),
        Error::Closed(Some(source)) => format!("the connection broke: {}", words::cause(source)),
        other => other.to_string(),
    };
    print::escape(text.as_bytes())
}
