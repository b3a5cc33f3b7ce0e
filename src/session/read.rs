//! Reads what a client sends and hands it on in chunks.
//!
//! This task waits on the socket, and on the processor to take the last chunk. It has no buffer of
//! its own: all sessions read into one and keep what came, so an idle client holds none.

use super::Connection;
use crate::broker::Input;
use crate::ledger::Account;
use async_channel::Sender;
use futures_lite::future;
use std::cell::RefCell;
use std::io::{ErrorKind, Read};
use std::rc::Rc;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// Reads until the client's end, or until its receiving side is shut. When the processor has
/// stopped listening, what comes is discarded, so that it cannot stand in the way of last words.
pub(super) async fn read(connection: Rc<Connection>, chunks: Sender<Input>, account: Account) {
    loop {
        let Some(chunk) = next(&connection, &account).await else {
            return;
        };
        let was_full = chunk.bytes.len() == CHUNK_BYTES;
        if chunks.send(chunk).await.is_err() {
            // Nobody wants it, and nobody slows a flood down: others must have their turn.
            future::yield_now().await;
        }
        if was_full {
            continue;
        }
        if connection.socket.readable().await.is_err() {
            return;
        }
    }
}

/// The next chunk, or nothing at the end. Tries before it waits: the caller has waited, or has
/// reason to believe that there is more.
async fn next(connection: &Connection, account: &Account) -> Option<Input> {
    loop {
        let read = BUFFER.with_borrow_mut(|buffer| {
            let length = connection.socket.get_ref().read(buffer)?;
            Ok::<_, std::io::Error>(buffer[..length].to_vec())
        });
        match read {
            Ok(bytes) if bytes.is_empty() => return None,
            Ok(bytes) => {
                let charge = account.charge(bytes.capacity());
                return Some(Input { bytes, charge });
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.socket.readable().await.ok()?;
            }
            Err(_) => return None,
        }
    }
}
