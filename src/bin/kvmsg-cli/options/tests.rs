//! Tries command lines, right and wrong.

use super::*;

fn said(args: &[&str]) -> String {
    match read(args.iter().map(OsString::from), None) {
        Ok(Command::Print(text)) => text,
        Ok(Command::Once(options, verb, args)) => {
            let args = args.iter().map(|arg| arg.escape_ascii().to_string());
            let args = args.collect::<Vec<_>>().join(",");
            format!(
                "{} {args} at {} {:?}",
                verb.word, options.server, options.timeout
            )
        }
        Ok(Command::Session(options)) => format!("session at {}", options.server),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_value_may_look_like_a_flag_and_flags_may_follow() {
    let at = "at 127.0.0.1:8080 10s";
    assert_eq!(said(&["put", "k", "-q"]), format!("put k,-q {at}"));
    assert_eq!(
        said(&["update", "k", "--", "-h"]),
        format!("update k,--,-h {at}")
    );
    assert_eq!(
        said(&["get", "k", "-s", "h:1", "--timeout=0.5"]),
        "get k at h:1 500ms"
    );
    assert_eq!(said(&["get", "--", "-k"]), format!("get -k {at}"));
    assert_eq!(said(&["--json"]), "session at 127.0.0.1:8080");
}

#[test]
fn addresses_get_the_port_they_lack() {
    let cases = [
        ("db", Some("db:8080")),
        ("db:1", Some("db:1")),
        ("::1", Some("[::1]:8080")),
        ("[::1]", Some("[::1]:8080")),
        ("[::1]:9", Some("[::1]:9")),
    ];
    for (typed, meant) in cases {
        assert_eq!(address("-s", OsStr::new(typed)).ok().as_deref(), meant);
    }
    let wrongs = [
        "",
        ":1",
        "h:0",
        "h:x",
        "h:65536",
        "a b",
        "h:",
        "[::1",
        "[h]:1",
        "redis://h:1",
    ];
    for wrong in wrongs {
        assert!(address("-s", OsStr::new(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn mistakes_are_named_with_what_would_be_right() {
    let cases: [(&[&str], &str); 29] = [
        (&["--jsno"], "unknown flag \"--jsno\"; did you mean --json?"),
        (&["gte", "k"], "unknown verb \"gte\"; did you mean get?"),
        (&["get"], "get takes KEY, but no argument was given"),
        (
            &["exit"],
            "exit: it is for the shell, which opens without a verb",
        ),
        (&["get", "k", "--count", "1"], "--count is for watch"),
        (&["--since", "0123456789abcdef:1"], "--since is for watch"),
        (&["watch", "--values"], "--values is for list"),
        (
            &["watch", "--since", "7"],
            "--since \"7\": it must be EPOCH:REVISION, 16 hexadecimal digits and a number",
        ),
        (
            &["watch", "--exec"],
            "--exec takes a command: --exec -- CMD ARGS...",
        ),
        (
            &["watch", "--exec", "--"],
            "--exec takes a command: --exec -- CMD ARGS...",
        ),
        (&["get", "k", "--exec", "--", "x"], "--exec is for watch"),
        (
            &["watch", "--keep-going"],
            "--keep-going is for watch with --exec",
        ),
        (
            &["watch", "--json", "--exec", "--", "x"],
            "--json is for watch without --exec",
        ),
        (
            &["watch", "a", "b", "--exec", "--", "x"],
            "watch takes [PREFIX], but 2 arguments were given",
        ),
        (
            &["watch", "--count", "0"],
            "--count \"0\": it must be a number from 1 on",
        ),
        (&["put", "k", "v", "--replace"], "--replace is for load"),
        (&["load", "-n", "1"], "-n is for bench"),
        (
            &["dump", "-0"],
            "-0 is for verbs that print values or keys as they are",
        ),
        (
            &["bench", "-c", "10001"],
            "-c \"10001\": it must be a number from 1 to 10000",
        ),
        (
            &["bench", "-n", "0"],
            "-n \"0\": it must be a number from 1 on",
        ),
        (
            &["bench", "-P", "+1"],
            "-P \"+1\": it must be a number from 1 to 10000",
        ),
        (
            &["bench", "--value-bytes=1073741825"],
            "--value-bytes \"1073741825\": it must be a number from 0 to 1073741824",
        ),
        (
            &["bench", "-r", "10000000001"],
            "-r \"10000000001\": it must be a number from 1 to 10000000000",
        ),
        (
            &["bench", "-c", "10000", "-P", "10000"],
            "-c, -P and -d together make 13400000000 bytes of requests in flight: \
            it must be at most 1073741824",
        ),
        (
            &["-s", "h:x"],
            "-s \"h:x\": it must be HOST or HOST:PORT, PORT from 1 to 65535",
        ),
        (
            &["Put:user:john"],
            "unknown verb \"Put:user:john\"; on a command line it is put KEY VALUE",
        ),
        (
            &["load", "file"],
            "load takes no argument, but 1 argument was given; it reads standard input",
        ),
        (
            &["--timeout", "inf"],
            "--timeout \"inf\": it must be a number of seconds from 0.001 \
            to 86400",
        ),
        (
            &["help", "delte"],
            "unknown verb \"delte\"; did you mean delete?",
        ),
    ];
    for (args, expected) in cases {
        assert_eq!(said(args), expected, "{args:?}");
    }
}

#[test]
fn what_stands_behind_exec_and_two_dashes_is_a_command() {
    let command = |args: &[&str]| match read(args.iter().map(OsString::from), None) {
        Ok(Command::Once(options, _, args)) => (args, options.watching.command),
        other => panic!("{other:?}"),
    };
    let words = |words: &[&str]| Some(words.iter().map(OsString::from).collect());
    let given = command(&["watch", "p", "--exec", "--", "x", "--json", "--", "-y"]);
    assert_eq!(
        given,
        (vec![b"p".to_vec()], words(&["x", "--json", "--", "-y"]))
    );
    assert_eq!(
        command(&["--exec", "watch", "--", "x"]),
        (vec![], words(&["x"]))
    );
    // Without the flag they only end the flags; as a value it is none.
    assert_eq!(
        command(&["watch", "--", "-p"]),
        (vec![b"-p".to_vec()], None)
    );
    let (args, none) = command(&["update", "k", "--exec", "--"]);
    assert_eq!((args.len(), none), (3, None));
}

#[test]
fn help_fits_a_screen() {
    let help = said(&["-h"]);
    assert!((24..=48).contains(&help.lines().count()), "{help}");
    assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    assert_eq!(help, said(&["help"]));
    assert_eq!(said(&["put", "-h"]), said(&["help", "put"]));
}
