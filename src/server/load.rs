//! Loads what a data folder holds, and goes on with its journal.

use crate::broker::Durable;
use crate::config::{Config, SyncMode};
use crate::feed::Feed;
use crate::journal::{
    Directory, Error, How, Journal, Load, Origin, Values, live_bytes, recover, segment_bytes,
};
use crate::protocol::notice::{Change, INLINE_BYTES_MAX};
use crate::stop::Stop;
use crate::store::{Store, VALUE_OVERHEAD_BYTES};
use std::time::{Duration, Instant};

/// How long it is between two lines that say how far loading has come.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// Fills the store and the history with what the folder holds, and begins to write in it. A series
/// of revisions of which not all are known is not continued: `epoch` is that of a new one.
///
/// # Errors
///
/// Says what of the folder cannot be used, or that it was told to stop; nothing in the folder has
/// been changed then.
pub(super) fn load(
    folder: Directory,
    config: &Config,
    store: &mut Store,
    feed: &mut Feed,
    epoch: u64,
    stop: &Stop,
) -> Result<Durable, Error> {
    let begun = Instant::now();
    let path = config.data_dir.clone().unwrap_or_default();
    let path = path.display().to_string();
    let mut loader = Loader {
        store,
        feed,
        path: &path,
        said: begun,
        stop,
    };
    let recovered = recover(&folder, &mut loader)?;
    if stop.is_said() {
        return Err(Error::Stopped { path });
    }
    let revision = recovered.revision;
    let known = recovered.epoch.filter(|_| recovered.is_certain);
    store.resume(known.unwrap_or(epoch), revision);
    if known.is_none() || feed.history().last() != revision {
        feed.restart(revision);
    }
    if recovered.epoch.is_some() {
        let keys = store.keys();
        let taken = begun.elapsed().as_secs_f64();
        log::info!("{path}: loaded to revision {revision} in {taken:.1} s; keys: {keys}");
        if known.is_none() {
            log::warn!(
                "{path}: later changes may have been told and lost; who watched cannot resume"
            );
        }
    }
    if recovered.epoch.is_none() && recovered.was_used {
        log::warn!(
            "{path}: a daemon has used it before, but it holds nothing now: it begins empty"
        );
    }
    let values = store.values();
    let bytes = store.bytes() - values * VALUE_OVERHEAD_BYTES;
    let live = live_bytes(store.keys() as u64, values as u64, bytes as u64);
    let origin = Origin {
        epoch: store.epoch(),
        always: config.sync == SyncMode::Always,
        segment_bytes: segment_bytes(live, feed.history().bytes() as u64),
    };
    let journal = Journal::begin(folder, &recovered, origin)?;
    Durable::start(journal, path.clone(), config.sync, config.sync_interval)
        .map_err(|source| Error::io("cannot start a thread for", path, source))
}

struct Loader<'a> {
    store: &'a mut Store,
    feed: &'a mut Feed,
    path: &'a str,
    said: Instant,
    stop: &'a Stop,
}

impl Loader<'_> {
    /// Puts a change into the history, where long values are shared.
    fn remember(&mut self, change: &Change<'_>) {
        if change.revision != self.feed.history().last() + 1 {
            self.feed.restart(change.revision - 1);
        }
        let is_long = change.values().any(|value| value.len() > INLINE_BYTES_MAX);
        if is_long {
            self.feed.remember(&change.clone().into_owned());
        } else {
            self.feed.remember(change);
        }
    }
}

impl Load for Loader<'_> {
    fn series(&mut self, epoch: u64, revision: u64) {
        self.store.resume(epoch, revision);
        self.feed.restart(revision);
    }

    fn held(&mut self, key: &[u8], values: Values<'_>, more: bool) {
        self.store.hold(key, values, more);
    }

    fn change(&mut self, change: &Change<'_>, how: How) -> bool {
        if how == How::Told {
            self.remember(change);
            return true;
        }
        let made = self.store.redo(change);
        if how == How::Past {
            return true;
        }
        let is_made = made.is_some();
        self.remember(made.as_ref().unwrap_or(change));
        is_made || how == How::Loose
    }

    fn progress(&mut self, read: u64, total: u64) -> bool {
        // What long lists leave behind is freed in parts, and nobody else does that yet.
        self.store.tidy();
        if self.said.elapsed() >= SAID_EVERY {
            self.said = Instant::now();
            let percent = read * 100 / total.max(1);
            log::info!("{}: loading, {percent} % of {total} bytes read", self.path);
        }
        !self.stop.is_said()
    }
}
