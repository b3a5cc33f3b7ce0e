//! Helps tests of clients that misbehave: narrow sockets, floods, crowds, and a neighbour's view.

use super::{Client, Daemon, PATIENCE, Stats, until};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The unit of time in `/proc/PID/stat`; see proc(5).
const TICKS_A_SECOND: u64 = 100;

impl Client {
    /// Connects with the smallest receive buffer there is, so that the kernel holds next to
    /// nothing for a client that does not read, and takes little at a time for one that does.
    pub fn connect_narrow(address: SocketAddr) -> Client {
        Client::connect_with_buffer(address, 1)
    }

    /// Connects with a receive buffer of so many bytes, or as few as there can be, which stays so.
    pub fn connect_with_buffer(address: SocketAddr, bytes: usize) -> Client {
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, bytes).unwrap();
        net::connect(&socket, &address).expect("the daemon accepts");
        Client::from_stream(TcpStream::from(socket))
    }

    /// Sends from a thread of its own, as one must who does not read meanwhile.
    pub fn send_aside(&self, bytes: Vec<u8>) -> JoinHandle<io::Result<()>> {
        let mut stream = self.stream.try_clone().unwrap();
        std::thread::spawn(move || stream.write_all(&bytes))
    }

    /// Waits until the daemon has ended the connection, in whatever way.
    pub fn wait_for_end(&mut self) {
        let end = self.stream.read_to_end(&mut Vec::new());
        let is_timeout = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(
            !end.as_ref().is_err_and(is_timeout),
            "the connection is still open"
        );
    }

    /// How many bytes have been sent and have not arrived at the daemon's kernel.
    pub fn unsent(&self) -> usize {
        queued(self.stream.local_addr(), self.stream.peer_addr())
    }

    /// How many bytes the daemon's kernel holds for this client, which have not arrived here.
    pub fn held(&self) -> usize {
        queued(self.stream.peer_addr(), self.stream.local_addr())
    }
}

/// What waits to be sent from one end of a connection to the other.
fn queued(from: io::Result<SocketAddr>, to: io::Result<SocketAddr>) -> usize {
    let [from, to] = [from, to].map(|address| format!(":{:04X}", address.unwrap().port()));
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let queue = table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_this = words[1].ends_with(&from) && words[2].ends_with(&to);
        is_this.then(|| words[4].split(':').next().unwrap())
    });
    usize::from_str_radix(queue.expect("the connection is listed"), 16).unwrap()
}

impl Daemon {
    /// How long the processor has worked for the daemon.
    pub fn processor_time(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let (_, rest) = text.rsplit_once(')').expect("the name stands in brackets");
        let words = rest.split_ascii_whitespace().skip(11).take(2);
        let ticks: u64 = words
            .map(|word| word.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
    }

    /// Sets the soft limit of descriptors of the running daemon; returns what it was.
    pub fn limit_descriptors(&self, limit: u64) -> u64 {
        let pid = Pid::from_raw(self.pid() as i32);
        let now = getrlimit(Resource::Nofile);
        let held = prlimit(
            pid,
            Resource::Nofile,
            Rlimit {
                current: Some(limit),
                ..now
            },
        );
        held.expect("it is ours").current.expect("it is limited")
    }
}

/// Looks at the counters again and again, on one connection.
pub struct Observer {
    client: Client,
    looks: u64,
}

impl Observer {
    pub fn new(daemon: &Daemon) -> Observer {
        let mut observer = Observer {
            client: daemon.connect(),
            looks: 0,
        };
        // The first line also begins a watch, and is charged for more than the next ones.
        observer.stats();
        observer
    }

    /// The counters, without the requests of the observer.
    #[track_caller]
    pub fn stats(&mut self) -> Stats {
        let mut stats = self.client.stats();
        let others = stats.get("requests") - self.looks;
        stats.0.insert("requests".to_owned(), others.to_string());
        self.looks += 1;
        stats
    }

    /// Looks until a condition holds, and returns the counters that it holds for.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&Stats) -> bool) -> Stats {
        until(what, || Some(self.stats()).filter(|stats| holds(stats)))
    }
}

/// Puts `count` values of `bytes` each under `k`; returns one of them.
pub fn fill(daemon: &Daemon, bytes: usize, count: usize) -> String {
    let value = "v".repeat(bytes);
    let mut client = daemon.connect();
    for _ in 0..count {
        client.ask(format!("PUT:k:{value}\n"), "OK\n");
    }
    value
}

/// Raises this process's soft limit of descriptors; false if the hard limit is too low.
pub fn allow_descriptors(count: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return true;
    }
    let raised = Rlimit {
        current: Some(count),
        ..limit
    };
    limit.maximum.is_none_or(|most| most >= count) && setrlimit(Resource::Nofile, raised).is_ok()
}

/// How quickly a client was answered, request after request.
pub struct Latencies {
    pub count: usize,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
    /// How long it was measured.
    pub took: Duration,
    /// Each of them, in ascending order.
    times: Vec<Duration>,
}

/// Without each of them.
impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latencies")
            .field("count", &self.count)
            .field("p50", &self.p50)
            .field("p99", &self.p99)
            .field("max", &self.max)
            .field("took", &self.took)
            .finish()
    }
}

impl Latencies {
    /// Measures a client that sends a PING and waits for its answer, so many times.
    pub fn of(address: SocketAddr, count: usize) -> Latencies {
        Latencies::measure(address, |times| times < count)
    }

    /// Measures it while `work` goes on.
    pub fn beside(address: SocketAddr, work: impl FnOnce() + Send + 'static) -> Latencies {
        let work = std::thread::spawn(work);
        let measured = Latencies::measure(address, |_| !work.is_finished());
        work.join().expect("the work is done");
        measured
    }

    fn measure(address: SocketAddr, goes_on: impl Fn(usize) -> bool) -> Latencies {
        let mut client = Client::connect(address);
        let mut times = Vec::new();
        let begin = Instant::now();
        while goes_on(times.len()) || times.is_empty() {
            let asked = Instant::now();
            client.ask("*2\r\n$4\r\nPING\r\n$1\r\nx\r\n", "$1\r\nx\r\n");
            times.push(asked.elapsed());
            assert!(begin.elapsed() < PATIENCE, "the work does not end");
        }
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Latencies {
            count: times.len(),
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
            took: begin.elapsed(),
            times,
        }
    }

    /// How much of the time was spent in waits that were longer than this.
    pub fn in_waits_beyond(&self, limit: Duration) -> Duration {
        self.times.iter().filter(|wait| **wait > limit).sum()
    }
}
