//! Tests what the daemon says as it starts: to people, to the journal and to the service manager.

mod common;

use common::talker::Talker;
use common::{Client, Daemon, PATIENCE, binary, free_address, until};
use rustix::process::Signal;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Whether a line begins with the time, as `2026-11-22T08:00:00Z`, and goes on with this text.
fn is_timed(line: &str, text: &str) -> bool {
    let Some((time, rest)) = line.split_once("Z ") else {
        return false;
    };
    let shape = time.replace(|c: char| c.is_ascii_digit(), "0");
    shape == "0000-00-00T00:00:00" && rest == text
}

/// The command of a daemon that has descriptors enough for its clients, whatever their limit, and
/// therefore does not log that.
fn listening_on(addresses: &str) -> Command {
    let mut command = binary();
    command.args(["-l", addresses, "--clients-max", "16"]);
    command
}

#[test]
fn at_every_level_of_the_log_one_plain_line_says_where_it_listens() {
    for level in ["error", "warn", "info", "debug"] {
        let daemon = Daemon::start(&["--clients-max", "16", "--log", level]);
        daemon.connect().ask("PING\n", "PONG\n");
        let expected = format!("kvmsgd: listening on {}", daemon.address);
        assert_eq!(daemon.log()[0], expected);
        assert_eq!(daemon.address.ip().to_string(), "127.0.0.1");
    }
}

#[test]
fn it_listens_on_several_addresses_and_serves_one_store() {
    let mut asked = vec!["127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        asked.push("[::1]:0");
    }
    let daemon = Daemon::spawn(listening_on(&asked.join(",")));
    let all = || Some(daemon.log()).filter(|lines| lines.len() == asked.len());
    let lines = until("a line for each", all);
    let mut clients = Vec::new();
    for (line, asked) in lines.iter().zip(&asked) {
        let bound = line
            .strip_prefix("kvmsgd: listening on ")
            .expect("it says where");
        let host = asked.strip_suffix('0').expect("any port was asked for");
        assert!(bound.starts_with(host) && bound != *asked, "{line}");
        let mut client = Client::connect(bound.parse().expect("an address"));
        client.ask("PING\n", "PONG\n");
        clients.push(client);
    }
    let (first, others) = clients.split_first_mut().expect("there are some");
    first.ask("PUT:user:john\n", "OK\n");
    for client in &mut *others {
        client.ask("GET:user\n", "NOTIFY PUT user\njohn\n");
    }
    daemon.signal(Signal::TERM);
    for client in &mut clients {
        client.expect("NOTIFY DRAIN 10\n");
        assert_eq!(client.rest(), b"");
    }
    assert!(daemon.wait().status.success());
}

#[test]
fn an_address_that_cannot_be_had_ends_it_with_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = taken
        .local_addr()
        .map(|address| (address.to_string(), taken))
        .unwrap();
    let (free, _held) = common::free_address();
    let free = free.to_string();
    for (listen, address, why) in [
        (taken.0.clone(), taken.0.as_str(), "Address already in use"),
        (
            format!("127.0.0.1:0,{}", taken.0),
            taken.0.as_str(),
            "Address already in use",
        ),
        (
            format!("{free},{free}"),
            &free,
            &format!("{free}, which is listed too, has its port"),
        ),
        (
            "192.0.2.1:0".to_owned(),
            "192.0.2.1:0",
            "Cannot assign requested address",
        ),
    ] {
        let output = binary()
            .args(["-l", &listen])
            .output()
            .expect("the daemon starts");
        let error = String::from_utf8(output.stderr).expect("it is text");
        let expected = format!("kvmsgd: cannot listen on {address}: {why}");
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(error.matches('\n').count(), 1, "{error}");
        assert!(error.ends_with('\n'), "{error}");
        assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
    }
}

#[test]
fn it_can_be_started_again_at_once_on_the_same_port() {
    let (address, _held) = free_address();
    for _ in 0..3 {
        let daemon = Daemon::spawn(listening_on(&address.to_string()));
        let mut client = daemon.connect();
        client.ask("PING\n", "PONG\n");
        daemon.signal(Signal::TERM);
        client.expect("NOTIFY DRAIN 10\n");
        assert_eq!(client.rest(), b"");
        assert!(daemon.wait().status.success());
    }
}

