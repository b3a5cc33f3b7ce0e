//! Says "stop" once, by dropping, and lets any number of tasks hear it.
//!
//! Nothing is ever sent: the channel carries a type that has no values, and closing it is the word.

use async_channel::{Receiver, Sender};
use std::convert::Infallible;

/// Holding it means "go on"; dropping it says "stop".
#[derive(Debug)]
pub struct Stopper {
    _sender: Sender<Infallible>,
}

/// Hears what its [`Stopper`] says, also when it was said before.
#[derive(Debug, Clone)]
pub struct Stop {
    receiver: Receiver<Infallible>,
}

/// Makes a pair of the one who says "stop" and the one who hears it.
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = async_channel::bounded(1);
    (Stopper { _sender: sender }, Stop { receiver })
}

impl Stop {
    /// Whether "stop" has been said.
    pub fn is_said(&self) -> bool {
        self.receiver.is_closed()
    }

    /// Waits until "stop" has been said.
    pub async fn said(&self) {
        while self.receiver.recv().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future;

    #[test]
    fn everyone_hears_it_and_so_does_who_comes_late() {
        let (stopper, stop) = stop();
        let other = stop.clone();
        assert!(future::block_on(future::poll_once(stop.said())).is_none());
        assert!(!stop.is_said());
        drop(stopper);
        assert!(stop.is_said() && other.is_said());
        future::block_on(async { future::zip(stop.said(), other.said()).await });
        future::block_on(stop.clone().said());
    }
}
