//! Holds what writes to the disk, here or on other threads, and closes it at the end.

use crate::journal::{Batch, Commit, Commits, Directory, Error, Journal, Outcome, Upkeep};
use async_channel::{Receiver, Sender};

/// What the threads that write say.
#[derive(Debug)]
pub enum Word {
    /// Of a batch.
    Commit(Commit),
    /// Of syncs and snapshots.
    Outcome(Outcome),
}

/// Who writes the batches.
#[derive(Debug)]
pub(super) enum Committer {
    Here(Journal<Directory>),
    There(Commits<Directory>),
}

/// What can be moved to another thread, to be closed there.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) committer: Committer,
    pub(super) upkeep: Upkeep<Directory>,
    pub(super) words: Receiver<Word>,
    pub(super) open: Batch,
    pub(super) is_on_its_way: bool,
}

impl Disk {
    /// Commits what is left, and closes the folder. Blocks until that is done.
    pub(super) fn close(self) -> Result<(), Error> {
        let Disk {
            committer,
            upkeep,
            words,
            open,
            is_on_its_way,
        } = self;
        upkeep.stop();
        let mut left = open;
        match committer {
            Committer::Here(mut journal) => {
                journal.append(&mut left)?;
                journal.close()
            }
            Committer::There(commits) => {
                if is_on_its_way {
                    wait_for_commit(&words)?;
                }
                if !left.is_empty() && commits.submit(left) {
                    wait_for_commit(&words)?;
                }
                commits.close()
            }
        }
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
    word: impl Fn(T) -> Word + Send + 'static,
) -> impl FnMut(T) + Send + 'static {
    let teller = teller.clone();
    move |told| _ = teller.try_send(word(told))
}
