//! Keeps files at hand for the journal, on a thread of its own: sets one aside as soon as there is
//! none, and removes those that are needed no more.

use super::disk::Folder;
use super::error::Error;
use super::shared::Shared;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long it takes at most until something is tried again, or looked at without being asked.
const PAUSE: Duration = Duration::from_millis(100);

/// The thread.
#[derive(Debug)]
pub(super) struct Files<D: Folder> {
    shared: Arc<Shared<D>>,
    thread: JoinHandle<()>,
}

impl<D: Folder> Files<D> {
    /// Starts the thread. It tells `told` when somebody need wait for room no longer.
    pub(super) fn start(
        shared: Arc<Shared<D>>,
        told: impl FnMut() + Send + 'static,
    ) -> io::Result<Files<D>> {
        let keeper = shared.clone();
        let thread = thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || keep(&keeper, told))?;
        Ok(Files { shared, thread })
    }

    /// Ends it.
    pub(super) fn stop(self) {
        self.shared.close();
        // If it has panicked there is nothing left to do about it.
        let _ = self.thread.join();
    }
}

fn keep<D: Folder>(shared: &Shared<D>, mut told: impl FnMut()) {
    let mut has_failed = false;
    while shared.wait_for_need(PAUSE) {
        let was_without = shared.is_without_spare();
        let prepared = shared.prepare();
        // It is tried again and again.
        let had_failed = std::mem::replace(&mut has_failed, prepared.is_err());
        match &prepared {
            Err(_) if had_failed => {}
            Err(Error::Full { path }) => {
                log::error!("no space is left on the device of {path}: changes are refused");
            }
            Err(error) => log::error!("{error}: changes are refused"),
            Ok(()) if had_failed => log::info!("there is room again: changes are accepted"),
            Ok(()) => {}
        }
        if was_without && !(had_failed && has_failed) {
            told();
        }
        if let Err(error) = shared.forget(shared.history_first()) {
            log::error!("{error}");
        }
        if shared.is_without_spare() {
            // It could not be made.
            thread::sleep(PAUSE);
        }
    }
}
