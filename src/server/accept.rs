//! Accepts clients while there is room for them, and says so when there is none.

use crate::protocol::CLIENTS_MAX_REACHED;
use crate::reactor::{Reactor, Socket};
use crate::session::{self, Connection};
use async_channel::{Receiver, Sender};
use async_net::TcpListener;
use futures_lite::future;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use smol::{Async, LocalExecutor, Task, Timer};
use socket2::SockRef;
use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the server waits when it is out of descriptors or memory before it accepts again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The least time between two log lines that say so.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// How many refused clients are given time to read why, at once; more are closed without.
const REFUSALS_MAX: usize = 64;

/// The descriptors that the server needs beside its clients: the standard streams, the reactor's,
/// signals, and some in reserve.
const DESCRIPTORS_RESERVED: usize = 64 + REFUSALS_MAX;

/// When so much waits to be sent to a client the kernel takes no more, in bytes. Otherwise it takes
/// some megabytes, of memory that is there for all connections of the machine, and what is said
/// next arrives behind that.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// When the kernel asks whether an idle peer is still there, how often it asks again, and how
/// many times without an answer it does.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(15), 4);

/// Everyone who is connected.
pub(super) struct Clients {
    max: usize,
    shared: Rc<session::Shared>,
    reactor: Rc<Reactor>,
    next_id: Cell<u64>,
    refusals: Rc<Cell<usize>>,
    connected: Cell<usize>,
}

impl Clients {
    /// Nobody yet, and at most so many.
    pub(super) fn new(max: usize, shared: session::Shared, reactor: Rc<Reactor>) -> Clients {
        Clients {
            max,
            shared: Rc::new(shared),
            reactor,
            next_id: Cell::new(1),
            refusals: Rc::default(),
            connected: Cell::new(0),
        }
    }

    fn admit(self: &Rc<Self>, executor: &LocalExecutor<'static>, socket: Socket, peer: SocketAddr) {
        let id = self.next_id.replace(self.next_id.get() + 1);
        self.connected.set(self.connected.get() + 1);
        self.shared.stats.active.add(1);
        let clients = Rc::downgrade(self);
        let stats = self.shared.stats.clone();
        let connection = Connection::new(id, socket, peer, move || {
            stats.active.sub(1);
            stats.dropped.add(1);
            if let Some(clients) = clients.upgrade() {
                clients.connected.set(clients.connected.get() - 1);
            }
        });
        session::start(executor, connection, &self.shared);
    }
}

/// Tells a client that there are too many, and waits a little for it to read that.
async fn refuse(socket: Socket, refusals: Rc<Cell<usize>>, linger: Duration) {
    let said = (&socket).write(CLIENTS_MAX_REACHED);
    let _ = socket.stream().shutdown(Shutdown::Write);
    if said.is_err() || refusals.get() >= REFUSALS_MAX {
        return;
    }
    refusals.set(refusals.get() + 1);
    let until_end = async {
        loop {
            match (&socket).read(&mut [0; 1024]) {
                Ok(0) => return,
                Ok(_) => future::yield_now().await,
                Err(error) if error.kind() == ErrorKind::WouldBlock => socket.readable().await,
                Err(_) => return,
            }
        }
    };
    let enough = async { _ = Timer::after(linger).await };
    future::or(until_end, enough).await;
    refusals.set(refusals.get() - 1);
}

/// The accept loops, one a listener. Dropping them closes the listeners.
pub(super) struct Listening {
    _loops: Vec<Task<()>>,
    failures: Receiver<()>,
}

impl Listening {
    /// Starts to accept.
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        listeners: Vec<std::net::TcpListener>,
        clients: &Rc<Clients>,
    ) -> Listening {
        let (failed, failures) = async_channel::bounded(1);
        let accept = |listener| {
            executor.spawn(accept(
                executor.clone(),
                listener,
                clients.clone(),
                failed.clone(),
            ))
        };
        let loops = listeners.into_iter().map(accept).collect();
        Listening {
            _loops: loops,
            failures,
        }
    }

    /// Waits until a listener has failed for good, which has been logged then.
    pub(super) async fn failed(&self) -> bool {
        self.failures.recv().await.is_ok()
    }
}

