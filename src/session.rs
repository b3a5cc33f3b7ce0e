//! Serves one client: a trio of tasks that read, process and write.
//!
//! ```text
//! socket -> read --chunks--> process --batches--> broker
//! socket <- write <------------- outbox ------------'
//! ```
//!
//! Invariants:
//!
//! * Everyone waits downstream: read waits for process, process for the broker's queue and its
//!   credits, write for the socket; who moves much waits for one other slice at a time. The broker
//!   waits for none of them.
//! * A session joins once, with its first byte, and leaves once; leaving is its last event.
//! * What is read ahead is bounded: two chunks, one unfinished request, two batches.
//! * A session does not know how many others there are.

mod handoff;
mod pace;
mod turns;
mod process;
mod read;
mod send_queues;
mod write;

use crate::bell::Bell;
use crate::broker::Event;
use crate::feed::ClientId;
use crate::ledger::{Account, Ledger};
use crate::outbox::Outbox;
use crate::reactor::Socket;
use crate::sleepers::Sleepers;
use crate::stats::Stats;
use crate::stop::Stop;
use async_channel::Sender;
use handoff::handoff;
pub use send_queues::SendQueues;
use smol::LocalExecutor;
use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
pub use turns::Turns;

/// How many batches of one client may be with the broker.
const CREDITS: usize = 2;

/// What every session is given by the server.
#[derive(Debug)]
pub struct Shared {
    /// The broker's queue.
    pub events: Sender<Event>,
    /// The counters.
    pub stats: Arc<Stats>,
    /// What the clients' buffers hold.
    pub ledger: Rc<Ledger>,
    /// What the kernel holds for those who do not read.
    pub send_queues: SendQueues,
    /// Those who wait for a time.
    pub sleepers: Rc<Sleepers>,
    /// Heard when the server stops: nothing more is read than what has arrived.
    pub stop: Stop,
    /// The turns of those who move much.
    pub turns: Turns,
    /// The limits of one client.
    pub limits: Limits,
}

/// The limits of one client.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest request, in bytes.
    pub request_bytes_max: usize,
    /// How much of replies may wait before no further request is executed, in bytes.
    pub outbox_bytes_max: usize,
    /// How long a request that has begun may take to arrive.
    pub request_timeout: Duration,
    /// Over what time a client must take its replies.
    pub write_timeout: Duration,
    /// How long the server reads on, and discards, after it has said its last word.
    pub linger: Duration,
}

/// A connection, open as long as any of the session's tasks holds it.
pub struct Connection {
    /// The client's number.
    pub id: ClientId,
    /// The socket.
    pub socket: Socket,
    /// The address of the client.
    pub peer: SocketAddr,
    /// Called at the end.
    on_end: Box<dyn Fn()>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .finish()
    }
}

impl Connection {
    /// A connection that has been accepted; `on_end` is called when the last task has let go.
    pub fn new(
        id: ClientId,
        socket: Socket,
        peer: SocketAddr,
        on_end: impl Fn() + 'static,
    ) -> Connection {
        Connection {
            id,
            socket,
            peer,
            on_end: Box::new(on_end),
        }
    }

    /// Ends one direction or both. A peer that is gone has ended them already.
    pub fn shutdown(&self, how: std::net::Shutdown) {
        let _ = self.socket.stream().shutdown(how);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        (self.on_end)();
    }
}

/// Starts the tasks of a session. They end by themselves when the client does, when the server
/// stops, or when the client is ended.
pub fn start(executor: &LocalExecutor<'static>, connection: Connection, shared: &Rc<Shared>) {
    let connection = Rc::new(connection);
    let account = Account::new(&shared.ledger);
    let bell = Rc::<Bell>::default();
    let charge = account.charge(0);
    let outbox = Outbox::new(shared.limits.outbox_bytes_max, bell.clone(), charge);
    let outbox = Rc::new(RefCell::new(outbox));
    let (chunks, arrived) = handoff();

    let reader = executor.spawn(read::read(
        connection.clone(),
        chunks,
        account.clone(),
        shared.clone(),
    ));
    executor
        .spawn(process::process(
            connection.clone(),
            arrived,
            account,
            outbox.clone(),
            shared.clone(),
        ))
        .detach();
    executor
        .spawn(write::write(
            connection,
            outbox,
            bell,
            reader,
            shared.clone(),
        ))
        .detach();
}
