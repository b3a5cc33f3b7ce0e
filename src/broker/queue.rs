//! Says whose turn it is, so that nothing keeps anything else waiting for ever: requests and
//! notices stand in one queue.
//!
//! A client that pipelines without end would be in front of all who come meanwhile, whenever they
//! come. So one whose requests were broken off stands apart: its turn comes when the others have
//! had one. It has that turn for itself, lest those who were answered before it wait for their
//! replies to be written until it is over.

use super::Broker;
use crate::feed::ClientId;
use std::collections::VecDeque;

/// How many turns are looked ahead at a time: few more clients have one before others come.
const LOOKED_AT: usize = 64;

/// What a client has a turn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It has requests that can be executed, or has left.
    Requests(ClientId),
    /// It is behind and can be told something.
    Notices(ClientId),
}

/// Those who have something to be done, in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct Queue {
    due: VecDeque<Due>,
    /// Whose requests were broken off.
    broken_off: VecDeque<ClientId>,
    /// The others have had a turn since one of these did.
    others_were_served: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.broken_off.is_empty()
    }

    pub(super) fn push(&mut self, due: Due) {
        self.due.push_back(due);
    }

    /// Those who have a turn for their requests, among the next.
    fn clients(&self) -> impl Iterator<Item = ClientId> {
        let next = self.due.iter().take(LOOKED_AT);
        next.filter_map(|due| match due {
            Due::Requests(client) => Some(*client),
            Due::Notices(_) => None,
        })
    }

    /// Puts a client behind others of its kind whose requests were broken off by the end of a turn.
    pub(super) fn push_broken_off(&mut self, client: ClientId) {
        self.broken_off.push_back(client);
    }

    /// Takes who is next, in a turn in which nothing has been done yet or something has; nothing if
    /// that turn is to end.
    pub(super) fn next(&mut self, is_first: bool) -> Option<Due> {
        if is_first && (self.others_were_served || self.due.is_empty()) {
            self.others_were_served = false;
            if let Some(client) = self.broken_off.pop_front() {
                return Some(Due::Requests(client));
            }
        }
        let next = self.due.pop_front();
        self.others_were_served |= next.is_some();
        next
    }
}

impl Broker {
    /// Fetches from memory what the requests need of all whose turn is next with a batch of one.
    /// Those of a longer batch are looked ahead as they are executed.
    pub(super) fn look_ahead(&self) {
        let clients = self.queue.clients();
        let clients = clients.filter_map(|id| self.clients.get(&id));
        let batches = clients.filter_map(|client| client.batches.front());
        let single = batches.filter(|batch| batch.left() == 1);
        self.core
            .store
            .warm(single.filter_map(|batch| batch.next_keys().next()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a turn of at most so many steps, which those who were broken off fill.
    fn turn(queue: &mut Queue, greedy: &[ClientId], steps: usize) -> Vec<ClientId> {
        let mut served = Vec::new();
        while served.len() < steps
            && let Some(Due::Requests(client)) = queue.next(served.is_empty())
        {
            served.push(client);
            if greedy.contains(&client) {
                queue.push_broken_off(client);
                break;
            }
        }
        served
    }

    #[test]
    fn who_was_broken_off_and_others_take_turns_and_neither_waits_for_ever() {
        let mut queue = Queue::default();
        queue.push_broken_off(1);
        queue.push_broken_off(2);
        let mut order = Vec::new();
        for client in 10..14 {
            // More than are served in a turn.
            for _ in 0..4 {
                queue.push(Due::Requests(client));
            }
            order.push(turn(&mut queue, &[1, 2], 3));
        }
        assert_eq!(
            order,
            [vec![10, 10, 10], vec![1], vec![10, 11, 11], vec![2]]
        );
    }

    #[test]
    fn alone_those_who_were_broken_off_have_every_turn_one_after_the_other() {
        let mut queue = Queue::default();
        queue.push_broken_off(1);
        queue.push_broken_off(2);
        let order: Vec<_> = (0..4).map(|_| turn(&mut queue, &[1, 2], 3)).collect();
        assert_eq!(order, [[1], [2], [1], [2]]);
        queue.push(Due::Notices(3));
        assert_eq!(queue.next(true), Some(Due::Notices(3)));
        assert_eq!(
            queue.next(false),
            None,
            "they begin a turn or wait for the next"
        );
        assert!(!queue.is_empty());
    }
}
