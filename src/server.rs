//! Accepts clients, and stops when it is told to.
//!
//! Stopping is a half-close of every client: the listeners close, readers take what has arrived
//! and end, sessions leave, outboxes empty, the last sender of the broker's queue is dropped, and
//! the broker ends. Nothing else has to be done, only waited for.
//!
//! The kernel is not asked to shut the receiving side: of a connection of which both sides are
//! shut, it would answer further input with a reset, which destroys replies on their way.

mod accept;

use crate::broker::{Broker, Core, Event};
use crate::config::Config;
use crate::feed::Feed;
use crate::ledger::Ledger;
use crate::reactor::{Descriptors, Reactor};
use crate::session::{self, SendQueues};
use crate::stats::{Counts, Stats};
use crate::stop::{Stop, Stopper, stop};
use crate::store::{self, Store};
use accept::{Clients, Listening};
use futures_lite::future;
use smol::{LocalExecutor, Timer};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many connections wait to be accepted before the kernel turns more away.
const BACKLOG: i32 = 4096;

/// A server that has its addresses and will serve when it is run.
///
/// # Examples
///
/// ```
/// use kvmsg::{config::Config, server::Server};
/// use std::io::{Read, Write};
///
/// let config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
/// let server = Server::bind(config)?;
/// let handle = server.handle();
/// let running = std::thread::spawn(move || server.run());
///
/// let mut client = std::net::TcpStream::connect(handle.addresses()[0])?;
/// client.write_all(b"PUT:user:john\nGET:user\nQUIT\n")?;
/// let mut told = String::new();
/// client.read_to_string(&mut told)?;
/// assert_eq!(told, "OK\njohn\nOK\n");
///
/// handle.stop();
/// assert_eq!(running.join().unwrap().counts.answered, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    descriptors: Descriptors,
    service: Service,
}

/// What a server works with, whatever thread it is run on.
#[derive(Debug)]
struct Service {
    config: Config,
    listeners: Vec<TcpListener>,
    handle: Handle,
    drain: Stop,
    cut: Stop,
}

/// A way to watch and to stop a server from any thread.
#[derive(Debug, Clone)]
pub struct Handle {
    addresses: Arc<[SocketAddr]>,
    stats: Arc<Stats>,
    drain: Arc<Mutex<Option<Stopper>>>,
    cut: Arc<Mutex<Option<Stopper>>>,
}

/// What a server that has ended has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The counters: connections as they were when the server was told to stop, the others at the
    /// end.
    pub counts: Counts,
    /// Whether every client got what it was owed: nothing was cut off, and nothing failed.
    pub complete: bool,
}

