//! Measures how long a single key can take while the store grows, and looking keys up.

use ahash::RandomState;
use hashbrown::HashMap;
use kvmsg::list::{List, Packed};
use kvmsg::store::{Limits, Store};
use std::hint::black_box;
use std::time::Instant;

const KEYS: usize = 2_000_000;
const LOOKUPS: usize = 1_000_000;

pub(crate) const COLUMNS: [&str; 4] = [
    "create, ns",
    "longest create, ms",
    "creates over 1 ms",
    "look up, ns",
];

pub(crate) fn measure(name: &str) -> Vec<f64> {
    if name == crate::STORES[0] {
        let mut keys = HashMap::<Box<[u8]>, Packed, RandomState>::default();
        let mut figures = creates(|key| {
            let packed = Packed::new(key, key).expect("it is short");
            black_box(keys.insert(key.into(), packed));
        });
        figures.push(lookups(|key| keys.get(key).map(Packed::len)));
        return figures;
    }
    let limits = Limits {
        values_bytes_max: 1 << 20,
        store_bytes_max: 0,
    };
    let mut store = Store::new(limits, 1);
    let mut figures = creates(|key| drop(black_box(store.put(key, key))));
    figures.push(lookups(|key| store.get(key).map(List::len)));
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

/// Looks up keys that are there, in another order than that of their making.
fn lookups(mut look_up: impl FnMut(&[u8]) -> Option<usize>) -> f64 {
    let keys: Vec<[u8; 16]> = (0..LOOKUPS).map(|n| crate::key(n * 7919 % KEYS)).collect();
    let begin = Instant::now();
    for key in &keys {
        assert!(look_up(key).is_some());
    }
    begin.elapsed().as_nanos() as f64 / LOOKUPS as f64
}
