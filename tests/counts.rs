//! Tests that clients at work are answered rightly, and counted as they come and go.

mod common;

use common::talker::{Heard, Talker};
use common::{Client, Daemon, Frame, until};
use rustix::process::Signal;
use std::collections::VecDeque;

/// What one client asks, and the lines that answer each request.
struct Script {
    requests: Vec<(String, Vec<String>)>,
    changes: usize,
}

/// Requests of every kind on a key of the client's own, with what a list of values says to them.
fn script(client: usize, requests: usize) -> Script {
    let key = format!("user{client}");
    let mut values: Vec<String> = Vec::new();
    let mut changes = 0;
    let requests = (0..requests).map(|n| {
        let at = values
            .iter()
            .position(|value| *value == format!("v{}", n / 2));
        let (request, is_change) = match n % 10 {
            0..4 => {
                values.push(format!("v{n}"));
                (format!("PUT:{key}:v{n}"), true)
            }
            4 | 5 => {
                if let Some(at) = at {
                    values[at] = format!("w{n}");
                }
                (format!("UPDATE:{key}:v{}:w{n}", n / 2), at.is_some())
            }
            6 => {
                at.map(|at| values.remove(at));
                (format!("REMOVE:{key}:v{}", n / 2), at.is_some())
            }
            7 if n % 50 == 47 => {
                let held = !values.is_empty();
                values.clear();
                (format!("DELETE:{key}"), held)
            }
            _ if values.is_empty() => return (format!("GET:{key}"), vec!["NOT_FOUND".to_owned()]),
            _ => return (format!("GET:{key}"), values.clone()),
        };
        changes += usize::from(is_change);
        (
            request,
            vec![if is_change { "OK" } else { "NOT_FOUND" }.to_owned()],
        )
    });
    let requests = requests.collect();
    Script { requests, changes }
}

/// A reply as the line protocol has it.
fn lines(reply: Frame) -> Vec<String> {
    match reply {
        Frame::Status(line) => vec![line],
        Frame::Integer(_) => vec!["OK".to_owned()],
        Frame::Null => vec!["NOT_FOUND".to_owned()],
        Frame::Bulk(value) => vec![String::from_utf8(value).expect("it is text")],
        Frame::Array(values) => values.into_iter().flat_map(lines).collect(),
        other => panic!("no reply was to be {other:?}"),
    }
}

/// Asks what the script says, with up to `window` requests on the way, and hears of all changes
/// that others make.
fn perform(talker: &mut Talker, script: &Script, window: usize, notices: usize) {
    let (mut waiting, mut heard) = (VecDeque::new(), 0);
    let mut requests = script.requests.iter();
    loop {
        while waiting.len() < window {
            let Some((request, reply)) = requests.next() else {
                break;
            };
            talker.send(request);
            waiting.push_back((request, reply.as_slice()));
        }
        if waiting.is_empty() && heard == notices {
            return;
        }
        match talker.hear() {
            Heard::Reply(reply) => {
                for line in lines(reply) {
                    let (request, expected) = waiting.front_mut().expect("it was asked");
                    assert_eq!(line, expected[0], "{request}");
                    *expected = &expected[1..];
                }
                if waiting
                    .front()
                    .is_some_and(|(_, expected)| expected.is_empty())
                {
                    waiting.pop_front();
                }
            }
            Heard::Change(..) => heard += 1,
            other => panic!("a client that reads was told {other:?}"),
        }
    }
}

