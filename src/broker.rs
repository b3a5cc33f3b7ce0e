//! Owns the store and every client's outbox: the one loop through which everything passes.
//!
//! Invariants:
//!
//! * The broker waits for its queue and for nothing else. Only [`Broker::run`] is `async`; what
//!   handles an event or a request cannot wait, and the compiler keeps it so.
//! * It alone fills outboxes, so each client hears replies and notices in the order of the store.
//! * Before each request it looks at the client's outbox. At the limit it keeps the rest of the
//!   batch unexecuted and goes on with others, until the client's writer rings [`Event::Room`].
//! * A turn ends after some 75 us, whatever is asked; clients take turns.
//! * With a folder for the data, nobody is told of a change, or of a state that it led to, before
//!   it has been committed: see [`Durable`].

mod turn;
mod queue;
mod snapshot;
mod committer;
mod wake;
mod gathering;
mod durable;
mod client;
mod bells;
mod fanout;
mod progress;
mod answer;
mod holding;
mod watch;
mod drain;
mod disk;
mod relief;

use crate::feed::{ClientId, Feed};
use crate::ledger::Ledger;
use crate::sleepers::Sleepers;
use crate::stats::Stats;
use crate::store::{Store, WARM_MAX};
use ahash::RandomState;
use async_channel::{Receiver, Sender};
use bells::Bells;
use client::Client;
pub use client::{Batch, Input, Join};
use drain::Drain;
use durable::Admission;
pub use durable::Durable;
use fanout::Fanout;
use futures_lite::future;
use progress::Progress;
use queue::{Due, Queue};
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use turn::Turn;
use wake::Wake;

/// How many events wait for the broker before those who send them wait.
const QUEUE_MAX: usize = 1024;

/// How often all other tasks that are ready run between two turns. What arrives passes through two
/// of them before it is an event, and one wakes the other: with fewer rounds each of these steps
/// would wait for a turn of others.
const ROUNDS: usize = 4;

/// How many events are taken before the next client's turn.
const EVENTS_A_TURN: usize = 64;

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
    /// Who watches what, and the latest changes.
    pub feed: Feed,
    /// The counters.
    pub stats: Arc<Stats>,
    /// What the clients' buffers hold.
    pub ledger: Rc<Ledger>,
    /// Whether line clients are told of their own changes too.
    pub echo: bool,
    /// The server is stopping and closes within this many seconds, which everyone is told who
    /// watches.
    pub draining: Option<u64>,
    /// After how long a silence a framed watcher is told how far it has been told.
    pub progress: Duration,
    /// When the server started.
    pub started: Instant,
    /// What keeps the data on the disk, if anything does.
    pub durable: Option<Box<Durable>>,
}

/// The store loop.
#[derive(Debug)]
pub struct Broker {
    core: Core,
    clients: HashMap<ClientId, Client, RandomState>,
    /// Those who have been answered and have not taken all of it.
    parting: HashMap<ClientId, Client, RandomState>,
    queue: Queue,
    /// A change that not everyone has been told of yet. No request is executed before that.
    fanout: Fanout,
    /// Who has been told something, and whose writer does not know yet.
    bells: Bells,
    progress: Progress,
    drain: Drain,
    /// The disk has failed: nothing more may be told.
    has_failed: bool,
    events: Receiver<Event>,
}

impl Broker {
    /// A broker, and the queue through which it is told of everything.
    pub fn new(core: Core) -> (Broker, Sender<Event>) {
        let (sender, events) = async_channel::bounded(QUEUE_MAX);
        let progress = Progress::new(core.progress);
        (
            Broker {
                core,
                clients: HashMap::default(),
                parting: HashMap::default(),
                queue: Queue::default(),
                fanout: Fanout::default(),
                bells: Bells::default(),
                progress,
                drain: Drain::default(),
                has_failed: false,
                events,
            },
            sender,
        )
    }

    /// Runs until everyone who could send an event is gone, or the disk has failed; false then.
    pub async fn run(mut self, sleepers: Rc<Sleepers>) -> bool {
        loop {
            if !self.has_work() {
                match self.wait(&sleepers).await {
                    Wake::Event(event) => self.handle(event),
                    Wake::Word(word) => self.hear(word),
                    Wake::Clock => {}
                    Wake::End => break,
                }
            }
            self.turn();
            if self.has_failed {
                return false;
            }
            if self.has_work() {
                for _ in 0..ROUNDS {
                    future::yield_now().await;
                }
            }
        }
        self.close().await
    }

    /// Whether somebody waits for a turn, or a change has not been told to all whom it concerns.
    fn has_requests(&self) -> bool {
        self.fanout.is_going_on() || !self.queue.is_empty()
    }

    fn has_work(&self) -> bool {
        let rings = !self.bells.is_empty();
        let disk = self.core.durable.as_ref();
        let walks = disk.is_some_and(|disk| disk.snapshots.can_go_on());
        self.has_requests() || rings || walks || self.core.store.is_untidy()
    }

