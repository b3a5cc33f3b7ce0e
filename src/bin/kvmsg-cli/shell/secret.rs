//! Tells which lines are not for the history, for they carry what nobody else is to read.
//!
//! A line that begins with a blank is never kept: whoever types it says so. Of the others, those
//! that give a value are looked at, and so are those that cannot be understood, for a slip of the
//! finger makes a password no less secret.

use crate::syntax::{self, Line};
use crate::verbs;

/// What names a secret, anywhere in a key or a value, in capitals or not, however it is cut by
/// dashes, dots, underscores and blanks.
const NAMES: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
];

/// What names a secret only where it stands as a word of its own.
const WORDS: [&str; 4] = ["pass", "pwd", "auth", "otp"];

/// Whether a text, of one line or several, carries a secret.
pub fn is_secret(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_whitespace()) || has_secret_line(text)
}

fn has_secret_line(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (line, after) = syntax::first_line(rest);
        if carries_secret(line) {
            return true;
        }
        rest = after;
    }
    false
}

fn carries_secret(line: &[u8]) -> bool {
    match syntax::parse(line) {
        Ok(Line::Empty) => false,
        Ok(Line::Words { verb, args }) => {
            let gives = verbs::find(&verb).is_none_or(|verb| verb.first_value.is_some());
            gives && args.iter().any(|arg| looks_secret(arg))
        }
        Err(_) => looks_secret(line),
    }
}

fn looks_secret(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let joined: String = text
        .chars()
        .filter(|letter| !"-._ ".contains(*letter))
        .collect();
    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
    NAMES.iter().any(|name| joined.contains(name))
        || words.any(|word| WORDS.contains(&word))
        || text.split("://").skip(1).any(has_password)
}

/// Whether the part of an address behind its scheme names a user with a password.
fn has_password(rest: &str) -> bool {
    let end = |letter: char| letter.is_whitespace() || "/?#\"'".contains(letter);
    let host = rest.split(end).next().unwrap_or_default();
    host.split_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_carry_secrets_are_told_from_those_that_do_not() {
        let secret = [
            " put user john",
            "\tget user",
            "put db:password hunter2",
            "PUT:db password:hunter2",
            "put DB_PASSWD x",
            "put api-key x",
            "put service.Api_Key x",
            "update session-token old new",
            "remove ssh:private_key x",
            "put db:pwd x",
            "put conf \"password = hunter2\"",
            "put conf '{\"clientSecret\":1}'",
            "put db postgres://app:hunter2@db.example.org/app",
            "putt password hunter2",
            "put password \"hunter2",
            "put user john\nput password hunter2",
        ];
        let plain = [
            "",
            "put user john",
            "put compass north",
            "put keyboard qwerty",
            "get db:password",
            "delete db:password",
            "list secret",
            "watch token",
            "help password",
            "put site https://example.org:8080/a@b",
            "put mail john@example.org",
            "put user john\nget password",
        ];
        for (lines, expected) in [(&secret[..], true), (&plain[..], false)] {
            for line in lines {
                assert_eq!(is_secret(line), expected, "{line:?}");
            }
        }
    }
}
