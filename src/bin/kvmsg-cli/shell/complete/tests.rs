//! Tests what a line may become: verbs, keys in both forms, and keys that are too many.

use super::*;

/// A line, some of the server's keys, what all begin with, and what the line may become.
type Case<'a> = (&'a str, &'a [&'a [u8]], &'a str, &'a [&'a str]);

/// What `typed` may become when the server has these keys, and perhaps more.
fn completed(typed: &str, keys: &[&[u8]], more: Option<&str>) -> (usize, Vec<String>) {
    let find = |_, beginning: &[u8]| {
        let keys = keys.iter().filter(|key| key.starts_with(beginning));
        Found {
            keys: keys.map(|key| key.to_vec()).collect(),
            more: more.map(|common| common.as_bytes().to_vec()),
        }
    };
    let (start, pairs) = complete(typed, &find);
    (
        start,
        pairs.into_iter().map(|pair| pair.replacement).collect(),
    )
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn verbs_are_completed_in_the_case_typed() {
    let cases: &[(&str, usize, &[&str])] = &[
        ("pu", 0, &["put "]),
        ("PU", 0, &["PUT:"]),
        ("Pu", 0, &["Put "]),
        ("  un", 2, &["unwatch"]),
        ("sta", 0, &["stats"]),
        ("STA", 0, &["STATS"]),
        ("p", 0, &["put ", "ping"]),
        ("q", 0, &["quit"]),
        ("x", 0, &[]),
        ("\u{fc}", 0, &[]),
        ("help\u{a0}", 0, &[]),
        ("help up", 5, &["update"]),
        ("HELP:UP", 5, &["UPDATE"]),
    ];
    for (typed, start, words) in cases {
        assert_eq!(
            completed(typed, &[], None),
            (*start, owned(words)),
            "{typed}"
        );
    }
    assert_eq!(
        completed("", &[], None).1.len(),
        words::known_verbs().count() + 1
    );
}

#[test]
fn keys_are_completed_as_they_are_typed() {
    let keys: &[&[u8]] = &[
        b"al",
        b"john smith",
        b"q\"\xff",
        b"user",
        b"user:1",
        b"users",
    ];
    let cases: &[(&str, usize, &[&str])] = &[
        ("get a", 4, &["al"]),
        ("put a", 4, &["al "]),
        ("put  a", 5, &["al "]),
        ("GET:a", 3, &[":al"]),
        ("PUT:a", 3, &[":al:"]),
        (" delete:a", 7, &[":al"]),
        ("watch a", 6, &["al"]),
        ("list:a", 4, &[":al"]),
        ("get us", 4, &["user", "user:1", "users"]),
        // What does not fit between colons goes on with a blank.
        ("GET:us", 3, &[":user", " user:1", ":users"]),
        ("PUT:user:", 9, &[]),
        ("PUT:user:1", 10, &[]),
        ("get user:", 4, &["user:1"]),
        // In quotes where that is needed, and all of them if one has to be.
        ("put j", 4, &["\"john smith\" "]),
        ("put \"j", 4, &["\"john smith\" "]),
        ("put 'john s", 4, &["\"john smith\" "]),
        ("put \"us", 4, &["\"user\" ", "\"user:1\" ", "\"users\" "]),
        ("GET:j", 3, &[":john smith"]),
        ("get q", 4, &[r#""q\"\xff""#]),
        ("GET:q", 3, &[r#" "q\"\xff""#]),
        (r#"get "q\""#, 4, &[r#""q\"\xff""#]),
        // Elsewhere there is nothing to complete.
        ("put al ", 7, &[]),
        ("put \"al\"", 8, &[]),
        ("put \"al\" j", 10, &[]),
        ("ping a", 6, &[]),
        ("stats a", 7, &[]),
        ("nonsense a", 10, &[]),
        ("get x", 4, &[]),
    ];
    for (typed, start, words) in cases {
        assert_eq!(
            completed(typed, keys, None),
            (*start, owned(words)),
            "{typed}"
        );
    }
}

#[test]
fn of_too_many_keys_what_all_begin_with_stands_behind_some() {
    let cases: &[Case<'_>] = &[
        (
            "put u",
            &[b"user1", b"user2"],
            "user",
            &["user1 ", "user2 ", "user"],
        ),
        (
            "PUT:u",
            &[b"user1", b"user2"],
            "user",
            &[":user1:", ":user2:", ":user"],
        ),
        ("PUT:u", &[b"u:1", b"u:2"], "u:", &[" u:1 ", " u:2 ", " u:"]),
        (
            "get u",
            &[b"u 1", b"u2"],
            "u",
            &["\"u 1\"", "\"u2\"", "\"u"],
        ),
        ("get ", &[b"a", b"b"], "", &["a", "b", ""]),
    ];
    for (typed, keys, common, words) in cases {
        let (_, replacements) = completed(typed, keys, Some(common));
        assert_eq!(replacements, owned(words), "{typed}");
    }
}
