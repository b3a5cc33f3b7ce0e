//! Feeds copies with pages and changes in the orders in which they may come.

use super::*;

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// A page of keys that each hold one value, such as `a=1 b=2`.
fn page(revision: u64, next: Option<&str>, keys: &str) -> Page {
    let entry = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap();
        (bytes(key), vec![bytes(value)])
    };
    Page {
        epoch: "0123456789abcdef".to_owned(),
        revision,
        next: next.map(bytes),
        keys: keys.split_whitespace().map(entry).collect(),
    }
}

fn shown(listing: &Listing) -> String {
    let pairs = listing.map().iter().map(|(key, values)| {
        let values: Vec<_> = values
            .iter()
            .map(|value| value.escape_ascii().to_string())
            .collect();
        format!("{}={}", key.escape_ascii(), values.join(","))
    });
    pairs.collect::<Vec<_>>().join(" ")
}

fn put(listing: &mut Listing, key: &str, revision: u64) -> Result<bool, Misfit> {
    listing.change(
        Op::Put,
        key.as_bytes(),
        revision,
        vec![bytes(&revision.to_string())],
    )
}

#[test]
fn a_change_counts_once_whether_the_page_or_the_notice_came_first() {
    let mut listing = Listing::default();
    // Of a key whose page has not come: the page will show it.
    assert_eq!(put(&mut listing, "a", 3), Ok(false));
    listing.page(page(5, Some("b"), "a=3 b=5")).unwrap();
    assert_eq!(listing.after(), Some(&b"b"[..]));
    // Behind the page, but of before it; also for a key that is not there any more.
    assert_eq!(put(&mut listing, "b", 5), Ok(false));
    assert_eq!(put(&mut listing, "aa", 5), Ok(false));
    // Of after the page; and for a key that was not there.
    assert_eq!(put(&mut listing, "a", 6), Ok(true));
    assert_eq!(put(&mut listing, "ab", 7), Ok(true));
    // Of a later page.
    assert_eq!(put(&mut listing, "c", 8), Ok(false));
    listing.page(page(10, None, "c=8 d=10")).unwrap();
    assert!(listing.is_complete());
    assert_eq!(shown(&listing), "a=3,6 ab=7 b=5 c=8 d=10");
    assert_eq!(listing.revision(), 8);
    // On their way while the last page was made.
    assert_eq!(put(&mut listing, "b", 9), Ok(true));
    assert_eq!(put(&mut listing, "d", 10), Ok(false));
    assert_eq!(put(&mut listing, "z", 11), Ok(true));
    assert_eq!(shown(&listing), "a=3,6 ab=7 b=5,9 c=8 d=10 z=11");
    assert!(listing.is_settled());
    assert_eq!(put(&mut listing, "d", 12), Ok(true));
}

#[test]
fn a_single_page_shows_everything_up_to_its_revision() {
    let mut listing = Listing::default();
    listing.page(page(7, None, "")).unwrap();
    assert_eq!((listing.revision(), listing.is_settled()), (7, false));
    assert_eq!(put(&mut listing, "a", 7), Ok(false));
    assert!(listing.is_settled());
    assert_eq!(put(&mut listing, "a", 8), Ok(true));
}

#[test]
fn changes_do_to_the_copy_what_they_did_to_the_store() {
    let mut listing = Listing::default();
    listing.page(page(1, None, "k=a")).unwrap();
    let steps: [(Op, &[&str], &str); 7] = [
        (Op::Put, &["b"], "k=a,b"),
        (Op::Put, &["a"], "k=a,b,a"),
        (Op::Update, &["a", "c"], "k=c,b,a"),
        (Op::Remove, &["b"], "k=c,a"),
        (Op::Remove, &["c"], "k=a"),
        (Op::Remove, &["a"], ""),
        (Op::Put, &["x"], "k=x"),
    ];
    for (revision, (op, values, expected)) in (2..).zip(steps) {
        let values = values.iter().map(|value| bytes(value)).collect();
        assert_eq!(listing.change(op, b"k", revision, values), Ok(true));
        assert_eq!(shown(&listing), expected);
    }
    assert_eq!(listing.change(Op::Delete, b"k", 9, vec![]), Ok(true));
    assert_eq!(shown(&listing), "");
}

#[test]
fn what_does_not_fit_is_found() {
    let complete = || {
        let mut listing = Listing::default();
        listing.page(page(1, None, "k=a")).unwrap();
        listing
    };
    let wrong: [(Op, &str, &[&str]); 6] = [
        (Op::Put, "k", &[]),
        (Op::Update, "k", &["b", "c"]),
        (Op::Update, "k", &["a"]),
        (Op::Remove, "k", &["b"]),
        (Op::Remove, "x", &["a"]),
        (Op::Delete, "x", &[]),
    ];
    for (op, key, values) in wrong {
        let values = values.iter().map(|value| bytes(value)).collect();
        let taken = complete().change(op, key.as_bytes(), 2, values);
        assert_eq!(taken, Err(Misfit), "{op:?} {key}");
    }
    // Pages that do not move on, go back in time, or are older than what was told before.
    assert_eq!(complete().page(page(2, None, "")), Err(Misfit));
    let mut listing = Listing::default();
    listing.page(page(5, Some("b"), "")).unwrap();
    assert_eq!(listing.page(page(5, Some("b"), "")), Err(Misfit));
    assert_eq!(listing.page(page(4, None, "")), Err(Misfit));
    listing.reach(6);
    assert_eq!(listing.page(page(5, None, "")), Err(Misfit));
    assert_eq!(listing.page(page(6, None, "")), Ok(()));
}

#[test]
fn a_loss_spoils_only_what_was_listed_before_it() {
    let mut listing = Listing::default();
    assert!(listing.survives_loss(3), "no page has come");
    listing.page(page(5, Some("b"), "")).unwrap();
    assert!(listing.survives_loss(5), "the page is later");
    assert!(!listing.survives_loss(6));
    let mut listing = Listing::default();
    listing.page(page(5, None, "")).unwrap();
    assert!(listing.survives_loss(4));
    listing.reach(5);
    assert!(!listing.survives_loss(9));
}

#[test]
fn differences_are_what_came_went_and_changed() {
    let of = |keys| page(1, None, keys).keys.into_iter().collect::<Map>();
    let found = differences(&of("a=1 b=1 c=1 e=1"), &of("b=1 c=2 d=1 e=1"));
    assert_eq!(found, [bytes("a"), bytes("c"), bytes("d")]);
}
