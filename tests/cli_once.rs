//! Runs every verb on a command line: exit statuses, streams, options, time-outs.

mod common;

use common::Daemon;
use common::cli::{GREETING, cli, deaf, run};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn every_verb_prints_its_answer_and_nothing_else() {
    let daemon = Daemon::start(&[]);
    let cases: [(&[&str], i32, &str); 19] = [
        (&["get", "user"], 1, ""),
        (&["put", "user", "john"], 0, "OK\n"),
        (&["put", "user", "alice"], 0, "OK\n"),
        (&["get", "user"], 0, "john\nalice\n"),
        (&["update", "user", "john", "johnsmith"], 0, "OK\n"),
        (&["update", "user", "john", "johnsmith"], 1, ""),
        (&["update", "nobody", "a", "b"], 1, ""),
        (&["GET", "user"], 0, "johnsmith\nalice\n"),
        (&["remove", "user", "alice"], 0, "OK\n"),
        (&["remove", "user", "alice"], 1, ""),
        (&["--json", "put", "user", "bob"], 0, "{\"revision\":5}\n"),
        (&["--json", "get", "user"], 0, "[\"johnsmith\",\"bob\"]\n"),
        (&["--json", "get", "nobody"], 1, ""),
        (&["-0", "get", "user"], 0, "johnsmith\0bob\0"),
        (&["delete", "user", "-q"], 0, ""),
        (&["delete", "user"], 1, ""),
        (&["ping"], 0, "PONG\n"),
        (&["-q", "ping"], 0, ""),
        (&["ping", "a b"], 0, "a b\n"),
    ];
    for (args, code, out) in cases {
        let ran = daemon.cli(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        ran.is(code, out, "");
    }
}

#[test]
fn quiet_hides_that_it_was_done_but_no_answer() {
    let daemon = Daemon::start(&[]);
    daemon.cli(&["-q", "put", "k", "v"]).prints("");
    daemon.cli(&["-q", "update", "k", "v", "w"]).prints("");
    daemon.cli(&["-q", "get", "k"]).prints("w\n");
    daemon.cli(&["-q", "remove", "k", "x"]).is(1, "", "");
    daemon.cli(&["-q", "remove", "k", "w"]).prints("");
}

#[test]
fn figures_come_one_a_line_or_as_one_object() {
    let daemon = Daemon::start(&[]);
    daemon.cli(&["put", "k", "v"]).prints("OK\n");
    let lines = String::from_utf8(daemon.cli(&["stats"]).out).unwrap();
    assert!(lines.lines().any(|line| line == "revision 1"), "{lines}");
    assert!(
        lines.lines().all(|line| line.split(' ').count() == 2),
        "{lines}"
    );
    let object = daemon.cli(&["stats", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&object.out).unwrap();
    assert_eq!(object["keys"], 1);
    assert_eq!(object["epoch"].as_str().map(str::len), Some(16));
    let names: Vec<&str> = lines
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        names.iter().eq(object.as_object().unwrap().keys()),
        "{names:?}"
    );
}

#[test]
fn what_is_typed_wrongly_is_named_in_one_line() {
    let cases: [(&[&str], &str); 11] = [
        (&["gte", "user"], "unknown verb \"gte\"; did you mean get?"),
        (&["lst"], "unknown verb \"lst\"; did you mean list?"),
        (&["keys"], "unknown verb \"keys\"; did you mean list?"),
        (&["get"], "get takes KEY, but no argument was given"),
        (
            &["get", "a", "b"],
            "get takes KEY, but 2 arguments were given",
        ),
        (
            &["stats", "x"],
            "stats takes no argument, but 1 argument was given",
        ),
        (
            &["get", "a", "--jsno"],
            "unknown flag \"--jsno\"; did you mean --json?",
        ),
        (&["--timeout"], "--timeout: its value SECONDS is missing"),
        (
            &["--timeout", "0", "ping"],
            "--timeout \"0\": it must be a number of seconds from 0.001 to 86400",
        ),
        (&["--count", "2", "ping"], "--count is for watch"),
        (
            &["exit"],
            "exit: it is for the shell, which opens without a verb",
        ),
    ];
    for (args, why) in cases {
        // Before anything is asked of the server: there is none.
        let mut command = cli("127.0.0.1:1");
        command.args(args);
        run(command, "").fails(why);
    }
}

#[test]
fn a_change_without_a_reply_may_have_been_made_and_that_is_said() {
    let perhaps = "; the request may have been executed";
    for (args, perhaps) in [(&["put", "k", "v"][..], perhaps), (&["get", "v"], "")] {
        let (listener, address) = deaf();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(GREETING).unwrap();
            let (mut asked, mut bytes) = (Vec::new(), [0; 4096]);
            while !asked.ends_with(b"\r\nv\r\n") {
                let count = stream.read(&mut bytes).unwrap();
                asked.extend_from_slice(&bytes[..count]);
            }
        });
        let mut command = cli(&address);
        command.args(args);
        run(command, "").fails(&format!(
            "{address}: the server closed the connection{perhaps}"
        ));
        server.join().unwrap();
    }
}

