//! Keeps mirrors of a real daemon, and holds them to be equal to it: over broken connections, a
//! daemon that is killed and started anew, and losses.

#![forbid(unsafe_code)]

mod common;

use common::{Daemon, PATIENCE};
use futures_lite::future;
use kvmsg::client::{Client, Mirror, Position, Request, TIMEOUT, Update};
use rustix::process::Signal;
use smol::{Timer, block_on};
use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Map = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// Carries bytes to a server and back, until it is cut.
struct Relay {
    address: SocketAddr,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn to(server: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let streams = Arc::<Mutex<Vec<TcpStream>>>::default();
        let open = streams.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(server).expect("the server listens");
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                open.lock().unwrap().extend([near, far]);
            }
        });
        Relay { address, streams }
    }

    /// Breaks every connection, wherever it is.
    fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Changes that look random, and are the same each time.
struct Writer {
    client: Client,
    seed: u64,
}

impl Writer {
    async fn new(daemon: &Daemon, seed: u64) -> Writer {
        let client = Client::connect(&daemon.address.to_string(), TIMEOUT).await;
        let client = client.expect("the daemon answers");
        Writer { client, seed }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % limit
    }

    async fn write(&mut self, changes: usize) {
        for _ in 0..changes {
            let key = format!(
                "{}{}",
                ["p:", "q:"][self.below(2) as usize],
                self.below(300)
            );
            let values = [self.below(5).to_string(), self.below(5).to_string()];
            let (key, [old, new]) = (
                key.as_bytes(),
                values.each_ref().map(|text| text.as_bytes()),
            );
            let request = match self.below(10) {
                0 => Request::Delete { key },
                1 | 2 => Request::Update { key, old, new },
                3 | 4 => Request::Remove { key, value: old },
                _ => Request::Put { key, value: new },
            };
            self.client.send(&request).await.unwrap();
        }
        while self.client.outstanding() > 0 {
            self.client.receive().await.unwrap();
        }
    }

    /// Everything under a prefix, and where the server is.
    async fn look(&mut self, prefix: &[u8]) -> (Map, Position) {
        let (mut map, mut after) = (Map::new(), None);
        loop {
            let page = self
                .client
                .list(prefix, after.as_deref(), None)
                .await
                .unwrap();
            map.extend(page.keys);
            after = page.next;
            if after.is_none() {
                let (epoch, revision) = (page.epoch, page.revision);
                return (map, Position { epoch, revision });
            }
        }
    }
}

/// Waits until a mirror shows everything up to this position.
async fn catch_up(mirror: &mut Mirror, position: &Position) {
    let reached = async {
        let is_there =
            |at: Position| at.epoch == position.epoch && at.revision >= position.revision;
        while !mirror.position().is_some_and(is_there) {
            mirror.next().await.unwrap();
        }
        true
    };
    let late = async {
        Timer::after(PATIENCE).await;
        false
    };
    assert!(
        future::or(reached, late).await,
        "it never gets to {position}"
    );
}

/// Waits until a mirror is where the server is, and compares.
async fn compare(mirror: &mut Mirror, writer: &mut Writer, prefix: &[u8]) {
    let (map, position) = writer.look(prefix).await;
    catch_up(mirror, &position).await;
    assert!(mirror.map() == &map, "at {position}");
}

#[test]
fn a_mirror_is_equal_over_broken_connections_and_lists_only_once() {
    let daemon = Daemon::start(&["--progress-secs", "1"]);
    let relay = Relay::to(daemon.address);
    block_on(async {
        let mut writer = Writer::new(&daemon, 1).await;
        writer.write(2000).await;
        let mut all = Mirror::new(&relay.address.to_string(), b"").page_keys(7);
        let mut some = Mirror::new(&relay.address.to_string(), b"p:");
        for round in 0..10 {
            // While it lists, too: other changes are made, and the connection breaks.
            let mut listing = Mirror::new(&relay.address.to_string(), b"q:").page_keys(3);
            for _ in 0..round {
                let _ = future::poll_once(listing.next()).await;
                let _ = future::poll_once(all.next()).await;
                writer.write(20).await;
            }
            relay.cut();
            writer.write(100).await;
            compare(&mut all, &mut writer, b"").await;
            compare(&mut some, &mut writer, b"p:").await;
            compare(&mut listing, &mut writer, b"q:").await;
        }
        assert_eq!((all.listings(), some.listings()), (1, 1));
    });
}

#[test]
fn a_mirror_is_equal_to_a_daemon_that_was_killed_and_started_anew() {
    let (address, _held) = common::free_address();
    let (address, flags) = (address.to_string(), ["--progress-secs", "1"]);
    let daemon = Daemon::start_at(&address, &flags);
    block_on(async {
        let mut mirror = Mirror::new(&address, b"");
        let mut writer = Writer::new(&daemon, 2).await;
        writer.write(1000).await;
        compare(&mut mirror, &mut writer, b"").await;
        let (epoch, before) = (mirror.position().unwrap().epoch, mirror.map().len());
        daemon.signal(Signal::KILL);
        drop(daemon.wait());
        loop {
            match mirror.next().await.unwrap() {
                Update::Disconnected { .. } => break,
                update => assert!(matches!(update, Update::Progress { .. }), "{update:?}"),
            }
        }
        assert_eq!(
            mirror.map().len(),
            before,
            "it stays until there is another"
        );
        let daemon = Daemon::start_at(&address, &flags);
        let mut writer = Writer::new(&daemon, 3).await;
        writer.write(500).await;
        compare(&mut mirror, &mut writer, b"").await;
        assert_ne!(mirror.position().unwrap().epoch, epoch);
        writer.write(500).await;
        compare(&mut mirror, &mut writer, b"").await;
        assert_eq!(mirror.listings(), 2);
    });
}

#[test]
fn a_mirror_that_was_not_looked_at_for_long_lists_again_and_is_equal() {
    let flags = ["--history-bytes", "65536", "--progress-secs", "1"];
    let daemon = Daemon::start(&flags);
    block_on(async {
        let mut mirror = Mirror::new(&daemon.address.to_string(), b"p:");
        let mut writer = Writer::new(&daemon, 4).await;
        writer.write(1000).await;
        compare(&mut mirror, &mut writer, b"p:").await;
        let long = vec![b'v'; 60_000];
        let mut rounds = 0;
        while daemon.stats().get("notices_lost") == 0 {
            for _ in 0..50 {
                writer.client.put(b"p:long", &long).await.unwrap();
                writer.client.delete(b"p:long").await.unwrap();
                writer.write(1).await;
            }
            rounds += 1;
            assert!(rounds < 1000, "no kernel holds as much");
            // A loss is declared when the watcher reads again.
            let _ = future::poll_once(mirror.next()).await;
        }
        compare(&mut mirror, &mut writer, b"p:").await;
        assert!(mirror.listings() > 1, "it has lost something");
        writer.write(1000).await;
        compare(&mut mirror, &mut writer, b"p:").await;
    });
}
