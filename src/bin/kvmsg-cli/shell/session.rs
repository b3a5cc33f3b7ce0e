//! Talks to the server on behalf of the person at the terminal, over a connection that may break.

use super::palette::Palette;
use super::watched::Watched;
use super::words;
use crate::print;
use crate::request::{self, UsageError};
use crate::syntax::{self, Line};
use crate::verbs::{self, Name, Place, Verb};
use kvmsg::client::{Client, Error, Notice, Reply, Request};
use std::future;
use std::pin::Pin;
use std::time::Duration;

/// Where the verbs of the shell are understood.
const PLACES: [Place; 2] = [Place::Everywhere, Place::Session];

/// Becomes a connection, and the revision after which its notices begin.
type Connecting = Pin<Box<dyn Future<Output = Result<(Client, u64), Error>>>>;

enum Link {
    /// The next request connects.
    Down,
    Connecting(Connecting),
    Up(Box<Client>),
}

/// What is shown for a line, and whether it was the last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whole lines.
    pub text: String,
    /// The person wants to leave.
    pub is_last: bool,
}

/// One person's dealings with one server.
pub struct Session {
    server: String,
    timeout: Duration,
    palette: Palette,
    link: Link,
    /// Which changes by others are to be told.
    watched: Watched,
    /// Whether a request waits for a reply that may change something.
    is_changing: bool,
    /// The latest epoch and revision that the server has told.
    seen: Option<(String, u64)>,
}

impl Session {
    /// A session that begins to connect as soon as somebody waits for its [`event`].
    ///
    /// [`event`]: Session::event
    pub fn new(server: &str, timeout: Duration, palette: Palette) -> Session {
        let mut session = Session {
            server: server.to_owned(),
            timeout,
            palette,
            link: Link::Down,
            watched: Watched::default(),
            is_changing: false,
            seen: None,
        };
        session.link = Link::Connecting(session.connect());
        session
    }

    /// Waits for something to show that was not asked for: a notice, or that the connection was
    /// made or broke. May be dropped and called again.
    pub async fn event(&mut self) -> String {
        match &mut self.link {
            Link::Down => future::pending().await,
            Link::Connecting(connecting) => {
                let connected = connecting.await;
                match self.connected(connected) {
                    Ok(text) => text,
                    Err(why) => self.bad(&format!(
                        "{}; the next request tries again",
                        words::capital(&why)
                    )),
                }
            }
            Link::Up(client) => match news(client).await {
                Ok(notice) => {
                    self.see(&notice);
                    words::notice(&notice, &self.palette)
                }
                Err(error) => {
                    self.link = Link::Down;
                    let why = shown(&error);
                    self.bad(&format!(
                        "Connection lost: {why}; the next request reconnects"
                    ))
                }
            },
        }
    }

    /// Does what a line says. If this is dropped before it is done, call
    /// [`give_up`](Session::give_up).
    pub async fn answer(&mut self, line: &[u8]) -> Answer {
        let text = match syntax::parse(line) {
            Ok(Line::Empty) => String::new(),
            Ok(Line::Words { verb, args }) => match understood(&verb, args) {
                Ok((verb, _)) if verb.name == Name::Exit => {
                    return Answer {
                        text: String::new(),
                        is_last: true,
                    };
                }
                Ok((verb, args)) => self.obey(verb, &args).await,
                Err(error) => words::error(&error.to_string(), &self.palette),
            },
            Err(error) => words::error(&error.to_string(), &self.palette),
        };
        Answer {
            text,
            is_last: false,
        }
    }

    async fn obey(&mut self, verb: &'static Verb, args: &[Vec<u8>]) -> String {
        match (verb.name, args) {
            (Name::Help, [topic, ..]) => match verbs::find(topic) {
                Some(verb) => words::explained(verb, &self.palette),
                None => {
                    let meant = verbs::suggest(topic, &PLACES);
                    let error = UsageError::Unknown(topic.clone(), meant);
                    words::error(&error.to_string(), &self.palette)
                }
            },
            (Name::Help, []) => words::operations(words::columns(), &self.palette),
            (Name::Watch, _) => self.watch(request::prefix(args)).await,
            (Name::Unwatch, _) => {
                let prefix = args.first().map(Vec::as_slice);
                self.watched.remove(prefix);
                self.ask(&Request::Unwatch { prefix }).await
            }
            (Name::List, _) => self.list(request::prefix(args)).await,
            _ => match request::request(verb, args) {
                Ok(request) => self.ask(&request).await,
                Err(error) => words::error(&error.to_string(), &self.palette),
            },
        }
    }

