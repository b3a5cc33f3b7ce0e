//! Runs a command for a change, with the new value on its standard input.

use crate::print;
use futures_lite::{AsyncWriteExt as _, future};
use kvmsg::client::Op;
use kvmsg::flags::text::quoted;
use smol::process::{Command, Stdio};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// What a command is run for.
#[derive(Debug)]
pub struct Change<'a> {
    /// What happened.
    pub op: Op,
    /// To which key.
    pub key: &'a [u8],
    /// The server's revision after it.
    pub revision: u64,
    /// The values that the notice carried.
    pub values: &'a [Vec<u8>],
}

impl Change<'_> {
    /// The value that the key holds now and did not before; a removal has none.
    fn new_value(&self) -> Option<&[u8]> {
        match self.op {
            Op::Put | Op::Update => self.values.last().map(Vec::as_slice),
            Op::Remove | Op::Delete => None,
        }
    }

    /// Runs the command to its end. It need not read what it is given.
    ///
    /// # Errors
    ///
    /// One line: the change, and how the command failed.
    pub async fn run(&self, command: &[OsString]) -> Result<(), String> {
        self.ended(command).await.map_err(|why| {
            let (op, key) = (self.op.word(), print::escape(self.key));
            format!("{op} {key}, revision {}: {why}", self.revision)
        })
    }

    async fn ended(&self, command: &[OsString]) -> Result<(), String> {
        let [program, args @ ..] = command else {
            return Err("there is no command".to_owned());
        };
        if self.key.contains(&0) {
            return Err("a key with NUL cannot be given to a command".to_owned());
        }
        let value = self.new_value();
        let mut command = Command::new(program);
        command
            .args(args)
            .env("KVMSG_OP", self.op.word())
            .env("KVMSG_KEY", OsStr::from_bytes(self.key))
            .env("KVMSG_REVISION", self.revision.to_string())
            .stdin(match value {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            });
        let name = quoted(program);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Err(format!("cannot run {name}: {error}")),
        };
        let stdin = child.stdin.take();
        let feed = async {
            if let (Some(mut stdin), Some(value)) = (stdin, value) {
                // It may end, or close its input, without having read it all.
                let _ = stdin.write_all(value).await;
            }
            future::pending().await
        };
        match future::or(child.status(), feed).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{name} {}", shown(status))),
            Err(error) => Err(format!("cannot wait for {name}: {error}")),
        }
    }
}

fn shown(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
