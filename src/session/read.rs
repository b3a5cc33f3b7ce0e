//! Reads what a client sends and hands it on in chunks.
//!
//! This task waits on the socket, on the processor to take the last chunk, and, if much comes, for
//! its turn. It has no buffer of its own: all sessions read into one and keep what came, so an idle
//! client holds none.

use super::handoff::Giver;
use super::{Connection, Shared};
use crate::broker::Input;
use crate::ledger::Account;
use crate::outbox::SLICE_BYTES;
use crate::spare;
use futures_lite::future;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

thread_local! {
    /// Of a slice, for what comes in two parts has to be put together.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; SLICE_BYTES]);
}

/// Reads until the client's end, or, when the server stops, until there is nothing left of what has
/// arrived. When the processor has stopped listening, what comes is discarded, so that it cannot
/// stand in the way of last words. Returns whether more may still come: the server stops, and there
/// was so much that the client cannot have been waiting for replies.
pub(super) async fn read(
    connection: Rc<Connection>,
    chunks: Giver<Input>,
    account: Account,
    shared: Rc<Shared>,
) -> bool {
    let stop = &shared.stop;
    let (mut came_late, mut may_come) = (false, false);
    let mut was_full = false;
    loop {
        let taken = {
            let _turn = shared.turns.wait(was_full).await;
            take(&connection)
        };
        match taken {
            Ok(bytes) if bytes.is_empty() => return false,
            Ok(bytes) => {
                was_full = bytes.len() == SLICE_BYTES;
                let charge = account.charge(bytes.len());
                if chunks.give(Input { bytes, charge }).await.is_err() {
                    // Nobody wants it, and nobody slows a flood down: others must have their turn.
                    future::yield_now().await;
                }
                if stop.is_said() {
                    may_come |= was_full || came_late;
                    came_late = true;
                }
                if was_full || came_late {
                    continue;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if stop.is_said() {
                    return may_come;
                }
            }
            Err(_) => return false,
        }
        // What there is, an error too, shows when the socket is read. When the server stops, it
        // wakes all readers.
        connection.socket.readable().await;
    }
}

/// Takes what there is. An end is nothing.
fn take(connection: &Connection) -> io::Result<Vec<u8>> {
    BUFFER.with_borrow_mut(|buffer| {
        let length = (&connection.socket).read(buffer)?;
        let mut bytes = spare::BYTES.with(|spare| spare.take_for(length));
        bytes.extend_from_slice(&buffer[..length]);
        Ok(bytes)
    })
}
