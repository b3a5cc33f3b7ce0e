//! Holds conversations with the daemon against the bytes that they must consist of.

use super::{Client, Daemon, frame};

/// A request and the bytes that answer it.
pub type Exchange<'a> = (&'a str, &'a str);

/// A request as a frame, and the bytes that answer it.
pub type FrameExchange<'a> = (&'a [&'a str], &'a str);

impl Client {
    /// Sends one request after another and compares what comes after each.
    #[track_caller]
    pub fn converse(&mut self, transcript: &[Exchange<'_>]) {
        for (request, reply) in transcript {
            self.exchange(request.as_bytes(), reply.as_bytes());
        }
    }

    /// Like [`Client::converse`], with requests that are made into frames.
    #[track_caller]
    pub fn converse_in_frames(&mut self, transcript: &[FrameExchange<'_>]) {
        for (words, reply) in transcript {
            self.exchange(&framed(words), reply.as_bytes());
        }
    }

    /// Sends, and compares what comes; names the request if it is something else.
    #[track_caller]
    pub fn exchange(&mut self, request: &[u8], reply: &[u8]) {
        self.send(request);
        let came = self.read_at_most(reply.len());
        assert!(
            came == reply,
            "{}\n   is answered {}\n   instead of  {}",
            shown(request),
            shown(&came),
            shown(reply)
        );
    }

    /// Sends, and reads until the daemon closes: what comes are its last words.
    #[track_caller]
    pub fn part(&mut self, request: impl AsRef<[u8]>, last_words: impl AsRef<[u8]>) {
        let (request, last_words) = (request.as_ref(), last_words.as_ref());
        self.send(request);
        let came = self.rest();
        assert!(
            came == last_words,
            "after {}\n   the last words are {}\n   instead of         {}",
            shown(request),
            shown(&came),
            shown(last_words)
        );
    }
}

impl Daemon {
    /// A framed client, speaking RESP2.
    pub fn connect_resp2(&self) -> Client {
        let mut client = self.connect();
        client.exchange(&framed(&["PING"]), b"+PONG\r\n");
        client
    }
}

/// Words as a frame.
pub fn framed(words: &[&str]) -> Vec<u8> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    frame(&words)
}

/// Bytes fit to be read, and not all of them if they are many.
fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 400;
    let start = &bytes[..bytes.len().min(SHOWN_MAX)];
    match bytes.len() {
        ..=SHOWN_MAX => start.escape_ascii().to_string(),
        len => format!("{}... ({len} bytes)", start.escape_ascii()),
    }
}
