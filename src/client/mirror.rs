//! Keeps a copy of what is under a prefix, equal to the server's.

mod listing;

pub use listing::Map;

use super::error::Error;
use super::position::Position;
use super::watch::{Event, Turn, Watch};
use super::words::{Page, Reply, Request};
use crate::protocol::notice::Op;
use listing::{Listing, differences};
use std::mem;
use std::time::Duration;

/// What a [`Mirror`] tells.
#[derive(Debug)]
pub enum Update {
    /// The map is complete: for the first time, or anew, after changes that could not be told one
    /// by one.
    Listed {
        /// The keys that are not as they were before, in order; the first time, all there are.
        changed: Vec<Vec<u8>>,
    },
    /// A key changed, and the map shows it.
    Changed {
        /// What happened.
        op: Op,
        /// The key that it concerns.
        key: Vec<u8>,
        /// The server's revision after it.
        revision: u64,
    },
    /// Nothing changed up to this revision but what has been told.
    Progress {
        /// The revision.
        revision: u64,
    },
    /// There is a connection, the first or another. The map catches up: change by change, or with
    /// [`Update::Listed`], as soon as possible.
    Connected,
    /// There is no connection, or none any more. The map stays as it is. The next call waits for
    /// this long and tries again.
    Disconnected {
        /// Why.
        error: Error,
        /// How long until the next attempt; see [`Event::Disconnected`].
        pause: Duration,
    },
}

/// A copy of all keys under a prefix, with their values, that follows the server's.
///
/// It changes only while [`next`](Mirror::next) is awaited, and then by what that returns, so
/// between two calls it stands still. It connects with the first call. When the connection breaks
/// it makes another, and goes on where it stopped if the server still knows all the changes since
/// then. If not, if changes were lost because this client did not read fast enough, or if the
/// server was started anew, it lists everything again; until that is complete the map stays as it
/// was, and then becomes the new one at once.
///
/// When [`position`](Mirror::position) has reached a revision, every change up to that is in the
/// map. Behind a listing of several pages, which the server makes at several moments, some keys may
/// be ahead of the position, if this client had fallen behind while it listed. No key ever falls
/// back, and the next changes make up for it. The connection makes no changes of its own.
///
/// It keeps each key and value once, and while it lists, twice.
///
/// # Examples
///
/// ```
/// # use kvmsg::{config::Config, server::Server};
/// use kvmsg::client::{Client, Mirror, TIMEOUT, Update};
/// # let config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
/// # let server = Server::bind(config).unwrap();
/// # let handle = server.handle();
/// # let running = std::thread::spawn(move || server.run());
/// # let address = handle.addresses()[0].to_string();
///
/// smol::block_on(async {
///     let mut client = Client::connect(&address, TIMEOUT).await?;
///     client.put(b"user:john", b"here").await?;
///
///     let mut mirror = Mirror::new(&address, b"user:");
///     while !matches!(mirror.next().await?, Update::Listed { .. }) {}
///     assert_eq!(mirror.get(b"user:john"), [b"here"]);
///
///     client.delete(b"user:john").await?;
///     while !matches!(mirror.next().await?, Update::Changed { .. }) {}
///     assert!(mirror.map().is_empty());
///     Ok(())
/// })
/// # .and_then(|()| { handle.stop(); running.join().unwrap(); Ok(()) })
/// # as Result<(), kvmsg::client::Error>;
/// ```
#[derive(Debug)]
pub struct Mirror {
    watch: Watch,
    /// How many keys a page may have.
    page_keys: Option<u64>,
    /// What is shown, and the epoch that it belongs to, from the first listing on.
    shown: Listing,
    epoch: Option<String>,
    /// What will be shown when it is complete.
    listing: Option<Listing>,
    /// Whether a page has been asked for, and whether it is still wanted.
    asked: Asked,
    listings: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Page,
    /// A page of a listing that has been given up.
    Stale,
}

impl Mirror {
    /// A mirror of the keys that begin with `prefix`, at the server `address`, `HOST:PORT`. The
    /// empty prefix is that of every key.
    pub fn new(address: &str, prefix: &[u8]) -> Mirror {
        Mirror {
            watch: Watch::new(address, prefix),
            page_keys: None,
            shown: Listing::default(),
            epoch: None,
            listing: None,
            asked: Asked::Nothing,
            listings: 0,
        }
    }

