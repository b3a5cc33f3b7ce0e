//! Keeps what the broker knows of one client.

use crate::feed::ClientId;
use crate::ledger::{Account, Charge};
use crate::outbox::Outbox;
use crate::protocol::command::{Command, Request};
use crate::protocol::notice::Notice;
use crate::protocol::{Dialect, encode_notice};
use crate::stats::Stats;
use async_channel::Sender;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The least time between two log lines that say that the same client loses notices.
const LOSS_LOG_PAUSE: Duration = Duration::from_secs(60);

/// How many requests a batch that goes back to its session may have room for, and still wait
/// there for use: an idle client should hold next to nothing.
const SPARE_REQUESTS_MAX: usize = 4;

/// A client as it joins.
#[derive(Debug)]
pub struct Join {
    /// Its number.
    pub id: ClientId,
    /// Its address, for the logs.
    pub address: String,
    /// How it speaks.
    pub dialect: Dialect,
    /// Where what it is told goes.
    pub outbox: Rc<RefCell<Outbox>>,
    /// What its buffers hold.
    pub account: Account,
    /// Where emptied batches go, which is the session's leave to send more.
    pub credits: Sender<Vec<Request>>,
}

/// What a client has sent, kept as long as requests point into it.
#[derive(Debug)]
pub struct Input {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their charge.
    pub charge: Charge,
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
}

/// A client that has joined.
#[derive(Debug)]
pub struct Client {
    /// Its number.
    pub id: ClientId,
    /// Its address, and the name it gave itself if it did.
    pub name: String,
    /// Its address.
    address: String,
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
    /// It waits for its turn to be told what it is behind with.
    pub is_lagging: bool,
    /// It is told of changes.
    pub watches: bool,
    /// It has begun to watch, and the broker has not looked after that.
    pub is_new: bool,
    /// It has left and waits for others to do so, while the server stops.
    pub is_held: bool,
    /// It stands among those who are told of progress.
    pub expects_progress: bool,
    /// When it was last told something that it had not asked.
    pub told: Instant,
    /// The charge for what it watches.
    pub watch_charge: Charge,
    /// How many requests of the first batch have been executed.
    next: usize,
    credits: Sender<Vec<Request>>,
    loss: LossLog,
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
            name: join.address.clone(),
            address: join.address,
            dialect: join.dialect,
            outbox: join.outbox,
            account: join.account,
            batches: VecDeque::new(),
            leaving: false,
            is_ready: false,
            is_lagging: false,
            watches: false,
            is_new: false,
            is_held: false,
            expects_progress: false,
            told: Instant::now(),
            watch_charge,
            next: 0,
            credits: join.credits,
            loss: LossLog::default(),
        }
    }

    /// Takes the name that the client gives itself, which the logs show beside its address.
    pub fn set_given_name(&mut self, given: &str) {
        self.name = format!("{} ({given})", self.address);
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

    /// Takes the next request and the input that it points into.
    pub fn next_request(&mut self) -> Option<(Rc<Input>, Request)> {
        let batch = self.batches.front_mut()?;
        let request = batch.requests.get_mut(self.next)?;
        // What is left in its place costs nothing and is never looked at.
        let request = std::mem::replace(request, Request::Listen);
        let input = batch.input.clone();
        self.next += 1;
        if self.next == batch.requests.len() {
            self.return_batch();
        }
        Some((input, request))
    }

    /// Whether the next request is a LIST, for which the store may have to be prepared.
    pub fn wants_list(&self) -> bool {
        let batch = self.batches.front();
        let next = batch.and_then(|batch| batch.requests.get(self.next));
        matches!(next, Some(Request::Command(Command::List { .. })))
    }

    fn return_batch(&mut self) {
        self.next = 0;
        if let Some(batch) = self.batches.pop_front() {
            let mut requests = batch.requests;
            requests.clear();
            requests.shrink_to(SPARE_REQUESTS_MAX);
            // There is room for every credit there is; if the session is gone, none is needed.
            let _ = self.credits.try_send(requests);
        }
    }

    fn forget_requests(&mut self) {
        while self.has_requests() {
            self.return_batch();
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

    /// Tells the client how far it has been told.
    pub fn tell_progress(&self, revision: u64) {
        let notice = encode_notice(&Notice::Progress { revision }, self.dialect);
        self.outbox.borrow_mut().tell(&notice);
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
            let name = &self.name;
            log::warn!("client {name} does not read fast enough and loses notices");
            (self.loss.logged, self.loss.open) = (Some(now), true);
        }
    }

    /// Notes that a client that was behind is so no more.
    pub fn has_caught_up(&mut self) {
        if std::mem::take(&mut self.loss.open) {
            let lost = std::mem::take(&mut self.loss.lost);
            log::warn!("client {} has caught up; it lost {lost} notices", self.name);
        }
    }

    /// Notes that a client has gone while it was behind.
    pub fn is_gone(&mut self) {
        if std::mem::take(&mut self.loss.open) {
            let (name, lost) = (&self.name, self.loss.lost);
            log::warn!("client {name} has gone without catching up; it lost {lost} notices");
        }
    }
}