#[test]
fn what_the_server_refuses_is_said_in_its_words() {
    let daemon = Daemon::start(&[
        "--values-bytes-max",
        "65536",
        "--request-bytes-max",
        "131072",
    ]);
    daemon
        .cli(&["get", ""])
        .fails("a key has 1 to 1024 bytes, this one 0");
    daemon
        .cli(&["put", "a\nb", "v"])
        .fails("a key holds no line end: 'a\\nb'");
    let ran = daemon.cli_fed(&["put", "k", "-"], vec![b'v'; 65537]);
    assert!(
        ran.code == Some(2) && ran.err.contains("values_bytes_max"),
        "{ran:?}"
    );
    assert_eq!((ran.out.len(), ran.err.lines().count()), (0, 1), "{ran:?}");
    let ran = daemon.cli_fed(&["put", "k", "-"], vec![b'v'; 16 << 20]);
    assert!(
        ran.code == Some(2) && ran.err.contains("request_bytes_max"),
        "{ran:?}"
    );
    daemon.cli(&["get", "k"]).is(1, "", "");
}

#[test]
fn the_server_is_that_of_the_flag_else_of_the_environment() {
    let daemon = Daemon::start(&[]);
    let (_deaf, elsewhere) = deaf();
    let address = daemon.address.to_string();
    let asked = |variable: &str, args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvmsg-cli"));
        command.env("KVMSG_SERVER", variable).args(args).arg("ping");
        run(command, "")
    };
    asked(&address, &[]).prints("PONG\n");
    asked(&elsewhere, &["-s", &address]).prints("PONG\n");
    asked("a b", &[])
        .fails("KVMSG_SERVER \"a b\": it must be HOST or HOST:PORT, PORT from 1 to 65535");
}

#[test]
fn no_server_is_said_at_once() {
    let (address, _held) = common::free_address();
    let address = address.to_string();
    let mut command = cli(&address);
    command.arg("ping");
    run(command, "").fails(&format!(
        "cannot connect to {address}: Connection refused (os error 111); \
         kvmsgd does not run there, -s names another server"
    ));
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let (_listener, address) = deaf();
    for args in [&["ping"][..], &["watch"], &["put", "k", "-"]] {
        let mut command = cli(&address);
        command.args(["--timeout", "0.2"]).args(args);
        let begin = Instant::now();
        run(command, vec![b'v'; 1 << 20]).fails(&format!(
            "{address}: the server did not answer within 0.2 seconds"
        ));
        assert!(begin.elapsed() >= Duration::from_millis(200));
    }
}

#[test]
fn the_time_out_holds_for_each_reply() {
    let (listener, address) = deaf();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(GREETING).unwrap();
        let mut asked = Vec::new();
        let _ = stream.read_to_end(&mut asked);
        asked
    });
    let mut command = cli(&address);
    command.args(["--timeout=2", "get", "k"]);
    run(command, "").fails(&format!(
        "{address}: the server did not answer within 2 seconds"
    ));
    assert!(server.join().unwrap().ends_with(b"GET\r\n$1\r\nk\r\n"));
}

#[test]
fn whoever_answers_something_else_is_no_server() {
    let (listener, address) = deaf();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let mut command = cli(&address);
    command.arg("ping");
    let ran = run(command, "");
    let why = format!("kvmsg-cli: {address}: what answers is no kvmsg server: ");
    assert!(ran.code == Some(2) && ran.err.starts_with(&why), "{ran:?}");
    server.join().unwrap();
}

#[test]
fn a_full_server_says_so() {
    let daemon = Daemon::start(&["--clients-max", "1"]);
    let mut client = daemon.connect();
    client.ask("PING\n", "PONG\n");
    daemon.cli(&["ping"]).fails("max number of clients reached");
}

#[test]
fn help_and_version_ask_nobody_and_hold_no_escapes() {
    let printed = |args: &[&str], no_color: &str| {
        let mut command = cli("127.0.0.1:1");
        command
            .env("NO_COLOR", no_color)
            .env("CLICOLOR_FORCE", "1")
            .args(args);
        let ran = run(command, "");
        ran.is(0, &ran.out, "");
        assert!(!ran.out.contains(&0x1b), "{args:?}");
        String::from_utf8(ran.out).unwrap()
    };
    assert_eq!(
        printed(&["-V"], ""),
        format!("kvmsg-cli {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(printed(&["-h"], ""), printed(&["help"], "1"));
    let help = printed(&["help"], "");
    let verbs = help
        .split("Verbs:\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next());
    for line in verbs.expect("help lists the verbs").lines() {
        let verb = line.split_ascii_whitespace().next().unwrap();
        assert!(printed(&["help", verb], "").starts_with(&format!("{verb} ")));
        assert_eq!(
            printed(&["help", verb], ""),
            printed(&[verb, "--help"], "1")
        );
    }
    let mut command = cli("127.0.0.1:1");
    command.args(["help", "gets"]);
    run(command, "").fails("unknown verb \"gets\"; did you mean get?");
}
