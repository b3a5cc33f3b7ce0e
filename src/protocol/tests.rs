//! Feeds the parsers the same bytes in different pieces, and bytes that mean nothing.

use super::command::Command;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const BYTES_MAX: usize = 64;

/// A conversation with everything that a line can be.
const LINES: &[u8] = b"\r\n\n GET :k\nPUT:k: a:b \r\nput:k:\nUPDATE:k:old:n:w\r\r\nREMOVE:k:v:\n\
    DELETE:k\nWATCH:\nUNWATCH:x\r\nPING\nPING:\nSTATS\nhelp\n\0\xff\n:\nGET:a:b\nGET:\rk\nPUT::v\n\
    PUT:k:x HTTP/1.1\nPUT:0123456789012345678901234567890123456789012345678901234:78\r\n\
    GET / HTTP/1.1\r\n";

/// A conversation with everything that a frame can be.
const FRAMES: &[u8] = b"*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nping\r\n$0\r\n\r\n\
    *3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\n*4\r\n$6\r\nUPDATE\r\n$1\r\nk\r\n$1\r\n\0\r\n\
    $2\r\n*1\r\n*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n*1\r\n$0\r\n\r\n*2\r\n$4\r\nECHO\r\n$2\r\n$1\r\n\
    *5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n$1\r\nn\r\n$0\r\n\r\n*2\r\n$5\r\nHELLO\r\n\
    $1\r\n4\r\n*2\r\n$4\r\nPING\r\n$60\r\n\
    012345678901234567890123456789012345678901234567890123456789\r\n\
    *1\r\n$4\r\nQUIT\r\n*1\r\n";

/// What a request says: its fields as the bytes that they stand for.
fn said(request: &Request, input: &[u8]) -> String {
    let Request::Command(command) = request else {
        return format!("{request:?}");
    };
    let words = format!("{command:?}");
    let name = words.split(' ').next().unwrap_or_default();
    let fields = fields(command).into_iter().map(|field| field.of(input));
    let fields: Vec<_> = fields
        .map(|bytes| bytes.escape_ascii().to_string())
        .collect();
    format!("{name} {}", fields.join(" "))
}

fn fields(command: &Command) -> Vec<command::Span> {
    match *command {
        Command::Get { key } | Command::Delete { key } => vec![key],
        Command::Put { key, value } | Command::Remove { key, value } => vec![key, value],
        Command::Update { key, old, new } => vec![key, old, new],
        Command::Echo { message } => vec![message],
        Command::Watch { prefix, .. } => vec![prefix],
        Command::List { prefix, after, .. } => [prefix].into_iter().chain(after).collect(),
        Command::Ping { message } => message.into_iter().collect(),
        Command::Unwatch { prefix } => prefix.into_iter().collect(),
        Command::Hello { version: _, name } => name.into_iter().collect(),
        Command::Stats | Command::Help | Command::Quit => Vec::new(),
    }
}

/// Feeds a parser as a session does: it drops what has been read, and ends with the last request.
fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, bytes_max: usize) -> Vec<String> {
    let mut parser = None;
    let mut input = Vec::new();
    let mut heard = Vec::new();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let parser = parser.get_or_insert_with(|| Parser::new(piece[0]));
        input.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match parser.next(&input, at, bytes_max) {
                Parsed::Request(request, next) => {
                    assert!((at..=input.len()).contains(&next));
                    at = next;
                    heard.push(said(&request, &input));
                    if request.is_last() {
                        return heard;
                    }
                }
                Parsed::Nothing(next) => {
                    assert!((at + 1..=input.len()).contains(&next), "it goes on");
                    at = next;
                }
                Parsed::Incomplete => break,
            }
        }
        input.drain(..at);
    }
    heard
}

#[test]
fn conversations_mean_what_they_should() {
    let lines = feed([LINES], BYTES_MAX);
    assert_eq!(lines.len(), 21, "{lines:#?}");
    assert_eq!(lines[0], "Listen");
    assert_eq!(lines[4], r"Update k old n:w\r");
    assert!(lines[20].starts_with("Fatal"));
    let frames = feed([FRAMES], BYTES_MAX);
    assert_eq!(frames.len(), 11, "{frames:#?}");
    assert_eq!(frames[2], r"Put k \r\n\r\n");
    assert_eq!(frames[10], "Quit ");
}

#[test]
fn a_conversation_means_the_same_however_it_is_cut() {
    for conversation in [LINES, FRAMES] {
        let whole = feed([conversation], BYTES_MAX);
        for cut in 0..=conversation.len() {
            let (first, second) = conversation.split_at(cut);
            assert_eq!(feed([first, second], BYTES_MAX), whole, "cut at {cut}");
        }
        for length in 1..conversation.len() {
            let pieces = conversation.chunks(length);
            assert_eq!(feed(pieces, BYTES_MAX), whole, "pieces of {length}");
        }
    }
}

#[test]
fn every_beginning_of_a_conversation_is_answered_as_far_as_it_goes() {
    for conversation in [LINES, FRAMES] {
        let whole = feed([conversation], BYTES_MAX);
        for end in 0..conversation.len() {
            let part = feed([&conversation[..end]], BYTES_MAX);
            assert_eq!(part, whole[..part.len()], "{end} bytes");
        }
    }
}

/// Bytes of which some mean something, or parts of requests, so that parsers get somewhere.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let marks = prop::sample::select(&b"*$\r\n:0123456789-+ PUT"[..]).prop_map(|byte| vec![byte]);
    let words = [
        "\r\n",
        "*1\r\n",
        "*3\r\n",
        "$3\r\n",
        "PUT",
        "GET",
        "$0\r\n\r\n",
        ":k:",
        "Host",
    ];
    let words = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let any = any::<u8>().prop_map(|byte| vec![byte]);
    let parts = (0..FRAMES.len(), 0..40usize)
        .prop_map(|(start, length)| FRAMES[start..FRAMES.len().min(start + length)].to_vec());
    vec(
        prop_oneof![4 => marks, 4 => words, 1 => any, 2 => parts],
        0..60,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1000)
    })]

    #[test]
    fn noise_is_read_without_a_crash_and_alike_in_any_pieces(
        first in prop::sample::select(&b"*G\n"[..]),
        noise in noise(),
        cuts in vec(1..20usize, 0..40),
        bytes_max in 0..40usize,
    ) {
        let bytes = [&[first], &noise[..]].concat();
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, left) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        pieces.push(rest);
        let whole = feed([&bytes[..]], bytes_max);
        prop_assert_eq!(feed(pieces, bytes_max), whole.clone());
        prop_assert_eq!(feed(bytes.chunks(1), bytes_max), whole);
    }
}
