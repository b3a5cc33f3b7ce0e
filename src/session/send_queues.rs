//! Looks up how much a socket's send buffer holds, in `/proc/self/net/tcp`.
//!
//! The system call for it (SIOCOUTQ) has no safe wrapper. The table is read on a thread of its
//! own, and about five times a second at most, however many clients are looked at; that happens
//! only while some do not take their replies, and when the server stops. Where there is no such
//! table, the answer is that nothing is known.

use smol::lock::Mutex;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a table that has been read is good enough.
const AGE_MAX: Duration = Duration::from_millis(200);

/// The state of a socket that its process has closed (TCP_TIME_WAIT of the kernel).
const TIME_WAIT: &str = "06";

/// The bytes in the send buffers of all sockets, by their local address and their peer's.
type Table = HashMap<(SocketAddr, SocketAddr), u64>;

/// The send buffers of this machine's sockets, shared by all sessions.
#[derive(Debug, Clone, Default)]
pub struct SendQueues {
    table: Rc<Mutex<Option<(Instant, Table)>>>,
}

impl SendQueues {
    /// How many bytes have been accepted from us and not been acknowledged by the peer: a short
    /// while ago, but after `since` if that is given.
    pub(super) async fn of(
        &self,
        local: SocketAddr,
        peer: SocketAddr,
        since: Option<Instant>,
    ) -> Option<u64> {
        // Not later: however long it takes to read the table, all who wait meanwhile take that one.
        let recent = Instant::now() - AGE_MAX;
        let since = since.map_or(recent, |since| since.max(recent));
        let mut table = self.table.lock().await;
        if table.as_ref().is_none_or(|(begun, _)| *begun < since) {
            *table = Some((Instant::now(), smol::unblock(read_tables).await));
        }
        let (_, queues) = table.as_ref()?;
        queues.get(&(plain(local), plain(peer))).copied()
    }
}

/// An IPv4 peer of an IPv6 socket is written in either form.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn read_tables() -> Table {
    let mut table = Table::new();
    for path in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let lines = File::open(path).map(|file| BufReader::new(file).lines());
        let lines = lines.into_iter().flatten().map_while(Result::ok);
        table.extend(lines.skip(1).filter_map(|line| row(&line)));
    }
    table
}

/// One row, as proc(5) has it: `sl local_address rem_address st tx_queue:rx_queue ...`. Nothing if
/// the connection has been closed, of which there may be very many.
fn row(line: &str) -> Option<((SocketAddr, SocketAddr), u64)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = address(words.next()?)?;
    let peer = address(words.next()?)?;
    words.next().filter(|state| *state != TIME_WAIT)?;
    let (unsent, _) = words.next()?.split_once(':')?;
    Some(((local, peer), u64::from_str_radix(unsent, 16).ok()?))
}

/// An address as the kernel prints it: words of 32 bits in the byte order of the machine.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words = ip.as_bytes().chunks(8).map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(plain(SocketAddr::new(
        ip,
        u16::from_str_radix(port, 16).ok()?,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_a_peer_does_not_read_shows_in_the_table() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(any) else {
                continue;
            };
            let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_peer, address) = listener.accept().unwrap();
            sender.set_nonblocking(true).unwrap();
            while sender.write(&[0; 65536]).is_ok() {}
            let queues = SendQueues::default();
            let unsent = smol::block_on(queues.of(address, listener.local_addr().unwrap(), None));
            assert!(unsent.unwrap() > 65536, "{any}: {unsent:?}");
            let other: SocketAddr = "192.0.2.1:9".parse().unwrap();
            assert_eq!(smol::block_on(queues.of(other, other, None)), None);
        }
    }
}
