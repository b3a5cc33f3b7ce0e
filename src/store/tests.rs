//! Tests the store: its counts and limits, and its pages against a model.

use super::*;

const ROOMY: Limits = Limits {
    values_bytes_max: 1 << 20,
    store_bytes_max: 0,
};

fn values(store: &Store, key: &str) -> Vec<String> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    store
        .get(key.as_bytes())
        .map(|list| list.iter().map(text).collect())
        .unwrap_or_default()
}

#[test]
fn only_what_changes_something_raises_the_revision() {
    let mut store = Store::new(ROOMY, 1);
    assert_eq!(store.put(b"k", b"a").unwrap().revision, 1);
    assert_eq!(store.put(b"k", b"a").unwrap().revision, 2);
    assert!(store.update(b"k", b"x", b"y").unwrap().is_none());
    assert!(store.update(b"no", b"x", b"y").unwrap().is_none());
    assert!(matches!(
        store.update(b"k", b"a", b"a"),
        Ok(Some(Updated::Same))
    ));
    assert!(store.remove(b"k", b"x").is_none());
    assert!(store.delete(b"no").is_none());
    assert_eq!(store.revision(), 2);
    let Ok(Some(Updated::Changed(change))) = store.update(b"k", b"a", b"b") else {
        panic!()
    };
    assert_eq!(change.revision, 3);
    assert_eq!(values(&store, "k"), ["b", "a"]);
}

#[test]
fn the_last_value_takes_its_key_along_and_every_byte_is_given_back() {
    let mut store = Store::new(ROOMY, 1);
    store.put(b"key", b"a").unwrap();
    store.put(b"key", b"bb").unwrap();
    assert_eq!(
        (store.keys(), store.values(), store.bytes()),
        (1, 2, 3 + 1 + 2 + 2 * 64)
    );
    store.remove(b"key", b"a").unwrap();
    assert_eq!(store.bytes(), 3 + 2 + 64);
    store.remove(b"key", b"bb").unwrap();
    assert_eq!((store.keys(), store.values(), store.bytes()), (0, 0, 0));
    (0..9999).for_each(|n| drop(store.put(b"long", format!("{n}").as_bytes())));
    store.delete(b"long").unwrap();
    assert_eq!((store.keys(), store.values(), store.bytes()), (0, 0, 0));
    store.tidy();
    assert!(store.is_untidy(), "a long list is not freed at once");
    while store.is_untidy() {
        store.tidy();
    }
}

#[test]
fn what_can_be_freed_at_once_is_and_does_not_heap_up() {
    let mut store = Store::new(ROOMY, 1);
    let long = vec![b'x'; 10_000];
    for _ in 0..1000 {
        store.put(b"k", &long).unwrap();
        store.put(b"k", b"short").unwrap();
        store.delete(b"k").unwrap();
        assert!(!store.is_untidy());
    }
}

#[test]
fn a_limit_holds_to_the_byte_and_what_is_beyond_changes_nothing() {
    let limits = Limits {
        values_bytes_max: 10,
        store_bytes_max: 300,
    };
    let mut store = Store::new(limits, 1);
    store.put(b"k", b"12345").unwrap();
    assert_eq!(store.put(b"k", b"123456").unwrap_err(), Full::Key(10));
    store.put(b"k", b"54321").unwrap();
    assert_eq!(
        store.update(b"k", b"12345", b"123456").unwrap_err(),
        Full::Key(10)
    );
    assert_eq!(store.bytes(), 1 + 10 + 2 * 64);
    let key = vec![b'x'; 300 - store.bytes() - 64];
    assert_eq!(
        store.put(&[&key[..], b"x"].concat(), b"").unwrap_err(),
        Full::Store(300)
    );
    store.put(&key, b"").unwrap();
    assert_eq!(store.bytes(), 300);
    assert_eq!(store.update(&key, b"", b"1").unwrap_err(), Full::Store(300));
    assert_eq!((store.revision(), values(&store, "k").len()), (3, 2));
}

