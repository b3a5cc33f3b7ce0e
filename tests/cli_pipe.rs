//! Feeds the client requests on standard input: both syntaxes, order, errors by line, its ends.

mod common;

use common::Daemon;
use common::cli::{GREETING, Running, cli, deaf, run};
use std::io::{Read, Write};

#[test]
fn both_syntaxes_are_answered_in_order() {
    let daemon = Daemon::start(&[]);
    let requests = "PUT:user:john:smith\r\n\
        put user \"ali\\nce\"\n\
        \n  \n\
        GET:user\n\
        update user \"ali\\nce\" 'it is'\n\
        get user\n\
        Remove:user:it is\n\
        remove user nobody\n\
        DELETE:user\n\
        get user\n\
        PING\nping text\nPING:a b\n\
        get nobody";
    daemon.cli_fed(&[""; 0], requests).prints(
        "OK\nOK\njohn:smith\nali\nce\nOK\njohn:smith\nit is\nOK\nNOT_FOUND\nOK\nNOT_FOUND\n\
         PONG\ntext\na b\nNOT_FOUND\n",
    );
}

#[test]
fn each_line_that_fails_is_reported_by_its_number() {
    let daemon = Daemon::start(&[]);
    let requests = "put k v\n\nfoo\nget\nput k \"v\nget \"\"\ngte k\nwatch a b\nGET:a:b\nget k\n";
    let ran = daemon.cli_fed(&[""; 0], requests);
    let mistakes = [
        (3, "unknown verb \"foo\"; help lists the verbs"),
        (4, "get takes KEY, but no argument was given"),
        (
            5,
            "the \" at column 7 is not closed; type \" where the word ends",
        ),
        (6, "a key has 1 to 1024 bytes, this one 0"),
        (7, "unknown verb \"gte\"; did you mean get?"),
        (8, "watch takes [PREFIX], but 2 arguments were given"),
        (9, "get takes KEY, but 2 arguments were given"),
    ];
    let printed: String = mistakes.map(|(_, why)| format!("Error: {why}\n")).concat();
    let reported = mistakes.map(|(line, why)| format!("kvmsg-cli: line {line}: {why}\n"));
    ran.is(2, format!("OK\n{printed}v\n"), &reported.concat());
}

#[test]
fn not_found_is_no_failure() {
    let daemon = Daemon::start(&[]);
    daemon
        .cli_fed(&[""; 0], "get a\ndelete a\n")
        .prints("NOT_FOUND\nNOT_FOUND\n");
}

#[test]
fn figures_and_help_end_with_an_empty_line() {
    let daemon = Daemon::start(&[]);
    let ran = daemon.cli_fed(&[""; 0], "stats\nhelp\nhelp get\nping\n");
    let text = String::from_utf8(ran.out).unwrap();
    let parts: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(
        (ran.code, parts.len(), parts[3]),
        (Some(0), 4, "PONG\n"),
        "{text}"
    );
    assert!(parts[0].starts_with("version "), "{text}");
    assert!(
        parts[1].contains("put KEY VALUE") && parts[1].contains("unwatch"),
        "{text}"
    );
    assert!(parts[2].starts_with("get KEY - "), "{text}");
}

#[test]
fn options_change_what_is_printed() {
    let daemon = Daemon::start(&[]);
    let requests = "put k a\nput k \"\\xff\"\nget k\nget n\nping\nnope\n";
    let report = "kvmsg-cli: line 6: unknown verb \"nope\"; help lists the verbs\n";
    let documents = "{\"revision\":1}\n{\"revision\":2}\n[\"a\",{\"base64\":\"/w==\"}]\nnull\n\
        \"PONG\"\n{\"error\":\"unknown verb \\\"nope\\\"; help lists the verbs\"}\n";
    daemon
        .cli_fed(&["--json"], requests)
        .is(2, documents, report);
    daemon
        .cli_fed(&["-0"], "get k\nget n\n")
        .prints(b"a\0\xff\0NOT_FOUND\0");
    daemon
        .cli_fed(&["-q"], "put k b\nping\nget k\nget n\n")
        .prints(b"a\n\xff\nb\nNOT_FOUND\n");
}

#[test]
fn a_pipe_lists_and_hears_of_changes_by_prefix() {
    let daemon = Daemon::start(&[]);
    let mut pipe = Running::start(&mut cli(&daemon.address.to_string()));
    pipe.send("put b v\nput a v\nput c v\nlist\nLIST:b\nlist x\nwatch a\nping\n");
    for line in [
        "OK", "OK", "OK", "a", "b", "c", "", "b", "", "", "OK", "PONG",
    ] {
        assert_eq!(pipe.line(), line);
    }
    // While it waits for input, and of this prefix alone.
    daemon.cli(&["put", "b", "w"]).prints("OK\n");
    daemon.cli(&["put", "ab", "w"]).prints("OK\n");
    assert_eq!(pipe.line(), "NOTIFY PUT ab");
    pipe.send("unwatch a\nping\n");
    assert_eq!((&pipe.line()[..], &pipe.line()[..]), ("OK", "PONG"));
    daemon.cli(&["put", "a", "w"]).prints("OK\n");
    pipe.send("get x\nexit\n");
    pipe.end().prints("NOT_FOUND\nOK\n");
    let json = daemon.cli_fed(&["--json"], "list a\nlist x\n");
    json.prints("[\"a\",\"ab\"]\n[]\n");
}

