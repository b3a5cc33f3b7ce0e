//! Lists all keys as they are at one revision, that of the last page: what a dump and a backup have
//! in common.
//!
//! It watches first, every key, and then lists. A page shows its keys at its own revision, so what
//! changes between the first page and the last one is told between the pages, each change before
//! the first page that shows it. Who records both can make up for what the earlier pages lack.
//!
//! Every key is watched, also if few are wanted, because the revisions of all changes follow one
//! another without a gap. So it is known that nothing is missing as soon as as much has been told
//! as a page shows, and nobody waits for word of that.

use crate::failure::Failure;
use crate::list;
use crate::options::Options;
use futures_lite::future;
use kvmsg::client::{Client, Error, Notice, Op, Page, Position};
use smol::Timer;

/// How many times everything is listed before it is given up.
const ATTEMPTS_MAX: usize = 5;

/// Records pages and changes, in the order of their revisions.
pub trait Recorder {
    /// Takes a page.
    ///
    /// # Errors
    ///
    /// What ends the listing.
    fn page(&mut self, page: Page) -> Result<(), Failure>;

    /// Takes a change, to any key, that no page before shows and every page behind does.
    ///
    /// # Errors
    ///
    /// What ends the listing.
    fn change(&mut self, change: Change) -> Result<(), Failure>;
}

/// A change, as a notice tells of it.
pub struct Change {
    pub revision: u64,
    pub op: Op,
    pub key: Vec<u8>,
    pub values: Vec<Vec<u8>>,
}

/// Pages that are coming.
struct Listing<'a> {
    options: &'a Options,
    client: &'a mut Client,
    epoch: String,
    /// Up to where changes have been told.
    told: u64,
    /// The first page's revision.
    first: Option<u64>,
    /// Whether changes were not told that the first page does not show.
    has_missed: bool,
}

/// Lists every key that begins with `prefix`, until no change was missed; `begin` makes a recorder
/// for each attempt, of the server's epoch. Returns the last one, and the revision that it shows.
///
/// # Errors
///
/// [`Failure::Server`], [`Failure::Changing`], and those of the recorder.
pub async fn list<R: Recorder>(
    options: &Options,
    client: &mut Client,
    prefix: &[u8],
    mut begin: impl FnMut(&str) -> Result<R, Failure>,
) -> Result<(R, u64), Failure> {
    let position = client.watch(b"").await;
    let Position { epoch, revision } = position.map_err(|error| Failure::server(options, error))?;
    let mut listing = Listing {
        options,
        client,
        epoch,
        told: revision,
        first: None,
        has_missed: false,
    };
    for _ in 0..ATTEMPTS_MAX {
        let mut recorder = begin(&listing.epoch)?;
        if let Some(revision) = listing.attempt(prefix, &mut recorder).await? {
            return Ok((recorder, revision));
        }
        (listing.first, listing.has_missed) = (None, false);
    }
    Err(Failure::Changing(format!(
        "keys changed faster than that could be told, {ATTEMPTS_MAX} times in succession; \
         history_bytes of the server is what decides, see kvmsg.toml(5)"
    )))
}

impl Listing<'_> {
    /// Lists everything; returns the last page's revision, or nothing if changes were missed.
    async fn attempt(
        &mut self,
        prefix: &[u8],
        recorder: &mut impl Recorder,
    ) -> Result<Option<u64>, Failure> {
        let mut after = None;
        loop {
            let page = list::page(self.client, prefix, after).await;
            let page = page.map_err(|error| self.failure(error))?;
            if page.epoch != self.epoch {
                let what = "its pages are of another epoch".to_owned();
                return Err(self.failure(Error::Protocol(what)));
            }
            self.first.get_or_insert(page.revision);
            while self.told < page.revision {
                let notice = self.notice().await?;
                self.take(notice, recorder)?;
                if self.has_missed {
                    return Ok(None);
                }
            }
            let revision = page.revision;
            after = page.next.clone();
            recorder.page(page)?;
            if after.is_none() {
                return Ok(Some(revision));
            }
        }
    }

    /// What the server tells next; it has made the change already, so this does not take long.
    async fn notice(&mut self) -> Result<Notice, Failure> {
        let late = async {
            Timer::after(self.options.timeout).await;
            Err(Error::Timeout(self.options.timeout))
        };
        let notice = future::or(self.client.notice(), late).await;
        notice.map_err(|error| self.failure(error))
    }

    fn take(&mut self, notice: Notice, recorder: &mut impl Recorder) -> Result<(), Failure> {
        match notice {
            Notice::Change {
                op,
                key,
                revision,
                values,
            } => {
                self.told = revision;
                if self.first.is_some_and(|first| first < revision) {
                    return recorder.change(Change {
                        revision,
                        op,
                        key,
                        values,
                    });
                }
            }
            Notice::Lost { last, .. } => {
                self.told = last;
                // What the first page shows already is not missed.
                self.has_missed = self.first.is_some_and(|first| first < last);
            }
            Notice::Progress { revision } => self.told = self.told.max(revision),
            Notice::Drain { .. } => {}
        }
        Ok(())
    }

    fn failure(&self, error: Error) -> Failure {
        Failure::server(self.options, error)
    }
}
