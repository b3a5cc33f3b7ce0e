//! Keeps what the broker knows of one client.

use crate::bell::Credits;
use crate::feed::ClientId;
use crate::ledger::{Account, Charge};
use crate::outbox::Outbox;
use crate::protocol::command::Request;
use crate::protocol::notice::Notice;
use crate::protocol::{Dialect, encode_notice};
use crate::spare::{self, Spare};
use crate::stats::Stats;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The least time between two log lines that say that the same client loses notices.
const LOSS_LOG_PAUSE: Duration = Duration::from_secs(60);

/// A batch is long if it came in a packet of so many bytes or more, perhaps with others.
const LONG_BYTES: usize = 16 * 1024;

thread_local! {
    static REQUESTS: Spare<Request> = const { Spare::new() };
}

/// A client as it joins.
#[derive(Debug)]
pub struct Join {
    /// Its number.
    pub id: ClientId,
    /// Its address, for the logs.
    pub address: SocketAddr,
    /// How it speaks.
    pub dialect: Dialect,
    /// Where what it is told goes.
    pub outbox: Rc<RefCell<Outbox>>,
    /// What its buffers hold.
    pub account: Account,
    /// The session's leave to send more: one for each batch that has been executed.
    pub credits: Rc<Credits>,
}

/// What a client has sent, kept as long as requests point into it.
#[derive(Debug)]
pub struct Input {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their charge.
    pub charge: Charge,
}

impl Drop for Input {
    fn drop(&mut self) {
        spare::BYTES.with(|spare| spare.keep(mem::take(&mut self.bytes)));
    }
}

/// Requests that arrived together.
#[derive(Debug)]
pub struct Batch {
    /// The buffer that the requests point into.
    pub input: Rc<Input>,
    /// The requests, in order.
    pub requests: Vec<Request>,
    /// The charge for the requests.
    pub charge: Charge,
    /// How many of them have been executed.
    pub executed: usize,
}

impl Batch {
    /// Room for requests, perhaps of a batch before.
    pub fn room() -> Vec<Request> {
        REQUESTS.with(Spare::take)
    }

    /// The next request, if there is one left.
    pub fn next(&self) -> Option<&Request> {
        self.requests.get(self.executed)
    }

    /// How many of the requests have not been executed.
    pub fn left(&self) -> usize {
        self.requests.len() - self.executed
    }

    /// The keys that it will ask for next.
    pub fn next_keys(&self) -> impl Iterator<Item = &[u8]> {
        let next = self.requests[self.executed..].iter();
        let keys = next.filter_map(Request::key);
        keys.map(|key| key.of(&self.input.bytes))
    }

    /// Keeps room that is not used any more for a batch to come.
    pub fn keep_room(requests: Vec<Request>) {
        REQUESTS.with(|spare| spare.keep(requests));
    }
}

/// A client that has joined.
#[derive(Debug)]
pub struct Client {
    /// Its number.
    pub id: ClientId,
    /// Its address.
    address: SocketAddr,
    /// The name that it gave itself, if it did.
    given_name: Option<Box<str>>,
    /// How it is spoken to from here on.
    pub dialect: Dialect,
    /// Where what it is told goes.
    pub outbox: Rc<RefCell<Outbox>>,
    /// What its buffers hold.
    pub account: Account,
    /// What it has sent and what has not been executed yet: at most two, for no more credits
    /// than that are given.
    pub batches: VecDeque<Batch>,
    /// It will send nothing more.
    pub leaving: bool,
    /// It waits for its turn.
    pub is_ready: bool,
    /// It has a change to make and waits for the disk.
    pub is_parked: bool,
    /// The request that was answered last may have taken much longer than most.
    pub took_long: bool,
    /// It waits for its turn to be told what it is behind with.
    pub is_lagging: bool,
    /// The last batch for the disk that has a change of it; 0 if none has.
    pub changed: u64,
    /// It is told of changes.
    pub watches: bool,
    /// It has begun to watch, and the broker has not looked after that.
    pub is_new: bool,
    /// It has left and waits for others to do so, while the server stops.
    pub is_held: bool,
    /// When it is to be looked at whether to tell it of progress, if it is.
    pub progress_at: Option<Instant>,
    /// When it was last told something that it had not asked.
    pub told: Instant,
    /// The charge for what it watches.
    pub watch_charge: Charge,
    credits: Rc<Credits>,
    loss: LossLog,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.credits.end();
    }
}

/// What is to be said in the log of a client that loses notices.
#[derive(Debug, Default)]
struct LossLog {
    /// When the last line was written that says so.
    logged: Option<Instant>,
    /// Whether the line that says that it has caught up is owed.
    open: bool,
    /// How many notices were lost since the last such line.
    lost: u64,
}