/// Lets some clients work at once, and checks what was answered and counted.
fn work(clients: usize, requests: usize, window: usize, framed: bool) {
    let daemon = Daemon::start(&[]);
    let scripts: Vec<_> = (0..clients)
        .map(|client| script(client, requests))
        .collect();
    let changes: usize = scripts.iter().map(|script| script.changes).sum();
    let talkers: Vec<_> = (0..clients)
        .map(|_| Talker::watching(&daemon, framed))
        .collect();
    let mut observer = Talker::connect(&daemon, true);
    let before = observer.stats();
    std::thread::scope(|scope| {
        for (mut talker, script) in talkers.into_iter().zip(&scripts) {
            scope.spawn(move || {
                perform(&mut talker, script, window, changes - script.changes);
            });
        }
    });
    let stats = observer.stats();
    let shape = format!("{clients} clients, {requests} requests, {window} at once: {stats:?}");
    let answered = stats.get("requests") - before.get("requests");
    assert_eq!(answered, (clients * requests) as u64 + 1, "{shape}");
    assert_eq!(stats.get("revision"), changes as u64, "{shape}");
    assert_eq!(
        stats.get("notices_delivered"),
        (changes * (clients - 1)) as u64,
        "{shape}"
    );
    assert_eq!(stats.get("notices_lost"), 0, "{shape}");
}

#[test]
fn clients_at_work_are_answered_as_if_each_were_alone() {
    for (clients, requests) in [(1, 20), (1, 1500), (2, 20), (2, 1500), (5, 500), (10, 20)] {
        work(clients, requests, 1, false);
        work(clients, requests, 1, true);
    }
}

#[test]
fn ten_clients_of_1500_pipelined_requests_are_answered() {
    work(10, 1500, 100, false);
    work(10, 1500, 100, true);
}

/// Rounds of so many clients that join, so many that leave, and who has then joined and has left.
type Rounds<'a> = &'a [(usize, usize, u64, u64)];

/// A client that has said nothing, waits for a reply, or does not read the one it got.
fn join(daemon: &Daemon, nth: usize) -> Client {
    let mut client = daemon.connect();
    match nth % 3 {
        0 => {}
        1 => client.ask("PING\n", "PONG\n"),
        _ => client.send("GET:nobody\nPUT"),
    }
    client
}

fn leave(mut client: Client, nth: usize) {
    match nth % 4 {
        0 => client.reset(),
        1 => client.end(),
        2 => client.send("QUIT\n"),
        _ => {}
    }
}

fn come_and_go(rounds: Rounds) {
    let daemon = Daemon::start(&[]);
    let mut observer = Talker::connect(&daemon, true);
    let mut clients = VecDeque::new();
    let mut nth = 0;
    for &(joining, leaving, active, dropped) in rounds {
        for _ in 0..joining {
            nth += 1;
            clients.push_back(join(&daemon, nth));
        }
        let all = clients.len() as u64;
        // One that leaves before the daemon has accepted it may never be seen.
        until("all to be accepted", || {
            (observer.stats().get("connections_active") - 1 == all).then_some(())
        });
        clients
            .drain(..leaving)
            .for_each(|client| leave(client, nth));
        until(&format!("{active} to be connected"), || {
            let stats = observer.stats();
            let counts = [
                stats.get("connections_active") - 1,
                stats.get("connections_dropped"),
            ];
            (counts == [active, dropped]).then_some(())
        });
        daemon.signal(Signal::USR1);
        let (active, dropped) = (active + 1, dropped);
        daemon.wait_for_log(&format!(
            "Active connections: {active}, Dropped connections: {dropped}, "
        ));
    }
    let &(_, _, active, dropped) = rounds.last().expect("there are rounds");
    let ended = daemon.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.figure("Active connections"), active + 1);
    assert_eq!(ended.figure("Dropped connections"), dropped);
}

#[test]
fn clients_that_come_and_go_are_counted() {
    come_and_go(&[(20, 0, 20, 0), (20, 20, 20, 20), (0, 20, 0, 40)]);
}

#[test]
fn many_rounds_of_coming_and_going_are_counted() {
    come_and_go(&[
        (15, 0, 15, 0),
        (25, 25, 15, 25),
        (45, 35, 25, 60),
        (50, 35, 40, 95),
        (30, 1, 69, 96),
        (0, 15, 54, 111),
        (0, 20, 34, 131),
    ]);
}
