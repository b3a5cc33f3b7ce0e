//! Starts the daemon on a data folder, and sees it die.

use crate::common::{binary, until};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

/// How a daemon is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    pub folder: &'a Path,
    pub sync: &'a str,
    pub history_bytes: u64,
    /// Where it keeps what was synced.
    pub synced: Option<&'a Path>,
    /// The point at which it dies, and at which passing of it.
    pub point: Option<(&'a str, usize)>,
}

/// A daemon that lives until somebody kills it, or it comes to its point.
pub struct Process {
    child: Child,
    /// Nothing if it died before it listened.
    pub address: Option<String>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it, and waits until it listens or is dead.
    pub fn start(start: &Start<'_>) -> Process {
        let mut command = binary();
        command
            .args(["-l", "127.0.0.1:0", "--sync-interval-ms", "50", "--sync"])
            .arg(start.sync)
            .arg("--data-dir")
            .arg(start.folder)
            .args(["--history-bytes", &start.history_bytes.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(synced) = start.synced {
            command.env("KVMSG_SYNCED", synced);
        }
        if let Some((name, count)) = start.point {
            command.env("KVMSG_FAIL_POINT", format!("{name}:{count}"));
        }
        let mut child = command.spawn().expect("the daemon can be started");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut address = None;
        for line in lines.by_ref() {
            let listening = line.strip_prefix("kvmsgd: listening on ");
            address = listening.map(str::to_owned);
            log.lock().unwrap().push(line);
            if address.is_some() {
                break;
            }
        }
        let all = log.clone();
        std::thread::spawn(move || lines.for_each(|line| all.lock().unwrap().push(line)));
        Process {
            child,
            address,
            log,
        }
    }

    pub fn is_dead(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Kills it if it is not dead; returns what it has logged.
    pub fn kill(mut self) -> Vec<String> {
        let _ = self.child.kill();
        until("the daemon to die", || self.is_dead().then_some(()));
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
