//! Lets the server be away, come back, be deaf or refuse, while somebody sits at the shell.

mod common;

use common::terminal::{Home, Terminal};
use common::tools::tool;
use common::{Client, Daemon, until};
use rustix::process::Signal;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};

/// A listener on an address that no other test uses.
fn listen() -> TcpListener {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let process = (std::process::id() % 250) as u8;
    let host = [127, 90, process, COUNT.fetch_add(1, Ordering::Relaxed)];
    TcpListener::bind(SocketAddr::from((host, 0))).expect("a free port")
}

const REFUSED: &str = "Connection refused; is kvmsgd running there?";
const CONNECTED: &str = "Connected to KV server at";
const LOST: &str = "Connection lost: the server closed the connection; the next request reconnects";

#[test]
fn a_server_that_goes_and_comes_back_is_spoken_of() {
    let Some(tmux) = tool("tmux") else { return };
    let (address, _held) = common::free_address();
    let (address, home) = (address.to_string(), Home::new());
    let daemon = Daemon::start_at(&address, &[]);
    let terminal = Terminal::open(&tmux, &home, 100, &["-s", &address]);
    terminal.wait_for_connection();
    terminal.enter("put user john");
    terminal.write("get us");
    terminal.wait_for("> get us");
    assert!(daemon.stop().status.success());
    // At once, while nothing is asked, above what is being typed.
    terminal.wait_for_end(&["NOTIFY DRAIN 10", LOST, "> get us"]);
    terminal.write("er");
    terminal.press(&["Enter"]);
    let refused = format!("Error: cannot connect to {address}: {REFUSED}");
    terminal.wait_for_end(&["> get user", &refused, ">"]);
    let daemon = Daemon::start_at(&address, &[]);
    let again = format!("Reconnected to KV server at {address}, which was started anew");
    assert_eq!(
        terminal.enter("get user"),
        [&again[..], "Server: NOT_FOUND"]
    );
    daemon.connect().ask("PUT:user:alice\n", "OK\n");
    terminal.wait_for_end(&["NOTIFY PUT user", ">"]);
}

#[test]
fn without_a_server_there_is_a_prompt_all_the_same() {
    let Some(tmux) = tool("tmux") else { return };
    let home = Home::new();
    let address = listen().local_addr().unwrap().to_string();
    let terminal = Terminal::open(&tmux, &home, 120, &["-s", &address]);
    let failed = format!("Cannot connect to {address}: {REFUSED}; the next request tries again");
    terminal.wait_for(&failed);
    let _daemon = Daemon::start_at(&address, &[]);
    let connected = format!("{CONNECTED} {address}");
    assert_eq!(terminal.enter("ping"), [&connected[..], "Server: PONG"]);
}

#[test]
fn a_deaf_server_does_not_keep_the_prompt_away() {
    let Some(tmux) = tool("tmux") else { return };
    let (listener, home) = (listen(), Home::new());
    let address = listener.local_addr().unwrap().to_string();
    let terminal = Terminal::open(&tmux, &home, 110, &["-s", &address, "--timeout", "3"]);
    terminal.wait_for(&format!("Connecting to KV server at {address}..."));
    terminal.write("help pi");
    let late = format!(
        "Cannot connect to {address}: the server did not answer within 3 seconds; \
         the next request tries again"
    );
    let screen = terminal.wait_for_end(&[&late, "> help pi"]);
    // One can type, and what was typed stays, while nobody answers.
    assert!(!screen.contains(&format!("{CONNECTED} {address}")));
    terminal.press(&["C-u"]);
    let answer = terminal.enter("put user john");
    let late = "the server did not answer within 3 seconds";
    assert_eq!(
        answer,
        [format!("Error: cannot connect to {address}: {late}")]
    );
}

#[test]
fn a_server_that_stops_answering_is_not_asked_twice() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string(), "--timeout", "4"];
    let terminal = Terminal::open(&tmux, &home, 100, &args);
    terminal.wait_for_connection();
    daemon.signal(Signal::STOP);
    let late = "Error: the server did not answer within 4 seconds";
    let perhaps = "; the request may have been executed";
    assert_eq!(
        terminal.enter("put user john"),
        [format!("{late}{perhaps}")]
    );
    daemon.signal(Signal::CONT);
    let answer = terminal.enter("get user");
    assert!(
        answer[0].starts_with("Reconnected to KV server at "),
        "{answer:#?}"
    );
    assert_eq!(answer[1..], ["Server: john"]);
}

#[test]
fn ctrl_c_ends_the_wait_for_a_reply() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&[]), Home::new());
    let args = ["-s", &daemon.address.to_string(), "--timeout", "3600"];
    let terminal = Terminal::open(&tmux, &home, 80, &args);
    terminal.wait_for_connection();
    daemon.signal(Signal::STOP);
    terminal.write("put user john");
    terminal.press(&["Enter"]);
    // The line has been accepted when the cursor stands below it.
    terminal.wait_for_cursor_below("> put user john");
    terminal.press(&["C-c"]);
    terminal.wait_for_end(&["^C", "Given up; the request may have been executed", ">"]);
    daemon.signal(Signal::CONT);
}

