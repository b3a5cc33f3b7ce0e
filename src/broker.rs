//! Owns the store and every client's outbox: the one loop through which everything passes.
//!
//! Invariants:
//!
//! * The broker waits for its queue and for nothing else. Only [`Broker::run`] is `async`; what
//!   handles an event or a request cannot wait, and the compiler keeps it so.
//! * It alone fills outboxes, so each client hears replies and notices in the order of the store.
//! * Before each request it looks at the client's outbox. At the limit it keeps the rest of the
//!   batch unexecuted and goes on with others, until the client's writer rings [`Event::Room`].
//! * A turn ends after about half a millisecond, whatever is asked; clients take turns.

mod client;
mod answer;

use crate::feed::{ClientId, Fanout, Feed};
use crate::ledger::Ledger;
use crate::outbox::Offered;
use crate::stats::Stats;
use crate::store::Store;
use ahash::RandomState;
use async_channel::{Receiver, Sender};
use client::Client;
pub use client::{Batch, Input, Join};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many events wait for the broker before those who send them wait.
const QUEUE_MAX: usize = 1024;

/// How many events are taken before the next client's turn.
const EVENTS_A_TURN: usize = 64;

/// How many requests of one client are executed before the next client's turn.
const REQUESTS_A_TURN: usize = 256;

/// How long a turn may take. The clock is read every few steps, so it takes a little longer.
const TURN: Duration = Duration::from_micros(500);

/// How many steps there are between two looks at the clock.
const STEPS_A_LOOK: u32 = 16;

/// What the broker is told. Every event of one client comes through this queue in order.
#[derive(Debug)]
pub enum Event {
    /// A client has sent its first byte.
    Join(Join),
    /// A client has sent requests.
    Batch(ClientId, Batch),
    /// There is room again in a client's outbox, or the client is gone.
    Room(ClientId),
    /// A client will send nothing more; its last event.
    Leave(ClientId),
    /// The clients' buffers hold more than they may together.
    Pressure,
    /// The server is stopping and closes within this many seconds.
    Drain(u64),
}

/// What the broker keeps and what it knows of the rest of the server.
#[derive(Debug)]
pub struct Core {
    /// The data.
    pub store: Store,
    /// Who watches.
    pub feed: Feed,
    /// The counters.
    pub stats: Arc<Stats>,
    /// What the clients' buffers hold.
    pub ledger: Rc<Ledger>,
    /// Whether line clients are told of their own changes too.
    pub echo: bool,
    /// When the server started.
    pub started: Instant,
    /// The server is stopping and closes within this many seconds, which everyone is told who
    /// watches.
    pub draining: Option<u64>,
}

/// The store loop.
#[derive(Debug)]
pub struct Broker {
    core: Core,
    clients: HashMap<ClientId, Client, RandomState>,
    /// Clients with requests that can be executed, in the order of their turns.
    ready: VecDeque<ClientId>,
    /// A change that not everyone has been told of yet. No request is executed before that.
    fanout: Option<Fanout>,
    events: Receiver<Event>,
}

impl Broker {
    /// A broker, and the queue through which it is told of everything.
    pub fn new(core: Core) -> (Broker, Sender<Event>) {
        let (sender, events) = async_channel::bounded(QUEUE_MAX);
        let (clients, ready) = (HashMap::default(), VecDeque::new());
        (
            Broker {
                core,
                clients,
                ready,
                fanout: None,
                events,
            },
            sender,
        )
    }

    /// Runs until everyone who could send an event is gone.
    pub async fn run(mut self) {
        loop {
            if !self.has_work() {
                match self.events.recv().await {
                    Ok(event) => self.handle(event),
                    Err(_) => break,
                }
            }
            self.turn();
            if self.has_work() {
                futures_lite::future::yield_now().await;
            }
        }
    }

    fn has_work(&self) -> bool {
        self.fanout.is_some() || !self.ready.is_empty() || self.core.store.is_untidy()
    }

