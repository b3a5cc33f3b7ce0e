//! Turns what a client sends into requests and hands them to the broker in batches.
//!
//! This task waits on the reader for bytes, at most `request_timeout_secs` if a request has begun;
//! on the broker for leave to send another batch; and on the broker's queue.

use super::handoff::Taker;
use super::{CREDITS, Connection, Shared};
use crate::bell::Credits;
use crate::broker::{Batch, Event, Input, Join};
use crate::feed::ClientId;
use crate::ledger::Account;
use crate::outbox::Outbox;
use crate::protocol::command::{Refusal, Request};
use crate::protocol::{Parsed, Parser};
use futures_lite::future;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

/// How many requests a batch holds at most; what is none and is not answered, as an empty line,
/// counts too, for to read it takes time. Its bytes are those of one chunk and the request that
/// had begun before it.
const REQUESTS_A_BATCH: usize = 256;

/// What the processor waited for.
enum Arrival {
    Chunk(Input),
    End,
    /// The request that had begun has taken too long.
    Late,
}

/// Processes until the client's end, its last request, or an error after which nothing can be
/// trusted.
pub(super) async fn process(
    connection: Rc<Connection>,
    chunks: Taker<Input>,
    account: Account,
    outbox: Rc<RefCell<Outbox>>,
    shared: Rc<Shared>,
) {
    let Some(first) = chunks.take().await else {
        // It has said nothing, so the broker does not know it.
        outbox.borrow_mut().close();
        return;
    };
    let parser = Parser::new(first.bytes.first().copied().unwrap_or_default());
    let credits = Rc::new(Credits::new(CREDITS));
    let join = Join {
        id: connection.id,
        address: connection.peer,
        dialect: parser.dialect(),
        outbox,
        account: account.clone(),
        credits: credits.clone(),
    };
    let processor = Processor {
        id: connection.id,
        parser,
        chunks,
        credits,
        may_send: false,
        account,
        shared,
    };
    drop(connection);
    // Boxed, so that a connection that has said nothing has no room for it.
    Box::pin(processor.run(join, first)).await;
}

struct Processor {
    id: ClientId,
    parser: Parser,
    chunks: Taker<Input>,
    /// Leave to send a batch, from the broker.
    credits: Rc<Credits>,
    /// Such leave that has been taken and not been used yet.
    may_send: bool,
    account: Account,
    shared: Rc<Shared>,
}

impl Processor {
    async fn run(mut self, join: Join, first: Input) {
        let id = self.id;
        let events = self.shared.events.clone();
        // A send fails only when the broker is gone, and with it the whole server.
        let _ = events.send(Event::Join(join)).await;
        self.converse(first).await;
        // From here on the reader discards what comes.
        drop(self);
        let _ = events.send(Event::Leave(id)).await;
    }

    async fn converse(&mut self, first: Input) {
        let mut input = first;
        let mut deadline = None;
        loop {
            let Some((rest, consumed)) = self.submit(input).await else {
                return;
            };
            input = rest;
            if consumed {
                deadline = None;
            }
            match self.arrival(&mut deadline, !input.bytes.is_empty()).await {
                Arrival::Chunk(chunk) if input.bytes.is_empty() => input = chunk,
                Arrival::Chunk(chunk) => Box::pin(self.append(&mut input, &chunk)).await,
                Arrival::End => return,
                Arrival::Late => return Box::pin(self.refuse_late(input)).await,
            }
        }
    }

    /// Hands on all whole requests. Returns the beginning of one that is left, and whether there
    /// was anything before it; nothing when the conversation has ended.
    async fn submit(&mut self, input: Input) -> Option<(Input, bool)> {
        let input = Rc::new(input);
        let mut at = 0;
        loop {
            self.obtain_leave().await?;
            let mut requests = Batch::room();
            let is_whole = self.parse(&input.bytes, &mut at, &mut requests);
            if requests.is_empty() {
                Batch::keep_room(requests);
                if !is_whole {
                    // The broker has not been asked anything, so nobody else has had a turn.
                    future::yield_now().await;
                }
            } else {
                let is_last = requests.last().is_some_and(Request::is_last);
                self.send(&input, requests).await;
                if is_last {
                    return None;
                }
            }
            if is_whole {
                break;
            }
        }
        Some((self.rest(input, at), at > 0))
    }