async fn accept(
    executor: Rc<LocalExecutor<'static>>,
    listener: std::net::TcpListener,
    clients: Rc<Clients>,
    failed: Sender<()>,
) {
    let error = match TcpListener::try_from(listener) {
        Ok(listener) => accept_all(&executor, listener, &clients).await,
        Err(error) => error,
    };
    log::error!("cannot accept connections any more: {error}");
    let _ = failed.try_send(());
}

/// Accepts until that cannot go on, and returns why.
async fn accept_all(
    executor: &Rc<LocalExecutor<'static>>,
    listener: TcpListener,
    clients: &Rc<Clients>,
) -> io::Error {
    let mut complained: Option<Instant> = None;
    loop {
        match take(&listener, &clients.reactor).await {
            Ok((socket, peer)) => {
                if clients.connected.get() < clients.max {
                    clients.admit(executor, socket, peer);
                } else {
                    clients.shared.stats.refused.add(1);
                    let linger = clients.shared.limits.linger;
                    executor
                        .spawn(refuse(socket, clients.refusals.clone(), linger))
                        .detach();
                }
                // A flood of clients must not keep the others from being served.
                future::yield_now().await;
            }
            Err(error) if is_starvation(&error) => {
                if complained.is_none_or(|at| at.elapsed() >= COMPLAINT_PAUSE) {
                    log::error!("cannot accept a connection for now: {error}");
                    complained = Some(Instant::now());
                }
                Timer::after(ACCEPT_PAUSE).await;
            }
            Err(error) if is_of_peer(&error) => {}
            Err(error) => return error,
        }
    }
}

/// Accepts one client. Its socket changes from smol's reactor to the one that serves it.
async fn take(listener: &TcpListener, reactor: &Rc<Reactor>) -> io::Result<(Socket, SocketAddr)> {
    let (socket, peer) = listener.accept().await?;
    let socket = Arc::into_inner(Arc::<Async<TcpStream>>::from(socket))
        .ok_or_else(|| io::Error::other("a new socket is in use"))?;
    Ok((reactor.register(socket.into_inner()?)?, peer))
}

/// Whether the machine or the process has run out of something that may come back.
fn is_starvation(error: &io::Error) -> bool {
    let starvation = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NOSPC,
    ];
    starvation
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Whether only the connection that was to be accepted has failed; accept(2) lists these.
fn is_of_peer(error: &io::Error) -> bool {
    let errors = [
        Errno::CONNABORTED,
        Errno::INTR,
        Errno::AGAIN,
        Errno::PERM,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NOPROTOOPT,
        Errno::HOSTDOWN,
        Errno::NONET,
        Errno::HOSTUNREACH,
        Errno::OPNOTSUPP,
        Errno::NETUNREACH,
        Errno::CONNRESET,
        Errno::TIMEDOUT,
    ];
    errors
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Sets what every accepted socket inherits from its listener: replies go out at once, little waits
/// in the kernel for those who do not read, and peers that are gone are found.
pub(super) fn prepare(listener: &std::net::TcpListener) -> io::Result<()> {
    let (idle, interval, count) = KEEPALIVE;
    sockopt::set_tcp_nodelay(listener, true)?;
    if let Err(error) = SockRef::from(listener).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        // Not every system that calls itself Linux has it, and everything works without.
        log::warn!("the kernel may hold megabytes for each client that does not read: {error}");
    }
    sockopt::set_socket_keepalive(listener, true)?;
    sockopt::set_tcp_keepidle(listener, idle)?;
    sockopt::set_tcp_keepintvl(listener, interval)?;
    sockopt::set_tcp_keepcnt(listener, count)?;
    Ok(())
}

/// Raises the soft limit of descriptors to what so many clients need, and returns how many there
/// can be: fewer, with a warning, where the hard limit is too low.
pub(super) fn fit_descriptors(clients_max: usize, listeners: usize) -> usize {
    let reserved = DESCRIPTORS_RESERVED + listeners;
    let wanted = (clients_max + reserved) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return clients_max;
    }
    let possible = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit {
        current: Some(possible),
        maximum: limit.maximum,
    };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => possible,
        Err(_) => limit.current.unwrap_or(possible),
    };
    if granted >= wanted {
        return clients_max;
    }
    let fits = usize::try_from(granted)
        .unwrap_or(usize::MAX)
        .saturating_sub(reserved)
        .max(1);
    log::warn!(
        "clients_max is lowered from {clients_max} to {fits}: \
         the limit of open files is {granted}, and {wanted} are needed"
    );
    fits
}
