//! The programs that are started, and that they end: with their deadline, and with this program.
//!
//! A child is killed when its [`Child`] is dropped. A panic, a signal and the deadline of the
//! whole run do not drop anything, so every child also stands in a list, and all are killed then.

use crate::folder;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Read;
use std::process::{self, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether a child has ended.
const LOOK: Duration = Duration::from_millis(2);

static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(pids: &mut Vec<Pid>) {
    for pid in pids.drain(..) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Ends this program. Nothing is started or made any more: the lists stay locked.
fn end(status: i32) -> ! {
    let mut pids = running();
    kill(&mut pids);
    let _held = folder::remove_all();
    process::exit(status)
}

/// Sees to it that no child and no folder is left behind by a panic, by Ctrl-C and the like, or by
/// a run that takes longer than `limit`.
///
/// # Errors
///
/// Says so if signals cannot be listened for.
pub(crate) fn guard(limit: Duration) -> Result<(), String> {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        kill(&mut running());
        drop(folder::remove_all());
        report(info);
    }));
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]);
    let mut signals = signals.map_err(|error| format!("signals: {error}"))?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            end(128 + signal);
        }
    });
    thread::spawn(move || {
        thread::sleep(limit);
        eprintln!("beside: stopped: it takes longer than {limit:?}");
        end(1);
    });
    Ok(())
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    child: process::Child,
}

impl Child {
    /// Starts it, without input.
    ///
    /// # Errors
    ///
    /// Says so if it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Child, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut pids = running();
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{name}: {error}"))?;
        pids.push(Pid::from_child(&child));
        Ok(Child { name, child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, which a server should not.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits until it ends, and returns what it has printed, if that goes to a pipe.
    ///
    /// # Errors
    ///
    /// Says so if it fails, or has not ended by the deadline.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<String, String> {
        let deadline = Instant::now() + limit;
        let stdout = self.child.stdout.take();
        let reader = thread::spawn(move || {
            let mut output = String::new();
            let read = stdout.map(|mut stdout| stdout.read_to_string(&mut output));
            read.transpose().map(|_| output)
        });
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(format!("{}: has not ended after {limit:?}", self.name));
            }
            thread::sleep(LOOK);
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let output = reader
            .join()
            .map_err(|_| "a reader has failed".to_owned())?;
        match status.success() {
            true => output.map_err(|error| format!("{}: {error}", self.name)),
            false => Err(format!("{}: {status}", self.name)),
        }
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// Those of [`Child::finish`].
    pub(crate) fn end(self, limit: Duration) -> Result<(), String> {
        let asked = kill_process(Pid::from_child(&self.child), Signal::TERM);
        asked.map_err(|error| format!("{}: {error}", self.name))?;
        self.finish(limit).map(drop)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        running().retain(|running| *running != pid);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
