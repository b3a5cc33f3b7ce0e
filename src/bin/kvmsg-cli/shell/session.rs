//! Does what the person at the terminal types, and words what comes of it.

use super::advice;
use super::help;
use super::link::{Event, Link};
use super::palette::Palette;
use super::replies;
use super::watched::Watched;
use super::words::{self, PLACES};
use crate::request::{self, UsageError};
use crate::syntax::{self, Line};
use crate::verbs::{self, Name, Verb};
use kvmsg::client::{Reply, Request};
use std::time::Duration;

/// How many keys are listed. Who wants more of them wants them in a file.
const LISTED_MAX: usize = 1000;

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
    palette: Palette,
    link: Link,
    /// Whether the line being answered has colons, as the original's had.
    is_colon: bool,
}

impl Session {
    /// A session that begins to connect as soon as somebody waits for its [`event`].
    ///
    /// [`event`]: Session::event
    pub fn new(server: &str, timeout: Duration, watched: Watched, palette: Palette) -> Session {
        Session {
            palette,
            link: Link::new(server, timeout, watched, palette),
            is_colon: false,
        }
    }

    /// Waits for something that was not asked for. May be dropped and called again.
    pub async fn event(&mut self) -> Event {
        self.link.event().await
    }

    /// Does what a line says. If this is dropped before it is done, call
    /// [`give_up`](Session::give_up).
    pub async fn answer(&mut self, line: &[u8]) -> Answer {
        self.is_colon = syntax::colon(line).is_some();
        let (verb, args) = match syntax::parse(line) {
            Ok(Line::Empty) => return Answer::default(),
            Ok(Line::Words { verb, args }) => (verb, args),
            Err(error) => return self.mistake(&error.to_string()),
        };
        let args = meant(&verb, args);
        if !self.is_colon
            && let Some(advice) = request::stray_flag(&verb, &args)
        {
            return self.mistake(&advice);
        }
        match request::verb(&verb, &args, &PLACES) {
            Ok(verb) if verb.name == Name::Exit => Answer {
                text: String::new(),
                is_last: true,
            },
            Ok(verb) => Answer {
                text: self.obey(verb, &args).await,
                is_last: false,
            },
            Err(error) => self.mistake(&advice::usage(&error, &args, self.is_colon)),
        }
    }

    fn mistake(&self, what: &str) -> Answer {
        Answer {
            text: words::error(what, &self.palette),
            is_last: false,
        }
    }

    async fn obey(&mut self, verb: &'static Verb, args: &[Vec<u8>]) -> String {
        match (verb.name, args) {
            (Name::Help, [topic, ..]) => match verbs::find(topic) {
                Some(verb) => help::explained(verb, words::columns(), &self.palette),
                None => {
                    let meant = verbs::suggest(topic, &PLACES);
                    let error = UsageError::Unknown(topic.clone(), meant);
                    let text = advice::usage(&error, &[], self.is_colon);
                    words::error(&text, &self.palette)
                }
            },
            (Name::Help, []) => help::operations(words::columns(), &self.palette),
            (Name::Watch, _) => self.watch(request::prefix(args)).await,
            (Name::Unwatch, _) => {
                let prefix = args.first().map(Vec::as_slice);
                self.link.watched.remove(prefix);
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
        let (news, reply) = self.link.exchange(&request).await;
        if let Ok(Reply::Watching(_)) = reply
            && self.link.watched.add(prefix)
        {
            // This order leaves no gap between the two.
            let everything = Request::Unwatch { prefix: Some(b"") };
            return news + &self.ask(&everything).await;
        }
        news + &self.shown(reply)
    }

    /// Lists page by page, up to the most that is shown, and shows it as one reply.
    async fn list(&mut self, prefix: &[u8]) -> String {
        let mut text = String::new();
        let mut keys = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let request = Request::List {
                prefix,
                after: after.as_deref(),
                count: Some((LISTED_MAX - keys.len()) as u64),
            };
            let (news, reply) = self.link.exchange(&request).await;
            text += &news;
            let mut page = match reply {
                Ok(Reply::Page(page)) => page,
                other => return text + &self.shown(other),
            };
            // The values, which may be long, are not shown.
            keys.extend(page.keys.into_iter().map(|(key, _)| (key, Vec::new())));
            if keys.len() >= LISTED_MAX || page.next <= after {
                page.keys = keys;
                return text + &self.shown(Ok(Reply::Page(page)));
            }
            after = page.next;
        }
    }

    async fn ask(&mut self, request: &Request<'_>) -> String {
        let (news, reply) = self.link.exchange(request).await;
        news + &self.shown(reply)
    }

    /// A reply, or why there is none, as lines.
    fn shown(&self, reply: Result<Reply, String>) -> String {
        match reply {
            Ok(reply) => replies::reply(&reply, self.is_colon, &self.palette),
            Err(why) => words::error(&why, &self.palette),
        }
    }

    /// Drops a request that waits for its reply; see [`Link::give_up`].
    pub fn give_up(&mut self) -> String {
        self.link.give_up()
    }

    /// Ends the connection in order, if there is one.
    pub async fn close(self) {
        self.link.close().await;
    }
}

/// The arguments that were meant: also a verb that needs none may be followed by a colon, as in
/// `STATS:`.
fn meant(word: &[u8], mut args: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let takes_none =
        |verb: &Verb| verb.fields.1 == 0 || matches!(verb.name, Name::Help | Name::Unwatch);
    if args == [b""] && verbs::find(word).is_some_and(takes_none) {
        args.clear();
    }
    args
}
