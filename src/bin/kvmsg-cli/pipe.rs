//! Takes requests from standard input, one a line, and prints their replies in order.
//!
//! Requests are sent ahead of their replies, as many as [`AHEAD_MAX`]; when the input pauses, what
//! is due is received and printed before more is waited for. So a file goes at full speed, and
//! whoever writes one request and waits for its reply gets it.

use crate::complain;
use crate::failure::Failure;
use crate::input::{Lines, Taken};
use crate::list;
use crate::options::Options;
use crate::print::{self, Form, OUTPUT_BYTES};
use crate::request::{self, UsageError};
use crate::syntax::{self, Line};
use crate::verbs::{self, Name, Place};
use futures_lite::future;
use kvmsg::client::{Client, Error, Notice, Reply};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

/// How many lines may wait for their turn to be answered.
const AHEAD_MAX: usize = 4096;

/// How many bytes of requests may wait to be written, but for a single long one.
const UNSENT_BYTES_MAX: usize = 128 * 1024;

/// Where a verb must be understood to be suggested.
const PLACES: [Place; 2] = [Place::Everywhere, Place::Session];

/// Requests on their way, and what is printed of them.
struct Pipe<'a> {
    options: &'a Options,
    form: Form,
    client: Client,
    /// The lines that have been read and not been answered, in order.
    pending: VecDeque<(u64, Pending)>,
    /// What is to be printed.
    out: Vec<u8>,
    /// Errors stand among the replies too, unless a person sees both streams at once.
    are_errors_printed: bool,
    has_failed: bool,
    /// Whether notices may come.
    is_watching: bool,
}

/// What was waited for, and came.
enum Heard {
    Input(Result<Taken, Failure>),
    Notice(Result<Notice, Error>),
}

/// What a line waits for.
enum Pending {
    /// The server's reply; the line form ends some with an empty line.
    Reply(Name),
    /// Its turn to be answered from here.
    Answer(String),
    /// Its turn to be reported as a mistake.
    Mistake(String),
}

/// What follows a line.
#[derive(Debug, PartialEq, Eq)]
enum Goes {
    /// The next line.
    On,
    /// Nothing: the line said so.
    Out,
}

/// Does it; returns the exit status.
///
/// # Errors
///
/// What ends the conversation. A request that was answered with an error does not.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let done = async {
        let client = Client::connect(&options.server, options.timeout).await;
        let mut pipe = Pipe {
            options,
            form: options.form.on_stdout(),
            client: client.map_err(|error| Failure::server(options, error))?,
            pending: VecDeque::new(),
            out: Vec::new(),
            are_errors_printed: !(io::stdout().is_terminal() && io::stderr().is_terminal()),
            has_failed: false,
            is_watching: false,
        };
        let mut lines = Lines::of_stdin();
        let ended = pipe.work(&mut lines).await;
        let ended = ended.map_err(|failure| failure.with_rest(lines.are_left()));
        let printed = pipe.print();
        match ended.and(printed) {
            Err(failure) if pipe.has_failed && failure.is_broken_pipe() => Ok(()),
            other => other,
        }?;
        match pipe.has_failed {
            true => Ok(ExitCode::from(crate::FAILED)),
            false => Ok(ExitCode::SUCCESS),
        }
    };
    smol::block_on(done)
}

