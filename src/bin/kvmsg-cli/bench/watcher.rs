//! Watches while a benchmark runs, and counts what it is told.

use super::batch::PREFIX;
use super::link::{CHUNK_BYTES, Link};
use super::scan::{Array, Seen};
use super::tally::Tally;
use async_channel::Receiver;
use futures_lite::future;
use kvmsg::client::Error;
use std::cell::{Cell, RefCell};
use std::time::Instant;

thread_local! {
    /// What all watchers read into, one after the other.
    static CHUNK: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// What all watchers were told.
#[derive(Debug, Default)]
pub struct Told {
    /// How many changes.
    pub notices: Cell<u64>,
    /// How many revisions were lost.
    pub lost: Cell<u64>,
    /// When that was last.
    pub last: Cell<Option<Instant>>,
}

/// One that watches.
pub struct Watcher {
    link: Link,
    /// Up to which revision it has been told.
    revision: u64,
}

impl Watcher {
    /// Begins to watch the keys of the benchmark.
    ///
    /// # Errors
    ///
    /// See [`Link::ask`].
    pub async fn begin(mut link: Link) -> Result<Watcher, Error> {
        let head = format!("*2\r\n$5\r\nWATCH\r\n${}\r\n", PREFIX.len());
        link.ask(&[head.as_bytes(), PREFIX, b"\r\n"].concat())
            .await?;
        Ok(Watcher { link, revision: 0 })
    }

    /// Listens until all has been asked, which `end` shows by being closed, and it has been told of
    /// the last change that was made then.
    ///
    /// # Errors
    ///
    /// What the connection ends with.
    pub async fn listen(
        mut self,
        told: &Told,
        tally: &Tally,
        end: Receiver<()>,
    ) -> Result<(), Error> {
        loop {
            match end.is_closed() {
                true if self.revision >= tally.revision.get() => return Ok(()),
                true => self.link.readable().await?,
                false => {
                    let ended = async {
                        let _ = end.recv().await;
                        Ok(())
                    };
                    future::or(self.link.readable(), ended).await?;
                }
            }
            let (revision, before) = (&mut self.revision, told.notices.get());
            let read = CHUNK.with_borrow_mut(|chunk| {
                self.link.read(chunk, |reply| {
                    if let Seen::Array(array) = reply {
                        *revision = (*revision).max(count(&array, told));
                    }
                })
            });
            read?;
            if told.notices.get() > before {
                told.last.set(Some(Instant::now()));
            }
        }
    }
}

/// Counts a notice; returns up to which revision that tells. By their form: a change has one number
/// among four elements or more, a loss two among three, and all others have two elements.
fn count(array: &Array, told: &Told) -> u64 {
    let [first, last] = array.numbers;
    match (array.length, array.count) {
        (4.., 1) => {
            told.notices.set(told.notices.get() + 1);
            first
        }
        (3, 2) => {
            told.lost
                .set(told.lost.get() + last.saturating_sub(first) + 1);
            last
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::Scanner;
    use super::*;

    #[test]
    fn changes_and_losses_are_counted_and_tell_how_far_it_is() {
        let (told, mut scanner, mut reached) = (Told::default(), Scanner::default(), Vec::new());
        let notices = b"*5\r\n$6\r\nnotify\r\n$3\r\nPUT\r\n$1\r\nk\r\n:7\r\n$1\r\nv\r\n\
            *4\r\n$6\r\nnotify\r\n$6\r\nDELETE\r\n$1\r\nk\r\n:8\r\n\
            *3\r\n$4\r\nlost\r\n:9\r\n:12\r\n*2\r\n$8\r\nprogress\r\n:12\r\n";
        let fed = scanner.feed(notices, |seen| match seen {
            Seen::Array(array) => reached.push(count(&array, &told)),
            other => panic!("{other:?}"),
        });
        assert_eq!(fed, Ok(()));
        assert_eq!(reached, [7, 8, 12, 0]);
        assert_eq!((told.notices.get(), told.lost.get()), (2, 4));
    }
}
