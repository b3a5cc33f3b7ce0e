//! Loads what dump has printed, a line at a time, requests ahead of their replies.
//!
//! A line that is refused or broken is reported, and the next one goes on. Where the server closes
//! the connection with a refusal, for a request that is too long, nothing behind that has been
//! executed; it is sent again over another connection.

mod line;

use crate::complain;
use crate::failure::Failure;
use crate::input::{Lines, Taken};
use crate::options::Options;
use crate::print;
use crate::progress::Progress;
use kvmsg::client::{Client, Error, Reply, Request};
use kvmsg::journal::MAGIC;
use line::Entry;
use serde_json::json;
use std::collections::VecDeque;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _, Seek as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::rc::Rc;

/// How many requests may wait for their replies.
const AHEAD_MAX: usize = 4096;

/// How many bytes the keys and values of those may have, but for a single long one.
const AHEAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a refusal begins behind which the server closes the connection.
const FATAL: &str = "Protocol error";

/// A load on its way.
struct Load<'a> {
    options: &'a Options,
    client: Client,
    /// What has been sent and not been answered, in order, to be sent again if need be.
    pending: VecDeque<Sent>,
    /// What the keys and values of those have, in bytes.
    pending_bytes: usize,
    /// Whether any request of the line that is being answered was refused.
    is_refused: bool,
    /// How many lines were loaded whole.
    keys: u64,
    /// How many values were put.
    values: u64,
    /// How many lines were not loaded whole.
    refused: u64,
    progress: Progress,
}

/// A request on its way.
struct Sent {
    /// The number of its line.
    line: u64,
    key: Rc<[u8]>,
    /// The value to be put; none: the key is to be deleted.
    value: Option<Vec<u8>>,
    /// Whether it is the last one of its line.
    is_last: bool,
}

impl Sent {
    fn request(&self) -> Request<'_> {
        let key = &self.key;
        match &self.value {
            Some(value) => Request::Put { key, value },
            None => Request::Delete { key },
        }
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Does it; returns the exit status.
///
/// # Errors
///
/// What ends it early; a line that was refused does not.
pub async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut load = Load {
        options,
        client: connect(options).await?,
        pending: VecDeque::new(),
        pending_bytes: 0,
        is_refused: false,
        keys: 0,
        values: 0,
        refused: 0,
        // Whoever types the lines needs the terminal.
        progress: match options.form.quiet || io::stdin().is_terminal() {
            true => Progress::hidden(),
            false => Progress::of_bytes(input_bytes()),
        },
    };
    let mut lines = Lines::of_stdin();
    let worked = load.work(&mut lines).await;
    // Also if it has ended early, for so much is there then.
    let said = match worked.is_ok() || load.has_begun() {
        true => load.summary(),
        false => Ok(()),
    };
    let worked = worked.map_err(|failure| failure.with_rest(lines.are_left()));
    worked.and(said)?;
    match load.refused {
        0 => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::from(crate::FAILED)),
    }
}

async fn connect(options: &Options) -> Result<Client, Failure> {
    let client = Client::connect(&options.server, options.timeout).await;
    client.map_err(|error| Failure::server(options, error))
}

/// How much there is to read from standard input, if it is a file.
fn input_bytes() -> Option<u64> {
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let about = file.metadata().ok().filter(|about| about.is_file())?;
    about.len().checked_sub(file.stream_position().ok()?)
}

/// `1 key`, `2 keys`.
fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