#[test]
fn exit_and_quit_end_the_input() {
    let daemon = Daemon::start(&[]);
    for word in ["exit", "QUIT", "quit"] {
        let ran = daemon.cli_fed(&[""; 0], format!("ping\n{word}\nput k v\n"));
        ran.prints("PONG\nOK\n");
    }
    daemon.cli(&["get", "k"]).is(1, "", "");
}

#[test]
fn whoever_waits_for_a_reply_gets_it() {
    let daemon = Daemon::start(&[]);
    let mut client = Running::start(&mut cli(&daemon.address.to_string()));
    for round in 0..3 {
        client.send(&format!("ping {round}\n"));
        assert_eq!(client.line(), round.to_string());
    }
    client.send("ping las");
    client.send("t");
    client.stdin = None;
    assert_eq!(client.line(), "last");
    client.end().prints("");
}

#[test]
fn many_requests_keep_their_order() {
    let daemon = Daemon::start(&[]);
    let count = 20_000;
    let requests: String = (0..count)
        .map(|at| format!("put k{at} {at}\nget k{at}\n"))
        .collect();
    let replies: String = (0..count).map(|at| format!("OK\n{at}\n")).collect();
    daemon.cli_fed(&[""; 0], requests).prints(replies);
}

#[test]
fn long_requests_and_long_replies_go_together() {
    let daemon = Daemon::start(&[]);
    let value = "v".repeat(1 << 20);
    let mut requests = format!("put k {value}\n").repeat(3);
    requests.push_str(&"get k\nput n short\n".repeat(10));
    let ran = daemon.cli_fed(&[""; 0], requests);
    let expected = "OK\n".repeat(3) + &(format!("{value}\n").repeat(3) + "OK\n").repeat(10);
    assert!(
        ran.code == Some(0) && ran.err.is_empty(),
        "{:?} {}",
        ran.code,
        ran.err
    );
    assert!(ran.out == expected.as_bytes(), "{} bytes", ran.out.len());
}

#[test]
fn lines_without_an_answer_are_named() {
    let (listener, address) = deaf();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(GREETING).unwrap();
        // The greeting that is asked for, and the first of two requests.
        let mut asked = Vec::new();
        while !asked.windows(7).any(|word| word == b"$1\r\nb\r\n") {
            let mut chunk = [0; 1024];
            let length = stream.read(&mut chunk).unwrap();
            asked.extend_from_slice(&chunk[..length]);
        }
        stream.write_all(b":1\r\n").unwrap();
    });
    let ran = run(cli(&address), "put k v\n\nget a\nget b\n");
    let why = format!(
        "kvmsg-cli: lines 3 to 4 were not answered: {address}: \
        the server closed the connection\n"
    );
    ran.is(2, "OK\n", &why);
    server.join().unwrap();
}

#[test]
fn a_deaf_server_is_given_up_in_time() {
    let (listener, address) = deaf();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(GREETING).unwrap();
        stream
    });
    let mut command = cli(&address);
    command.args(["--timeout", "2"]);
    let why = "the server did not answer within 2 seconds";
    run(command, "ping\n").fails(&format!("line 1 was not answered: {address}: {why}"));
    server.join().unwrap();
}

#[test]
fn no_server_is_said_before_anything_is_read() {
    let (address, _held) = common::free_address();
    let address = address.to_string();
    let ran = run(cli(&address), "ping\n");
    assert!(ran.code == Some(2) && ran.out.is_empty(), "{ran:?}");
    assert!(
        ran.err
            .starts_with(&format!("kvmsg-cli: cannot connect to {address}: ")),
        "{ran:?}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let daemon = Daemon::start(&[]);
    for (requests, code) in [("ping\n", 0), ("nope\n", 2)] {
        let mut client = Running::start(&mut cli(&daemon.address.to_string()));
        client.send(requests);
        client.line();
        client.stdout = None;
        client.send("ping\n");
        assert_eq!(client.end().code, Some(code), "{requests}");
    }
}

#[test]
fn nothing_but_what_values_hold_is_an_escape() {
    let daemon = Daemon::start(&[]);
    let mut command = cli(&daemon.address.to_string());
    command
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .env("TERM", "xterm-256color");
    let ran = run(
        command,
        "put k v\nget k\nhelp\nhelp get\nstats\nnope\nget n\n",
    );
    assert!(
        !ran.out.contains(&0x1b) && !ran.err.contains('\x1b'),
        "{ran:?}"
    );
}

#[test]
fn a_flag_is_not_taken_as_a_prefix_unless_it_is_typed_as_one() {
    let daemon = Daemon::start(&[]);
    let ran = daemon.cli_fed(
        &[""; 0],
        "PUT:--values:x\nlist --values\nwatch --json\nLIST:--values\n",
    );
    let why = |verb: &str| format!("flags are for the command line; as a prefix type {verb}");
    let (list, watch) = (why("LIST:--values"), why("WATCH:--json"));
    ran.is(
        2,
        format!("OK\nError: {list}\nError: {watch}\n--values\n\n"),
        &format!("kvmsg-cli: line 2: {list}\nkvmsg-cli: line 3: {watch}\n"),
    );
}
