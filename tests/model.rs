//! Compares the daemon with a simple model: random requests of several clients in all dialects.
//!
//! Every byte that any client hears is foretold: replies with their revisions, refusals when the
//! small store is full, and the notices of what the others changed.

mod common;

use common::transcript::UNTYPABLE;
use common::{Client, Daemon, frame};
use kvmsg::outbox::NOTICE_BYTES_MAX;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const VALUES_BYTES_MAX: usize = 65_536;
const STORE_BYTES_MAX: usize = 100_000;

/// The dialects of the clients; those of lines and the watching one are told of changes.
const DIALECTS: [Dialect; 5] = [
    Dialect::Lines,
    Dialect::Resp2,
    Dialect::Watching,
    Dialect::Lines,
    Dialect::Resp3,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Lines,
    Resp2,
    Resp3,
    /// RESP3, and watches.
    Watching,
}

type Bytes = Vec<u8>;

/// A verb with its key and values.
#[derive(Debug, Clone)]
struct Request {
    verb: &'static str,
    words: Vec<Bytes>,
}

/// What a request comes to.
enum Outcome {
    /// The revision now, and whether it is a new one.
    Done(u64, bool),
    Missing,
    MissingList,
    Values(Vec<Bytes>),
    Text(Bytes),
    Refused(String),
}

/// What the store is in a few lines: lists by key, and a count of changes.
#[derive(Default)]
struct Model {
    keys: BTreeMap<Bytes, Vec<Bytes>>,
    revision: u64,
}

impl Model {
    fn bytes(&self) -> usize {
        let values =
            |values: &Vec<Bytes>| values.iter().map(|value| value.len() + 64).sum::<usize>();
        self.keys
            .iter()
            .map(|(key, list)| key.len() + values(list))
            .sum()
    }

    fn answer(&mut self, request: &Request) -> Outcome {
        let word = |at: usize| request.words[at].clone();
        let mut list = self.keys.get(&word(0)).cloned();
        let place = |wanted: Bytes| list.iter().flatten().position(|value| *value == wanted);
        match request.verb {
            "PING" => return Outcome::Text(word(0)),
            "GET" => return list.map_or(Outcome::MissingList, Outcome::Values),
            "PUT" => list.get_or_insert_default().push(word(1)),
            "DELETE" => match list.take() {
                Some(_) => {}
                None => return Outcome::Missing,
            },
            "REMOVE" | "UPDATE" => match (place(word(1)), &mut list) {
                (Some(_), _) if request.words.get(2) == Some(&word(1)) => {
                    return Outcome::Done(self.revision, false);
                }
                (Some(place), Some(list)) => {
                    list.splice(place..=place, request.words.get(2).cloned());
                }
                _ => return Outcome::Missing,
            },
            other => panic!("no verb: {other}"),
        }
        self.replace(word(0), list.unwrap_or_default())
    }

    /// Gives a key these values, if the limits allow that; none: there is no such key.
    fn replace(&mut self, key: Bytes, list: Vec<Bytes>) -> Outcome {
        let before = self.bytes();
        let bytes: usize = list.iter().map(Vec::len).sum();
        let old = match list.is_empty() {
            true => self.keys.remove(&key),
            false => self.keys.insert(key.clone(), list),
        };
        let grows = self.bytes() > before;
        let error = if grows && bytes > VALUES_BYTES_MAX {
            "the values of this key would exceed values_bytes_max (65536 bytes)"
        } else if grows && self.bytes() > STORE_BYTES_MAX {
            "the store would exceed store_bytes_max (100000 bytes)"
        } else {
            self.revision += 1;
            return Outcome::Done(self.revision, true);
        };
        match old {
            Some(old) => self.keys.insert(key, old),
            None => self.keys.remove(&key),
        };
        Outcome::Refused(error.to_owned())
    }
}

