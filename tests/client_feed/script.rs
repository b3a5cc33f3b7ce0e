//! Plays a server by a script: what it must hear, what it says, and where it breaks off.

use crate::common::cli::GREETING;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// The epoch of [`GREETING`].
pub(crate) const EPOCH: &str = "0123456789abcdef";

/// One step of a connection.
pub(crate) enum Step {
    /// The next request must be this, its words joined by blanks.
    Hears(String),
    /// These bytes are sent.
    Says(Vec<u8>),
}

/// A request that must come.
pub(crate) fn hears(words: &str) -> Step {
    Step::Hears(words.to_owned())
}

/// What a WATCH is answered.
pub(crate) fn watching(epoch: &str, revision: u64) -> Step {
    Step::Says(format!("*2\r\n$16\r\n{epoch}\r\n:{revision}\r\n").into())
}

/// A push of these words; those that are numbers are sent as such.
pub(crate) fn push(words: &str) -> Step {
    Step::Says(pushed(words))
}

/// The first half of a push.
pub(crate) fn half_a_push(words: &str) -> Step {
    let mut bytes = pushed(words);
    bytes.truncate(bytes.len() / 2);
    Step::Says(bytes)
}

/// A page of keys that each hold their own name as their value.
pub(crate) fn page(revision: u64, next: Option<&str>, keys: &[&str]) -> Step {
    let next = next.map_or("_\r\n".to_owned(), bulk);
    let mut text = format!(
        "*4\r\n$16\r\n{EPOCH}\r\n:{revision}\r\n{next}*{}\r\n",
        keys.len()
    );
    for key in keys {
        let key = bulk(key);
        text += &format!("*2\r\n{key}*1\r\n{key}");
    }
    Step::Says(text.into())
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn pushed(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let mut text = format!(">{}\r\n", words.len());
    for word in words {
        match word.parse::<u64>() {
            Ok(number) => text += &format!(":{number}\r\n"),
            Err(_) => text += &bulk(word),
        }
    }
    text.into()
}

/// Plays the connections one after the other, each after the greeting, and closes each behind its
/// last step, but the last one not before the client does. Returns the address, and what fails to
/// join if the client said anything else.
pub(crate) fn play(connections: Vec<Vec<Step>>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let playing = std::thread::spawn(move || {
        let last = connections.len() - 1;
        for (at, steps) in connections.into_iter().enumerate() {
            let (stream, _) = listener.accept().expect("the client connects");
            let mut reader = BufReader::new(stream);
            assert_eq!(request(&mut reader), "HELLO 3");
            say(&mut reader, GREETING);
            for step in steps {
                match step {
                    Step::Hears(words) => assert_eq!(request(&mut reader), words, "by {at}"),
                    Step::Says(bytes) => say(&mut reader, &bytes),
                }
            }
            if at == last {
                let mut rest = Vec::new();
                // A reset is an end too.
                let _ = reader.read_to_end(&mut rest);
                assert_eq!(rest.escape_ascii().to_string(), "", "nothing more is asked");
            }
        }
    });
    (address, playing)
}

fn say(stream: &mut BufReader<TcpStream>, bytes: &[u8]) {
    stream
        .get_mut()
        .write_all(bytes)
        .expect("the client is there");
}

/// Reads a request; its words joined by blanks.
fn request(stream: &mut BufReader<TcpStream>) -> String {
    let mut words = Vec::new();
    for _ in 0..number(stream, '*') {
        let mut word = vec![0; number(stream, '$') + 2];
        stream.read_exact(&mut word).expect("a word comes");
        words.push(
            String::from_utf8(word)
                .expect("it is text")
                .trim_end()
                .to_owned(),
        );
    }
    words.join(" ")
}

fn number(stream: &mut BufReader<TcpStream>, mark: char) -> usize {
    let mut line = String::new();
    stream.read_line(&mut line).expect("a line comes");
    let number = line.trim_end().strip_prefix(mark);
    let number = number.and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("{line:?} is no head of {mark}"))
}