#[test]
fn the_table_takes_little_for_a_key_and_gives_it_back_when_keys_go() {
    let mut store = Store::new(ROOMY, 1);
    let key = |n: u32| format!("user:{n}").into_bytes();
    (0..100_000).for_each(|n| drop(store.put(&key(n), b"")));
    let bytes = store.keys.table_bytes();
    assert!(bytes < 100_000 * 12, "{bytes}");
    (0..99_000).for_each(|n| drop(store.delete(&key(n))));
    assert!(store.keys.table_bytes() < bytes / 4);
    assert!((99_000..100_000).all(|n| store.get(&key(n)).is_some()));
    assert_eq!(store.keys(), 1000);
}

#[test]
fn there_are_no_more_keys_than_can_be_told_apart() {
    let mut store = Store::new(ROOMY, 1);
    store.keys_max = 2;
    let _ = [store.put(b"a", b"1"), store.put(b"b", b"2")].map(Result::unwrap);
    let full = store.put(b"c", b"3").unwrap_err();
    assert_eq!(full.to_string(), "the store would exceed 2 keys");
    assert_eq!((store.revision(), store.keys()), (2, 2));
    store.put(b"a", b"4").unwrap();
    store.delete(b"b").unwrap();
    store.put(b"c", b"3").unwrap();
}

#[test]
fn what_is_loaded_is_what_was_there_and_no_limit_is_in_its_way() {
    let tight = Limits {
        values_bytes_max: 1,
        store_bytes_max: 1,
    };
    let (mut store, mut again) = (Store::new(ROOMY, 1), Store::new(tight, 2));
    let long = vec![b'x'; 100_000];
    let mut changes = vec![
        store.put(b"k", b"a").unwrap(),
        store.put(b"k", &long).unwrap(),
        store.put(b"gone", b"b").unwrap(),
    ];
    match store.update(b"k", b"a", b"c") {
        Ok(Some(Updated::Changed(change))) => changes.push(change),
        other => panic!("{other:?}"),
    }
    changes.push(store.delete(b"gone").unwrap());
    changes.push(store.remove(b"k", b"c").unwrap());
    let figures = |store: &Store| [store.keys(), store.values(), store.bytes()];
    for change in &changes {
        let change = change.clone().into_owned();
        let made = again.redo(&change).expect("it can be made");
        assert_eq!(made, change);
        assert_eq!(again.revision(), change.revision);
    }
    assert_eq!(figures(&again), figures(&store));
    // What cannot be made is told, and changes nothing.
    let impossible = changes[5].clone().into_owned();
    assert!(again.redo(&impossible).is_none());
    assert_eq!(figures(&again), figures(&store));

    again.resume(7, 40);
    again.hold(b"k", [&b"1"[..], b"2"].into_iter(), false);
    again.hold(b"k", [&long[..], b"4"].into_iter(), true);
    assert_eq!((again.epoch(), again.revision()), (7, 40));
    assert_eq!(values(&again, "k")[..2], ["1", "2"]);
    assert_eq!(again.values(), 4);
    assert!(again.put(b"k", b"5").is_err(), "the limits hold again");
}

#[test]
fn a_walk_sees_every_key_that_stays_however_many_come_and_go() {
    // The table grows beside the walk, or it becomes smaller.
    for (come, go) in [(150, 50), (50, 150)] {
        let mut store = Store::new(ROOMY, 1);
        store.keys = Keys::in_families(3);
        let name = |at: usize| format!("key-{at}").into_bytes();
        (0..5000).for_each(|at| _ = store.put(&name(at), b"v").unwrap());
        let (mut walk, mut seen) = (Walk::default(), std::collections::HashSet::new());
        let (mut next, mut gone) = (5000, 1000);
        loop {
            let mut left = 50;
            let is_end = store.walk(&mut walk, 1000, |key, list| {
                seen.insert(key.to_vec());
                left -= list.len();
                left == 0
            });
            if is_end {
                break;
            }
            for at in next..next + come {
                store.put(&name(at), b"v").unwrap();
            }
            next += come;
            for at in gone..next.min(gone + go) {
                store.delete(&name(at)).unwrap();
            }
            gone = next.min(gone + go);
            assert!(next < 200_000, "it comes to an end");
        }
        assert!(gone > 2000, "the table changes meanwhile: {gone}");
        (0..1000).for_each(|at| assert!(seen.contains(&name(at)), "{at}"));
    }
}