    /// Reads requests until the batch is full or has taken long, the conversation ends, or what is
    /// left is not whole; the last is true then.
    fn parse(&mut self, bytes: &[u8], at: &mut usize, requests: &mut Vec<Request>) -> bool {
        for _ in 0..REQUESTS_A_BATCH {
            match self
                .parser
                .next(bytes, *at, self.shared.limits.request_bytes_max)
            {
                Parsed::Request(request, next) => {
                    *at = next;
                    requests.push(request);
                    if requests.last().is_some_and(Request::is_last) {
                        return false;
                    }
                }
                Parsed::Nothing(next) => *at = next,
                Parsed::Incomplete => return true,
            }
        }
        false
    }

    /// Waits for leave to send a batch, before there is one; nothing if the client is gone.
    async fn obtain_leave(&mut self) -> Option<()> {
        if !self.may_send {
            self.credits.take().await?;
            self.may_send = true;
        }
        Some(())
    }

    async fn send(&mut self, input: &Rc<Input>, requests: Vec<Request>) {
        self.may_send = false;
        let charge = self.account.charge(size_of_val(&*requests));
        let batch = Batch {
            input: input.clone(),
            requests,
            charge,
            executed: 0,
        };
        let _ = self.shared.events.send(Event::Batch(self.id, batch)).await;
    }

    /// What is left of the input from `at` on.
    fn rest(&self, input: Rc<Input>, at: usize) -> Input {
        // It may stay for long, and must not keep much more room than it needs.
        let has_much_room = input.bytes.capacity() > 2 * input.bytes.len();
        let input = if at > 0 || has_much_room {
            Err(input)
        } else {
            Rc::try_unwrap(input)
        };
        input.unwrap_or_else(|shared| {
            let bytes = shared.bytes[at..].to_vec();
            let charge = self.account.charge(bytes.capacity());
            Input { bytes, charge }
        })
    }

    async fn append(&self, input: &mut Input, chunk: &Input) {
        // By a part of what is there, and not twice that: it is seldom the whole of much more.
        let room = chunk.bytes.len().max(input.bytes.len() / 4);
        if input.bytes.capacity() - input.bytes.len() < chunk.bytes.len() {
            input.bytes.reserve_exact(room);
        }
        input.bytes.extend_from_slice(&chunk.bytes);
        input.charge.set(input.bytes.capacity());
        if self.account.ledger().is_over() {
            let _ = self.shared.events.send(Event::Pressure).await;
        }
    }

    /// Waits for more; without a limit if no request has begun.
    async fn arrival(&self, deadline: &mut Option<Instant>, has_begun: bool) -> Arrival {
        let chunk = async {
            let chunk = self.chunks.take().await;
            chunk.map_or(Arrival::End, Arrival::Chunk)
        };
        if !has_begun {
            return chunk.await;
        }
        if let Some(chunk) = self.chunks.try_take() {
            return Arrival::Chunk(chunk);
        }
        let timeout = self.shared.limits.request_timeout;
        let at = *deadline.get_or_insert_with(|| Instant::now() + timeout);
        let late = async {
            self.shared.sleepers.sleep_until(at).await;
            Arrival::Late
        };
        // What is rare is boxed, so that all the other sessions have no room for it.
        Box::pin(future::or(chunk, late)).await
    }

    async fn refuse_late(&mut self, input: Input) {
        let secs = self.shared.limits.request_timeout.as_secs();
        let text = format!("the request was not finished within request_timeout_secs ({secs})");
        if self.obtain_leave().await.is_some() {
            let requests = vec![Request::Fatal(Refusal::new(text))];
            self.send(&Rc::new(input), requests).await;
        }
    }
}
