//! Does on threads of its own what nobody should wait for: syncs now and then, writes snapshots,
//! and keeps files at hand.

use super::disk::Folder;
use super::error::Error;
use super::files::Files;
use super::frame::Slice;
use super::shared::Shared;
use super::snapshot::Snapshot;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many slices of a snapshot wait to be written.
const QUEUE_MAX: usize = 2;

/// How long it waits for something to do when nothing is due: it does not matter.
const PAUSE: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// A snapshot of this series begins, when the last change made is this.
    Begin {
        /// The series.
        epoch: u64,
        /// The revision.
        revision: u64,
    },
    /// Some of its keys.
    Slice(Slice),
    /// It has every key, when the last change made and written is this.
    Finish {
        /// The revision.
        revision: u64,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// A slice of a snapshot was written: there is room for another.
    Slice,
    /// There is as much room as somebody wanted, or the device has no more.
    Room,
    /// A snapshot is whole.
    Snapshot,
    /// A snapshot was given up. The one before goes on being used.
    NoSnapshot(Error),
    /// What was written is on the disk up to this revision.
    Synced {
        /// The revision.
        revision: u64,
        /// How long it took.
        took: Duration,
    },
    /// The disk has failed.
    Failed(Error),
}

/// The threads that keep the folder in order.
#[derive(Debug)]
pub struct Upkeep<D: Folder> {
    tasks: SyncSender<Task>,
    thread: JoinHandle<()>,
    files: Files<D>,
}

impl<D: Folder> Upkeep<D> {
    /// Starts the threads. With an interval it syncs whenever that is over; of everything it tells
    /// `told`, and must not be made to wait long there.
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub fn start(
        shared: Arc<Shared<D>>,
        interval: Option<Duration>,
        told: impl FnMut(Outcome) + Clone + Send + 'static,
    ) -> io::Result<Upkeep<D>> {
        let (tasks, receiver) = sync_channel(QUEUE_MAX);
        let mut room = told.clone();
        let files = Files::start(shared.clone(), move || room(Outcome::Room))?;
        let keeper = Keeper {
            shared,
            interval,
            synced: Instant::now(),
            snapshot: None,
            told,
        };
        let thread = thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(move || keeper.run(&receiver))?;
        Ok(Upkeep {
            tasks,
            thread,
            files,
        })
    }

    /// Asks for something to be done; gives it back if as much as may wait does so already.
    pub fn ask(&self, task: Task) -> Option<Task> {
        match self.tasks.try_send(task) {
            Ok(()) => None,
            Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) => Some(task),
        }
    }

    /// Ends the threads, when they have done what was asked. A snapshot that is not whole is given
    /// up.
    pub fn stop(self) {
        drop(self.tasks);
        self.files.stop();
        // If it has panicked there is nothing left to do about it.
        let _ = self.thread.join();
    }
}

struct Keeper<D: Folder, T> {
    shared: Arc<Shared<D>>,
    interval: Option<Duration>,
    synced: Instant,
    snapshot: Option<Snapshot<D>>,
    told: T,
}

impl<D: Folder, T: FnMut(Outcome)> Keeper<D, T> {
    fn run(mut self, tasks: &Receiver<Task>) {
        loop {
            match tasks.recv_timeout(self.pause()) {
                Ok(task) => {
                    if let Err(error) = self.work(task) {
                        self.give_up(error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Err(error) = self.keep_up() {
                (self.told)(Outcome::Failed(error));
                return;
            }
        }
        if let Some(snapshot) = self.snapshot.take() {
            // What is left of it is removed by the next start.
            let _ = snapshot.abandon();
        }
    }

    /// How long nothing is due.
    fn pause(&self) -> Duration {
        self.interval.map_or(PAUSE, |interval| {
            interval.saturating_sub(self.synced.elapsed())
        })
    }

    fn work(&mut self, task: Task) -> Result<(), Error> {
        match (task, &mut self.snapshot) {
            (Task::Begin { epoch, revision }, _) => {
                self.snapshot = Some(Snapshot::begin(self.shared.clone(), epoch, revision)?);
            }
            (Task::Slice(mut slice), Some(snapshot)) => {
                snapshot.write(&mut slice)?;
                (self.told)(Outcome::Slice);
            }
            (Task::Finish { revision }, snapshot) => {
                if let Some(whole) = snapshot {
                    whole.finish(revision)?;
                    *snapshot = None;
                    (self.told)(Outcome::Snapshot);
                }
            }
            // Slices of a snapshot that has been given up.
            (Task::Slice(_), None) => {}
        }
        Ok(())
    }

    fn give_up(&mut self, error: Error) {
        if let Some(snapshot) = self.snapshot.take() {
            let _ = snapshot.abandon();
        }
        (self.told)(Outcome::NoSnapshot(error));
    }

    /// Syncs, if that is due.
    fn keep_up(&mut self) -> Result<(), Error> {
        if self
            .interval
            .is_some_and(|interval| self.synced.elapsed() >= interval)
        {
            let begun = Instant::now();
            let revision = self.shared.sync()?;
            let took = begun.elapsed();
            self.synced = begun;
            (self.told)(Outcome::Synced { revision, took });
        }
        Ok(())
    }
}
