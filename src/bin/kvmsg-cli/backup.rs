//! Writes all keys and values into a file that `kvmsgd --restore` makes a data folder of, as they
//! are at one revision.
//!
//! It watches first, every key, and then lists. A page shows its keys at its own revision, so the
//! changes up to that are written before it, and the backup is of the last page's revision. What
//! is kept in memory is what was told and no page has shown yet.

mod target;

use crate::failure::Failure;
use crate::list;
use crate::options::Options;
use crate::print;
use futures_lite::{StreamExt as _, future};
use kvmsg::client::{Client, Error, Notice, Op, Page, Reply};
use kvmsg::journal::{Backup, Batch, Slice};
use kvmsg::protocol::notice::{Change, Held};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_async_std::Signals;
use smol::Timer;
use std::collections::VecDeque;
use std::fs::File;
use target::Target;

/// How many times everything is listed before it is given up.
const ATTEMPTS_MAX: usize = 5;

/// How long a batch of changes may become before it is written, in bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// A change that was told.
struct Told {
    op: Op,
    key: Vec<u8>,
    revision: u64,
    values: Vec<Vec<u8>>,
}

/// A backup on its way.
struct Taking<'a> {
    options: &'a Options,
    client: Client,
    epoch: String,
    /// Up to where changes have been told.
    told: u64,
    /// Changes that were told and are not written, in order.
    changes: VecDeque<Told>,
    /// The first revision after which no change may be missing: that of the first page.
    first: Option<u64>,
    /// Whether changes are missing all the same.
    has_missed: bool,
}

/// Writes the backup into the file of this name.
///
/// # Errors
///
/// [`Failure::Backup`] if the file is there already or cannot be written, [`Failure::Server`],
/// [`Failure::Changing`], and that it was interrupted. Then there is no new file.
pub async fn run(options: &Options, name: &[u8]) -> Result<(), Failure> {
    let target = Target::new(name, options.force)?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::Signals)?;
    let interrupted = async {
        match signals.next().await {
            Some(_) => Err(Failure::Interrupted),
            None => future::pending().await,
        }
    };
    let revision = future::or(take(options, target), interrupted).await?;
    let mut bytes = Vec::new();
    let reply = Reply::Revision(revision);
    options.form.on_stdout().reply(&reply, &mut bytes);
    print::out(&bytes)
}

async fn take(options: &Options, target: Target) -> Result<u64, Failure> {
    let connected = async {
        let mut client = Client::connect(&options.server, options.timeout).await?;
        let position = client.watch(b"").await?;
        Ok((client, position))
    };
    let (client, position) = connected
        .await
        .map_err(|error| Failure::server(options, error))?;
    let mut taking = Taking {
        options,
        client,
        epoch: position.epoch,
        told: position.revision,
        changes: VecDeque::new(),
        first: None,
        has_missed: false,
    };
    for _ in 0..ATTEMPTS_MAX {
        let file = target.file()?;
        let backup = Backup::begin(file.reopen()?, target.shown(), taking.series()?);
        if let Some(revision) = taking.list(backup).await? {
            file.keep()?;
            return Ok(revision);
        }
        (taking.first, taking.has_missed) = (None, false);
        taking.changes.clear();
    }
    Err(Failure::Changing(format!(
        "keys changed faster than that could be told, {ATTEMPTS_MAX} times in succession; \
         history_bytes of the server is what decides, see kvmsg.toml(5)"
    )))
}