#[test]
fn a_server_without_room_says_so() {
    let Some(tmux) = tool("tmux") else { return };
    let (daemon, home) = (Daemon::start(&["--clients-max", "1"]), Home::new());
    let mut neighbour = daemon.connect();
    neighbour.ask("PING\n", "PONG\n");
    let address = daemon.address.to_string();
    let terminal = Terminal::open(&tmux, &home, 110, &["-s", &address]);
    terminal.wait_for(&format!(
        "Cannot connect to {address}: max number of clients reached; the next request tries again"
    ));
    neighbour.part("QUIT\n", "OK\n");
    // The daemon frees the place some time after its last word.
    drop(neighbour);
    until("a place to be free", || {
        terminal.press(&["C-l"]);
        terminal.wait("an empty screen", |lines| lines == [">"]);
        let answer = terminal.enter("ping");
        answer.contains(&"Server: PONG".to_owned()).then_some(())
    });
}

#[test]
fn a_request_that_lost_its_reply_is_not_repeated() {
    let Some(tmux) = tool("tmux") else { return };
    let (listener, home) = (listen(), Home::new());
    let address = listener.local_addr().unwrap().to_string();
    let serve = |mut client: Client, revision: u64| {
        client.expect(common::frame(&[b"HELLO", b"3"]));
        let greeting = "%5\r\n$6\r\nserver\r\n$5\r\nkvmsg\r\n$7\r\nversion\r\n$1\r\n1\r\n\
             $2\r\nid\r\n:1\r\n$5\r\nepoch\r\n$16\r\n0123456789abcdef\r\n$8\r\nrevision\r\n";
        client.send(format!("{greeting}:{revision}\r\n"));
        client.expect(common::frame(&[b"WATCH", b""]));
        client.send(format!("*2\r\n$16\r\n0123456789abcdef\r\n:{revision}\r\n"));
        client
    };
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &address]);
    let accept = || Client::from_stream(listener.accept().expect("the shell connects").0);
    let mut first = serve(accept(), 5);
    terminal.wait_for(&format!("{CONNECTED} {address}"));
    terminal.wait_for_prompt();
    terminal.write("put user john");
    terminal.press(&["Enter"]);
    first.expect(common::frame(&[b"PUT", b"user", b"john"]));
    drop(first);
    let perhaps = "Error: the server closed the connection; the request may have been executed";
    terminal.wait_for_end(&["> put user john", perhaps, ">"]);
    // Nothing is sent on the next connection but what was asked next.
    terminal.write("get user");
    terminal.press(&["Enter"]);
    let mut second = serve(accept(), 6);
    second.expect(common::frame(&[b"GET", b"user"]));
    second.send("*1\r\n$4\r\njohn\r\n");
    let again = format!("Reconnected to KV server at {address}; changes in between were not told");
    let screen = terminal.wait("the answer", |lines| {
        lines.ends_with(&["Server: john".to_owned(), ">".to_owned()])
    });
    assert!(screen.join(" ").contains(&again), "{screen:#?}");
}

#[test]
fn what_is_watched_and_listed_by_prefix_stays_so_on_another_connection() {
    let Some(tmux) = tool("tmux") else { return };
    let (address, _held) = common::free_address();
    let (address, home) = (address.to_string(), Home::new());
    let daemon = Daemon::start_at(&address, &[]);
    let terminal = Terminal::open(&tmux, &home, 80, &["-s", &address]);
    terminal.wait_for_connection();
    assert_eq!(terminal.enter("list"), ["Server: (no keys)"]);
    // The first prefix replaces watching everything, the second adds up.
    assert_eq!(terminal.enter("watch a"), ["Server: OK"]);
    assert_eq!(terminal.enter("WATCH:b"), ["Server: OK"]);
    let told = |daemon: &Daemon, keys: &[&str]| {
        for key in ["a1", "b1", "c1"] {
            daemon.connect().ask(format!("PUT:{key}:v\n"), "OK\n");
        }
        let notices = keys.iter().map(|key| format!("NOTIFY PUT {key}"));
        let lines: Vec<String> = notices.chain([">".to_owned()]).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        terminal.wait_for_end(&lines);
    };
    told(&daemon, &["a1", "b1"]);
    assert_eq!(terminal.enter("list a"), ["Server: a1"]);
    assert_eq!(
        terminal.enter("list"),
        ["Server: a1", "        b1", "        c1"]
    );
    assert!(daemon.stop().status.success());
    terminal.wait_for(LOST);
    let daemon = Daemon::start_at(&address, &[]);
    terminal.enter("ping");
    told(&daemon, &["a1", "b1"]);
    assert_eq!(terminal.enter("unwatch a"), ["Server: OK"]);
    told(&daemon, &["b1"]);
}
