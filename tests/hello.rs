//! Pins HELLO: what it answers in each version of RESP, what it changes, what it refuses.

mod common;

use common::transcript::framed;
use common::{Client, Daemon, Frame};
use rustix::process::Signal;

/// Who the server is, in the order of Redis with two fields more.
fn greeting(version: u8, id: u64, daemon: &Daemon) -> String {
    let head = if version == 3 { "%9" } else { "*18" };
    let stats = daemon.stats();
    let (epoch, revision) = (&stats.0["epoch"], stats.get("revision"));
    let ours = env!("CARGO_PKG_VERSION");
    [
        format!("{head}\r\n$6\r\nserver\r\n$5\r\nkvmsg\r\n"),
        format!("$7\r\nversion\r\n${}\r\n{ours}\r\n", ours.len()),
        format!("$5\r\nproto\r\n:{version}\r\n"),
        format!("$2\r\nid\r\n:{id}\r\n"),
        "$4\r\nmode\r\n$10\r\nstandalone\r\n".to_owned(),
        "$4\r\nrole\r\n$6\r\nmaster\r\n".to_owned(),
        "$7\r\nmodules\r\n*0\r\n".to_owned(),
        format!("$5\r\nepoch\r\n$16\r\n{epoch}\r\n"),
        format!("$8\r\nrevision\r\n:{revision}\r\n"),
    ]
    .concat()
}

/// The number that the server gave this connection.
fn id(client: &mut Client) -> u64 {
    client.send(framed(&["HELLO"]));
    let fields = match client.frame() {
        Frame::Array(flat) => flat,
        other => panic!("RESP2 has no {other:?}"),
    };
    match fields[7] {
        Frame::Integer(id) => u64::try_from(id).expect("a count"),
        ref other => panic!("no number: {other:?}"),
    }
}

#[test]
fn hello_greets_in_the_version_that_holds_from_then_on() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let id = id(&mut client);
    let (two, three) = (greeting(2, id, &daemon), greeting(3, id, &daemon));
    let (null2, null3) = ("*-1\r\n", "_\r\n");
    let get: &[&str] = &["GET", "nobody"];
    client.converse_in_frames(&[
        (&["HELLO"], &two),
        (get, null2),
        (&["HELLO", "2"], &two),
        (get, null2),
        (&["HELLO", "3"], &three),
        (get, null3),
        (&["HELLO", "3"], &three),
        (&["HELLO"], &three),
        (get, null3),
        (&["HELLO", "SETNAME", "worker"], &three),
        (get, null3),
        (&["HELLO", "3", "SETNAME", "worker"], &three),
        (&["hello", "2", "setname", ""], &two),
        (get, null2),
        (
            &["HELLO", "3", "SetName", "a name\r\nwith a line end"],
            &three,
        ),
        (&["PUT", "user", "john"], ":1\r\n"),
    ]);
    let later = greeting(3, id, &daemon);
    assert!(later.ends_with("$8\r\nrevision\r\n:1\r\n"));
    client.exchange(&framed(&["HELLO"]), later.as_bytes());
    client.part(framed(&["QUIT"]), "+OK\r\n");
}

#[test]
fn what_hello_refuses_changes_nothing() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let unsupported = |version: &str| {
        format!("-NOPROTO unsupported protocol version '{version}': HELLO 2 or 3\r\n")
    };
    let takes = "-ERR HELLO takes [2 or 3] [SETNAME name], not";
    for (version, null) in [("2", "*-1\r\n"), ("3", "_\r\n")] {
        client.send(framed(&["HELLO", version]));
        client.frame();
        for other in ["1", "4", "0", "-3", "03", "3.0", " 3", "", "three"] {
            client.exchange(&framed(&["HELLO", other]), unsupported(other).as_bytes());
            let with_name = framed(&["HELLO", other, "SETNAME", "worker"]);
            client.exchange(&with_name, unsupported(other).as_bytes());
        }
        for wanted in ["2", "3"] {
            client.converse_in_frames(&[
                (
                    &["HELLO", wanted, "AUTH", "user", "secret"],
                    &format!("{takes} 'AUTH'\r\n"),
                ),
                (
                    &["HELLO", wanted, "SETNAME"],
                    &format!("{takes} 'SETNAME'\r\n"),
                ),
                (
                    &["HELLO", wanted, wanted],
                    &format!("{takes} '{wanted}'\r\n"),
                ),
                (
                    &["HELLO", "SETNAME", "worker", wanted],
                    &format!("{takes} 'SETNAME'\r\n"),
                ),
                (&["GET", "nobody"], null),
            ]);
        }
    }
    client.part(framed(&["QUIT"]), "+OK\r\n");
}

