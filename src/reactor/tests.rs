//! Tests the loop with sockets of this machine.

use super::*;
use futures_lite::future;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

/// A socket of the loop, and its peer.
fn pair(reactor: &Rc<Reactor>) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    (reactor.register(stream).unwrap(), peer)
}

fn run<T: 'static>(task: impl AsyncFnOnce(Rc<Reactor>) -> T + 'static) -> T {
    let reactor = Reactor::new(Descriptors::open().unwrap());
    let executor = LocalExecutor::new();
    let main = executor.spawn(task(reactor.clone()));
    reactor.run(&executor, main)
}

/// Reads as the sessions do: after a read that took less than there was room for, it waits.
async fn read_to_end(mut socket: &Socket) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match socket.read(&mut [0; 8][..]) {
            Ok(0) => return all,
            Ok(length) => all.push(length as u8),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        if all.last().is_none_or(|length| *length < 8) {
            socket.readable().await;
        }
    }
}

#[test]
fn all_that_comes_is_read_with_the_end_that_came_with_it() {
    let lengths = run(async |reactor| {
        let (socket, mut peer) = pair(&reactor);
        // What is there before the first wait, and the end with it.
        peer.write_all(b"0123456789").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        read_to_end(&socket).await
    });
    assert_eq!(lengths, [8, 2]);
}

#[test]
fn bytes_and_ends_of_another_thread_wake_the_loop() {
    let lengths = run(async |reactor| {
        let (socket, mut peer) = pair(&reactor);
        // Each piece is sent when the one before it has been answered.
        let sender = thread::spawn(move || {
            for piece in [&b"abc"[..], b"defgh"] {
                peer.write_all(piece).unwrap();
                peer.read_exact(&mut [0]).unwrap();
            }
        });
        let mut lengths = Vec::new();
        while lengths.len() < 2 {
            socket.readable().await;
            lengths.push((&socket).read(&mut [0; 64]).unwrap());
            (&socket).write_all(b"!").unwrap();
        }
        lengths.extend(read_to_end(&socket).await.into_iter().map(usize::from));
        sender.join().unwrap();
        lengths
    });
    assert_eq!(lengths, [3, 5]);
}

#[test]
fn who_waits_to_write_goes_on_when_the_peer_reads_or_is_gone() {
    run(async |reactor| {
        for reads in [true, false] {
            let (socket, mut peer) = pair(&reactor);
            let mut written = 0;
            while let Ok(length) = (&socket).write(&[b'x'; 65536]) {
                written += length;
            }
            let other = thread::spawn(move || {
                if reads {
                    peer.read_exact(&mut vec![0; written]).unwrap();
                }
            });
            socket.writable().await.unwrap();
            let more = (&socket).write(b"y");
            assert_eq!(more.is_ok(), reads, "{more:?}");
            other.join().unwrap();
        }
    });
}

#[test]
fn a_task_woken_by_another_thread_runs_though_no_socket_has_anything() {
    let (sender, receiver) = async_channel::bounded(1);
    let said = run(async move |_| {
        let other = thread::spawn(move || sender.send_blocking("hello").unwrap());
        let said = receiver.recv().await.unwrap();
        other.join().unwrap();
        said
    });
    assert_eq!(said, "hello");
}

#[test]
fn the_number_of_a_closed_socket_is_given_to_the_next() {
    run(async |reactor| {
        let (first, _peer) = pair(&reactor);
        let number = first.number;
        drop(first);
        let (second, mut peer) = pair(&reactor);
        assert_eq!(second.number, number);
        peer.write_all(b"x").unwrap();
        second.readable().await;
        assert_eq!((&second).read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(reactor.sources.borrow().all.len(), 1);
    });
}

#[test]
fn who_waits_for_a_time_is_woken_then_and_who_gave_up_is_forgotten() {
    let (late, early) = (Duration::from_secs(600), Duration::from_millis(30));
    run(async move |reactor| {
        let began = Instant::now();
        let short = reactor.sleepers.sleep_until(began + early);
        let long = reactor.sleepers.sleep_until(began + late);
        future::or(long, short).await;
        assert!(began.elapsed() >= early);
        assert!(reactor.sleepers.next().is_none());
        reactor.sleepers.sleep_until(began).await;
    });
}

#[test]
fn readers_are_woken_though_nothing_has_come() {
    run(async |reactor| {
        let (socket, _peer) = pair(&reactor);
        let mut waits = pin!(socket.readable());
        assert!(future::poll_once(waits.as_mut()).await.is_none());
        reactor.wake_readers();
        waits.await;
        let nothing = (&socket).read(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    });
}