fn bulk(bytes: &[u8]) -> Bytes {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

impl Dialect {
    fn request(self, request: &Request) -> Bytes {
        let verb = request.verb.as_bytes();
        let words: Vec<&[u8]> = request.words.iter().map(Vec::as_slice).collect();
        match self {
            Dialect::Lines => [verb, b":", &words.join(&b':'), b"\r\n"].concat(),
            _ => frame(&[&[verb], &words[..]].concat()),
        }
    }

    fn reply(self, outcome: &Outcome) -> Bytes {
        let is_lines = self == Dialect::Lines;
        let null = |in_resp2: &str| match self {
            Dialect::Lines => b"NOT_FOUND\n".to_vec(),
            Dialect::Resp2 => in_resp2.into(),
            Dialect::Resp3 | Dialect::Watching => b"_\r\n".to_vec(),
        };
        let cannot_be_typed = |value: &Bytes| {
            value.contains(&b'\n') || value.contains(&b'\r') || value.starts_with(b"NOTIFY ")
        };
        match outcome {
            Outcome::Done(..) if is_lines => b"OK\n".to_vec(),
            Outcome::Done(revision, _) => format!(":{revision}\r\n").into(),
            Outcome::Missing => null("$-1\r\n"),
            Outcome::MissingList => null("*-1\r\n"),
            Outcome::Values(list) if is_lines && list.iter().any(cannot_be_typed) => {
                UNTYPABLE.into()
            }
            Outcome::Values(list) if is_lines => [list.join(&b'\n'), b"\n".to_vec()].concat(),
            Outcome::Values(list) => {
                let head = format!("*{}\r\n", list.len()).into_bytes();
                [head]
                    .into_iter()
                    .chain(list.iter().map(|value| bulk(value)))
                    .flatten()
                    .collect()
            }
            Outcome::Text(text) if is_lines => [text, &b"\n"[..]].concat(),
            Outcome::Text(text) => bulk(text),
            Outcome::Refused(text) if is_lines => format!("Error: {text}\n").into(),
            Outcome::Refused(text) => format!("-ERR {text}\r\n").into(),
        }
    }

    /// What a client hears of a change; nothing if it is not told.
    fn notice(self, request: &Request, revision: u64) -> Bytes {
        let (verb, key) = (request.verb, &request.words[0]);
        match self {
            Dialect::Lines => [b"NOTIFY ", verb.as_bytes(), b" ", key, b"\n"].concat(),
            Dialect::Resp2 | Dialect::Resp3 => Bytes::new(),
            Dialect::Watching => {
                let head = format!(">{}\r\n", 3 + request.words.len()).into_bytes();
                let number = format!(":{revision}\r\n").into_bytes();
                let values = request.words[1..].iter().map(|value| bulk(value));
                let words = [
                    head,
                    bulk(b"notify"),
                    bulk(verb.as_bytes()),
                    bulk(key),
                    number,
                ];
                words.into_iter().chain(values).flatten().collect()
            }
        }
    }

    /// The request, or the nearest that this dialect has words for.
    fn sayable(self, mut request: Request) -> Request {
        if self == Dialect::Lines {
            // A value that comes last takes the rest of the line.
            let last = request.words.len() - 1;
            for (at, word) in request.words.iter_mut().enumerate() {
                let takes_rest = at > 0 && at == last;
                word.retain(|byte| *byte != b'\n' && (takes_rest || *byte != b':'));
            }
        }
        request
    }
}

/// Verbs and how many words each takes, the more interesting ones more often.
const VERBS: [(&str, usize); 14] = [
    ("PUT", 2),
    ("PUT", 2),
    ("UPDATE", 3),
    ("PUT", 2),
    ("PUT", 2),
    ("PUT", 2),
    ("GET", 1),
    ("GET", 1),
    ("UPDATE", 3),
    ("UPDATE", 3),
    ("REMOVE", 2),
    ("REMOVE", 2),
    ("DELETE", 1),
    ("PING", 1),
];

const KEYS: [&[u8]; 4] = [b"a", b"b", b" a:", b"a:b"];

const SHORT_VALUES: [&[u8]; 7] = [
    b"",
    b"x",
    b"a:b",
    b"NOTIFY x",
    b"two\nlines",
    b"end\r",
    b"\xff\0",
];

/// Lengths of which a few fill a list or the store, to the byte or nearly so.
const LONG_VALUES: [usize; 5] = [10_000, 30_000, 34_334, 34_335, 65_536];

/// One that is often held already, so that there is something to find.
fn value() -> impl Strategy<Value = Bytes> {
    let short = prop::sample::select(&SHORT_VALUES[..]).prop_map(<[u8]>::to_vec);
    let long = prop::sample::select(&LONG_VALUES[..]).prop_map(|length| vec![b'x'; length]);
    prop_oneof![4 => Just(b"y".to_vec()), 4 => short, 2 => long]
}

fn request() -> impl Strategy<Value = Request> {
    let key = prop::sample::select(&KEYS[..]).prop_map(<[u8]>::to_vec);
    let parts = (prop::sample::select(&VERBS[..]), key, vec(value(), 2));
    parts.prop_map(|((verb, count), key, values)| {
        let words = [key].into_iter().chain(values).take(count).collect();
        Request { verb, words }
    })
}

/// Lets clients speak in bursts, one after another, and holds all they hear against the model.
fn converse(echo: bool, bursts: Vec<(usize, Vec<Request>)>) {
    let (values_max, store_max) = (VALUES_BYTES_MAX.to_string(), STORE_BYTES_MAX.to_string());
    let limits = [
        "--values-bytes-max",
        &values_max,
        "--store-bytes-max",
        &store_max,
    ];
    // Nobody is to lose a notice, however much waits.
    let flags = [
        "--outbox-bytes-max",
        "1073741824",
        "--echo",
        if echo { "true" } else { "false" },
    ];
    let daemon = Daemon::start(&[&limits[..], &flags].concat());
    let mut clients = DIALECTS.map(|dialect| connect(&daemon, dialect));
    let mut model = Model::default();
    let mut unheard = DIALECTS.map(|_| Bytes::new());
    for (speaker, requests) in bursts {
        let dialect = DIALECTS[speaker];
        hear(&mut clients[speaker], &mut unheard[speaker]);
        let mut burst = Bytes::new();
        for request in requests {
            let request = dialect.sayable(request);
            burst.extend(dialect.request(&request));
            let outcome = model.answer(&request);
            unheard[speaker].extend(dialect.reply(&outcome));
            let Outcome::Done(revision, true) = outcome else {
                continue;
            };
            for (listener, dialect) in DIALECTS.into_iter().enumerate() {
                let is_echo = echo && dialect == Dialect::Lines;
                if listener != speaker || is_echo {
                    unheard[listener].extend(dialect.notice(&request, revision));
                }
            }
        }
        clients[speaker].exchange(&burst, &std::mem::take(&mut unheard[speaker]));
    }
    for ((mut client, dialect), mut unheard) in clients.into_iter().zip(DIALECTS).zip(unheard) {
        hear(&mut client, &mut unheard);
        let (quit, bye) = match dialect {
            Dialect::Lines => ("QUIT\n", "OK\n"),
            _ => ("*1\r\n$4\r\nQUIT\r\n", "+OK\r\n"),
        };
        client.part(quit, [&unheard, bye.as_bytes()].concat());
    }
    let stats = daemon.stats();
    let values = model.keys.values().map(Vec::len).sum::<usize>();
    let counts = [
        model.revision as usize,
        model.keys.len(),
        values,
        model.bytes(),
    ];
    let names = ["revision", "keys", "values", "store_bytes"];
    assert_eq!(
        names.map(|name| stats.get(name) as usize),
        counts,
        "{names:?}"
    );
    assert_eq!(stats.get("notices_lost"), 0);
}

/// Hears the notices that wait for a client, if they are more than surely wait for it: of others it
/// is told later, and what it asks is answered first.
fn hear(client: &mut Client, unheard: &mut Bytes) {
    if unheard.len() > NOTICE_BYTES_MAX {
        client.exchange(b"", &std::mem::take(unheard));
    }
}

fn connect(daemon: &Daemon, dialect: Dialect) -> Client {
    match dialect {
        Dialect::Lines => {
            let mut client = daemon.connect();
            client.exchange(b"PING\n", b"PONG\n");
            client
        }
        Dialect::Resp2 => daemon.connect_resp2(),
        Dialect::Resp3 => daemon.connect_resp3(),
        Dialect::Watching => {
            let mut client = daemon.connect_resp3();
            client.send_frame(&[b"WATCH", b""]);
            client.frame();
            client
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(100)
    })]

    #[test]
    fn every_byte_that_clients_hear_is_the_models(
        echo in any::<bool>(),
        bursts in vec((0..DIALECTS.len(), vec(request(), 1..8)), 1..50),
    ) {
        converse(echo, bursts);
    }
}
