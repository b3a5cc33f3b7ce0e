//! Measures structures that know the keys in byte order, each beside a hash table.

use crate::resident;
use ahash::RandomState;
use hashbrown::HashMap;
use kvmsg::list::Packed;
use kvmsg::store::{Limits, Store};
use patricia_tree::PatriciaSet;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Instant;

/// A key that two structures share.
type Handle = Rc<[u8]>;

const KEYS: usize = 1_000_000;

/// How many pages are taken in the steady state, and how many keys are made before each.
const PAGES: usize = 300;
const MADE_A_PAGE: usize = 100;

/// What is measured; a key's bytes without and with what a first LIST makes.
pub(crate) const COLUMNS: [&str; 9] = [
    "create, ns",
    "bytes a key",
    "first LIST, ms",
    "its longest step, ms",
    "bytes a key then",
    "create then, ns",
    "page of 1000, us",
    "page of 4000, us",
    "delete, ns",
];

/// Something that keeps keys with a value each and may know their order.
trait Keeper {
    fn create(&mut self, key: &[u8]);
    fn delete(&mut self, key: &[u8]);
    /// Does a part of what has to be done before a page can be had; true when it is done.
    fn prepare(&mut self) -> bool;
    /// How many keys and values it finds behind `after`; none if it cannot.
    fn page(&mut self, after: &[u8], count: usize) -> Option<usize>;
}

pub(crate) fn measure(name: &str) -> Vec<f64> {
    match name {
        "no order" => run(&mut Beside::<NoOrder>::default()),
        "BTreeSet beside" => run(&mut Beside::<BTreeSet<Handle>>::default()),
        "radix tree beside (blart)" => run(&mut Beside::<blart::TreeSet<Handle>>::default()),
        "radix tree beside (patricia_tree)" => run(&mut Beside::<PatriciaSet>::default()),
        "sorted runs" => run(&mut Beside::<Runs>::default()),
        _ => run(&mut Store::new(
            Limits {
                values_bytes_max: 1 << 20,
                store_bytes_max: 0,
            },
            1,
        )),
    }
}

fn run(keeper: &mut impl Keeper) -> Vec<f64> {
    let before = resident();
    let bytes_a_key = |_: ()| (resident() - before) / KEYS as f64;
    let create = each(0..KEYS, |key| keeper.create(key));
    let bytes = bytes_a_key(());
    let (first, longest) = first_list(keeper);
    let bytes_then = bytes_a_key(());
    let create_then = each(KEYS..KEYS + KEYS / 20, |key| keeper.create(key));
    while !keeper.prepare() {}
    let page = pages(keeper, 1000);
    let large = pages(keeper, 4000);
    let delete = each(0..KEYS, |key| keeper.delete(key));
    vec![
        create,
        bytes,
        first,
        longest,
        bytes_then,
        create_then,
        page,
        large,
        delete,
    ]
}

/// Does it for each key; nanoseconds a key, those of making it taken off.
fn each(keys: std::ops::Range<usize>, mut act: impl FnMut(&[u8])) -> f64 {
    let len = keys.len();
    let keys: Vec<[u8; 16]> = keys.map(crate::key).collect();
    let begin = Instant::now();
    for key in &keys {
        act(key);
    }
    begin.elapsed().as_nanos() as f64 / len as f64
}

/// The time until the first page, and its longest step, in milliseconds.
fn first_list(keeper: &mut impl Keeper) -> (f64, f64) {
    let begin = Instant::now();
    let mut longest = 0.0_f64;
    loop {
        let step = Instant::now();
        let done = keeper.prepare();
        longest = longest.max(step.elapsed().as_secs_f64());
        if done {
            break;
        }
    }
    match keeper.page(b"", 1000) {
        Some(_) => (begin.elapsed().as_secs_f64() * 1e3, longest * 1e3),
        None => (f64::NAN, f64::NAN),
    }
}