    /// Takes what has arrived, a part of it if that is much; false if nothing is left, and then
    /// nothing comes before the turn is over, for nobody else runs.
    fn take_events(&mut self) -> bool {
        for _ in 0..EVENTS_A_TURN {
            match self.events.try_recv() {
                Ok(event) => self.handle(event),
                Err(_) => return false,
            }
        }
        true
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
                self.forget_parted(id);
                self.make_lagging(id);
                self.make_ready(id);
            }
            Event::Leave(id) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.leaving = true;
                    self.make_ready(id);
                }
            }
            Event::Pressure => {}
            Event::Drain(seconds) => self.begin_drain(seconds),
        }
    }

    fn make_ready(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if !mem::replace(&mut client.is_ready, true) {
            match client.asks_much() {
                true => self.queue.push_long(Due::Requests(id)),
                false => self.queue.push_short(id),
            }
        }
    }

    /// One turn, until it is over or nothing is left to do.
    fn turn(&mut self) {
        let mut turn = Turn::begin();
        self.take_words();
        self.fan_out(&mut turn);
        let (mut is_first, mut may_come) = (true, true);
        while !self.fanout.is_going_on() && !turn.is_over() {
            // Between two changes is the only time for it: with many watchers every turn may end
            // while a change is being told, and whoever comes would never have a turn.
            may_come = may_come && self.take_events();
            self.tell_progress(&mut turn);
            if is_first {
                self.look_ahead();
            }
            let next = self.queue.next(is_first);
            is_first = false;
            match next {
                Some(Due::Requests(id)) => self.serve(id, &mut turn),
                Some(Due::Notices(id)) => self.catch_up(id, &mut turn),
                None => break,
            }
        }
        self.settle(turn.begun());
        self.ring_some(turn.begun());
        self.let_go();
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
        if client.is_parked || client.must_wait() {
            return;
        }
        let asks_much = client.asks_much();
        if let Some(batch) = client.take_batch() {
            self.execute(id, batch, turn);
        }
        if asks_much {
            turn.look();
        }
        match self.clients.get_mut(&id) {
            Some(client) if client.is_new => self.welcome(id, turn),
            Some(client) if client.is_parked => {}
            Some(client) if client.is_broken_off() => {
                client.is_ready = true;
                self.queue.push_broken_off(id);
            }
            Some(client) if client.has_requests() => self.make_ready(id),
            Some(client) if client.leaving => self.finish(id),
            _ => {}
        }
    }

    /// Executes what is left of a batch, or as much of it as the turn and the outbox allow.
    fn execute(&mut self, id: ClientId, mut batch: Batch, turn: &mut Turn) {
        let Some(mut client) = self.clients.get_mut(&id) else {
            return;
        };
        let begun = batch.executed;
        while let Some(request) = batch.next() {
            if batch.left() > 1 && (batch.executed - begun).is_multiple_of(WARM_MAX) {
                self.core.store.warm(batch.next_keys());
            }
            if request.wants_list() && !self.core.store.is_listable() {
                turn.look();
                break;
            }
            let change = match holding::admit(&mut self.core, client, request) {
                Admission::Yes => answer::answer(&mut self.core, client, &batch.input, request),
                Admission::Refused => None,
                Admission::Wait => break,
            };
            holding::hold(&mut self.core, client, &batch, change.as_ref());
            batch.executed += 1;
            match mem::take(&mut client.took_long) {
                true => turn.look(),
                false => turn.step(),
            }
            if let Some(change) = change
                && self.fanout.begin(&mut self.core.feed, change, id)
            {
                self.fan_out(turn);
                match self.clients.get_mut(&id) {
                    Some(same) => client = same,
                    None => return,
                }
            }
            let is_over = self.fanout.is_going_on() || turn.ends_batch(batch.left());
            if is_over || client.outbox.borrow().is_full() {
                break;
            }
        }
        client.return_batch(batch);
    }

    /// Ends a client that has left, now that everything it asked has been answered. While a
    /// change is being told it waits, for it may be among those who are told.
    fn finish(&mut self, id: ClientId) {
        if self.fanout.is_going_on() {
            return self.make_ready(id);
        }
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.outbox.borrow().is_held() {
            return;
        }
        if client.watches {
            let is_draining = self.core.draining.is_some();
            if is_draining && self.drain.holds(client) {
                return;
            }
            if is_draining {
                if let Some((first, last)) = self.core.feed.give_up(id) {
                    let at = client.outbox.borrow().queued();
                    client.tell_loss(first, last, &self.core.stats);
                    holding::hold_up_to(&mut self.core.durable, client, at, last);
                    if client.outbox.borrow().is_held() {
                        return;
                    }
                }
            } else {
                self.core.feed.leave(id);
                if self.core.feed.is_behind(id) {
                    return;
                }
            }
        }
        self.part(id);
    }
}