impl Load<'_> {
    async fn work(&mut self, lines: &mut Lines) -> Result<(), Failure> {
        let (mut number, mut read) = (0, 0);
        let mut taken = Taken::Some;
        while taken != Taken::End {
            taken = match lines.take()? {
                Taken::Nothing if self.pending.is_empty() => {
                    self.show(read);
                    lines.wait().await?
                }
                Taken::Nothing => {
                    self.receive().await?;
                    continue;
                }
                other => other,
            };
            while let Some(line) = lines.next() {
                (number, read) = (number + 1, read + line.len() as u64 + 1);
                self.line(number, line).await?;
            }
            self.show(read);
        }
        while !self.pending.is_empty() {
            self.receive().await?;
        }
        Ok(())
    }

    /// Shows how far it is: so many bytes of the input.
    fn show(&self, read: u64) {
        if self.progress.is_shown() {
            self.progress.reach(read);
            self.progress.say(counted(self.keys, "key"));
        }
    }

    /// Sends the requests of a line. Those of a broken one are none.
    async fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Failure> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        // Its first bytes have a line end, so that this is the whole line.
        if number == 1 && line.trim_ascii_end() == MAGIC.trim_ascii_end() {
            let why = "it is a backup, of which kvmsgd --restore makes a data folder";
            return Err(Failure::Input(io::Error::other(why)));
        }
        let Entry { key, values } = match line::read(line) {
            Ok(entry) => entry,
            Err(error) => {
                self.refused += 1;
                self.report(number, &error);
                return Ok(());
            }
        };
        let key: Rc<[u8]> = key.into();
        let last = values.len() - 1;
        let deletion = self.options.replace.then_some((false, None));
        let puts = values.into_iter().enumerate();
        let puts = puts.map(|(at, value)| (at == last, Some(value)));
        for (is_last, value) in deletion.into_iter().chain(puts) {
            let sent = Sent {
                line: number,
                key: key.clone(),
                value,
                is_last,
            };
            self.send(sent).await?;
        }
        Ok(())
    }

    /// Sends a request when there is room for it.
    async fn send(&mut self, sent: Sent) -> Result<(), Failure> {
        let is_far_ahead = self.pending.len() >= AHEAD_MAX;
        while is_far_ahead && self.pending.len() > AHEAD_MAX / 2 {
            self.receive().await?;
        }
        while !self.pending.is_empty() && self.pending_bytes + sent.bytes() > AHEAD_BYTES_MAX {
            self.receive().await?;
        }
        // Where that fails, a reply may have come that says why, and receiving comes upon both.
        let _ = self.client.send(&sent.request()).await;
        self.pending_bytes += sent.bytes();
        self.pending.push_back(sent);
        Ok(())
    }

    /// Waits for the oldest reply.
    async fn receive(&mut self) -> Result<(), Failure> {
        let reply = self.client.receive().await;
        let reply = reply.map_err(|error| self.failure(error))?;
        let Some(sent) = self.pending.pop_front() else {
            return Err(self.failure(Error::NothingExpected));
        };
        self.pending_bytes -= sent.bytes();
        if let Reply::Refused(why) = &reply {
            if !self.is_refused {
                self.report(sent.line, why);
            }
            self.is_refused = true;
        } else if sent.value.is_some() {
            self.values += 1;
        }
        if sent.is_last {
            match self.is_refused {
                true => self.refused += 1,
                false => self.keys += 1,
            }
            self.is_refused = false;
        }
        match reply {
            Reply::Refused(why) if why.starts_with(FATAL) => self.again().await,
            _ => Ok(()),
        }
    }

    /// Sends over another connection what this one will not answer.
    async fn again(&mut self) -> Result<(), Failure> {
        self.client = connect(self.options).await?;
        for sent in &self.pending {
            let _ = self.client.send(&sent.request()).await;
        }
        Ok(())
    }

    /// Says what was wrong with a line.
    fn report(&self, number: u64, why: &dyn Display) {
        let say = || complain(&format_args!("line {number}: {why}"));
        self.progress.aside(say);
    }

    /// Whether any line has had its answers.
    fn has_begun(&self) -> bool {
        self.values + self.keys + self.refused > 0
    }

    fn summary(&self) -> Result<(), Failure> {
        self.progress.clear();
        let (keys, values) = (self.keys, self.values);
        let mut bytes = Vec::new();
        let form = self.options.form;
        if form.json {
            let document = json!({ "keys": keys, "values": values, "refused": self.refused });
            form.json(&document, &mut bytes);
        } else if !form.quiet {
            let text = format!("{}, {}", counted(keys, "key"), counted(values, "value"));
            form.line(text.as_bytes(), &mut bytes);
        }
        print::out(&bytes)
    }

    /// Names the lines that are left without an answer.
    fn failure(&self, error: Error) -> Failure {
        let lines = self.pending.front().zip(self.pending.back());
        let lines = lines.map(|(first, last)| (first.line, last.line));
        Failure::lines(self.options, lines, error)
    }
}