    /// The same, but with this time-out for connecting and for each page.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Mirror {
        self.watch = self.watch.timeout(timeout);
        self
    }

    /// The same, but listing at most so many keys at a time, instead of as many as the server
    /// thinks fit.
    #[must_use]
    pub fn page_keys(mut self, count: u64) -> Mirror {
        self.page_keys = Some(count);
        self
    }

    /// The copy: each key with its values, in the order of the keys' bytes. Empty until the first
    /// [`Update::Listed`].
    pub fn map(&self) -> &Map {
        self.shown.map()
    }

    /// The values of a key, in order; none if there is no such key.
    pub fn get(&self, key: &[u8]) -> &[Vec<u8>] {
        self.map().get(key).map_or(&[], Vec::as_slice)
    }

    /// Up to where the map shows every change. None until the first [`Update::Listed`].
    pub fn position(&self) -> Option<Position> {
        let revision = self.shown.revision();
        let position = |epoch: &String| Position {
            epoch: epoch.clone(),
            revision,
        };
        self.epoch.as_ref().map(position)
    }

    /// How many times everything has been listed: once, and once more for each time that changes
    /// could not be told one by one.
    pub fn listings(&self) -> u64 {
        self.listings
    }

    /// Waits without limit until something is to be told, and for the map to show it. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    ///
    /// See [`Watch::next`].
    pub async fn next(&mut self) -> Result<Update, Error> {
        loop {
            let update = match self.watch.turn().await? {
                Turn::Reply(Reply::Page(page)) => self.page(page)?,
                Turn::Reply(Reply::Refused(text)) => {
                    self.asked = Asked::Nothing;
                    return Err(self.watch.close(Error::Refused(text)));
                }
                Turn::Reply(_) => return Err(self.watch.protocol("it answers LIST otherwise")),
                Turn::Event(event) => self.event(event),
            };
            if let Some(update) = update {
                return Ok(update);
            }
        }
    }

    fn event(&mut self, event: Event) -> Option<Update> {
        match event {
            Event::Connected { .. } => {
                self.asked = Asked::Nothing;
                match (&self.listing, self.epoch.is_some()) {
                    (None, true) => {}
                    (None, false) => self.begin(),
                    // What it has is as good as it was.
                    (Some(_), _) => self.ask(),
                }
                Some(Update::Connected)
            }
            Event::Gone { .. } => {
                self.asked = Asked::Nothing;
                self.begin();
                Some(Update::Connected)
            }
            Event::Lost { last, .. } => {
                if !self.latest().survives_loss(last) {
                    self.begin();
                }
                None
            }
            Event::Change {
                op,
                key,
                revision,
                values,
            } => match (
                self.latest().change(op, &key, revision, values),
                &self.listing,
            ) {
                (Ok(true), None) => Some(Update::Changed { op, key, revision }),
                (Ok(_), _) => None,
                (Err(_), _) => {
                    self.begin();
                    None
                }
            },
            Event::Progress { revision } => {
                self.latest().reach(revision);
                match self.listing {
                    None => Some(Update::Progress { revision }),
                    Some(_) => None,
                }
            }
            Event::Drain { .. } => None,
            Event::Disconnected { error, pause } => {
                self.asked = Asked::Nothing;
                Some(Update::Disconnected { error, pause })
            }
        }
    }

    /// Takes a page, and asks for the next, or shows what is complete now.
    fn page(&mut self, page: Page) -> Result<Option<Update>, Error> {
        let was_asked = mem::replace(&mut self.asked, Asked::Nothing);
        let epoch = self.watch.position().map(|position| &position.epoch);
        if epoch != Some(&page.epoch) || was_asked == Asked::Nothing {
            return Err(self.watch.protocol("a page came that nobody asked for"));
        }
        let epoch = page.epoch.clone();
        match &mut self.listing {
            Some(_) if was_asked == Asked::Stale => self.ask(),
            Some(listing) => match listing.page(page) {
                Ok(()) if listing.is_complete() => {
                    let old = mem::replace(&mut self.shown, mem::take(listing));
                    (self.listing, self.epoch) = (None, Some(epoch));
                    self.listings += 1;
                    let changed = differences(old.map(), self.map());
                    return Ok(Some(Update::Listed { changed }));
                }
                Ok(()) => self.ask(),
                Err(_) => self.begin(),
            },
            None => {}
        }
        Ok(None)
    }

    /// What the next notice concerns.
    fn latest(&mut self) -> &mut Listing {
        self.listing.as_mut().unwrap_or(&mut self.shown)
    }

    /// Lists from the beginning.
    fn begin(&mut self) {
        self.listing = Some(Listing::default());
        match self.asked {
            Asked::Nothing => self.ask(),
            // One page at a time is on its way, however often this is called.
            Asked::Page | Asked::Stale => self.asked = Asked::Stale,
        }
    }

    /// Asks for the next page.
    fn ask(&mut self) {
        self.asked = Asked::Page;
        let after = self.listing.as_ref().and_then(Listing::after);
        let after = after.map(<[u8]>::to_vec);
        let prefix = self.watch.prefix().to_vec();
        let request = Request::List {
            prefix: &prefix,
            after: after.as_deref(),
            count: self.page_keys,
        };
        self.watch.send(&request);
    }
}
