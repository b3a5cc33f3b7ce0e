//! Tests lists of both kinds against a vector.

use super::*;
use proptest::prelude::*;

fn value(text: &str) -> Value {
    Value::from(text.as_bytes())
}

#[test]
fn a_snapshot_is_not_disturbed_by_later_changes() {
    let mut list = Many::default();
    list.push(value("a"));
    (0..1000).for_each(|n| list.push(value(&n.to_string())));
    let mut snapshot = list.snapshot();
    list.replace(list.find(b"500").unwrap(), value("x"));
    list.remove(list.find(b"a").unwrap());
    let mut told = Vec::new();
    while let Some(chunk) = snapshot.first() {
        told.extend(chunk.iter().cloned());
        snapshot.drop_first();
    }
    assert_eq!(told.len(), 1001);
    assert_eq!((&*told[0], &*told[501]), (&b"a"[..], &b"500"[..]));
    assert_eq!(list.len(), 1000);
    assert!(list.find(b"500").is_none());
}

/// What a vector holds that does the same, with room for so many bytes as packed values have.
fn check(list: List<'_>, model: &[String]) -> Result<(), TestCaseError> {
    let values = || model.iter().map(String::as_bytes);
    prop_assert!(list.iter().eq(values()));
    prop_assert_eq!(list.len(), model.len());
    prop_assert_eq!(list.bytes(), values().map(<[u8]>::len).sum::<usize>());
    prop_assert_eq!(list.bulk_bytes(), values().map(bulk_len).sum::<usize>());
    prop_assert_eq!(list.is_typable(), values().all(is_typable));
    Ok(())
}

#[test]
fn the_length_of_values_is_written_once_while_they_have_one() {
    let long = &[b'x'; 200][..];
    let mut bytes = vec![0; PACKED_BYTES_MAX];
    First::new(b"key", b"").unwrap().write(&mut bytes);
    let steps: [(&str, usize, &[u8], usize); 13] = [
        ("push", 0, b"", 0),
        ("remove", 0, b"", 0),
        ("replace", 0, b"four", 4),
        ("push", 0, b"4444", 8),
        ("replace", 0, b"FOUR", 8),
        // From here on each has its own.
        ("push", 0, b"five5", 5 + 5 + 6),
        ("replace", 1, b"", 5 + 1 + 6),
        ("push", 0, long, 5 + 1 + 6 + 202),
        ("remove", 1, b"", 5 + 6 + 202),
        ("remove", 0, b"", 6 + 202),
        ("remove", 0, b"", 202),
        ("replace", 0, b"even", 4),
        ("push", 0, b"more", 8),
    ];
    for (what, index, value, size) in steps {
        let packed = Packed::of(&bytes);
        let edit = match what {
            "push" => packed.push(value),
            "replace" => packed.replace(index, value),
            _ => packed.remove(index),
        };
        edit.unwrap().make(&mut bytes);
        let values_bytes = Packed::of(&bytes).size() - b"headkey".len();
        assert_eq!(values_bytes, size, "{what} {value:?}");
    }
    assert!(Packed::of(&bytes).values().eq([&b"even"[..], b"more"]));
}

#[test]
fn what_is_packed_has_limits_that_hold_to_the_byte() {
    let bytes = |length: usize| vec![b'x'; length];
    assert!(First::new(&bytes(1024), &bytes(2048)).is_some());
    assert!(First::new(&bytes(1025), b"").is_none() && First::new(b"", &bytes(2049)).is_none());
    let mut packed = vec![0; PACKED_BYTES_MAX];
    First::new(&bytes(1024), &bytes(1000))
        .unwrap()
        .write(&mut packed);
    let fits = |packed: &[u8], length| Packed::of(packed).push(&bytes(length)).is_some();
    // Of one length, and of several, each with two bytes for it.
    assert!(fits(&packed, 1000) && fits(&packed, 1044) && !fits(&packed, 1045));
    Packed::of(&packed)
        .push(&bytes(1044))
        .unwrap()
        .make(&mut packed);
    assert_eq!(Packed::of(&packed).size(), PACKED_BYTES_MAX);
    assert!(Packed::of(&packed).push(b"").is_none());
    assert!(Packed::of(&packed).replace(0, &bytes(1001)).is_none());

    First::new(b"key", b"").unwrap().write(&mut packed);
    (1..255).for_each(|_| Packed::of(&packed).push(b"").unwrap().make(&mut packed));
    assert!(Packed::of(&packed).push(b"").is_none());
    Packed::of(&packed)
        .replace(254, b"last")
        .unwrap()
        .make(&mut packed);
    assert_eq!(Packed::of(&packed).find(b"last"), Some(254));
    assert_eq!(Packed::of(&packed).len(), 255);
}

/// Mostly of one length.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => "[a-c]{2}",
        1 => "[a-c]{0,2}|\r|NOTIFY x",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_does_what_a_vector_does(
        changes in prop::collection::vec(
            (0..4u8, text(), prop_oneof![9 => text(), 1 => "[a-c]{100,300}"]),
            1..400,
        )
    ) {
        let mut model = vec!["ab".to_owned()];
        let mut many = Many::default();
        many.push(value("ab"));
        let mut bytes = vec![0; PACKED_BYTES_MAX];
        First::new(b"key", b"ab").unwrap().write(&mut bytes);
        for (what, one, other) in changes {
            let at = model.iter().position(|held| *held == one);
            prop_assert_eq!(many.find(one.as_bytes()).is_some(), at.is_some());
            let packed = Packed::of(&bytes);
            let place = packed.find(one.as_bytes());
            prop_assert_eq!(place.is_some(), at.is_some());
            let edit = match (what, place) {
                (0, Some(place)) if model.len() > 1 => packed.remove(place),
                (1, Some(place)) => packed.replace(place, other.as_bytes()),
                _ => packed.push(one.as_bytes()),
            };
            if let Some(edit) = edit {
                // No more room than it takes before and afterwards.
                bytes.truncate(packed.size());
                bytes.resize(bytes.len().max(edit.size()), 0);
                edit.make(&mut bytes);
                prop_assert_eq!(Packed::of(&bytes).size(), edit.size());
                match (what, at) {
                    (0, Some(at)) if model.len() > 1 => {
                        many.remove(many.find(one.as_bytes()).unwrap());
                        model.remove(at);
                    }
                    (1, Some(at)) => {
                        let place = many.find(one.as_bytes()).unwrap();
                        prop_assert_eq!(&*many.replace(place, value(&other)), one.as_bytes());
                        model[at] = other;
                    }
                    _ => {
                        many.push(value(&one));
                        model.push(one);
                    }
                }
            } else {
                let bytes = model.iter().map(|held| held.len() + 2).sum::<usize>();
                prop_assert!(model.len() == 255 || bytes + other.len() > 1400, "there was room");
            }
            check(List::Many(&many), &model)?;
            let packed = Packed::of(&bytes);
            check(List::Packed(packed), &model)?;
            prop_assert_eq!(packed.key(), b"key");
        }
    }
}
