//! Sends random changes, reads, and watches, until the daemon is gone.

use crate::dice::Dice;
use crate::record::{Answer, Change, Heard, Place, Sent};
use kvmsg::client::{Client, Error, Notice, Op, Position, Reply, Request};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// How long a reply may take; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many requests a client sends at most before it waits for the replies.
const PIPELINE_MAX: usize = 16;

/// How many keys all clients share, and how many each has to itself.
const KEYS: usize = 5;

/// What the clients of a life know of each other.
#[derive(Debug, Default)]
pub struct Progress {
    /// How many changes have been answered.
    pub answered: AtomicU64,
    /// The last revision that was answered.
    pub revision: AtomicU64,
}

/// What one client came to.
#[derive(Debug, Default)]
pub struct Wrote {
    pub sent: Vec<Sent>,
    pub read: Vec<String>,
}

/// One request on its way: a change, or the key that is read.
enum Asked {
    Change(usize),
    Read,
}

struct Writer<'a> {
    name: String,
    dice: Dice,
    /// How long values are at most.
    value_bytes: usize,
    next: u64,
    /// What it has put and not taken away, as far as it knows.
    own: Vec<(String, String)>,
    wrote: Wrote,
    progress: &'a Progress,
}

/// Changes and reads until the daemon is gone, or `is_enough`.
pub fn write(
    address: &str,
    name: &str,
    seed: u64,
    value_bytes: usize,
    progress: &Progress,
    is_enough: impl Fn() -> bool,
) -> Wrote {
    let mut writer = Writer {
        name: name.to_owned(),
        dice: Dice(seed),
        value_bytes,
        next: 0,
        own: Vec::new(),
        wrote: Wrote::default(),
        progress,
    };
    smol::block_on(async {
        let Ok(mut client) = Client::connect(address, PATIENCE).await else {
            return;
        };
        while !is_enough() && writer.turn(&mut client).await.is_ok() {}
    });
    writer.wrote
}

impl Writer<'_> {
    async fn turn(&mut self, client: &mut Client) -> Result<(), Error> {
        let count = 1 + self.dice.below(PIPELINE_MAX);
        let mut asked = Vec::new();
        let mut sent = Ok(());
        for _ in 0..count {
            if self.dice.one_in(6) {
                let key = self.key();
                let request = Request::Get {
                    key: key.as_bytes(),
                };
                sent = client.send(&request).await;
                asked.push(Asked::Read);
            } else {
                let change = self.change();
                // What is sent is in flight, whether or not all of it has left.
                self.wrote.sent.push(Sent {
                    change: change.clone(),
                    answer: None,
                });
                asked.push(Asked::Change(self.wrote.sent.len() - 1));
                sent = client.send(&request(&change)).await;
            }
            if sent.is_err() {
                break;
            }
        }
        let flushed = match sent {
            Ok(()) => client.flush().await,
            failed => failed,
        };
        // What was answered before the end is still to be had.
        for asked in asked {
            match client.receive().await? {
                Reply::Revision(revision) => self.answered(&asked, Answer::Revision(revision)),
                Reply::NotFound => self.answered(&asked, Answer::NotFound),
                Reply::Values(values) => {
                    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
                    self.wrote.read.extend(values.into_iter().map(text));
                }
                other => self.answered(&asked, Answer::Refused(format!("{other:?}"))),
            }
        }
        flushed
    }

    fn answered(&mut self, asked: &Asked, answer: Answer) {
        if let Asked::Change(at) = asked {
            if let Answer::Revision(revision) = answer {
                self.progress.answered.fetch_add(1, SeqCst);
                self.progress.revision.fetch_max(revision, SeqCst);
            }
            self.wrote.sent[*at].answer = Some(answer);
        }
    }

    /// A shared key, or one of its own.
    fn key(&mut self) -> String {
        let number = self.dice.below(KEYS);
        match self.dice.one_in(2) {
            true => format!("shared-{number}"),
            false => format!("{}-{number}", self.name),
        }
    }

    fn value(&mut self) -> String {
        self.next += 1;
        let padding = "x".repeat(self.dice.below(self.value_bytes));
        format!("{}.{} {padding}", self.name, self.next)
    }

    /// The next change: it takes away only what it has put itself, so that a change says whose it
    /// is.
    fn change(&mut self) -> Change {
        let (op, key, values) = match self.dice.below(8) {
            0 => {
                let key = format!("{}-{}", self.name, self.dice.below(KEYS));
                self.own.retain(|(own, _)| *own != key);
                (Op::Delete, key, Vec::new())
            }
            1..=3 if !self.own.is_empty() => {
                let at = self.dice.below(self.own.len());
                let (key, old) = self.own.swap_remove(at);
                if self.dice.one_in(2) {
                    (Op::Remove, key, vec![old])
                } else {
                    let new = self.value();
                    self.own.push((key.clone(), new.clone()));
                    (Op::Update, key, vec![old, new])
                }
            }
            _ => {
                let (key, new) = (self.key(), self.value());
                self.own.push((key.clone(), new.clone()));
                (Op::Put, key, vec![new])
            }
        };
        Change { op, key, values }
    }
}

fn request(change: &Change) -> Request<'_> {
    let key = change.key.as_bytes();
    let value = |at: usize| change.values[at].as_bytes();
    match change.op {
        Op::Put => Request::Put {
            key,
            value: value(0),
        },
        Op::Update => Request::Update {
            key,
            old: value(0),
            new: value(1),
        },
        Op::Remove => Request::Remove {
            key,
            value: value(0),
        },
        Op::Delete => Request::Delete { key },
    }
}

/// Watches everything after this place until the daemon is gone, or what was heard is enough, or
/// so much time is over.
pub fn watch(
    address: &str,
    since: &Place,
    limit: Option<Duration>,
    is_enough: impl Fn(u64) -> bool,
) -> Heard {
    let mut heard = Heard {
        since: since.clone(),
        gone: false,
        told: Vec::new(),
        end: None,
        lost: Vec::new(),
    };
    // The end of the connection is the end of what is heard.
    let late = async {
        match limit {
            Some(limit) => drop(smol::Timer::after(limit).await),
            None => std::future::pending().await,
        }
        Ok(())
    };
    let listen = listen(address, &mut heard, is_enough);
    let _ = smol::block_on(futures_lite::future::or(listen, late));
    heard
}

async fn listen(
    address: &str,
    heard: &mut Heard,
    is_enough: impl Fn(u64) -> bool,
) -> Result<(), Error> {
    let mut client = Client::connect(address, PATIENCE).await?;
    let request = Request::Watch {
        prefix: b"",
        since: Some(&Position {
            epoch: heard.since.epoch.clone(),
            revision: heard.since.revision,
        }),
        echo: true,
    };
    client.send(&request).await?;
    let mut last = match client.receive().await? {
        Reply::Watching(from) => from.revision,
        Reply::Gone { .. } => {
            heard.gone = true;
            return Ok(());
        }
        other => panic!("WATCH is answered {other:?}"),
    };
    while !is_enough(last) {
        match client.notice().await? {
            Notice::Change {
                op,
                key,
                revision,
                values,
            } => {
                heard.told.push((revision, Change::new(op, &key, &values)));
                last = revision;
            }
            Notice::Lost { first, last: to } => {
                heard.lost.push((first, to));
                last = to;
            }
            Notice::Progress { .. } | Notice::Drain { .. } => {}
        }
    }
    Ok(())
}
