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
fn no_table_holds_much_more_than_its_share_and_all_shrink_when_keys_go() {
    let mut store = Store::new(ROOMY, 1);
    let key = |n: u32| format!("user:{n}").into_bytes();
    (0..100_000).for_each(|n| drop(store.put(&key(n), b"")));
    let largest = store.keys.largest_table();
    assert!(largest < 2 * 100_000 / 1024, "{largest}");
    let bytes = store.keys.tables_bytes();
    (0..99_000).for_each(|n| drop(store.delete(&key(n))));
    assert!(store.keys.tables_bytes() < bytes / 4);
    assert!((99_000..100_000).all(|n| store.get(&key(n)).is_some()));
    assert_eq!(store.keys(), 1000);
}
