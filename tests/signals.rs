//! Tests signals that do not end the daemon, what it stands, and that it works as process 1.

mod common;

use common::talker::{Heard, Talker};
use common::tools::tool_that;
use common::{Client, Daemon, binary, free_address, until};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// The daemon's command, run by another program.
fn run_by(program: &Path, args: &[&str]) -> Command {
    let daemon = binary();
    let mut command = Command::new(program);
    command.args(args).arg(daemon.get_program());
    for (name, _) in daemon.get_envs() {
        command.env_remove(name);
    }
    command
}

#[track_caller]
fn assert_serves(address: SocketAddr) {
    Client::connect(address).ask("PUT:k:v\nGET:k\nDELETE:k\n", "OK\nv\nOK\n");
}

#[test]
fn sigusr1_logs_the_counters_and_it_goes_on() {
    let daemon = Daemon::start(&[]);
    let mut writer = Talker::connect(&daemon, true);
    let mut listener = Talker::watching(&daemon, false);
    for round in 1..=3 {
        writer.ask("PUT:k:v");
        assert_eq!(listener.hear().change(), ("k", None));
        // What was told before this is answered is counted.
        writer.ask("PING");
        daemon.signal(Signal::USR1);
        let expected = format!(
            " INFO  Active connections: 2, Dropped connections: 0, Requests answered: {}, \
             Notices delivered: {round}, Notices lost: 0",
            2 + 2 * round
        );
        let line = daemon.wait_for_log(&expected);
        assert!(line.ends_with(&expected), "{line}");
    }
    assert!(daemon.stop().status.success());
}

#[test]
fn sighup_and_sigpipe_are_ignored() {
    let daemon = Daemon::start(&["--clients-max", "16"]);
    for signal in [Signal::HUP, Signal::PIPE, Signal::HUP] {
        daemon.signal(signal);
        assert_serves(daemon.address);
    }
    daemon.signal(Signal::USR1);
    daemon.wait_for_log("Active connections: ");
    assert_eq!(daemon.log().len(), 2, "{:?}", daemon.log());
    assert!(daemon.stop().status.success());
}

#[test]
fn a_client_that_is_gone_before_its_reply_does_not_end_it() {
    let daemon = Daemon::start(&[]);
    let mut observer = Talker::connect(&daemon, true);
    observer.ask(&format!("PUT:k:{}", "x".repeat(1 << 20)));
    for nth in 1..=10 {
        let mut client = daemon.connect();
        client.send("GET:k\n".repeat(10));
        client.expect("x");
        client.reset();
        let gone = || (observer.stats().get("connections_dropped") == nth).then_some(());
        until("it to be gone", gone);
    }
    assert!(daemon.stop().status.success());
}

/// A daemon whose streams a test has done something to, which is therefore no [`Daemon`].
struct Bare(Child);

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bare {
    /// Starts one; returns also what it logs to, and where it listens.
    fn start(flags: &[&str]) -> (Bare, BufReader<ChildStderr>, SocketAddr) {
        let mut command = binary();
        command.args(["-l", "127.0.0.1:0"]).args(flags);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Bare(command.spawn().expect("the daemon starts"));
        let mut log = BufReader::new(daemon.0.stderr.take().expect("it is a pipe"));
        let mut line = String::new();
        log.read_line(&mut line).expect("it says where it listens");
        let address = line.trim_end().rsplit(' ').next().expect("a word");
        let address = address.parse().expect("an address");
        (daemon, log, address)
    }

    /// Waits for the end, and returns the exit status.
    fn wait(&mut self) -> Option<i32> {
        let ended = || self.0.try_wait().expect("it is our child");
        until("the end", ended).code()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("the daemon is there");
    }

    /// Serves, logs to where nobody reads, and ends as it should.
    fn assert_works(mut self, address: SocketAddr) {
        assert_serves(address);
        for _ in 0..3 {
            self.signal(Signal::USR1);
        }
        assert_serves(address);
        self.signal(Signal::TERM);
        assert_eq!(self.wait(), Some(0));
    }
}