impl Taking<'_> {
    /// The series of the server's revisions, as a number.
    fn series(&self) -> Result<u64, Failure> {
        u64::from_str_radix(&self.epoch, 16)
            .map_err(|_| self.protocol("its epoch is no number of 16 hexadecimal digits"))
    }

    /// Lists everything into the backup; returns its revision, or nothing if changes are missing.
    async fn list(&mut self, mut backup: Backup<File>) -> Result<Option<u64>, Failure> {
        let mut after = None;
        loop {
            let page = list::page(&mut self.client, b"", after).await;
            let page = page.map_err(|error| self.failure(error))?;
            if page.epoch != self.epoch {
                return Err(self.protocol("its pages are of another epoch"));
            }
            self.first.get_or_insert(page.revision);
            self.hear(page.revision).await?;
            if self.has_missed {
                return Ok(None);
            }
            self.write_changes(&mut backup, page.revision)?;
            write_page(&mut backup, &page)?;
            after = page.next;
            if after.is_none() {
                backup.finish(page.revision).map_err(Failure::Backup)?;
                return Ok(Some(page.revision));
            }
        }
    }

    /// Takes all that has been told, and waits until that is all up to this revision.
    async fn hear(&mut self, revision: u64) -> Result<(), Failure> {
        while let Some(notice) = self.client.kept_notice() {
            self.notice(notice);
        }
        while self.told < revision && !self.has_missed {
            let notice = self.client.notice();
            let late = async {
                Timer::after(self.options.timeout).await;
                Err(Error::Timeout(self.options.timeout))
            };
            let notice = future::or(notice, late).await;
            let notice = notice.map_err(|error| self.failure(error))?;
            self.notice(notice);
        }
        Ok(())
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Change {
                op,
                key,
                revision,
                values,
            } => {
                self.told = revision;
                self.changes.push_back(Told {
                    op,
                    key,
                    revision,
                    values,
                });
            }
            Notice::Lost { last, .. } => {
                self.told = last;
                // What the first page shows already is not missed.
                self.has_missed |= self.first.is_some_and(|first| first < last);
            }
            Notice::Progress { revision } => self.told = self.told.max(revision),
            Notice::Drain { .. } => {}
        }
    }

    /// Writes the changes between the first page and this revision; what was before the first
    /// page, that shows.
    fn write_changes(&mut self, backup: &mut Backup<File>, to: u64) -> Result<(), Failure> {
        let first = self.first.unwrap_or(to);
        let mut batch = Batch::new();
        while let Some(told) = self.changes.pop_front_if(|told| told.revision <= to) {
            if told.revision <= first {
                continue;
            }
            let change = told
                .change()
                .ok_or_else(|| self.protocol("a notice has too few or too many values"))?;
            batch.push(&change);
            if batch.bytes_len() >= BATCH_BYTES {
                backup.add_changes(&mut batch).map_err(Failure::Backup)?;
                batch.clear(BATCH_BYTES);
            }
        }
        if !batch.is_empty() {
            backup.add_changes(&mut batch).map_err(Failure::Backup)?;
        }
        Ok(())
    }

    fn failure(&self, error: Error) -> Failure {
        Failure::server(self.options, error)
    }

    fn protocol(&self, what: &str) -> Failure {
        self.failure(Error::Protocol(what.to_owned()))
    }
}

impl Told {
    /// The change, if it has the values that belong to it.
    fn change(&self) -> Option<Change<'_>> {
        let held = |value: &'_ Vec<u8>| Held::Copied(value.clone().into());
        let (old, new) = match (self.op, &self.values[..]) {
            (Op::Put, [new]) => (None, Some(held(new))),
            (Op::Update, [old, new]) => (Some(held(old)), Some(held(new))),
            (Op::Remove, [old]) => (Some(held(old)), None),
            (Op::Delete, []) => (None, None),
            _ => return None,
        };
        Some(Change {
            revision: self.revision,
            op: self.op,
            key: self.key[..].into(),
            old,
            new,
        })
    }
}

fn write_page(backup: &mut Backup<File>, page: &Page) -> Result<(), Failure> {
    if page.keys.is_empty() {
        return Ok(());
    }
    let mut slice = Slice::new(page.revision);
    for (key, values) in &page.keys {
        slice.push(key, values.iter().map(Vec::as_slice), false);
    }
    backup.add_slice(&mut slice).map_err(Failure::Backup)
}
