//! Accepts clients, and stops when it is told to.
//!
//! Stopping is a half-close of every client: the listeners close, readers take what has arrived
//! and end, sessions leave, outboxes empty, the last sender of the broker's queue is dropped, and
//! the broker ends. Nothing else has to be done, only waited for.
//!
//! The kernel is not asked to shut the receiving side: of a connection of which both sides are
//! shut, it would answer further input with a reset, which destroys replies on their way.

mod accept;
mod bind;
mod load;

use crate::broker::{Broker, Core, Event};
use crate::config::Config;
use crate::feed::Feed;
use crate::journal::Directory;
use crate::ledger::Ledger;
use crate::reactor::{Descriptors, Reactor};
use crate::session::{self, SendQueues, Turns};
use crate::stats::{Counts, Stats};
use crate::stop::{Stop, Stopper, stop};
use crate::store::{self, Store};
use accept::{Clients, Listening};
pub use bind::StartError;
use bind::bind;
use futures_lite::future;
use smol::{LocalExecutor, Timer};
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
/// assert_eq!(running.join().unwrap()?.counts.answered, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    descriptors: Descriptors,
    service: Service,
    folder: Option<Directory>,
}

/// A server that has its data, and listens. It stays on the thread on which it was opened.
#[derive(Debug)]
pub struct Opened {
    descriptors: Descriptors,
    service: Service,
    core: Core,
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
    /// Takes the addresses of the configuration, and locks the data folder, if it names one.
    /// Without one, clients can connect from here on, and wait; otherwise when the server is
    /// [opened](Server::open).
    ///
    /// Raises the process's soft limit of open files to what `clients_max` needs; where it cannot
    /// be raised, lowers `clients_max` and logs a warning.
    ///
    /// # Errors
    ///
    /// Names the first address that is not to be had: in use, not of this machine, not permitted;
    /// or says that the folder cannot be used.
    pub fn bind(config: Config) -> Result<Server, StartError> {
        let mut config = config;
        let descriptors = Descriptors::open().map_err(|source| StartError::Bind {
            address: config.listen.join(", "),
            source,
        })?;
        let bound: Result<Vec<_>, _> = config.listen.iter().map(|address| bind(address)).collect();
        let (listeners, addresses): (Vec<_>, Vec<_>) = bound?.into_iter().unzip();
        let path = config.data_dir.as_deref();
        let folder = path.map(Directory::open).transpose()?;
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
        if folder.is_none() {
            service.listen()?;
        }
        Ok(Server {
            descriptors,
            service,
            folder,
        })
    }

    /// A way to watch and to stop this server.
    pub fn handle(&self) -> Handle {
        self.service.handle.clone()
    }

    /// Loads what the data folder holds, if there is one, and listens.
    ///
    /// # Errors
    ///
    /// Says what of the folder cannot be used, or that the server was told to stop before it was
    /// loaded, and that nothing in it has been changed; or names an address that another program
    /// has taken meanwhile.
    pub fn open(self) -> Result<Opened, StartError> {
        let Server {
            descriptors,
            service,
            folder,
        } = self;
        let mut core = core(&service.config, &service.handle.stats);
        if let Some(folder) = folder {
            let (store, feed) = (&mut core.store, &mut core.feed);
            let epoch = store.epoch();
            let (config, stop) = (&service.config, &service.drain);
            let durable = load::load(folder, config, store, feed, epoch, stop)?;
            core.durable = Some(Box::new(durable));
            service.listen()?;
        }
        Ok(Opened {
            descriptors,
            service,
            core,
        })
    }

    /// Opens the server and serves until it is told to stop. Blocks this thread, on which all of
    /// the server runs.
    ///
    /// # Errors
    ///
    /// Those of [`Server::open`].
    pub fn run(self) -> Result<Report, StartError> {
        Ok(self.open()?.run())
    }
}

impl Opened {
    /// Serves until it is told to stop. Blocks this thread, on which all of the server runs.
    pub fn run(self) -> Report {
        let executor = Rc::new(LocalExecutor::new());
        let reactor = Reactor::new(self.descriptors);
        let served = self
            .service
            .serve(self.core, executor.clone(), reactor.clone());
        reactor.run(&executor, executor.spawn(served))
    }
}

impl Service {
    /// Lets clients connect.
    fn listen(&self) -> Result<(), StartError> {
        bind::listen(&self.listeners, &self.handle.addresses)
    }

    async fn serve(
        self,
        core: Core,
        executor: Rc<LocalExecutor<'static>>,
        reactor: Rc<Reactor>,
    ) -> Report {
        let stats = self.handle.stats.clone();
        let ledger = core.ledger.clone();
        let (broker, events) = Broker::new(core);
        let mut broker = executor.spawn(broker.run(reactor.sleepers().clone()));
        let (stopper, stop) = stop();
        let shared = session::Shared {
            events: events.clone(),
            stats: stats.clone(),
            ledger,
            send_queues: SendQueues::default(),
            sleepers: reactor.sleepers().clone(),
            stop,
            turns: Turns::default(),
            limits: limits(&self.config),
        };
        let clients = Rc::new(Clients::new(
            self.config.clients_max,
            shared,
            reactor.clone(),
        ));
        let listening = Listening::start(&executor, self.listeners, &clients);

        let asked = async {
            self.drain.said().await;
            End::Asked
        };
        let failed = async {
            listening.failed().await;
            End::NoListener
        };
        let broken = async {
            // It has no other reason to end by itself.
            (&mut broker).await;
            End::NoDisk
        };
        let end = future::or(asked, future::or(failed, broken)).await;
        let at_signal = stats.counts();
        if end == End::NoDisk {
            return Report {
                counts: at_signal,
                complete: false,
            };
        }
        drop(listening);
        // Watchers are told before anyone leaves.
        let _ = events.send(Event::Drain(self.config.drain_secs)).await;
        drop(stopper);
        reactor.wake_readers();
        // The broker ends after the last sender, and these are some.
        drop((events, clients));

        let deadline = async {
            let limit = Timer::after(Duration::from_secs(self.config.drain_secs));
            future::or(self.cut.said(), async { _ = limit.await }).await;
            false
        };
        let in_time = future::or(broker, deadline).await;
        Report {
            counts: stats.counts().with_connections_of(at_signal),
            complete: in_time && end == End::Asked,
        }
    }
}

/// Why serving ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Asked,
    NoListener,
    NoDisk,
}

fn core(config: &Config, stats: &Arc<Stats>) -> Core {
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
        ledger: Ledger::new(config.clients_bytes_max),
        echo: config.echo,
        draining: None,
        progress: Duration::from_secs(config.progress_secs),
        started: Instant::now(),
        durable: None,
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