impl Client {
    /// A client that has just joined.
    pub fn new(join: Join) -> Client {
        let watch_charge = join.account.charge(0);
        Client {
            id: join.id,
            address: join.address,
            given_name: None,
            dialect: join.dialect,
            outbox: join.outbox,
            account: join.account,
            batches: VecDeque::new(),
            leaving: false,
            is_ready: false,
            is_parked: false,
            took_long: false,
            is_lagging: false,
            changed: 0,
            watches: false,
            is_new: false,
            is_held: false,
            progress_at: None,
            told: Instant::now(),
            watch_charge,
            credits: join.credits,
            loss: LossLog::default(),
        }
    }

    /// Its address, and the name it gave itself if it did: what the logs call it.
    pub fn name(&self) -> String {
        match &self.given_name {
            Some(given) => format!("{} ({given})", self.address),
            None => self.address.to_string(),
        }
    }

    /// Takes the name that the client gives itself.
    pub fn set_given_name(&mut self, given: &str) {
        self.given_name = Some(given.into());
    }

    /// Whether nothing may be executed for it now: it has not read what it was told. Its writer
    /// will ring then. What a client that is gone has asked is forgotten.
    pub fn must_wait(&mut self) -> bool {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_dead() {
            drop(outbox);
            self.forget_requests();
            return false;
        }
        if outbox.is_full() && self.has_requests() {
            outbox.want_room();
            return true;
        }
        false
    }

    /// Whether there are requests that have not been executed.
    pub fn has_requests(&self) -> bool {
        !self.batches.is_empty()
    }

    /// Whether a part of a batch has been executed and the rest has not.
    pub fn is_broken_off(&self) -> bool {
        self.batches.front().is_some_and(|batch| batch.executed > 0)
    }

    /// Whether the next batch is long, and may take as long as many short ones.
    pub fn asks_much(&self) -> bool {
        let next = self.batches.front();
        next.is_some_and(|batch| batch.input.bytes.len() >= LONG_BYTES)
    }

    /// Takes the next batch, to execute what is left of it.
    pub fn take_batch(&mut self) -> Option<Batch> {
        self.batches.pop_front()
    }

    /// Takes a batch back, if something is left of it; otherwise the session may send another.
    pub fn return_batch(&mut self, batch: Batch) {
        if batch.next().is_some() {
            return self.batches.push_front(batch);
        }
        Batch::keep_room(batch.requests);
        self.credits.give();
    }

    fn forget_requests(&mut self) {
        for batch in self.batches.drain(..) {
            Batch::keep_room(batch.requests);
            self.credits.give();
        }
    }

    /// Whether requests wait for it to read what it was told.
    pub fn is_stalled(&self) -> bool {
        self.has_requests() && self.outbox.borrow().is_full()
    }

    /// Tells the client that the server is stopping, and closes within this many seconds.
    pub fn tell_drain(&self, seconds: u64) {
        let notice = encode_notice(&Notice::Drain { seconds }, self.dialect);
        self.outbox.borrow_mut().tell(&notice);
    }

    /// Tells the client how far it has been told; whether its writer is to be rung for that.
    pub fn tell_progress(&self, revision: u64) -> bool {
        let notice = encode_notice(&Notice::Progress { revision }, self.dialect);
        let mut outbox = self.outbox.borrow_mut();
        outbox.add(&notice);
        outbox.is_to_be_rung()
    }

    /// Tells the client that changes in this range are lost to it.
    pub fn tell_loss(&mut self, first: u64, last: u64, stats: &Stats) {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_dead() {
            return;
        }
        outbox.tell(&encode_notice(&Notice::Lost { first, last }, self.dialect));
        stats.lost.add(last - first + 1);
        self.loss.lost += last - first + 1;
        let now = Instant::now();
        let is_due = |logged| now - logged >= LOSS_LOG_PAUSE;
        if self.loss.logged.is_none_or(is_due) {
            let name = self.name();
            log::warn!("client {name} does not read fast enough and loses notices");
            (self.loss.logged, self.loss.open) = (Some(now), true);
        }
    }

    /// Notes that a client that was behind is so no more.
    pub fn has_caught_up(&mut self) {
        if mem::take(&mut self.loss.open) {
            let lost = mem::take(&mut self.loss.lost);
            log::warn!(
                "client {} has caught up; it lost {lost} notices",
                self.name()
            );
        }
    }

    /// Notes that a client has gone, and what it has lost of which no line has told.
    pub fn is_gone(&mut self) {
        let (is_behind, lost) = (
            mem::take(&mut self.loss.open),
            mem::take(&mut self.loss.lost),
        );
        let name = self.name();
        match is_behind {
            true => {
                log::warn!("client {name} has gone without catching up; it lost {lost} notices")
            }
            false if lost > 0 => log::warn!("client {name} has gone; it lost {lost} more notices"),
            false => {}
        }
    }
}
