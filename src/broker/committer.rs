//! Holds what writes to the disk, here or on other threads, and closes it at the end.

use crate::journal::{Batch, Commit, Commits, Directory, Error, Outcome, Upkeep};
use async_channel::{Receiver, Sender};

/// What the threads that write say.
#[derive(Debug)]
pub enum Word {
    /// Of a batch.
    Commit(Commit),
    /// Of syncs and snapshots.
    Outcome(Outcome),
}

/// What can be moved to another thread, to be closed there.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) commits: Commits<Directory>,
    pub(super) upkeep: Upkeep<Directory>,
    pub(super) words: Receiver<Word>,
    pub(super) open: Batch,
    pub(super) is_on_its_way: bool,
}

impl Disk {
    /// Commits what is left, and closes the folder. Blocks until that is done.
    pub(super) fn close(self) -> Result<(), Error> {
        let Disk {
            commits,
            upkeep,
            words,
            open,
            is_on_its_way,
        } = self;
        upkeep.stop();
        let mut left = open;
        if is_on_its_way {
            wait_for_commit(&words)?;
        }
        commits.append(&mut left)?;
        commits.close()
    }
}

/// Waits until the batch on its way is committed.
fn wait_for_commit(words: &Receiver<Word>) -> Result<(), Error> {
    loop {
        match words.recv_blocking() {
            Ok(Word::Commit(Commit::Failed(error))) => return Err(error),
            Ok(Word::Commit(Commit::Done { .. })) | Err(_) => return Ok(()),
            Ok(Word::Commit(Commit::Full) | Word::Outcome(_)) => {}
        }
    }
}

/// What a thread tells with. It never waits: what it can tell is bounded by what it is asked.
pub(super) fn tell<T: 'static>(
    teller: &Sender<Word>,
    word: impl Fn(T) -> Word + Clone + Send + 'static,
) -> impl FnMut(T) + Clone + Send + 'static {
    let teller = teller.clone();
    move |told| _ = teller.try_send(word(told))
}
