//! The store: keys that come, are asked for, change and go, among a hundred thousand others.

use crate::{Group, REQUESTS, VALUE, empty_store, key};
use criterion::BatchSize;
use kvmsg::store::Store;
use std::hint::black_box;

/// How many keys are there already.
const KEYS: usize = 100_000;

fn filled() -> Store {
    let mut store = empty_store();
    for number in 0..KEYS {
        store.put(&key(number), VALUE).expect("it fits");
    }
    store
}

/// Keys that are there, as many as there are requests, and far from each other.
fn known() -> Vec<[u8; 16]> {
    (0..REQUESTS)
        .map(|number| key(number * 97 % KEYS))
        .collect()
}

pub(crate) fn store(group: &mut Group) {
    let known = known();
    let new: Vec<_> = (KEYS..KEYS + REQUESTS).map(key).collect();
    let mut store = filled();
    group.bench_function("GET", |bench| {
        bench.iter(|| {
            for key in &known {
                black_box(store.get(black_box(key)));
            }
        });
    });
    group.bench_function("GET of what is not there", |bench| {
        bench.iter(|| {
            for key in &new {
                black_box(store.get(black_box(key)));
            }
        });
    });
    let mut values = (VALUE, &[b'w'; 16][..]);
    group.bench_function("UPDATE", |bench| {
        bench.iter(|| {
            for key in &known {
                let updated = store.update(key, values.0, values.1);
                drop(black_box(updated.expect("it fits")).expect("it is there"));
            }
            values = (values.1, values.0);
        });
    });
    group.bench_function("PUT of a new key, and DELETE", |bench| {
        bench.iter(|| {
            for key in &new {
                drop(black_box(store.put(key, VALUE)).expect("it fits"));
            }
            for key in &new {
                drop(black_box(store.delete(key)).expect("it is there"));
            }
        });
    });
    group.bench_function("PUT and REMOVE of a second value", |bench| {
        bench.iter(|| {
            for key in &known {
                drop(black_box(store.put(key, b"second")).expect("it fits"));
            }
            for key in &known {
                drop(black_box(store.remove(key, b"second")).expect("it is there"));
            }
        });
    });
    group.bench_function("a page of 1000 keys", |bench| {
        while !store.is_listable() {}
        bench.iter(|| black_box(store.page(b"", b"8", REQUESTS, usize::MAX).keys.len()));
    });
    group.bench_function("the first LIST, until a page can be had", |bench| {
        let filled_again = || {
            let mut store = filled();
            store.put(b"another", VALUE).expect("it fits");
            store
        };
        bench.iter_batched_ref(
            filled_again,
            |store| while !store.is_listable() {},
            BatchSize::PerIteration,
        );
    });
}
