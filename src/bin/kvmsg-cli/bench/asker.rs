//! Asks over one connection, so many requests at a time, until all have been asked.

use super::batch::Batch;
use super::link::{CHUNK_BYTES, Done, Link};
use super::tally::Tally;
use futures_lite::future;
use kvmsg::client::Error;
use std::cell::RefCell;
use std::time::Instant;

thread_local! {
    /// What all connections read into, one after the other.
    static CHUNK: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// Asks as long as there is something to be asked. `client` is the number of the connection.
///
/// # Errors
///
/// What the connection ends with.
pub async fn ask(
    client: usize,
    mut link: Link,
    mut batch: Batch,
    pipeline: u64,
    tally: &Tally,
) -> Result<(), Error> {
    loop {
        let count = tally.take(pipeline);
        if count == 0 {
            return Ok(());
        }
        let mut unsent = batch.fill(count);
        let mut missing = count as u64;
        let begun = Instant::now();
        tally.wait(client, Some(begun));
        while missing > 0 {
            match unsent.is_empty() {
                true => link.readable().await?,
                false => match link.write(unsent)? {
                    Done::Bytes(written) => {
                        unsent = &unsent[written..];
                        if !unsent.is_empty() {
                            tally.wait(client, Some(Instant::now()));
                        }
                        continue;
                    }
                    // The server may take no more before it is rid of replies.
                    Done::Nothing => future::or(link.readable(), link.writable()).await?,
                },
            }
            let came = read(&mut link, tally)?;
            if came > 0 {
                let now = Instant::now();
                tally.answer(came.min(missing), now - begun);
                tally.wait(client, Some(now));
                missing = missing.saturating_sub(came);
            }
        }
        tally.wait(client, None);
    }
}

/// Reads what is there, and returns how many replies that completes.
fn read(link: &mut Link, tally: &Tally) -> Result<u64, Error> {
    CHUNK.with_borrow_mut(|chunk| {
        let mut came = 0;
        link.read(chunk, |reply| {
            came += 1;
            tally.see(&reply);
        })?;
        Ok(came)
    })
}
