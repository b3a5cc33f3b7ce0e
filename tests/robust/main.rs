//! Tests the promises of the change feed: lets many clients loose on a real daemon, records all
//! that they say and hear, and holds the record to one validator a promise.
//!
//! A run follows from its seed, but for the moments at which the kernel hands bytes over.
//! KVMSG_SOAK_SEED runs one seed again. KVMSG_SOAK_SECS goes on with new seeds for so long.

#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;
mod changes;
mod faults;
mod lives;
mod matching;
mod mirror;
mod planted;
mod record;
mod text;
mod validate;

pub(crate) use validate::Violation;