impl Pipe<'_> {
    /// Answers line after line up to the end of the input, or the line that says so.
    async fn work(&mut self, lines: &mut Lines) -> Result<(), Failure> {
        let mut number = 0;
        let mut taken = Taken::Some;
        while taken != Taken::End {
            taken = match lines.take()? {
                Taken::Nothing if self.pending.is_empty() => {
                    self.print()?;
                    self.wait(lines).await?
                }
                Taken::Nothing => {
                    self.receive().await?;
                    continue;
                }
                other => other,
            };
            while let Some(line) = lines.next() {
                number += 1;
                if self.line(number, line).await? == Goes::Out {
                    taken = Taken::End;
                    break;
                }
            }
        }
        while !self.pending.is_empty() {
            self.receive().await?;
        }
        Ok(())
    }

    /// Waits for input, printing notices as they come.
    async fn wait(&mut self, lines: &mut Lines) -> Result<Taken, Failure> {
        if !self.is_watching {
            return lines.wait().await;
        }
        loop {
            let input = async { Heard::Input(lines.wait().await) };
            let notice = async { Heard::Notice(self.client.notice().await) };
            match future::or(input, notice).await {
                Heard::Input(taken) => return taken,
                Heard::Notice(notice) => {
                    let notice = notice.map_err(|error| self.failure(error))?;
                    self.notice(&notice);
                    self.print()?;
                }
            }
        }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Progress { .. } => {}
            notice => self.form.notice(notice, &mut self.out),
        }
    }

    /// Lists everything, page by page, as one reply. It comes after all that was asked before.
    async fn list(&mut self, number: u64, prefix: &[u8]) -> Result<(), Failure> {
        while !self.pending.is_empty() {
            self.receive().await?;
        }
        match list::whole(&mut self.client, prefix).await {
            Ok(page) => self.form.reply(&Reply::Page(page), &mut self.out),
            Err(Error::Refused(why)) => return self.report(number, &why),
            Err(error) => {
                return Err(Failure::lines(self.options, Some((number, number)), error));
            }
        }
        if !self.form.json {
            self.form.line(b"", &mut self.out);
        }
        self.notices();
        Ok(())
    }

    /// Prints the notices that came with replies, behind those.
    fn notices(&mut self) {
        while let Some(notice) = self.client.kept_notice() {
            self.notice(&notice);
        }
    }

    /// Sends the request of a line, or keeps its answer until its turn has come.
    async fn line(&mut self, number: u64, line: &[u8]) -> Result<Goes, Failure> {
        self.make_room(line.len()).await?;
        let (word, args) = match syntax::parse(line) {
            Ok(Line::Empty) => return Ok(Goes::On),
            Ok(Line::Words { verb, args }) => (verb, args),
            Err(error) => return self.wait_for(number, mistake(&error)),
        };
        if syntax::colon(line).is_none()
            && let Some(advice) = request::stray_flag(&word, &args)
        {
            return self.wait_for(number, mistake(&advice));
        }
        let verb = match request::verb(&word, &args, &PLACES) {
            Ok(verb) => verb,
            Err(error) => return self.wait_for(number, mistake(&error)),
        };
        match verb.name {
            Name::Help => self.wait_for(number, help(args.first())),
            Name::Exit => {
                self.wait_for(number, Pending::Answer("OK\n".to_owned()))?;
                Ok(Goes::Out)
            }
            Name::List => {
                self.list(number, request::prefix(&args)).await?;
                Ok(Goes::On)
            }
            name => {
                self.is_watching |= name == Name::Watch;
                let request = request::request(verb, &args)?;
                let sent = self.client.send(&request).await;
                // An error concerns the lines that wait already, this one included.
                self.pending.push_back((number, Pending::Reply(name)));
                sent.map_err(|error| self.failure(error))?;
                Ok(Goes::On)
            }
        }
    }

    /// Receives until a request of this length can be sent without waiting. A long one waits until
    /// everything before it is answered.
    async fn make_room(&mut self, length: usize) -> Result<(), Failure> {
        let is_far_ahead = self.pending.len() >= AHEAD_MAX;
        while is_far_ahead && self.pending.len() > AHEAD_MAX / 2 {
            self.receive().await?;
        }
        while !self.pending.is_empty() && self.client.unsent_bytes() + length > UNSENT_BYTES_MAX {
            self.receive().await?;
        }
        Ok(())
    }

    /// Puts a line that needs no reply behind those that do.
    fn wait_for(&mut self, number: u64, pending: Pending) -> Result<Goes, Failure> {
        self.pending.push_back((number, pending));
        self.settle()?;
        Ok(Goes::On)
    }

    /// Waits for the oldest reply, and prints it with all that waited for it.
    async fn receive(&mut self) -> Result<(), Failure> {
        let reply = self.client.receive().await;
        let reply = reply.map_err(|error| self.failure(error))?;
        if let Some((number, Pending::Reply(name))) = self.pending.pop_front() {
            self.reply(number, name, &reply)?;
            self.notices();
        }
        self.settle()
    }

    /// Prints the answers whose turn has come.
    fn settle(&mut self) -> Result<(), Failure> {
        while let Some((number, pending)) = self.pending.pop_front() {
            match pending {
                Pending::Reply(_) => {
                    self.pending.push_front((number, pending));
                    break;
                }
                Pending::Answer(text) if self.form.json => {
                    self.form.json(&Value::from(text.trim_end()), &mut self.out);
                }
                Pending::Answer(text) => self.out.extend_from_slice(text.as_bytes()),
                Pending::Mistake(text) => self.report(number, &text)?,
            }
        }
        match self.out.len() {
            ..OUTPUT_BYTES => Ok(()),
            _ => self.print(),
        }
    }

    fn reply(&mut self, number: u64, name: Name, reply: &Reply) -> Result<(), Failure> {
        match reply {
            Reply::Refused(why) => return self.report(number, why),
            Reply::NotFound if self.form.json => self.form.json(&Value::Null, &mut self.out),
            Reply::NotFound => self.form.line(b"NOT_FOUND", &mut self.out),
            reply => self.form.reply(reply, &mut self.out),
        }
        if name == Name::Stats && !self.form.json {
            self.form.line(b"", &mut self.out);
        }
        Ok(())
    }

    /// Says what was wrong with a line: in its place among the replies, and with its number on
    /// standard error.
    fn report(&mut self, number: u64, why: &str) -> Result<(), Failure> {
        self.has_failed = true;
        match self.form.json {
            _ if !self.are_errors_printed => {}
            true => self.form.json(&json!({ "error": why }), &mut self.out),
            false => self
                .form
                .line(format!("Error: {why}").as_bytes(), &mut self.out),
        }
        self.print()?;
        complain(&format_args!("line {number}: {why}"));
        Ok(())
    }

    fn print(&mut self) -> Result<(), Failure> {
        print::out(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Names the lines that are left without an answer.
    fn failure(&self, error: Error) -> Failure {
        let lines = self.pending.front().zip(self.pending.back());
        Failure::lines(
            self.options,
            lines.map(|(first, last)| (first.0, last.0)),
            error,
        )
    }
}

fn mistake(error: &dyn Display) -> Pending {
    Pending::Mistake(error.to_string())
}

/// The list of verbs, or what one of them does, as the line form ends it.
fn help(word: Option<&Vec<u8>>) -> Pending {
    let Some(word) = word else {
        return Pending::Answer(verbs::list(&PLACES) + "\n");
    };
    match verbs::find(word) {
        Some(verb) => Pending::Answer(verb.explain() + "\n"),
        None => {
            let nearest = verbs::suggest(word, &PLACES);
            mistake(&UsageError::Unknown(word.clone(), nearest))
        }
    }
}