    /// Watches one prefix more, or only this one if it is the first.
    async fn watch(&mut self, prefix: &[u8]) -> String {
        let request = Request::Watch {
            prefix,
            since: None,
            echo: false,
        };
        let (news, reply) = self.exchange(&request).await;
        if let Ok(Reply::Watching(_)) = reply
            && self.watched.add(prefix)
        {
            // This order leaves no gap between the two.
            let everything = Request::Unwatch { prefix: Some(b"") };
            return news + &self.ask(&everything).await;
        }
        news + &self.shown(reply)
    }

    /// Lists page by page, and shows it as one reply.
    async fn list(&mut self, prefix: &[u8]) -> String {
        let mut text = String::new();
        let mut keys = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let request = Request::List {
                prefix,
                after: after.as_deref(),
                count: None,
            };
            let (news, reply) = self.exchange(&request).await;
            text += &news;
            let mut page = match reply {
                Ok(Reply::Page(page)) => page,
                other => return text + &self.shown(other),
            };
            keys.append(&mut page.keys);
            if page.next.is_none() || page.next <= after {
                page.keys = keys;
                return text + &self.shown(Ok(Reply::Page(page)));
            }
            after = page.next;
        }
    }

    async fn ask(&mut self, request: &Request<'_>) -> String {
        let (news, reply) = self.exchange(request).await;
        news + &self.shown(reply)
    }

    /// A reply, or why there is none, as lines.
    fn shown(&self, reply: Result<Reply, String>) -> String {
        match reply {
            Ok(reply) => words::reply(&reply, &self.palette),
            Err(why) => words::error(&why, &self.palette),
        }
    }

    /// Sends a request, over a new connection if there is none; returns what there is to say of
    /// that, as lines, and the reply or why there is none. A request without a reply is not sent
    /// again: it may have been executed.
    async fn exchange(&mut self, request: &Request<'_>) -> (String, Result<Reply, String>) {
        let mut text = String::new();
        if let Link::Down = self.link {
            self.link = Link::Connecting(self.connect());
        }
        if let Link::Connecting(connecting) = &mut self.link {
            let connected = connecting.await;
            match self.connected(connected) {
                Ok(news) => text = news,
                Err(why) => return (text, Err(why)),
            }
        }
        let Link::Up(client) = &mut self.link else {
            return (text, Err("there is no connection".to_owned()));
        };
        self.is_changing = changes(request);
        let reply = match client.ask(request).await {
            Err(Error::Refused(why)) => Ok(Reply::Refused(why)),
            other => other,
        };
        let reply = reply.map_err(|error| {
            self.link = Link::Down;
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
        self.link = Link::Down;
        let text = format!("Given up{}", self.perhaps());
        self.is_changing = false;
        self.bad(&text)
    }

    /// Ends the connection in order, if there is one.
    pub async fn close(self) {
        if let Link::Up(client) = self.link {
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
            self.link = Link::Down;
            format!("cannot connect to {}: {}", self.server, shown(&error))
        })?;
        let epoch = client.greeting().epoch.clone();
        let server = &self.server;
        let text = match &self.seen {
            None => format!("Connected to KV server at {server}"),
            Some((old, _)) if *old != epoch => {
                format!("Reconnected to KV server at {server}, which was started anew")
            }
            Some((_, old)) if *old != revision && !self.watched.is_empty() => {
                format!("Reconnected to KV server at {server}; changes in between were not told")
            }
            Some(_) => format!("Reconnected to KV server at {server}"),
        };
        self.seen = Some((epoch, revision));
        self.link = Link::Up(Box::new(client));
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
            "; the request may have been executed"
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

/// The verb that was typed, and its arguments. Also a verb that needs none may be followed by a
/// colon, as in `WATCH:`.
fn understood(
    word: &[u8],
    mut args: Vec<Vec<u8>>,
) -> Result<(&'static Verb, Vec<Vec<u8>>), UsageError> {
    let takes_none =
        |verb: &Verb| verb.fields.1 == 0 || matches!(verb.name, Name::Help | Name::Unwatch);
    if args == [b""] && verbs::find(word).is_some_and(takes_none) {
        args.clear();
    }
    let verb = request::verb(word, &args, &PLACES)?;
    Ok((verb, args))
}

fn changes(request: &Request<'_>) -> bool {
    match request {
        Request::Put { .. }
        | Request::Update { .. }
        | Request::Remove { .. }
        | Request::Delete { .. } => true,
        Request::Get { .. }
        | Request::Ping { .. }
        | Request::Watch { .. }
        | Request::Unwatch { .. }
        | Request::List { .. }
        | Request::Stats => false,
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
