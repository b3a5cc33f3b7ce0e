//! Watches: prints what others change, or runs a command for each change, and keeps the position.

use crate::cursor::Cursor;
use crate::exec;
use crate::failure::Failure;
use crate::options::Options;
use crate::print::{self, Form};
use crate::{FAILED, complain};
use futures_lite::future;
use kvmsg::client::{Event, Notice, Watch};
use std::process::ExitCode;

/// The exit status if changes were lost and that was to end it.
const LOST: u8 = 3;

/// A watch on its way.
struct Watcher<'a> {
    options: &'a Options,
    form: Form,
    watch: Watch,
    cursor: Option<Cursor>,
    /// How many more notices there will be, or commands, if that is limited.
    left: Option<u64>,
    /// How many commands have failed.
    failed: u64,
    connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// There has been none.
    None,
    Up,
    /// There was one, and that there is none now has been said.
    Down,
}

/// What follows a notice.
#[derive(Debug, PartialEq, Eq)]
enum Goes {
    On,
    /// Changes were lost, and that ends it.
    Lost,
}

/// Does it; returns the exit status. Ends with status 0 if nobody reads standard output any more.
///
/// # Errors
///
/// What ends it early.
pub async fn run(options: &Options, prefix: &[u8]) -> Result<ExitCode, Failure> {
    let flags = &options.watching;
    let cursor = flags.cursor_file.as_deref().map(Cursor::open).transpose()?;
    let kept = cursor.as_ref().and_then(Cursor::position);
    let mut watch = Watch::new(&options.server, prefix).timeout(options.timeout);
    if let Some(position) = kept.or(flags.since.as_ref()) {
        watch = watch.since(position.clone());
    }
    let mut watcher = Watcher {
        options,
        form: options.form.on_stdout(),
        watch,
        left: flags.count,
        cursor,
        failed: 0,
        connection: Connection::None,
    };
    match (flags.command.is_some(), watcher.work()) {
        (true, work) => work.await,
        (false, work) => future::or(work, nobody_reads()).await,
    }
}

/// Ends in order when the reader of standard output goes away, also when there is nothing to print.
async fn nobody_reads() -> Result<ExitCode, Failure> {
    print::hangup().await;
    Ok(ExitCode::SUCCESS)
}

impl Watcher<'_> {
    async fn work(&mut self) -> Result<ExitCode, Failure> {
        while self.left != Some(0) {
            let event = self.watch.next().await;
            let event = event.map_err(|error| self.failure(error))?;
            let goes = self.event(event).await?;
            if let (Some(cursor), Some(position)) = (&mut self.cursor, self.watch.position()) {
                cursor.keep(position)?;
            }
            if goes == Goes::Lost {
                return Ok(ExitCode::from(LOST));
            }
        }
        match self.failed {
            0 => Ok(ExitCode::SUCCESS),
            failed => {
                complain(&Failure::Commands(failed));
                Ok(ExitCode::from(FAILED))
            }
        }
    }

    async fn event(&mut self, event: Event) -> Result<Goes, Failure> {
        match event {
            Event::Change {
                op,
                key,
                revision,
                values,
            } => {
                if let Some(command) = &self.options.watching.command {
                    let (key, values) = (&key[..], &values[..]);
                    let change = exec::Change {
                        op,
                        key,
                        revision,
                        values,
                    };
                    let ended = change.run(command).await;
                    self.count();
                    return self.judge(ended);
                }
                self.print(&Notice::Change {
                    op,
                    key,
                    revision,
                    values,
                })?;
                self.count();
            }
            Event::Lost { first, last } => {
                self.print(&Notice::Lost { first, last })?;
                return Ok(self.lost(&format!("changes were lost: revisions {first} to {last}")));
            }
            Event::Gone {
                since,
                oldest,
                from,
            } => {
                self.connected();
                let mut bytes = Vec::new();
                self.form.gone(&since, oldest, &from, &mut bytes);
                self.show(&bytes)?;
                return Ok(self.lost(&format!(
                    "changes are gone: those after {since}, up to {from}"
                )));
            }
            // Nothing has changed, so that does not count.
            Event::Drain { seconds } if self.options.watching.command.is_none() => {
                self.print(&Notice::Drain { seconds })?;
            }
            Event::Drain { .. } => {
                complain(&format_args!("{}: the server stops", self.options.server));
            }
            Event::Connected { .. } => self.connected(),
            Event::Progress { .. } => {}
            Event::Disconnected { error, .. } => self.disconnected(error)?,
        }
        Ok(Goes::On)
    }

    /// Says that a command failed, or ends it for that.
    fn judge(&mut self, ended: Result<(), String>) -> Result<Goes, Failure> {
        match ended {
            Ok(()) => {}
            Err(why) if self.options.watching.keep_going => {
                self.failed += 1;
                complain(&why);
            }
            Err(why) => return Err(Failure::Command(why)),
        }
        Ok(Goes::On)
    }

    /// Ends it for a loss if that was asked for. With commands nothing else has said so.
    fn lost(&mut self, why: &str) -> Goes {
        let (ends, is_silent) = {
            let flags = &self.options.watching;
            (flags.fail_on_loss, flags.command.is_some())
        };
        if ends || is_silent {
            complain(&why);
        }
        // Instead of changes that would have counted; but no command is run for them.
        if !is_silent {
            self.count();
        }
        if ends { Goes::Lost } else { Goes::On }
    }

    fn print(&self, notice: &Notice) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        self.form.notice(notice, &mut bytes);
        self.show(&bytes)
    }

    /// Prints a notice, unless standard output belongs to commands.
    fn show(&self, bytes: &[u8]) -> Result<(), Failure> {
        match self.options.watching.command {
            Some(_) => Ok(()),
            None => print::out(bytes),
        }
    }

    fn count(&mut self) {
        self.left = self.left.map(|left| left - 1);
    }

    fn connected(&mut self) {
        if self.connection == Connection::Down {
            complain(&format_args!("{}: connected again", self.options.server));
        }
        self.connection = Connection::Up;
    }

    /// Goes on where a beginning was named, for then another connection continues where this one
    /// ended. Otherwise, and if there never was a connection, it is a failure.
    fn disconnected(&mut self, error: kvmsg::client::Error) -> Result<(), Failure> {
        let flags = &self.options.watching;
        let resumes = flags.since.is_some() || flags.cursor_file.is_some();
        if !resumes || self.connection == Connection::None {
            return Err(self.failure(error));
        }
        if self.connection == Connection::Up {
            complain(&format_args!("{}; trying again", self.failure(error)));
        }
        self.connection = Connection::Down;
        Ok(())
    }

    fn failure(&self, error: kvmsg::client::Error) -> Failure {
        Failure::server(self.options, error)
    }
}
