//! Writes what waits in a client's outbox, and has the last word on the connection.
//!
//! This task waits on the bell that the broker rings; on the socket; if it writes much, for its
//! turn; and on the broker's queue, to say that there is room again.

use super::pace::Pace;
use super::{Connection, Shared};
use crate::bell::Bell;
use crate::broker::Event;
use crate::outbox::{Flushed, Outbox};
use futures_lite::future;
use smol::Task;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long it is between two looks at whether a client has taken its last words.
const TAKING_LOOK: Duration = Duration::from_millis(200);

/// Writes until the outbox is closed and empty, then closes; or until the client is gone, takes
/// too little, or is given up.
pub(super) async fn write(
    connection: Rc<Connection>,
    outbox: Rc<RefCell<Outbox>>,
    bell: Rc<Bell>,
    reader: Task<bool>,
    shared: Rc<Shared>,
) {
    let pace = Pace::new(shared.limits.write_timeout);
    let mut writer = Writer {
        connection,
        outbox,
        bell,
        shared,
        pace,
    };
    match writer.deliver().await {
        Ok(()) => Box::pin(writer.linger(reader)).await,
        Err(error) => log::debug!("client {}: {error}", writer.connection.peer),
    }
    writer.connection.shutdown(Shutdown::Both);
    writer.outbox.borrow_mut().kill();
    let _ = writer
        .shared
        .events
        .send(Event::Room(writer.connection.id))
        .await;
    while writer.outbox.borrow_mut().tidy() {
        future::yield_now().await;
    }
}

struct Writer {
    connection: Rc<Connection>,
    outbox: Rc<RefCell<Outbox>>,
    bell: Rc<Bell>,
    shared: Rc<Shared>,
    pace: Pace,
}

impl Writer {
    async fn deliver(&mut self) -> io::Result<()> {
        // Held apart from the writer, which a turn would otherwise borrow.
        let shared = self.shared.clone();
        let mut has_more = false;
        loop {
            let flushed = {
                let _turn = shared.turns.wait(has_more).await;
                self.flush()?
            };
            let (wants_room, is_over) = {
                let mut outbox = self.outbox.borrow_mut();
                has_more = outbox.has_released();
                let is_over = outbox.is_closed() && outbox.is_empty();
                (outbox.takes_room(), is_over)
            };
            if wants_room {
                let room = Event::Room(self.connection.id);
                let _ = self.shared.events.send(room).await;
            }
            if flushed.blocked {
                // What is rare is boxed, so that all the other sessions have no room for it.
                Box::pin(self.writable()).await?;
            } else if is_over {
                return Ok(());
            } else if !has_more {
                self.bell.rung().await;
            }
            // What is left behind a slice is moved in another turn.
        }
    }

    /// Writes what the socket takes at once, at most a slice.
    fn flush(&mut self) -> io::Result<Flushed> {
        let mut outbox = self.outbox.borrow_mut();
        outbox.answer_bell();
        let flushed = outbox.flush(&mut &self.connection.socket)?;
        if outbox.is_dead() {
            return Err(io::Error::new(ErrorKind::ConnectionAborted, "given up"));
        }
        self.shared.stats.delivered.add(flushed.delivered);
        self.pace.took(flushed.bytes, outbox.has_released());
        Ok(flushed)
    }

    /// Waits until the socket takes more. While replies wait the client must take enough.
    async fn writable(&mut self) -> io::Result<()> {
        loop {
            let (is_dead, has_replies) = {
                let mut outbox = self.outbox.borrow_mut();
                if !outbox.has_replies() {
                    // A reply may come, and then the client's pace begins to matter.
                    outbox.answer_bell();
                }
                (outbox.is_dead(), outbox.has_replies())
            };
            if is_dead {
                return Ok(());
            }
            let look = self.pace.next_look(has_replies);
            let socket = async {
                self.connection
                    .socket
                    .writable()
                    .await
                    .map(|()| Wake::Socket)
            };
            let bell = async {
                self.bell.rung().await;
                Ok(Wake::Bell)
            };
            let pace = async {
                match look {
                    Some(at) => self.shared.sleepers.sleep_until(at).await,
                    None => future::pending().await,
                };
                Ok(Wake::Look)
            };
            match future::or(socket, future::or(bell, pace)).await? {
                Wake::Socket => return Ok(()),
                Wake::Bell => {}
                Wake::Look if self.is_too_slow().await => {
                    let secs = self.shared.limits.write_timeout.as_secs();
                    log::warn!(
                        "client {} is ended: over write_timeout_secs ({secs}) it took less than \
                         1 KiB a second of its replies",
                        self.connection.peer
                    );
                    return Err(io::Error::new(
                        ErrorKind::TimedOut,
                        "replies were not taken",
                    ));
                }
                Wake::Look => return Ok(()),
            }
        }
    }

    async fn is_too_slow(&mut self) -> bool {
        let unsent = self.unsent(None).await;
        self.pace.look(unsent)
    }

    /// How many bytes the kernel holds for the client, if that is known, lately, or after `since`.
    async fn unsent(&self, since: Option<Instant>) -> Option<u64> {
        let local = self.connection.socket.stream().local_addr().ok()?;
        let queues = &self.shared.send_queues;
        queues.of(local, self.connection.peer, since).await
    }

    /// Ends the sending side, then reads and discards for a while, so that the last words arrive:
    /// to close a socket with unread input destroys what the peer has not read yet.
    async fn linger(&self, reader: Task<bool>) {
        self.connection.shutdown(Shutdown::Write);
        let closed = Instant::now();
        let until_end = async {
            let may_come = reader.await;
            self.discard(may_come, closed).await;
        };
        let enough = async {
            let end = Instant::now() + self.shared.limits.linger;
            self.shared.sleepers.sleep_until(end).await;
        };
        future::or(until_end, enough).await;
    }

    /// Discards input until the end; if nothing may come, only if there is something, or as long
    /// as the client has not taken its last words: it may answer to them.
    async fn discard(&self, may_come: bool, closed: Instant) {
        let mut may_come = may_come;
        loop {
            match self.discard_now() {
                Ok(0) => return,
                Ok(_) => {
                    may_come = true;
                    future::yield_now().await;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // The end of our side counts as a byte.
                    let has_taken = |unsent: Option<u64>| unsent.is_none_or(|bytes| bytes <= 1);
                    if !may_come && has_taken(self.unsent(Some(closed)).await) {
                        return;
                    }
                    let comes = self.connection.socket.readable();
                    let look = self
                        .shared
                        .sleepers
                        .sleep_until(Instant::now() + TAKING_LOOK);
                    future::or(comes, look).await;
                }
                Err(_) => return,
            }
        }
    }

    /// Discards what there is. Not `async`, so that an idle client does not keep the buffer.
    fn discard_now(&self) -> io::Result<usize> {
        (&self.connection.socket).read(&mut [0; 4096])
    }
}

/// What ended a wait for the socket.
enum Wake {
    Socket,
    Bell,
    Look,
}
