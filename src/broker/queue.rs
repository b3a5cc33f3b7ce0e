//! Says whose turn it is, so that nothing keeps anything else waiting for ever.
//!
//! Those who are behind with notices may be many, and each takes as long as many requests do; so
//! does a long batch. So one of them has the first step of a turn, but not again before a short
//! batch has been served, and all of them have what short batches leave. Who asks little waits for
//! the present turn and one of them at most, where nobody is broken off; and each of them waits for
//! no more than two such turns for each of those before it.
//!
//! A client that pipelines without end would be in front of all who come meanwhile, whenever they
//! come. So one whose requests were broken off stands apart: its turn comes when the others have
//! had one. It has that turn for itself, lest those who were answered before it wait for their
//! replies to be written until it is over.

use super::Broker;
use crate::feed::ClientId;
use std::collections::VecDeque;

/// How many requests are looked ahead at a time: few more clients have a turn before others come.
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
    /// Whose next batch is short, and who leaves.
    short: VecDeque<ClientId>,
    /// Who is behind, or whose next batch is long.
    long: VecDeque<Due>,
    /// A turn has begun with one of these, and no short batch was served since.
    has_begun_long: bool,
    /// Whose requests were broken off.
    broken_off: VecDeque<ClientId>,
    /// The others have had a turn since one of these did.
    others_were_served: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        !self.others_wait() && self.broken_off.is_empty()
    }

    /// Whether somebody waits who was not broken off.
    fn others_wait(&self) -> bool {
        !self.short.is_empty() || !self.long.is_empty()
    }

    /// Puts a client behind the others that have a short batch.
    pub(super) fn push_short(&mut self, client: ClientId) {
        self.short.push_back(client);
    }

    /// Puts a client behind the others that are behind or have a long batch.
    pub(super) fn push_long(&mut self, due: Due) {
        self.long.push_back(due);
    }

    /// Puts a client behind others of its kind whose requests were broken off by the end of a turn.
    pub(super) fn push_broken_off(&mut self, client: ClientId) {
        self.broken_off.push_back(client);
    }

    /// Takes who is next, in a turn in which nothing has been done yet or something has; nothing if
    /// that turn is to end.
    pub(super) fn next(&mut self, is_first: bool) -> Option<Due> {
        if is_first && (self.others_were_served || !self.others_wait()) {
            self.others_were_served = false;
            if let Some(client) = self.broken_off.pop_front() {
                return Some(Due::Requests(client));
            }
        }
        let next = match is_first && !self.has_begun_long {
            true => self.next_long(is_first).or_else(|| self.next_short()),
            false => self.next_short().or_else(|| self.next_long(is_first)),
        };
        self.others_were_served |= next.is_some();
        next
    }

    fn next_short(&mut self) -> Option<Due> {
        let client = self.short.pop_front()?;
        self.has_begun_long = false;
        Some(Due::Requests(client))
    }

    fn next_long(&mut self, is_first: bool) -> Option<Due> {
        let due = self.long.pop_front()?;
        self.has_begun_long |= is_first;
        Some(due)
    }
}

impl Broker {
    /// Fetches from memory what the requests need of all whose turn is next with a short batch of
    /// one. Those of another batch are looked ahead as they are executed.
    pub(super) fn look_ahead(&self) {
        let next = self.queue.short.iter().take(LOOKED_AT);
        let clients = next.filter_map(|id| self.clients.get(id));
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
                queue.push_short(client);
            }
            order.push(turn(&mut queue, &[1, 2], 3));
        }
        assert_eq!(
            order,
            [vec![10, 10, 10], vec![1], vec![10, 11, 11], vec![2]]
        );
    }

    #[test]
    fn one_who_is_behind_comes_first_in_a_turn_and_the_others_after_all_who_ask() {
        let mut queue = Queue::default();
        (1..=4).for_each(|client| queue.push_long(Due::Notices(client)));
        (11..=12).for_each(|client| queue.push_short(client));
        let mut turn = |steps| -> Vec<_> {
            let steps = (0..steps).map(|step| queue.next(step == 0));
            steps.flatten().collect()
        };
        let (asks, is_behind) = (Due::Requests, Due::Notices);
        assert_eq!(turn(2), [is_behind(1), asks(11)]);
        assert_eq!(turn(3), [is_behind(2), asks(12), is_behind(3)]);
        assert_eq!(turn(3), [is_behind(4)]);
    }

    #[test]
    fn who_has_a_short_batch_has_every_second_turn_where_long_ones_take_all_of_theirs() {
        let mut queue = Queue::default();
        (1..=3).for_each(|client| queue.push_long(Due::Requests(client)));
        (11..=13).for_each(|client| queue.push_short(client));
        let order: Vec<_> = (0..6).map(|_| turn(&mut queue, &[], 1)).collect();
        assert_eq!(order, [[1], [11], [2], [12], [3], [13]]);
    }

    #[test]
    fn where_all_kinds_fill_their_turns_each_comes_again_and_again() {
        let mut queue = Queue::default();
        (1..=2).for_each(|client| queue.push_broken_off(client));
        let mut order = Vec::new();
        for _ in 0..8 {
            queue.push_short(11);
            queue.push_long(Due::Requests(21));
            order.extend(turn(&mut queue, &[1, 2], 1));
        }
        assert_eq!(order, [21, 1, 11, 2, 21, 1, 11, 2]);
    }

    #[test]
    fn alone_those_who_were_broken_off_have_every_turn_one_after_the_other() {
        let mut queue = Queue::default();
        queue.push_broken_off(1);
        queue.push_broken_off(2);
        let order: Vec<_> = (0..4).map(|_| turn(&mut queue, &[1, 2], 3)).collect();
        assert_eq!(order, [[1], [2], [1], [2]]);
        queue.push_long(Due::Notices(3));
        assert_eq!(queue.next(true), Some(Due::Notices(3)));
        assert_eq!(
            queue.next(false),
            None,
            "they begin a turn or wait for the next"
        );
        assert!(!queue.is_empty());
    }
}
