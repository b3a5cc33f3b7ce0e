//! kvmsg keeps an ordered list of values under every key and tells connected clients what
//! changes, as it changes.
//!
//! This is the library behind the daemon `kvmsgd` and its client `kvmsg-cli`. What users see is
//! specified in the manual pages kvmsgd(8), kvmsg.toml(5), kvmsg(7) and kvmsg-cli(1); how it is
//! built and why, in ARCHITECTURE.md.
//!
//! ```text
//!                 one session per client                          one for all
//!      socket -> read --chunks--> process --batches--> +----------------------------------+
//!                                (protocol)            | broker: store, feed, outboxes    |
//!      socket <- write <------------ outbox ---------- +----------------------------------+
//!                  '------------- room ------------------------^
//! ```
//!
//! The modules stand in the order of their layers: each one uses only what stands above it, and a
//! test says so. The server starts in [`server`]; what it speaks is in [`protocol`].

#![forbid(unsafe_code)]

pub mod stop;
pub mod bell;
pub mod sleepers;
pub mod spare;
pub mod stats;
pub mod flags;
pub mod config;
pub mod regions;
pub mod list;
pub mod protocol;
pub mod codec;
pub mod store;
pub mod feed;
pub mod ledger;
pub mod journal;
pub mod folder;
pub mod outbox;
pub mod broker;
pub mod reactor;
pub mod session;
pub mod server;
pub mod client;