/// Why a server cannot have an address.
#[derive(Debug)]
pub struct BindError {
    /// The address, as the configuration has it.
    pub address: String,
    /// What the operating system says.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.source)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Handle {
    /// The addresses that the server listens on, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        self.stats.counts()
    }

    /// How many connections are open.
    pub fn active(&self) -> u64 {
        self.counts().active
    }

    /// How many connections have ended.
    pub fn dropped(&self) -> u64 {
        self.counts().dropped
    }

    /// Tells the server to stop: it answers what has arrived, within `drain_secs`, and ends.
    pub fn stop(&self) {
        self.drain
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Tells the server to end at once, whatever is under way.
    pub fn cut(&self) {
        self.stop();
        self.cut
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl Server {
    /// Takes the addresses of the configuration. From here on clients can connect, and wait.
    ///
    /// Raises the process's soft limit of open files to what `clients_max` needs; where it cannot
    /// be raised, lowers `clients_max` and logs a warning.
    ///
    /// # Errors
    ///
    /// Names the first address that is not to be had: in use, not of this machine, not permitted.
    pub fn bind(config: Config) -> Result<Server, BindError> {
        let mut config = config;
        let descriptors = Descriptors::open().map_err(|source| BindError {
            address: config.listen.join(", "),
            source,
        })?;
        let bound: Result<Vec<_>, _> = config.listen.iter().map(|address| bind(address)).collect();
        let (listeners, addresses): (Vec<_>, Vec<_>) = bound?.into_iter().unzip();
        config.clients_max = accept::fit_descriptors(config.clients_max, listeners.len());
        let ((drainer, drain), (cutter, cut)) = (stop(), stop());
        let handle = Handle {
            addresses: addresses.into(),
            stats: Arc::default(),
            drain: Arc::new(Mutex::new(Some(drainer))),
            cut: Arc::new(Mutex::new(Some(cutter))),
        };
        let service = Service {
            config,
            listeners,
            handle,
            drain,
            cut,
        };
        Ok(Server {
            descriptors,
            service,
        })
    }

    /// A way to watch and to stop this server.
    pub fn handle(&self) -> Handle {
        self.service.handle.clone()
    }

    /// Serves until it is told to stop. Blocks this thread, on which all of the server runs.
    pub fn run(self) -> Report {
        let executor = Rc::new(LocalExecutor::new());
        let reactor = Reactor::new(self.descriptors);
        let served = self.service.serve(executor.clone(), reactor.clone());
        reactor.run(&executor, executor.spawn(served))
    }
}

impl Service {
    async fn serve(self, executor: Rc<LocalExecutor<'static>>, reactor: Rc<Reactor>) -> Report {
        let stats = self.handle.stats.clone();
        let ledger = Ledger::new(self.config.clients_bytes_max);
        let (broker, events) = Broker::new(core(&self.config, &stats, &ledger));
        let broker = executor.spawn(broker.run());
        let (stopper, stop) = stop();
        let shared = session::Shared {
            events: events.clone(),
            stats: stats.clone(),
            ledger,
            send_queues: SendQueues::default(),
            reactor: reactor.clone(),
            stop,
            limits: limits(&self.config),
        };
        let clients = Rc::new(Clients::new(self.config.clients_max, shared, reactor));
        let listening = Listening::start(&executor, self.listeners, &clients);

        let failed = future::or(
            async {
                self.drain.said().await;
                false
            },
            listening.failed(),
        )
        .await;
        let at_signal = stats.counts();
        drop(listening);
        // Watchers are told before anyone leaves.
        let _ = events.send(Event::Drain(self.config.drain_secs)).await;
        drop(stopper);
        // The broker ends after the last sender, and these are some.
        drop((events, clients));

        let drained = async {
            broker.await;
            true
        };
        let deadline = async {
            let limit = Timer::after(Duration::from_secs(self.config.drain_secs));
            future::or(self.cut.said(), async { _ = limit.await }).await;
            false
        };
        let in_time = future::or(drained, deadline).await;
        Report {
            counts: stats.counts().with_connections_of(at_signal),
            complete: in_time && !failed,
        }
    }
}

fn bind(address: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    let bound = || -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(address)?;
        // The standard library's backlog is 128; to listen again sets another.
        rustix::net::listen(&listener, BACKLOG)?;
        accept::prepare(&listener)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, bound) = bound().map_err(|source| {
        let address = address.to_owned();
        BindError { address, source }
    })?;
    if !bound.ip().is_loopback() {
        log::warn!("{bound} can be reached from other machines, and there are no passwords");
    }
    Ok((listener, bound))
}

fn core(config: &Config, stats: &Arc<Stats>, ledger: &Rc<Ledger>) -> Core {
    let limits = store::Limits {
        values_bytes_max: config.values_bytes_max,
        store_bytes_max: config.store_bytes_max,
    };
    // The standard library draws its keys from the operating system's random numbers.
    let epoch = RandomState::new().hash_one("epoch");
    Core {
        store: Store::new(limits, epoch),
        feed: Feed::new(config.history_bytes, 0),
        stats: stats.clone(),
        ledger: ledger.clone(),
        echo: config.echo,
        draining: None,
        progress: Duration::from_secs(config.progress_secs),
        started: Instant::now(),
    }
}

fn limits(config: &Config) -> session::Limits {
    session::Limits {
        request_bytes_max: config.request_bytes_max,
        outbox_bytes_max: config.outbox_bytes_max,
        request_timeout: Duration::from_secs(config.request_timeout_secs),
        write_timeout: Duration::from_secs(config.write_timeout_secs),
        linger: Duration::from_secs(config.linger_secs),
    }
}
