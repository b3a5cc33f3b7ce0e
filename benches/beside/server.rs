//! The servers that are measured: how each is started, and when it is ready.

use crate::children::Child;
use crate::process;
use crate::wire::{Ask, Dialect};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to start, and any reply to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long between two attempts to connect to a server that starts.
const LOOK: Duration = Duration::from_micros(200);

/// How redis-server answers everything until it has loaded its data: that is no reply.
const LOADING: &[u8] = b"-LOADING";

/// How many clients a server is told to admit: more than ever come.
const CLIENTS: &str = "20000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Kvmsgd,
    Redis,
    /// The loop that answers and does nothing.
    Floor,
}

/// A program that is compared.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    /// What it is called in tables.
    pub(crate) name: String,
}

impl Side {
    pub(crate) fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Redis => Dialect::Redis,
            Kind::Kvmsgd | Kind::Floor => Dialect::Framed,
        }
    }

    /// Starts it and waits until it answers. `flags` are for kvmsgd alone.
    ///
    /// # Errors
    ///
    /// Says so if it does not start, or does not answer.
    pub(crate) fn start(&self, flags: &[&str]) -> Result<Server, String> {
        match self.kind {
            Kind::Kvmsgd => self.start_with(flags),
            Kind::Redis | Kind::Floor => self.start_with(&[]),
        }
    }

    /// The same with flags for whatever it is.
    ///
    /// # Errors
    ///
    /// See [`Side::start`].
    pub(crate) fn start_with(&self, flags: &[&str]) -> Result<Server, String> {
        let port = free_port()?;
        let begin = Instant::now();
        let child = Child::start(&mut self.command(port, flags))?;
        let mut server = Server {
            child,
            port,
            dialect: self.dialect(),
            start: Duration::ZERO,
        };
        let greeted = server.greet(begin + PATIENCE);
        greeted.map_err(|error| format!("{}: {error}", self.path.display()))?;
        server.start = begin.elapsed();
        Ok(server)
    }

    fn command(&self, port: u16, flags: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        // No setting comes from outside.
        command.env_clear().stdout(Stdio::null());
        let port = port.to_string();
        match self.kind {
            Kind::Kvmsgd => command
                .args(["-c", "/dev/null", "-l", &format!("127.0.0.1:{port}")])
                .args(["--log", "error", "--clients-max", CLIENTS])
                .args(flags)
                .stderr(Stdio::null()),
            Kind::Redis => command
                .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
                .args(["--appendonly", "no", "--maxclients", CLIENTS])
                .args(["--dir", "/tmp", "--loglevel", "warning"])
                .args(flags),
            Kind::Floor => command.arg(port),
        };
        command
    }
}

/// A port on which nobody listens now.
fn free_port() -> Result<u16, String> {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = held.and_then(|held| held.local_addr());
    Ok(address
        .map_err(|error| format!("no free port: {error}"))?
        .port())
}

/// A server that runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) dialect: Dialect,
    /// From starting the process to its first reply.
    pub(crate) start: Duration,
}

impl Server {
    /// Its processor time so far.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        process::cpu(self.child.pid())
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident(&self) -> Result<f64, String> {
        process::resident(self.child.pid())
    }

    /// Ends it, so that it keeps all that it has answered.
    ///
    /// # Errors
    ///
    /// Says so if it has not ended well in time.
    pub(crate) fn end(self) -> Result<(), String> {
        self.child.end(PATIENCE)
    }

    /// A blocking connection, on which no read or write waits for ever.
    pub(crate) fn connect(&self) -> Result<TcpStream, String> {
        let connect = || {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        connect().map_err(|error: std::io::Error| format!("port {}: {error}", self.port))
    }

    fn greet(&mut self, deadline: Instant) -> Result<(), String> {
        let mut stream = loop {
            match self.connect() {
                Ok(stream) => break stream,
                Err(_) if self.child.has_ended() => return Err("it ended at once".into()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(LOOK),
            }
        };
        let (mut ping, mut reply) = (Vec::new(), [0; 64]);
        Ask::Ping.encode(self.dialect, &mut ping);
        loop {
            let asked = stream.write_all(&ping);
            match asked.and_then(|()| stream.read(&mut reply)) {
                Ok(0) => return Err("it closed the connection".into()),
                Ok(length) if !reply[..length].starts_with(LOADING) => return Ok(()),
                Ok(_) if Instant::now() > deadline => return Err("it loads its data".into()),
                Ok(_) => thread::sleep(LOOK),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
