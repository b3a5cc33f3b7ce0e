//! Helps tests of clients that misbehave: narrow sockets, floods, crowds, and a neighbour's view.

use super::{Client, Daemon, PATIENCE, Stats, until};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The unit of time in `/proc/PID/stat`; see proc(5).
const TICKS_A_SECOND: u64 = 100;

impl Client {
    /// Connects with a receive buffer of a few KiB, so that the kernel holds next to nothing for
    /// a client that does not read.
    pub fn connect_narrow(address: SocketAddr) -> Client {
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
        net::connect(&socket, &address).expect("the daemon accepts");
        Client::from_stream(TcpStream::from(socket))
    }

    /// Sends from a thread of its own, as one must who does not read meanwhile.
    pub fn send_aside(&self, bytes: Vec<u8>) -> JoinHandle<io::Result<()>> {
        let mut stream = self.stream.try_clone().unwrap();
        std::thread::spawn(move || stream.write_all(&bytes))
    }

    /// Reads up to the end of the connection; whether that is a reset.
    pub fn is_reset(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
            Err(error) => panic!("neither an end nor a reset: {error}"),
        }
    }

    /// How many bytes have been sent and have not arrived at the daemon's kernel.
    pub fn unsent(&self) -> usize {
        let port = |address: io::Result<SocketAddr>| format!(":{:04X}", address.unwrap().port());
        let (local, peer) = (
            port(self.stream.local_addr()),
            port(self.stream.peer_addr()),
        );
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let queue = table.lines().find_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let is_this = words[1].ends_with(&local) && words[2].ends_with(&peer);
            is_this.then(|| words[4].split(':').next().unwrap())
        });
        usize::from_str_radix(queue.expect("the connection is listed"), 16).unwrap()
    }
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

/// Looks at the counters on one connection until a condition holds, and returns them.
pub fn watch(observer: &mut Client, what: &str, holds: impl Fn(&Stats) -> bool) -> Stats {
    until(what, || Some(observer.stats()).filter(|stats| holds(stats)))
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
#[derive(Debug)]
pub struct Latencies {
    pub count: usize,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Latencies {
    /// Measures a client that sends a PING and waits for its answer, again and again, while
    /// `work` goes on; at least a hundred times.
    pub fn beside(address: SocketAddr, work: impl FnOnce() + Send + 'static) -> Latencies {
        let mut client = Client::connect(address);
        let work = std::thread::spawn(work);
        let mut times = Vec::new();
        while !work.is_finished() || times.len() < 100 {
            let begin = Instant::now();
            client.ask("*2\r\n$4\r\nPING\r\n$1\r\nx\r\n", "$1\r\nx\r\n");
            times.push(begin.elapsed());
            assert!(
                times.iter().sum::<Duration>() < PATIENCE,
                "the work does not end"
            );
        }
        work.join().expect("the work is done");
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Latencies {
            count: times.len(),
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}
