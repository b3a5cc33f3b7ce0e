//! Writes requests as their bytes.

use super::reading::Expected;
use super::words::Request;
use crate::protocol::resp;

impl Request<'_> {
    /// Appends the request's bytes; returns what it will be answered with.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Expected {
        match *self {
            Request::Put { key, value } => words(&[b"PUT", key, value], Expected::Revision, out),
            Request::Get { key } => words(&[b"GET", key], Expected::Values, out),
            Request::Update { key, old, new } => {
                words(&[b"UPDATE", key, old, new], Expected::Revision, out)
            }
            Request::Remove { key, value } => {
                words(&[b"REMOVE", key, value], Expected::Revision, out)
            }
            Request::Delete { key } => words(&[b"DELETE", key], Expected::Revision, out),
            Request::Ping { text: None } => words(&[b"PING"], Expected::Text, out),
            Request::Ping { text: Some(text) } => words(&[b"PING", text], Expected::Text, out),
            Request::Watch {
                prefix,
                since,
                echo,
            } => {
                let revision = since.map(|since| since.revision.to_string());
                let mut all: Vec<&[u8]> = vec![b"WATCH", prefix];
                if let (Some(since), Some(revision)) = (since, &revision) {
                    all.extend([&b"SINCE"[..], since.epoch.as_bytes(), revision.as_bytes()]);
                }
                all.extend(echo.then_some(&b"ECHO"[..]));
                words(&all, Expected::Watching, out)
            }
            Request::Unwatch { prefix: None } => words(&[b"UNWATCH"], Expected::Done, out),
            Request::Unwatch {
                prefix: Some(prefix),
            } => words(&[b"UNWATCH", prefix], Expected::Done, out),
            Request::List {
                prefix,
                after,
                count,
            } => {
                let count = count.map(|count| count.to_string());
                let mut all: Vec<&[u8]> = vec![b"LIST", prefix];
                all.extend(after.iter().flat_map(|after| [&b"AFTER"[..], after]));
                let number = count.iter().map(String::as_bytes);
                all.extend(number.flat_map(|number| [&b"COUNT"[..], number]));
                words(&all, Expected::Page, out)
            }
            Request::Stats => words(&[b"STATS"], Expected::Stats, out),
        }
    }
}

/// Appends a request of these words, and hands on what it expects.
pub(super) fn words(words: &[&[u8]], expected: Expected, out: &mut Vec<u8>) -> Expected {
    resp::array_head(words.len(), out);
    for word in words {
        resp::bulk_head(word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::super::position::Position;
    use super::*;

    #[test]
    fn every_option_of_watch_and_list_is_written_in_its_place() {
        let since = Position {
            epoch: "0123456789abcdef".to_owned(),
            revision: 7,
        };
        let watch = |since, echo| Request::Watch {
            prefix: b"p",
            since,
            echo,
        };
        let list = |after, count| Request::List {
            prefix: b"",
            after,
            count,
        };
        let cases = [
            (watch(None, false), "*2 $5 WATCH $1 p"),
            (watch(None, true), "*3 $5 WATCH $1 p $4 ECHO"),
            (
                watch(Some(&since), true),
                "*6 $5 WATCH $1 p $5 SINCE $16 0123456789abcdef $1 7 $4 ECHO",
            ),
            (Request::Unwatch { prefix: None }, "*1 $7 UNWATCH"),
            (Request::Unwatch { prefix: Some(b"") }, "*2 $7 UNWATCH $0 "),
            (list(None, None), "*2 $4 LIST $0 "),
            (
                list(Some(b"k"), Some(10)),
                "*6 $4 LIST $0  $5 AFTER $1 k $5 COUNT $2 10",
            ),
        ];
        for (request, expected) in cases {
            let mut bytes = Vec::new();
            request.encode(&mut bytes);
            let text = String::from_utf8(bytes).unwrap().replace("\r\n", " ");
            assert_eq!(text, format!("{expected} "));
        }
    }
}
