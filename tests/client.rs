//! Holds the client library to what it says: typed requests, pipelines, notices, errors by kind.

mod common;

use common::Daemon;
use kvmsg::client::{Client, Error, Notice, Op, Reply, Request, Stat, TIMEOUT};
use smol::block_on;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Any bytes: what would break a line, a frame or a text.
const BINARY: &[u8] = b"\0\r\nNOTIFY PUT x\r\n$-1\r\n\xff\xfe";

async fn connect(daemon: &Daemon) -> Client {
    let client = Client::connect(&daemon.address.to_string(), TIMEOUT).await;
    client.expect("the daemon answers")
}

/// A peer that lets a client connect and does with it what `serve` says.
fn peer(serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

#[test]
fn each_request_has_a_method_and_any_byte_survives() {
    let daemon = Daemon::start(&[]);
    block_on(async {
        let mut client = connect(&daemon).await;
        assert_eq!(client.greeting().revision, 0);
        assert_eq!(client.greeting().epoch.len(), 16);
        assert_eq!(client.get(b"k").await.unwrap(), None);
        assert_eq!(client.put(b"k", BINARY).await.unwrap(), 1);
        assert_eq!(client.put(b"k", b"").await.unwrap(), 2);
        let values = vec![BINARY.to_vec(), Vec::new()];
        assert_eq!(client.get(b"k").await.unwrap(), Some(values));
        assert_eq!(client.update(b"k", b"no", b"x").await.unwrap(), None);
        assert_eq!(client.update(b"k", b"", b"x").await.unwrap(), Some(3));
        assert_eq!(client.remove(b"k", b"no").await.unwrap(), None);
        assert_eq!(client.remove(b"k", BINARY).await.unwrap(), Some(4));
        assert_eq!(client.delete(b"k").await.unwrap(), Some(5));
        assert_eq!(client.delete(b"k").await.unwrap(), None);
        let ping = Request::Ping { text: Some(BINARY) };
        assert_eq!(
            client.ask(&ping).await.unwrap(),
            Reply::Text(BINARY.to_vec())
        );
        let stats = client.stats().await.unwrap();
        assert!(stats.contains(&("revision".to_owned(), Stat::Number(5))));
        client.close().await.unwrap();
    });
    assert_eq!(daemon.stop().figure("Requests answered"), 13);
}

#[test]
fn many_requests_are_sent_before_a_reply_is_received() {
    const MANY: u64 = 100_000;
    let daemon = Daemon::start(&[]);
    block_on(async {
        let mut client = connect(&daemon).await;
        for n in 0..MANY {
            let key = n.to_string();
            let (key, value) = (key.as_bytes(), BINARY);
            client.send(&Request::Put { key, value }).await.unwrap();
            client.send(&Request::Get { key }).await.unwrap();
        }
        client.send(&Request::Get { key: b"" }).await.unwrap();
        for revision in 1..=MANY {
            assert_eq!(client.receive().await.unwrap(), Reply::Revision(revision));
            let values = vec![BINARY.to_vec()];
            assert_eq!(client.receive().await.unwrap(), Reply::Values(values));
        }
        let refused = client.receive().await.unwrap();
        assert!(matches!(&refused, Reply::Refused(text) if text.contains("1 to 1024 bytes")));
        assert_eq!(client.outstanding(), 0);
        let nothing = client.receive().await.unwrap_err();
        assert!(matches!(nothing, Error::NothingExpected) && !nothing.is_fatal());
    });
}

#[test]
fn a_watcher_is_told_of_changes_between_its_replies() {
    let daemon = Daemon::start(&[]);
    block_on(async {
        let (mut watcher, mut writer) = (connect(&daemon).await, connect(&daemon).await);
        assert_eq!(watcher.watch(b"").await.unwrap().revision, 0);
        writer.put(b"k", BINARY).await.unwrap();
        writer.update(b"k", BINARY, b"v").await.unwrap();
        writer.remove(b"k", b"v").await.unwrap();
        assert_eq!(watcher.put(b"own", b"v").await.unwrap(), 4);
        writer.delete(b"own").await.unwrap();
        let changes = [
            (Op::Put, "k", 1, vec![BINARY.to_vec()]),
            (Op::Update, "k", 2, vec![BINARY.to_vec(), b"v".to_vec()]),
            (Op::Remove, "k", 3, vec![b"v".to_vec()]),
            (Op::Delete, "own", 5, vec![]),
        ];
        for (op, key, revision, values) in changes {
            let key = key.as_bytes().to_vec();
            let expected = Notice::Change {
                op,
                key,
                revision,
                values,
            };
            assert_eq!(watcher.notice().await.unwrap(), expected);
        }
        watcher.unwatch(None).await.unwrap();
        writer.put(b"k", b"v").await.unwrap();
        watcher.watch(b"").await.unwrap();
        daemon.signal(rustix::process::Signal::TERM);
        let drain = Notice::Drain { seconds: 10 };
        assert_eq!(watcher.notice().await.unwrap(), drain);
        assert!(matches!(
            watcher.notice().await.unwrap_err(),
            Error::Closed(None)
        ));
    });
}

#[test]
fn what_a_watcher_could_not_be_told_is_a_value_among_its_notices() {
    let daemon = Daemon::start(&["--history-bytes", "65536"]);
    block_on(async {
        let (mut watcher, mut writer) = (connect(&daemon).await, connect(&daemon).await);
        watcher.watch(b"").await.unwrap();
        // More than any kernel holds for one who does not read.
        let long = vec![b'v'; 60_000];
        let mut made = 0;
        for _ in 0..400 {
            writer.put(b"k", &long).await.unwrap();
            made = writer.delete(b"k").await.unwrap().expect("it was there");
        }
        let (mut told, mut declared) = (0, 0);
        while told + declared < made {
            match watcher.notice().await.unwrap() {
                Notice::Change { revision, .. } => {
                    told += 1;
                    assert_eq!(revision, told + declared);
                }
                Notice::Lost { first, last } => {
                    assert_eq!(first, told + declared + 1);
                    declared += last - first + 1;
                }
                Notice::Progress { .. } => {}
                Notice::Drain { .. } => panic!("nobody stops the daemon"),
            }
        }
        assert_eq!(told + declared, made);
        assert!(declared > 0);
    });
}

#[test]
fn errors_say_of_what_kind_they_are() {
    let short = Duration::from_millis(300);
    let (free, _held) = common::free_address();
    let refused = block_on(Client::connect(&free.to_string(), TIMEOUT));
    assert!(matches!(refused.unwrap_err(), Error::Connect { .. }));

    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let late = block_on(Client::connect(
        &deaf.local_addr().unwrap().to_string(),
        short,
    ));
    assert!(matches!(late.unwrap_err(), Error::Timeout(after) if after == short));

    for words in ["HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n", ":1\r\n"] {
        let address = peer(move |mut stream| {
            let _ = stream.write_all(words.as_bytes());
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let error = block_on(Client::connect(&address, TIMEOUT)).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{words}: {error}");
    }

    let gone = peer(drop);
    let error = block_on(Client::connect(&gone, TIMEOUT)).unwrap_err();
    assert!(matches!(error, Error::Closed(_)), "{error}");

    let daemon = Daemon::start(&["--clients-max", "1"]);
    block_on(async {
        let mut only = connect(&daemon).await;
        let address = daemon.address.to_string();
        let error = Client::connect(&address, TIMEOUT).await.unwrap_err();
        let text = "max number of clients reached";
        assert!(matches!(&error, Error::Refused(said) if said == text));
        let error = only.put(b"", b"").await.unwrap_err();
        assert!(matches!(&error, Error::Refused(_)) && !error.is_fatal());
        assert_eq!(only.put(b"k", b"v").await.unwrap(), 1);
    });
}
