//! Dumps from a server that cannot tell every change: it lists again, and not without end.

mod common;

use common::cli::{GREETING, Ran, cli, deaf, run};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Reads requests, and writes to each LIST what `answer` says: with the number of the LIST, and
/// whether it is for the first page.
fn serve(mut stream: TcpStream, answer: impl Fn(usize, bool) -> String) {
    let watching = b"*2\r\n$16\r\n0123456789abcdef\r\n:5\r\n";
    stream.write_all(GREETING).unwrap();
    stream.write_all(watching).unwrap();
    let (mut asked, mut lists) = (Vec::new(), 0);
    let mut chunk = [0; 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => asked.extend_from_slice(&chunk[..read]),
            _ => return,
        }
        let text = String::from_utf8(asked.clone()).unwrap();
        let seen: Vec<&str> = text.split("$4\r\nLIST\r\n").skip(1).collect();
        // A request comes whole, for so short a one is written at once.
        for request in &seen[lists..] {
            let reply = answer(lists, !request.contains("AFTER"));
            stream.write_all(reply.as_bytes()).unwrap();
            lists += 1;
        }
    }
}

/// A page of one key with one value.
fn page(revision: usize, key: &str, next: Option<&str>) -> String {
    let next = next.map_or("_\r\n".to_owned(), |next| {
        format!("${}\r\n{next}\r\n", next.len())
    });
    format!(
        "*4\r\n$16\r\n0123456789abcdef\r\n:{revision}\r\n{next}*1\r\n*2\r\n${}\r\n{key}\r\n\
         *1\r\n$1\r\nv\r\n",
        key.len()
    )
}

fn lost(first: usize, last: usize) -> String {
    format!(">3\r\n$4\r\nlost\r\n:{first}\r\n:{last}\r\n")
}

fn put(revision: usize, key: &str, value: &str) -> String {
    let (k, v) = (key.len(), value.len());
    format!(
        ">5\r\n$6\r\nnotify\r\n$3\r\nPUT\r\n${k}\r\n{key}\r\n:{revision}\r\n${v}\r\n{value}\r\n"
    )
}

/// Dumps from such a server, and returns how often it was asked for a first page too.
fn dump(answer: impl Fn(usize, bool) -> String + Send + 'static) -> Ran {
    let (listener, address) = deaf();
    let server = std::thread::spawn(move || serve(listener.accept().unwrap().0, answer));
    let mut command = cli(&address);
    command.args(["--timeout", "30", "dump"]);
    let ran = run(command, "");
    server.join().unwrap();
    ran
}

const BOTH: &str = "{\"key\":\"a\",\"values\":[\"v\"]}\n{\"key\":\"b\",\"values\":[\"v\"]}\n";

#[test]
fn what_is_lost_before_the_first_page_does_not_matter() {
    let ran = dump(|_, is_first| match is_first {
        true => lost(6, 9) + &page(9, "a", Some("a")),
        false => page(9, "b", None),
    });
    ran.prints(BOTH);
}

#[test]
fn a_loss_between_pages_makes_it_list_again() {
    let ran = dump(|number, is_first| match (number, is_first) {
        (1, false) => lost(7, 8) + &page(8, "b", None),
        (_, true) => lost(6, 6 + number) + &page(6 + number, "a", Some("a")),
        (_, false) => page(8, "b", None),
    });
    ran.prints(BOTH);
}

#[test]
fn it_gives_up_when_every_attempt_loses_something() {
    let ran = dump(|number, is_first| match is_first {
        true => lost(10 * number, 10 * number + 6) + &page(10 * number + 6, "a", Some("a")),
        false => lost(10 * number, 10 * number + 1) + &page(10 * number + 1, "b", None),
    });
    ran.fails(
        "keys changed faster than that could be told, 5 times in succession; \
         history_bytes of the server is what decides, see kvmsg.toml(5)",
    );
}

#[test]
fn it_waits_for_what_the_last_page_shows_and_leaves_out_what_is_later() {
    let ran = dump(|_, is_first| match is_first {
        true => page(5, "a", Some("a")),
        // Behind the page, as to a client that has fallen behind.
        false => page(7, "b", None) + &put(6, "a", "w") + &put(7, "x", "z") + &put(8, "a", "late"),
    });
    let a = "{\"key\":\"a\",\"values\":[\"v\",\"w\"]}\n";
    // The last page shows all up to its own revision, x too, had it been there.
    ran.prints(format!("{a}{{\"key\":\"b\",\"values\":[\"v\"]}}\n"));
}

#[test]
fn a_change_that_cannot_have_been_is_an_error() {
    let ran = dump(|_, is_first| match is_first {
        true => page(5, "a", Some("a")),
        false => {
            let remove = put(6, "a", "none").replace("$3\r\nPUT", "$6\r\nREMOVE");
            remove + &page(6, "b", None)
        }
    });
    ran.fails("the server told of a change that cannot have been, at revision 6");
}