    /// Takes what has arrived. Not while a change is being told: what comes may end a watch or a
    /// client, and the list of watchers must hold still.
    fn take_events(&mut self) {
        for _ in 0..EVENTS_A_TURN {
            match self.events.try_recv() {
                Ok(event) => self.handle(event),
                Err(_) => break,
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Join(join) => {
                self.clients.insert(join.id, Client::new(join));
            }
            Event::Batch(id, batch) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.batches.push_back(batch);
                    self.make_ready(id);
                }
            }
            Event::Room(id) => {
                self.tell_loss(id);
                self.make_ready(id);
            }
            Event::Leave(id) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.leaving = true;
                    self.make_ready(id);
                }
            }
            Event::Pressure => {}
            Event::Drain(seconds) => self.drain(seconds),
        }
    }

    fn make_ready(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut client.is_ready, true) {
            self.ready.push_back(id);
        }
    }

    /// One turn: at most about [`TURN`].
    fn turn(&mut self) {
        let mut turn = Turn::begin();
        self.fan_out(&mut turn);
        while self.fanout.is_none() && !turn.is_over() {
            // Between two changes is the only time for it: with many watchers every turn may end
            // while a change is being told, and whoever comes would never have a turn.
            self.take_events();
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            self.serve(id, &mut turn);
        }
        self.core.store.tidy();
        self.relieve();
    }

    /// Executes a client's requests until it has no more, cannot take more replies, or has had
    /// its turn.
    fn serve(&mut self, id: ClientId, turn: &mut Turn) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.is_ready = false;
        for _ in 0..REQUESTS_A_TURN {
            let Some(client) = self.clients.get_mut(&id) else {
                return;
            };
            if client.must_wait() {
                return;
            }
            let Some((input, request)) = client.next_request() else {
                break;
            };
            let change = answer::answer(&mut self.core, client, &input, request);
            turn.step();
            if let Some(change) = change.filter(|_| !self.core.feed.watchers().is_empty()) {
                self.fanout = Some(Fanout::new(change, id));
                self.fan_out(turn);
            }
            if self.fanout.is_some() || turn.is_over() {
                break;
            }
        }
        match self.clients.get(&id) {
            Some(client) if client.has_requests() => self.make_ready(id),
            Some(client) if client.leaving => self.finish(id),
            _ => {}
        }
    }

    /// Tells everyone of the present change, or as many as the turn allows.
    fn fan_out(&mut self, turn: &mut Turn) {
        let Some(fanout) = &mut self.fanout else {
            return;
        };
        let revision = fanout.revision();
        while !turn.is_over() {
            let Some((id, notice)) = fanout.next(&self.core.feed) else {
                self.fanout = None;
                return;
            };
            turn.step();
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            if client.outbox.borrow_mut().offer(revision, notice) == Offered::LossBegins {
                client.loss_begins();
            }
        }
    }

    /// Tells a client which changes it was not told of, now that there is room for that.
    fn tell_loss(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.outbox.borrow().has_room_for_notices() {
            client.tell_loss(&self.core.stats);
        }
    }

    /// Ends a client that has left, now that everything it asked has been answered. While a
    /// change is being told it waits, for the list of watchers must hold still.
    fn finish(&mut self, id: ClientId) {
        if self.fanout.is_some() {
            return self.make_ready(id);
        }
        if let Some(mut client) = self.clients.remove(&id) {
            self.core.feed.unwatch(id);
            client.tell_loss(&self.core.stats);
            client.outbox.borrow_mut().close();
        }
    }

    fn drain(&mut self, seconds: u64) {
        self.core.draining = Some(seconds);
        for watcher in self.core.feed.watchers() {
            if let Some(client) = self.clients.get(&watcher.client) {
                client.tell_drain(seconds);
            }
        }
    }

    /// Ends the clients that hold most until the others together hold no more than they may.
    fn relieve(&mut self) {
        if !self.core.ledger.is_over() {
            return;
        }
        let is_dead = |client: &Client| client.outbox.borrow().is_dead();
        let (dead, mut alive): (Vec<_>, Vec<_>) =
            self.clients.values().partition(|client| is_dead(client));
        let given_up: usize = dead.iter().map(|client| client.account.bytes()).sum();
        let mut held = self.core.ledger.bytes().saturating_sub(given_up);
        alive.sort_by_key(|client| client.account.bytes());
        while held > self.core.ledger.bytes_max() {
            let Some(client) = alive.pop() else { break };
            let bytes = client.account.bytes();
            log::warn!(
                "client {} is closed: its buffers hold {bytes} bytes, and those of all clients \
                 more than clients_bytes_max ({} bytes)",
                client.name,
                self.core.ledger.bytes_max(),
            );
            client.outbox.borrow_mut().kill();
            held = held.saturating_sub(bytes);
        }
    }
}

/// A turn of the broker: the steps it has taken and when it is over.
#[derive(Debug)]
struct Turn {
    end: Instant,
    steps: u32,
    over: bool,
}

impl Turn {
    fn begin() -> Turn {
        Turn {
            end: Instant::now() + TURN,
            steps: 0,
            over: false,
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_A_LOOK) {
            self.over = Instant::now() >= self.end;
        }
    }

    fn is_over(&self) -> bool {
        self.over
    }
}