#[test]
fn broken_standard_streams_do_not_end_it() {
    for broken in ["output", "error", "both"] {
        let (mut daemon, error, address) = Bare::start(&[]);
        match broken {
            "output" => drop(daemon.0.stdout.take()),
            "error" => drop(error),
            _ => drop((daemon.0.stdout.take(), error)),
        }
        daemon.assert_works(address);
    }
}

#[test]
fn closed_standard_streams_do_not_end_it() {
    for closed in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        // Nobody says where it listens, so it is told.
        let (address, _held) = free_address();
        let script = format!("exec \"$0\" \"$@\" {closed}");
        let mut command = run_by(Path::new("/bin/sh"), &["-c", &script]);
        command
            .args(["-l", &address.to_string()])
            .stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let daemon = Bare(child.expect("the daemon starts"));
        until("it to listen", || TcpStream::connect(address).ok());
        daemon.assert_works(address);
    }
}

/// Makes a daemon log a line a client until nobody takes what it logs, and it hangs in that.
fn make_it_hang(address: SocketAddr) {
    Client::connect(address).ask(format!("PUT:k:{}\n", "x".repeat(1 << 20)), "OK\n");
    let hangs = || {
        let mut client = Client::connect(address);
        let patience = Some(Duration::from_secs(3));
        client.stream.set_read_timeout(patience).unwrap();
        client.send("GET:k\n".repeat(10));
        let is_answered = client.stream.read(&mut [0]).is_ok();
        client.reset();
        (!is_answered).then_some(())
    };
    until("it to hang", hangs);
}

#[test]
fn a_second_signal_ends_it_also_when_it_hangs() {
    let (mut daemon, log, address) = Bare::start(&["--log", "debug"]);
    rustix::pipe::fcntl_setpipe_size(log.get_ref(), 4096).expect("it can be as small");
    make_it_hang(address);
    daemon.signal(Signal::TERM);
    let mut output = BufReader::new(daemon.0.stdout.take().unwrap());
    let mut report = String::new();
    output.read_line(&mut report).expect("it hears the first");
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait(), Some(1));
    output.read_to_string(&mut report).expect("it is text");
    let name = |line: &str| line.split(':').next().map(str::to_owned);
    let names: Vec<String> = report.lines().filter_map(name).collect();
    let expected = [
        "Shutting down server...",
        "Active connections",
        "Dropped connections",
        "Requests answered",
        "Notices delivered",
        "Notices lost",
        "Server shutdown complete",
    ];
    assert_eq!(names, expected, "{report}");
}

#[test]
fn as_process_1_it_hears_signals_and_exits_as_it_should() {
    let Some(unshare) = tool_that("unshare", &["-pf", "--kill-child", "true"]) else {
        return;
    };
    for signal in [Signal::TERM, Signal::INT] {
        let mut command = run_by(&unshare, &["-pf", "--kill-child"]);
        command.args(["-l", "127.0.0.1:0"]);
        let daemon = Daemon::spawn(command);
        let children = format!("/proc/{0}/task/{0}/children", daemon.pid());
        let child = std::fs::read_to_string(children).expect("unshare has a child");
        let child = child
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .expect("and only one");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.as_raw_nonzero()));
        let status = status.expect("the daemon runs");
        let names = status
            .lines()
            .find(|line| line.starts_with("NSpid:"))
            .expect("its numbers");
        assert!(names.ends_with("\t1"), "{names}");

        let mut listener = Talker::watching(&daemon, false);
        assert_serves(daemon.address);
        assert_eq!(listener.hear().change(), ("k", None));
        kill_process(child, Signal::USR1).expect("the daemon is there");
        daemon.wait_for_log("Active connections: ");
        kill_process(child, signal).expect("the daemon is there");
        assert_eq!(listener.hear().change(), ("k", None));
        assert_eq!(listener.hear_all(), [Heard::Drain(10)]);
        let ended = daemon.wait();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(ended.figure("Notices delivered"), 2);
    }
}
