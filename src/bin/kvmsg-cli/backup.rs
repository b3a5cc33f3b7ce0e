//! Writes all keys and values into a file that `kvmsgd --restore` makes a data folder of, as they
//! are at one revision.
//!
//! Pages and changes are written as they come (see [`moment`]), so nothing has to be kept in
//! memory: the backup is of the last page's revision.

mod target;

use crate::failure::Failure;
use crate::moment::{self, Recorder};
use crate::options::Options;
use crate::print;
use futures_lite::{StreamExt as _, future};
use kvmsg::client::{Client, Error, Op, Page, Reply};
use kvmsg::journal::{Backup, Batch, Slice};
use kvmsg::protocol::notice::{Change, Held};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook_async_std::Signals;
use std::fs::{self, File};
use target::{New, Target};

/// How long a batch of changes may become before it is written, in bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// A backup on its way.
struct Recording<'a> {
    options: &'a Options,
    file: New<'a>,
    backup: Backup<File>,
    /// Changes that are not written.
    batch: Batch,
}

/// Writes the backup into the file of this name.
///
/// # Errors
///
/// [`Failure::Backup`] if the file is there already or cannot be written, [`Failure::Server`],
/// [`Failure::Changing`], and that it was interrupted. Then there is no new file.
pub async fn run(options: &Options, name: &[u8]) -> Result<(), Failure> {
    let target = Target::new(name, options.force)?;
    let mut signals = Signals::new(ending()).map_err(Failure::Signals)?;
    let interrupted = async {
        match signals.next().await {
            Some(_) => Err(Failure::Interrupted),
            None => future::pending().await,
        }
    };
    let revision = future::or(take(options, &target), interrupted).await?;
    let mut bytes = Vec::new();
    let reply = Reply::Revision(revision);
    options.form.on_stdout().reply(&reply, &mut bytes);
    print::out(&bytes)
}

/// The signals that end it, but those that are ignored by the will of whoever started it, as
/// nohup(1) does.
fn ending() -> impl Iterator<Item = i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let ignored = ignored.unwrap_or(0);
    let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter();
    signals.filter(move |signal| ignored >> (signal - 1) & 1 == 0)
}

async fn take(options: &Options, target: &Target) -> Result<u64, Failure> {
    let client = Client::connect(&options.server, options.timeout).await;
    let mut client = client.map_err(|error| Failure::server(options, error))?;
    let begin = |epoch: &str| Recording::begin(options, target, epoch);
    let (recording, revision) = moment::list(options, &mut client, b"", begin).await?;
    recording.finish(revision)?;
    Ok(revision)
}

impl Recording<'_> {
    fn begin<'a>(
        options: &'a Options,
        target: &'a Target,
        epoch: &str,
    ) -> Result<Recording<'a>, Failure> {
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| {
            let what = "its epoch is no number of 16 hexadecimal digits";
            protocol(options, what)
        })?;
        let file = target.file()?;
        let backup = Backup::begin(file.reopen()?, target.shown(), epoch);
        Ok(Recording {
            options,
            file,
            backup,
            batch: Batch::new(),
        })
    }

    fn write_changes(&mut self) -> Result<(), Failure> {
        if !self.batch.is_empty() {
            let written = self.backup.add_changes(&mut self.batch);
            written.map_err(Failure::Backup)?;
            self.batch.clear(BATCH_BYTES);
        }
        Ok(())
    }

    /// Ends the file, and gives it its name.
    fn finish(self, revision: u64) -> Result<(), Failure> {
        self.backup.finish(revision).map_err(Failure::Backup)?;
        self.file.keep()
    }
}

impl Recorder for Recording<'_> {
    fn page(&mut self, page: Page) -> Result<(), Failure> {
        self.write_changes()?;
        if page.keys.is_empty() {
            return Ok(());
        }
        let mut slice = Slice::new(page.revision);
        for (key, values) in &page.keys {
            slice.push(key, values.iter().map(Vec::as_slice), false);
        }
        self.backup.add_slice(&mut slice).map_err(Failure::Backup)
    }

    fn change(&mut self, change: moment::Change) -> Result<(), Failure> {
        let Some(change) = with_roles(&change) else {
            let what = "a notice has too few or too many values";
            return Err(protocol(self.options, what));
        };
        self.batch.push(&change);
        match self.batch.bytes_len() >= BATCH_BYTES {
            true => self.write_changes(),
            false => Ok(()),
        }
    }
}

/// The change with its values as old and new ones, if it has those that belong to it.
fn with_roles(change: &moment::Change) -> Option<Change<'_>> {
    let held = |value: &Vec<u8>| Held::Copied(value.clone().into());
    let (old, new) = match (change.op, &change.values[..]) {
        (Op::Put, [new]) => (None, Some(held(new))),
        (Op::Update, [old, new]) => (Some(held(old)), Some(held(new))),
        (Op::Remove, [old]) => (Some(held(old)), None),
        (Op::Delete, []) => (None, None),
        _ => return None,
    };
    Some(Change {
        revision: change.revision,
        op: change.op,
        key: change.key[..].into(),
        old,
        new,
    })
}

fn protocol(options: &Options, what: &str) -> Failure {
    Failure::server(options, Error::Protocol(what.to_owned()))
}
