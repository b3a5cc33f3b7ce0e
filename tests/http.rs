//! Speaks HTTP to the daemon, as a web page could make a browser do: nothing is executed.

mod common;

use common::Daemon;

/// The daemon reads on after its last words until the client has sent all it wanted to.
const FLAGS: [&str; 2] = ["--linger-secs", "60"];

const CLOSED: &str = "Error: this is no HTTP server; the connection is closed\n";

/// A request with these lines before its body, and a body that would write.
fn post(head: &[&str]) -> String {
    let lines: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{lines}\r\nPUT:user:eve\nPUT:user:mallory\r\nPING\n")
}

#[test]
fn a_post_executes_nothing() {
    let daemon = Daemon::start(&FLAGS);
    let request_lines = [
        "POST / HTTP/1.1",
        "POST /PUT:user:eve HTTP/1.0",
        "POST http://127.0.0.1:8080/ HTTP/1.1",
        "GET / HTTP/1.1",
        "get / HTTP/1.0",
        "PUT / HTTP/1.1",
        "DELETE /user HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:8080 HTTP/1.1",
        ": HTTP/1.1",
    ];
    for first in request_lines {
        let request = post(&[first, "Host: 127.0.0.1:8080", "Content-Length: 42"]);
        daemon.connect().part(&request, CLOSED);
        let mut client = daemon.connect();
        request.bytes().for_each(|byte| client.send([byte]));
        client.part("PUT:user:eve\n", CLOSED);
    }
    let stats = daemon.stats();
    assert_eq!((stats.get("revision"), stats.get("keys")), (0, 0));
    assert_eq!(stats.get("requests"), 2 * request_lines.len() as u64);
}

#[test]
fn a_host_header_ends_what_its_request_line_did_not() {
    let daemon = Daemon::start(&FLAGS);
    let unknown = "Error: unknown request 'POST / HTTP/3'; HELP lists the requests\n";
    for host in [
        "Host: 127.0.0.1:8080",
        "host:x",
        "HOST",
        "Host:",
        " hOsT : x",
    ] {
        let request = post(&["POST / HTTP/3", host, "Content-Length: 42"]);
        daemon.connect().part(request, [unknown, CLOSED].concat());
    }
    // A line that is a request of ours is executed, and then it is over.
    let request = post(&["GET:user HTTP/1.1", "Host: 127.0.0.1:8080"]);
    daemon
        .connect()
        .part(request, ["NOT_FOUND\n", CLOSED].concat());
    assert_eq!(daemon.stats().get("revision"), 0);
}

#[test]
fn a_value_may_look_like_a_request_line() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.converse(&[
        ("PUT:log:GET / HTTP/1.1\n", "OK\n"),
        ("PUT:log: HTTP/1.0\r\n", "OK\n"),
        ("PUT:log:Host: x\n", "OK\n"),
        ("PUT:Host:x HTTP/1.1\n", "OK\n"),
        ("GET:log\n", "GET / HTTP/1.1\n HTTP/1.0\nHost: x\n"),
        ("GET:Host\n", "x HTTP/1.1\n"),
        ("UPDATE:log: HTTP/1.0:GET / HTTP/1.0\n", "OK\n"),
        ("REMOVE:log:GET / HTTP/1.1\n", "OK\n"),
        ("PING:x HTTP/1.1\n", "x HTTP/1.1\n"),
        ("GET:log\n", "GET / HTTP/1.0\nHost: x\n"),
    ]);
    // These are no requests, but nobody's HTTP either.
    let unknown = "; HELP lists the requests\n";
    for line in [
        "POST / HTTP/1.1 ",
        "HTTP/1.1",
        "x HTTP/2",
        "Hostname: x",
        "x HTTP/1.1.",
        "Hos",
    ] {
        let verb = line.split(':').next().unwrap_or_default().trim();
        let error = format!("Error: unknown request '{verb}'{unknown}");
        client.exchange(format!("{line}\n").as_bytes(), error.as_bytes());
    }
    client.part("QUIT\n", "OK\n");
}
