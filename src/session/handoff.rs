//! Hands one thing at a time from one task to another of the same thread.
//!
//! It is what a channel for one message is, without its locks and the allocation for each wait:
//! every request of a client that waits for its replies passes here by itself.

use crate::bell::Bell;
use std::cell::Cell;
use std::rc::Rc;

/// A giver and a taker.
pub(super) fn handoff<T>() -> (Giver<T>, Taker<T>) {
    let place = Rc::new(Place {
        thing: Cell::new(None),
        is_alone: Cell::new(false),
        given: Bell::default(),
        taken: Bell::default(),
    });
    (Giver(place.clone()), Taker(place))
}

/// Who gives. When it is dropped, what it has given can still be taken.
pub(super) struct Giver<T>(Rc<Place<T>>);

/// Who takes. When it is dropped, what was given is lost.
pub(super) struct Taker<T>(Rc<Place<T>>);

struct Place<T> {
    thing: Cell<Option<T>>,
    /// The giver or the taker is gone.
    is_alone: Cell<bool>,
    /// Rung for the taker.
    given: Bell,
    /// Rung for the giver.
    taken: Bell,
}

impl<T> Giver<T> {
    /// Waits until what was given before has been taken, and gives this; gives it back if nobody
    /// takes any more.
    pub(super) async fn give(&self, thing: T) -> Result<(), T> {
        let place = &self.0;
        while !place.is_alone.get() {
            match place.thing.take() {
                None => {
                    place.thing.set(Some(thing));
                    place.given.ring();
                    return Ok(());
                }
                before => place.thing.set(before),
            }
            place.taken.rung().await;
        }
        Err(thing)
    }
}

impl<T> Taker<T> {
    /// Takes what was given, if anything is there.
    pub(super) fn try_take(&self) -> Option<T> {
        let thing = self.0.thing.take()?;
        self.0.taken.ring();
        Some(thing)
    }

    /// Waits for what is given; nothing when nobody gives any more.
    pub(super) async fn take(&self) -> Option<T> {
        loop {
            let thing = self.try_take();
            if thing.is_some() || self.0.is_alone.get() {
                return thing;
            }
            self.0.given.rung().await;
        }
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.is_alone.set(true);
        self.0.given.ring();
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        self.0.is_alone.set(true);
        self.0.thing.take();
        self.0.taken.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};
    use std::pin::Pin;

    #[test]
    fn one_thing_waits_to_be_taken_and_the_next_waits_to_be_given() {
        let (giver, taker) = handoff();
        assert_eq!(block_on(giver.give(1)), Ok(()));
        let mut second = Box::pin(giver.give(2));
        assert_eq!(block_on(poll_once(second.as_mut())), None);
        assert_eq!(taker.try_take(), Some(1));
        assert_eq!(taker.try_take(), None);
        assert_eq!(block_on(second), Ok(()));
        assert_eq!(block_on(taker.take()), Some(2));
        let mut take = Box::pin(taker.take());
        assert_eq!(block_on(poll_once(take.as_mut())), None);
        assert_eq!(block_on(giver.give(3)), Ok(()));
        assert_eq!(block_on(take), Some(3));
    }

    #[test]
    fn both_wake_up_whichever_of_them_runs_first() {
        for is_giver_first in [true, false] {
            let (giver, taker) = handoff();
            let give = async move {
                for number in 0..1000 {
                    giver.give(number).await.unwrap();
                }
            };
            let take = async move {
                let mut taken = Vec::new();
                while let Some(number) = taker.take().await {
                    taken.push(number);
                }
                taken
            };
            let executor = smol::LocalExecutor::new();
            let taken = if is_giver_first {
                executor.spawn(give).detach();
                executor.spawn(take)
            } else {
                let taken = executor.spawn(take);
                executor.spawn(give).detach();
                taken
            };
            let taken = block_on(executor.run(taken));
            assert!(taken.into_iter().eq(0..1000));
        }
    }

    #[test]
    fn who_waits_wakes_up_when_the_other_goes() {
        let executor = smol::LocalExecutor::new();
        let wait = |waits| {
            executor.spawn(waits).detach();
            assert!(executor.try_tick() && !executor.try_tick());
        };
        let (giver, taker) = handoff::<()>();
        wait(Box::pin(async move { _ = taker.take().await }) as Pin<Box<dyn Future<Output = ()>>>);
        drop(giver);
        assert!(executor.try_tick());

        let (giver, taker) = handoff();
        block_on(giver.give(())).unwrap();
        wait(Box::pin(async move { _ = giver.give(()).await }));
        drop(taker);
        assert!(executor.try_tick());
    }

    #[test]
    fn what_was_given_before_the_giver_went_can_be_taken() {
        let (giver, taker) = handoff();
        block_on(giver.give(1)).unwrap();
        drop(giver);
        assert_eq!(block_on(taker.take()), Some(1));
        assert_eq!(block_on(taker.take()), None);
    }

    #[test]
    fn who_waits_to_give_hears_that_nobody_takes_any_more() {
        let (giver, taker) = handoff();
        let held = Rc::new(());
        block_on(giver.give(held.clone())).unwrap();
        let mut second = Box::pin(giver.give(held.clone()));
        assert!(block_on(poll_once(second.as_mut())).is_none());
        drop(taker);
        assert!(block_on(second).is_err());
        assert_eq!(Rc::strong_count(&held), 1, "what was not taken is gone");
    }
}
