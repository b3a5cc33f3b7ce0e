//! The feed: who is told of a change, and handing it to all of them.

use crate::{Group, REQUESTS, VALUE, empty_store, key};
use kvmsg::bell::Bell;
use kvmsg::feed::{ClientId, Feed, Wish};
use kvmsg::ledger::{Account, Ledger};
use kvmsg::outbox::Outbox;
use kvmsg::protocol::notice::Notice;
use kvmsg::protocol::{Dialect, encode_notice};
use std::hint::black_box;
use std::io;
use std::rc::Rc;

/// Who makes the changes, and watches nothing.
const WRITER: ClientId = 0;

/// How many are told at most.
const WATCHERS: usize = 100;

pub(crate) fn fan_out(group: &mut Group) {
    let keys: Vec<_> = (0..REQUESTS).map(key).collect();
    let mut store = empty_store();
    let changes = keys.iter().map(|key| store.put(key, VALUE));
    let changes: Result<Vec<_>, _> = changes.collect();
    let mut changes = changes.expect("they fit");
    for (name, everywhere, elsewhere) in [
        ("nobody watches", 0, 0),
        ("10,000 watch elsewhere", 0, 10_000),
        ("100 are told", WATCHERS, 0),
    ] {
        let mut feed = feed(everywhere, elsewhere);
        let mut told = Vec::new();
        group.bench_function(format!("finding: {name}"), |bench| {
            bench.iter(|| {
                for change in &mut changes {
                    // The feed is told of one revision after the other.
                    change.revision = feed.history().last() + 1;
                    feed.record(change, WRITER, &mut told);
                    assert_eq!(black_box(&told).len(), everywhere);
                }
            });
        });
    }
    let mut outboxes = outboxes();
    group.bench_function("handing over and writing: 100 are told", |bench| {
        bench.iter(|| {
            for change in &changes {
                let notice = encode_notice(&Notice::Change(change), Dialect::Resp3);
                for outbox in &mut outboxes {
                    assert!(outbox.offer(&notice));
                }
                for outbox in &mut outboxes {
                    outbox.answer_bell();
                    let flushed = outbox.flush(&mut io::sink());
                    flushed.expect("a sink takes everything");
                }
            }
        });
    });
}

/// So many who watch every key, and so many who watch others, each their own.
fn feed(everywhere: usize, elsewhere: usize) -> Feed {
    let mut feed = Feed::new(1 << 20, 0);
    for client in 1..=everywhere + elsewhere {
        let other = format!("other:{client}:");
        let prefix = if client <= everywhere { "" } else { &other };
        let wish = Wish {
            prefix: prefix.as_bytes(),
            since: None,
            echo: false,
        };
        feed.watch(client as ClientId, &wish, 1)
            .expect("it may watch");
    }
    feed
}

fn outboxes() -> Vec<Outbox> {
    let ledger = Ledger::new(1 << 30);
    let account = Account::new(&ledger);
    let outbox = || Outbox::new(1 << 20, Rc::new(Bell::default()), account.charge(0));
    std::iter::repeat_with(outbox).take(WATCHERS).collect()
}