#[test]
fn hello_in_mid_pipeline_switches_there_and_not_earlier() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let id = id(&mut client);
    let value = "x".repeat(100_000);
    client.exchange(&framed(&["PUT", "long", &value]), b":1\r\n");
    let (two, three) = (greeting(2, id, &daemon), greeting(3, id, &daemon));
    let long = format!("*1\r\n$100000\r\n{value}\r\n");
    let pipeline: [(&[&str], &str); 15] = [
        (&["GET", "nobody"], "*-1\r\n"),
        (&["GET", "long"], &long),
        (&["HELLO", "3"], &three),
        (&["GET", "nobody"], "_\r\n"),
        (&["DELETE", "nobody"], "_\r\n"),
        (&["GET", "long"], &long),
        (
            &["HELLO", "4"],
            "-NOPROTO unsupported protocol version '4': HELLO 2 or 3\r\n",
        ),
        (&["GET", "nobody"], "_\r\n"),
        (&["HELLO", "2"], &two),
        (&["GET", "nobody"], "*-1\r\n"),
        (&["DELETE", "nobody"], "$-1\r\n"),
        (&["HELLO", "3"], &three),
        (&["DELETE", "nobody"], "_\r\n"),
        (&["NONSENSE"], "-ERR unknown command 'NONSENSE'\r\n"),
        (&["QUIT"], "+OK\r\n"),
    ];
    let requests: Vec<u8> = pipeline
        .iter()
        .flat_map(|(words, _)| framed(words))
        .collect();
    let replies: String = pipeline.iter().map(|(_, reply)| *reply).collect();
    client.part(requests, replies);
}

#[test]
fn every_connection_has_a_number_of_its_own() {
    let daemon = Daemon::start(&[]);
    let (mut first, mut second) = (daemon.connect(), daemon.connect());
    let ids = [id(&mut first), id(&mut second), id(&mut first)];
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn the_name_that_a_client_gives_itself_is_escaped_and_cut_in_the_log() {
    let daemon = Daemon::start(&["--history-bytes", "65536"]);
    let mut client = daemon.connect();
    client.receive_little();
    let address = client.stream.local_addr().expect("it is connected");
    let name = format!("\x1b[31m\r\n{}", "n".repeat(100));
    client.send(framed(&["HELLO", "3", "SETNAME", &name]));
    client.frame();
    client.send(framed(&["WATCH", ""]));
    client.frame();
    // It does not read, so that it will be named in the log.
    let mut writer = daemon.connect_resp2();
    let value = "v".repeat(64 * 1024);
    let put = framed(&["PUT", "user", &value]);
    let remove = framed(&["REMOVE", "user", &value]);
    let named = format!(
        r"client {address} (\x1b[31m\r\n{}...) does not read",
        "n".repeat(57)
    );
    for _ in 0..150 {
        writer.send([&put[..], &remove].concat());
        (0..2).for_each(|_| drop(writer.frame()));
    }
    // It is told what it has lost, at the latest, when the daemon stops.
    daemon.signal(Signal::TERM);
    let logged = daemon.wait_for_log("does not read");
    assert!(logged.contains(&named), "no {named:?} in {logged:?}");
}
