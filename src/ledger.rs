//! Counts what all clients' buffers hold together, and what each of them holds.
//!
//! A buffer carries a [`Charge`] of its own, which is given back when the buffer is dropped,
//! however its task ended; so the sum cannot drift.

use std::cell::Cell;
use std::rc::Rc;

/// The bytes that the buffers of all clients hold, and the most that they may.
#[derive(Debug)]
pub struct Ledger {
    bytes: Cell<usize>,
    bytes_max: usize,
}

impl Ledger {
    /// An empty ledger with this limit, in bytes.
    pub fn new(bytes_max: usize) -> Rc<Ledger> {
        Rc::new(Ledger {
            bytes: Cell::new(0),
            bytes_max,
        })
    }

    /// What all accounts hold together, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// The most that they may hold, in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Whether they hold more than they may.
    pub fn is_over(&self) -> bool {
        self.bytes() > self.bytes_max
    }
}

/// What the buffers of one client hold.
#[derive(Debug, Clone)]
pub struct Account {
    ledger: Rc<Ledger>,
    bytes: Rc<Cell<usize>>,
}

impl Account {
    /// Opens an account for a client.
    pub fn new(ledger: &Rc<Ledger>) -> Account {
        Account {
            ledger: ledger.clone(),
            bytes: Rc::default(),
        }
    }

    /// What this client's buffers hold, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// The ledger that the account is part of.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A charge of this many bytes.
    pub fn charge(&self, bytes: usize) -> Charge {
        let mut charge = Charge {
            account: self.clone(),
            bytes: 0,
        };
        charge.set(bytes);
        charge
    }
}

/// The bytes of one buffer; given back on drop.
#[derive(Debug)]
pub struct Charge {
    account: Account,
    bytes: usize,
}

impl Charge {
    /// Says how many bytes the buffer holds now.
    pub fn set(&mut self, bytes: usize) {
        for total in [&self.account.ledger.bytes, &*self.account.bytes] {
            total.set(total.get() - self.bytes + bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_charged_comes_back_with_its_buffer() {
        let ledger = Ledger::new(100);
        let (one, other) = (Account::new(&ledger), Account::new(&ledger));
        let mut charge = one.charge(60);
        let held = other.charge(50);
        assert!(ledger.is_over());
        charge.set(10);
        assert_eq!((ledger.bytes(), one.bytes(), other.bytes()), (60, 10, 50));
        drop((charge, held));
        assert_eq!((ledger.bytes(), one.bytes(), other.bytes()), (0, 0, 0));
    }
}
