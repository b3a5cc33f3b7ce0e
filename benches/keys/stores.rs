//! Measures how long a single key can take while the store grows, and looking keys up.

use ahash::RandomState;
use hashbrown::HashMap;
use kvmsg::list::{List, Packed};
use kvmsg::store::{Limits, Store, WARM_MAX};
use std::hint::black_box;
use std::time::Instant;

const KEYS: usize = 2_000_000;
const LOOKUPS: usize = 1_000_000;

pub(crate) const COLUMNS: [&str; 5] = [
    "create, ns",
    "longest create, ms",
    "creates over 1 ms",
    "look up, ns",
    "look up, as requests come, ns",
];

pub(crate) fn measure(name: &str) -> Vec<f64> {
    if name == crate::STORES[0] {
        let mut keys = HashMap::<Box<[u8]>, Box<[u8]>, RandomState>::default();
        let mut figures = creates(|key| {
            black_box(keys.insert(key.into(), crate::packed(key)));
        });
        let values = |key: &[u8]| keys.get(key).map(|bytes| Packed::of(bytes).len());
        figures.push(lookups(|_| (), values));
        figures.push(f64::NAN);
        return figures;
    }
    let limits = Limits {
        values_bytes_max: 1 << 20,
        store_bytes_max: 0,
    };
    let mut store = Store::new(limits, 1);
    let mut figures = creates(|key| drop(black_box(store.put(key, key))));
    let values = |key: &[u8]| store.get(key).map(List::len);
    figures.push(lookups(|_| (), values));
    figures.push(lookups(
        |keys| store.warm(keys.iter().map(|key| &key[..])),
        values,
    ));
    figures
}

/// Creates all keys: the time of each, the longest, and how many took longer than a millisecond.
fn creates(mut create: impl FnMut(&[u8])) -> Vec<f64> {
    let (mut sum, mut longest, mut over) = (0.0, 0.0_f64, 0.0);
    for n in 0..KEYS {
        let key = crate::key(n);
        let begin = Instant::now();
        create(&key);
        let time = begin.elapsed().as_secs_f64();
        sum += time;
        longest = longest.max(time);
        over += f64::from(u8::from(time > 1e-3));
    }
    vec![sum * 1e9 / KEYS as f64, longest * 1e3, over]
}

/// Looks up keys that are there, in another order than that of their making; `begin` hears of some
/// of them before they are looked up.
fn lookups(
    mut begin: impl FnMut(&[[u8; 16]]),
    mut look_up: impl FnMut(&[u8]) -> Option<usize>,
) -> f64 {
    let keys: Vec<[u8; 16]> = (0..LOOKUPS).map(|n| crate::key(n * 7919 % KEYS)).collect();
    let since = Instant::now();
    for some in keys.chunks(WARM_MAX) {
        begin(some);
        for key in some {
            assert!(look_up(key).is_some());
        }
    }
    since.elapsed().as_nanos() as f64 / LOOKUPS as f64
}
