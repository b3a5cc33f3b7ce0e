//! Tests the two syntaxes of a line: tables, and that what is quoted is read back.

use super::*;
use proptest::prelude::*;

fn read(line: &str) -> Vec<String> {
    let text = |word: Vec<u8>| word.escape_ascii().to_string();
    match parse(line.as_bytes()) {
        Ok(Line::Empty) => vec![],
        Ok(Line::Words { verb, args }) => {
            [vec![verb], args].concat().into_iter().map(text).collect()
        }
        Err(error) => vec!["error".to_owned(), error.to_string()],
    }
}

#[test]
fn lines_become_words() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (" \t ", &[]),
        ("stats", &["stats"]),
        (" get  user ", &["get", "user"]),
        // Colons.
        ("PUT:user:john", &["PUT", "user", "john"]),
        ("  put:user:john smith ", &["put", "user", "john smith "]),
        ("PUT:user:a:b::c", &["PUT", "user", "a:b::c"]),
        ("PUT:user:", &["PUT", "user", ""]),
        ("PUT:user", &["PUT", "user"]),
        ("PUT:", &["PUT", ""]),
        (
            "UPDATE:user:old:new:er",
            &["UPDATE", "user", "old", "new:er"],
        ),
        ("remove:user:a:b", &["remove", "user", "a:b"]),
        ("GET:a:b", &["GET", "a", "b"]),
        ("GET:\"a\"", &["GET", r#"\"a\""#]),
        ("PUT:k:\"a\\n\"", &["PUT", "k", r#"\"a\\n\""#]),
        ("WATCH:", &["WATCH", ""]),
        (":", &["", ""]),
        ("nonsense:a:b", &["nonsense", "a", "b"]),
        // Blanks.
        ("get a:b", &["get", "a:b"]),
        ("get :b", &["get", ":b"]),
        (r#"put user "john smith""#, &["put", "user", "john smith"]),
        ("put user 'john smith'", &["put", "user", "john smith"]),
        (r#""put" 'user' """#, &["put", "user", ""]),
        (r#""put:a" b"#, &["put:a", "b"]),
        (r"put k 'a\n'", &["put", "k", r"a\\n"]),
        (
            r#"put k "\\ \" \' \n \r \t \0""#,
            &["put", "k", r#"\\ \" \' \n \r \t \x00"#],
        ),
        (
            r#"put k "\x41\xfF\u{e9}\u{1F600}""#,
            &["put", "k", r"A\xff\xc3\xa9\xf0\x9f\x98\x80"],
        ),
        // Nothing but blanks is special outside of quotes.
        (r"put it's C:\temp", &["put", r"it\'s", r"C:\\temp"]),
        (r#"put k {"a":1}"#, &["put", "k", r#"{\"a\":1}"#]),
        ("put k é", &["put", "k", r"\xc3\xa9"]),
    ];
    for (line, words) in cases {
        assert_eq!(read(line), *words, "{line}");
    }
}

#[test]
fn what_cannot_be_read_says_where() {
    let cases = [
        (
            r#"put k "a"#,
            r#"the " at column 7 is not closed; type " where the word ends"#,
        ),
        (
            "put k 'a\"",
            "the ' at column 7 is not closed; type ' where the word ends",
        ),
        (
            r#"put k "a\""#,
            r#"the " at column 7 is not closed; type " where the word ends"#,
        ),
        (
            "get '",
            "the ' at column 5 is not closed; type ' where the word ends",
        ),
        (
            r#"put "a"b c"#,
            r#"the " at column 7 must end its word; put a blank after it"#,
        ),
    ];
    for (line, error) in cases {
        assert_eq!(read(line), ["error", error], "{line}");
    }
    let escapes = [
        r#""\q""#,
        r#""\"#,
        r#""\x""#,
        r#""\x4""#,
        r#""\x+4""#,
        r#""\u41""#,
        r#""\u{}""#,
        r#""\u{d800}""#,
        r#""\u{0000041}""#,
        r#""\u{41""#,
    ];
    for line in escapes {
        let words = read(line);
        assert!(
            words[1].starts_with("the \\ at column 2 begins no escape"),
            "{line}: {words:?}"
        );
    }
}

#[test]
fn a_text_is_cut_where_its_lines_end() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[""]),
        ("get a", &["get a"]),
        ("get a\n\nget b\n", &["get a", "", "get b"]),
        ("put k \"a\nb\"\nget k", &["put k \"a\nb\"", "get k"]),
        ("PUT:k:\"a\nget k", &["PUT:k:\"a", "get k"]),
        ("put k \"a\nget k\nget l", &["put k \"a", "get k", "get l"]),
    ];
    for (text, lines) in cases {
        let mut rest = text.as_bytes();
        let mut found = Vec::new();
        while found.is_empty() || !rest.is_empty() {
            let (line, after) = first_line(rest);
            found.push(std::str::from_utf8(line).unwrap());
            rest = after;
        }
        assert_eq!(found, *lines, "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_is_quoted_is_read_back(
        verb in "[a-zA-Z]{1,8}",
        args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
        blanks in "[ \t]{1,3}",
    ) {
        let mut line = verb.clone().into_bytes();
        for arg in &args {
            line.extend_from_slice(blanks.as_bytes());
            line.extend(typed(arg).into_bytes());
        }
        let verb = verb.into_bytes();
        prop_assert_eq!(parse(&line), Ok(Line::Words { verb, args }));
    }

    #[test]
    fn what_is_typed_between_quotes_holds_no_control_bytes(
        word in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        prop_assert!(!escaped(&word).chars().any(char::is_control));
    }

    #[test]
    fn with_colons_fields_are_verbatim(key in "[^:\r\n]{0,10}", value in "[^\r\n]{0,20}") {
        let line = format!("PUT:{key}:{value}");
        let args = vec![key.into_bytes(), value.into_bytes()];
        prop_assert_eq!(parse(line.as_bytes()), Ok(Line::Words { verb: b"PUT".to_vec(), args }));
    }

    #[test]
    fn any_line_is_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Err(error) = parse(&line) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn any_quoting_is_read_or_refused(line in r#"[ \\"'xu{}:0a]{0,12}"#) {
        let _ = parse(line.as_bytes());
    }
}