#[test]
fn listening_beyond_loopback_logs_a_warning() {
    const WARNING: &str = "can be reached from other machines, and there are no passwords";
    for (level, warnings) in [("warn", 1), ("error", 0)] {
        let mut command = listening_on("127.0.0.1:0,0.0.0.0:0");
        command.args(["--log", level]);
        let daemon = Daemon::spawn(command);
        let all = || Some(daemon.log()).filter(|lines| lines.len() == 2 + warnings);
        let lines = until("all lines", all);
        let everywhere = lines
            .last()
            .and_then(|line| line.strip_prefix("kvmsgd: listening on "));
        let warning = format!("WARN  {} {WARNING}", everywhere.expect("it says where"));
        let warned = lines.iter().filter(|line| is_timed(line, &warning));
        assert_eq!(warned.count(), warnings, "{lines:?}");
    }
    let daemon = Daemon::start(&["--log", "debug"]);
    assert_eq!(
        daemon
            .log()
            .iter()
            .filter(|line| line.contains(WARNING))
            .count(),
        0
    );
}

/// A daemon whose standard error is a pipe that it is told is the journal, or is not.
fn logging_to_pipe(is_journal: bool) -> Daemon {
    let (reader, writer) = io::pipe().expect("a pipe");
    let pipe = File::from(OwnedFd::from(writer.try_clone().expect("a descriptor")));
    let metadata = pipe.metadata().expect("it is open");
    let (device, inode) = (metadata.dev(), metadata.ino());
    let journal = format!("{device}:{}", if is_journal { inode } else { inode + 1 });
    let mut command = listening_on("127.0.0.1:0,0.0.0.0:0");
    command.env("JOURNAL_STREAM", journal);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(writer);
    Daemon::follow(command.spawn().expect("the daemon starts"), reader)
}

#[test]
fn the_journal_gets_priorities_and_no_time() {
    let daemon = logging_to_pipe(true);
    assert!(
        daemon
            .wait_for_log("can be reached")
            .starts_with("<4>0.0.0.0:")
    );
    daemon.signal(Signal::USR1);
    assert!(
        daemon
            .wait_for_log("Active conn")
            .starts_with("<6>Active connections: 0, Dropped ")
    );
    // Out of descriptors, which is an error until it is over.
    let held = daemon.limit_descriptors(1);
    let waiting = daemon.connect();
    assert!(
        daemon
            .wait_for_log("cannot accept")
            .starts_with("<3>cannot accept a connection")
    );
    daemon.limit_descriptors(held);
    drop(waiting);
    daemon.connect().ask("PING\n", "PONG\n");
    let plain = |line: &String| line.starts_with("kvmsgd: listening on ");
    assert_eq!(daemon.log().iter().filter(|line| plain(line)).count(), 2);
}

#[test]
fn another_stream_than_the_journal_gets_the_time() {
    let daemon = logging_to_pipe(false);
    daemon.signal(Signal::USR1);
    let line = daemon.wait_for_log("Active connections");
    let counters = "INFO  Active connections: 0, Dropped connections: 0, Requests answered: 0, \
                    Notices delivered: 0, Notices lost: 0";
    assert!(is_timed(&line, counters), "{line}");
    assert!(
        !daemon.log().iter().any(|line| line.starts_with('<')),
        "{:?}",
        daemon.log()
    );
}

/// A socket's name that is short enough for one; removed when it goes out of scope.
struct Name(PathBuf);

impl Name {
    fn new(of: &str) -> Name {
        Name(std::env::temp_dir().join(format!("kvmsg-{of}-{}", std::process::id())))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_and_when_it_stops() {
    let name = Name::new("ready");
    let manager = UnixDatagram::bind(&name.0).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("a time");
    let received = || {
        let mut buffer = [0; 1024];
        let length = manager.recv(&mut buffer).expect("it is told");
        String::from_utf8(buffer[..length].to_vec()).expect("it is text")
    };
    let mut command = listening_on("127.0.0.1:0,127.0.0.2:0");
    command.env("NOTIFY_SOCKET", &name.0);
    let mut daemon = Daemon::spawn(command);
    assert_eq!(received(), "READY=1\n");
    until("both lines", || (daemon.log().len() == 2).then_some(()));
    let mut client = Talker::connect(&daemon, true);
    client.ask(&format!("PUT:k:{}", "x".repeat(8_000_000)));
    client.send("GET:k");
    client.client.expect("*1\r\n");
    daemon.signal(Signal::TERM);
    // It needs drain_secs at most, and a little.
    assert_eq!(received(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\n");
    // It is told at the beginning of the end, not at the end.
    daemon.wait_for_output("Shutting down server...");
    assert_eq!(client.client.rest().len(), 8_000_000 + 12);
    assert!(daemon.wait().status.success());
}

#[test]
fn it_serves_also_when_the_service_manager_does_not_listen() {
    let name = Name::new("nobody");
    let mut command = listening_on("127.0.0.1:0");
    command.env("NOTIFY_SOCKET", &name.0);
    let daemon = Daemon::spawn(command);
    daemon.wait_for_log("WARN  cannot notify the service manager: ");
    daemon.connect().ask("PING\n", "PONG\n");
    assert!(daemon.stop().status.success());
}