/// The median time of a page in the midst of keys being made, without that of preparing it.
fn pages(keeper: &mut impl Keeper, count: usize) -> f64 {
    let mut times = Vec::new();
    for n in 0..PAGES {
        for made in 0..MADE_A_PAGE {
            keeper.create(&crate::key(
                2 * KEYS + count * PAGES + n * MADE_A_PAGE + made,
            ));
        }
        while !keeper.prepare() {}
        let after = crate::key(3 * KEYS + n);
        let begin = Instant::now();
        let Some(len) = keeper.page(&after, count) else {
            return f64::NAN;
        };
        times.push(begin.elapsed().as_secs_f64() * 1e6);
        black_box(len);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

impl Keeper for Store {
    fn create(&mut self, key: &[u8]) {
        let _ = black_box(self.put(key, key));
    }

    fn delete(&mut self, key: &[u8]) {
        black_box(Store::delete(self, key));
    }

    fn prepare(&mut self) -> bool {
        self.is_listable()
    }

    fn page(&mut self, after: &[u8], count: usize) -> Option<usize> {
        let page = Store::page(self, b"", after, count, usize::MAX);
        Some(page.keys.iter().map(|(_, list)| list.len()).sum())
    }
}

/// A hash table with an order beside it, which hears of every key at once.
#[derive(Default)]
struct Beside<O> {
    keys: HashMap<Handle, Box<[u8]>, RandomState>,
    order: O,
}

trait Order {
    fn insert(&mut self, key: &Handle);
    fn remove(&mut self, key: &Handle);
    fn prepare(&mut self) {}
    /// Tells of the keys behind `after` until that says false.
    fn walk(&self, after: &[u8], tell: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl<O: Order> Keeper for Beside<O> {
    fn create(&mut self, key: &[u8]) {
        let packed = crate::packed(key);
        let key = Handle::from(key);
        self.order.insert(&key);
        self.keys.insert(key, packed);
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some((key, _)) = self.keys.remove_entry(key) {
            self.order.remove(&key);
        }
    }

    fn prepare(&mut self) -> bool {
        self.order.prepare();
        true
    }

    fn page(&mut self, after: &[u8], count: usize) -> Option<usize> {
        let mut page = Vec::new();
        let told = self.order.walk(after, &mut |key| {
            // A key that has gone may still be in order.
            page.extend(self.keys.get_key_value(key));
            page.len() < count
        });
        told.then(|| page.iter().map(|(_, bytes)| Packed::of(bytes).len()).sum())
    }
}

#[derive(Default)]
struct NoOrder;

impl Order for NoOrder {
    fn insert(&mut self, _: &Handle) {}

    fn remove(&mut self, _: &Handle) {}

    fn walk(&self, _: &[u8], _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}

fn behind(after: &[u8]) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (Bound::Excluded(after), Bound::Unbounded)
}

impl Order for BTreeSet<Handle> {
    fn insert(&mut self, key: &Handle) {
        BTreeSet::insert(self, key.clone());
    }

    fn remove(&mut self, key: &Handle) {
        BTreeSet::remove(self, &**key);
    }

    fn walk(&self, after: &[u8], tell: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let _ = self.range::<[u8], _>(behind(after)).all(|key| tell(key));
        true
    }
}

impl Order for blart::TreeSet<Handle> {
    fn insert(&mut self, key: &Handle) {
        // It cannot hold a key that begins another; all of ours are of one length.
        let _ = self.try_insert(key.clone());
    }

    fn remove(&mut self, key: &Handle) {
        blart::TreeSet::remove(self, &**key);
    }

    fn walk(&self, after: &[u8], tell: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let _ = self.range::<[u8], _>(behind(after)).all(|key| tell(key));
        true
    }
}

impl Order for PatriciaSet {
    fn insert(&mut self, key: &Handle) {
        PatriciaSet::insert(self, key);
    }

    fn remove(&mut self, key: &Handle) {
        PatriciaSet::remove(self, key);
    }

    /// It cannot begin behind a key, only at a prefix.
    fn walk(&self, _: &[u8], _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}

/// Sorted runs, each at least twice as long as the next, and new keys in no order.
#[derive(Default)]
struct Runs {
    runs: Vec<Vec<Handle>>,
    new: Vec<Handle>,
}

impl Order for Runs {
    fn insert(&mut self, key: &Handle) {
        self.new.push(key.clone());
    }

    /// A key that has gone stays until the runs are made anew, which nobody measures here.
    fn remove(&mut self, _: &Handle) {}

    fn prepare(&mut self) {
        let mut run = std::mem::take(&mut self.new);
        run.sort_unstable();
        while self
            .runs
            .last()
            .is_some_and(|last| last.len() < 2 * run.len())
        {
            let last = self.runs.pop().unwrap_or_default();
            run = merge(last, run);
        }
        self.runs.push(run);
    }

    fn walk(&self, after: &[u8], tell: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let runs = self.runs.iter();
        let mut heads: Vec<&[Handle]> = runs
            .map(|run| &run[run.partition_point(|key| **key <= *after)..])
            .collect();
        loop {
            heads.retain(|run| !run.is_empty());
            let Some(next) = heads.iter_mut().min_by_key(|run| &run[0]) else {
                return true;
            };
            let key = &next[0];
            *next = &next[1..];
            if !tell(key) {
                return true;
            }
        }
    }
}

fn merge(one: Vec<Handle>, other: Vec<Handle>) -> Vec<Handle> {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        let first = if a <= b { one.next() } else { other.next() };
        merged.extend(first);
    }
    merged.extend(one.chain(other));
    merged
}
