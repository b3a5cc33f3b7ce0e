//! Runs the daemon on every kind of mistake in its settings, and reads what it says.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use kvmsg::config::keys::KEYS;

use super::{file, kvmsgd, refused};

/// What the messages say is allowed; a table of cases names it in braces.
const ALLOWED: [(&str, &str); 5] = [
    ("{clients}", "must be a whole number from 1 to 100000"),
    ("{bool}", "must be true or false"),
    (
        "{folder}",
        "must be a folder's path without control characters, or empty",
    ),
    ("{level}", "must be one of error, warn, info, debug"),
    (
        "{listen}",
        "must be HOST:PORT, or a list of 1 to 64 of them; HOST is a name, an IPv4 address \
         or an [IPv6 address], PORT is 0 to 65535",
    ),
];

/// The message that a case of a table stands for.
fn message(case: &str) -> String {
    let keys = KEYS.each_ref().map(|key| key.name).join(", ");
    let variables = KEYS.each_ref().map(|key| key.variable()).join(", ");
    let case = case
        .replace("{keys}", &keys)
        .replace("{variables}", &variables);
    ALLOWED
        .iter()
        .fold(case, |case, (name, words)| case.replace(name, words))
}

#[test]
fn values_in_the_file_are_named() {
    let cases = [
        (
            "clients_max = \"1\"",
            "1: clients_max is \"1\", but {clients}",
        ),
        (
            "\n\nclients_max = 1.5",
            "3: clients_max is 1.5, but {clients}",
        ),
        (
            "\r\nclients_max = -1",
            "2: clients_max is -1, but {clients}",
        ),
        (
            "\u{feff}\nclients_max = []",
            "2: clients_max is [], but {clients}",
        ),
        (
            "[clients_max]\nn = 1",
            "1: clients_max is { n = 1 }, but {clients}",
        ),
        (
            "clients_max = 2026-11-22",
            "1: clients_max is 2026-11-22, but {clients}",
        ),
        ("echo = 1", "1: echo is 1, but {bool}"),
        (
            "sync = \"often\"",
            "1: sync is \"often\", but must be one of always, interval, never",
        ),
        ("data_dir = 1", "1: data_dir is 1, but {folder}"),
        (
            "data_dir = \"\"\"a\nb\"\"\"",
            "1: data_dir is \"a\\nb\", but {folder}",
        ),
        ("echo = \"true\"", "1: echo is \"true\", but {bool}"),
        ("log = \"off\"", "1: log is \"off\", but {level}"),
        ("log = \"\"\"a\nb\"\"\"", "1: log is \"a\\nb\", but {level}"),
        (
            "log.level = \"info\"",
            "1: log is { level = \"info\" }, but {level}",
        ),
        ("listen = []", "1: listen is [], but {listen}"),
        ("listen = 8080", "1: listen is 8080, but {listen}"),
        (
            "listen = [\n\"a:1\",\n2]",
            "1: listen is [\"a:1\", 2], but {listen}",
        ),
        (
            "listen = [\"a:1\", \"\"\"\nb\nc\"\"\"]",
            "1: listen is [\"a:1\", \"b\\nc\"], but {listen}",
        ),
        (
            "listen = \"a:1,b:2\"",
            "1: listen is \"a:1,b:2\", but {listen}",
        ),
        (
            "linger_secs = 2\ndrain_secs = 0\necho = 1",
            "2: drain_secs is 0, but must be a whole number from 1 to 86400",
        ),
    ];
    refused_in_files(&cases);
}

#[test]
fn form_and_keys_of_the_file_are_named() {
    let cases = [
        (
            "client_max = 1",
            "1: unknown key \"client_max\"; did you mean clients_max?",
        ),
        (
            "[server]\nlisten = \"a:1\"",
            "1: unknown key \"server\"; there are {keys}",
        ),
        (
            "\"a\\nb\" = 1",
            "1: unknown key \"a\\nb\"; there are {keys}",
        ),
        (
            "echo = true\n\necho = 1\r\n",
            "3: duplicate key `echo` in document root: \"echo = 1\"",
        ),
        (
            "clients_max = 1\nclients_max = 2",
            "2: duplicate key `clients_max` in document root: \"clients_max = 2\"",
        ),
        ("\necho", "2: expected `.`, `=`: \"echo\""),
        (
            "echo = true true",
            "1: expected newline, `#`: \"echo = true true\"",
        ),
        (
            "clients_max = 99999999999999999999",
            "1: clients_max is 99999999999999999999, but must be a whole number from 1 to 100000",
        ),
        (
            "log = info",
            "1: log is info, but must be in quotes: one of error, warn, info, debug",
        ),
        (
            "\ndata_dir=/var/lib/kvmsg  ",
            "2: data_dir is /var/lib/kvmsg, but must be in quotes: \
             a folder's path without control characters, or empty",
        ),
    ];
    refused_in_files(&cases);
    let path = file("latin.toml", b"echo = true\n# caf\xe9\n");
    let expected = format!("{path}:2: not UTF-8: \"# caf\u{fffd}\"");
    assert_eq!(refused(kvmsgd(&["-c", &path, "--check"])), expected);
}

fn refused_in_files(cases: &[(&str, &str)]) {
    for (at, (text, expected)) in cases.iter().enumerate() {
        let path = file(&format!("mistake-{}-{at}.toml", cases.len()), text);
        let expected = format!("{path}:{}", message(expected));
        assert_eq!(refused(kvmsgd(&["-c", &path, "--check"])), expected);
    }
}

#[test]
fn long_values_are_cut() {
    let long = "x".repeat(100);
    let shown = format!(" is \"{}\"..., but", &long[..64]);
    let path = file("long.toml", format!("log = \"{long}\""));
    for args in [["-c", &path], ["--log", &long]] {
        let message = refused(kvmsgd(&[args[0], args[1], "--check"]));
        assert!(message.contains(&shown), "{message}");
    }
    let path = file(
        "long-key.toml",
        format!("\"\\u001b{long}{long}\" = 1\n").repeat(2),
    );
    let message = refused(kvmsgd(&["-c", &path, "--check"]));
    assert!(message.contains(":2: duplicate key ` x"), "{message}");
    assert!(message.len() < 400, "{message}");
    let path = file("long-list.toml", format!("log = [{}]", "1, ".repeat(100)));
    let message = refused(kvmsgd(&["-c", &path, "--check"]));
    assert!(
        message.contains("1, 1, ..., but must be one of") && message.len() < 250,
        "{message}"
    );
}

#[test]
fn mistakes_that_a_stronger_source_hides_are_named() {
    let path = file("hidden.toml", "drain_secs = 0\n");
    let mut command = kvmsgd(&["--check", "-c", &path, "--drain-secs", "1"]);
    assert!(refused(command).starts_with(&format!("{path}:1: drain_secs is 0, but")));
    command = kvmsgd(&["--check", "--drain-secs", "0", "--drain-secs", "1"]);
    assert!(refused(command).starts_with("--drain-secs: drain_secs is \"0\", but"));
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let missing = "cannot read \"/nonexistent/x\": No such file or directory (os error 2)";
    let cases = [
        ("-c", "/nonexistent/x", missing),
        ("--config", "/nonexistent/x", missing),
        ("-c", "/", "cannot read \"/\": Is a directory (os error 21)"),
        (
            "-c",
            "/dev/zero",
            "cannot read \"/dev/zero\": longer than 1048576 bytes",
        ),
        (
            "-c",
            "",
            "cannot read \"\": No such file or directory (os error 2)",
        ),
    ];
    for (flag, path, expected) in cases {
        assert_eq!(
            refused(kvmsgd(&[flag, path, "--check"])),
            format!("{flag}: {expected}")
        );
    }
    let mut command = kvmsgd(&["--check"]);
    command.env("KVMSGD_CONFIG", "/nonexistent/x");
    assert_eq!(refused(command), format!("KVMSGD_CONFIG: {missing}"));
}

#[test]
fn values_of_variables_are_named() {
    let cases: [(&str, &[u8], &str); 6] = [
        (
            "KVMSGD_CLIENTS_MAX",
            b"",
            "clients_max is \"\", but {clients}",
        ),
        (
            "KVMSGD_CLIENTS_MAX",
            b"10k",
            "clients_max is \"10k\", but {clients}",
        ),
        (
            "KVMSGD_CLIENTS_MAX",
            b"\xff\n",
            "clients_max is \"\\xff\\n\", but {clients}",
        ),
        ("KVMSGD_ECHO", b"yes", "echo is \"yes\", but {bool}"),
        ("KVMSGD_LOG", b"INFO", "log is \"INFO\", but {level}"),
        ("KVMSGD_LISTEN", b"a:1,", "listen is \"a:1,\", but {listen}"),
    ];
    for (name, value, expected) in cases {
        let mut command = kvmsgd(&["--check"]);
        command.env(name, OsStr::from_bytes(value));
        assert_eq!(refused(command), format!("{name}: {}", message(expected)));
    }
}

#[test]
fn unknown_variables_are_named() {
    let cases: [(&[u8], &str); 5] = [
        (
            b"KVMSGD_DRAIN_SEC",
            "\"KVMSGD_DRAIN_SEC\"; did you mean KVMSGD_DRAIN_SECS?",
        ),
        (
            b"KVMSGD_drain_secs",
            "\"KVMSGD_drain_secs\"; did you mean KVMSGD_DRAIN_SECS?",
        ),
        (
            b"KVMSGD_CONF",
            "\"KVMSGD_CONF\"; did you mean KVMSGD_CONFIG?",
        ),
        (
            b"KVMSGD_SERVICE",
            "\"KVMSGD_SERVICE\"; there are KVMSGD_CONFIG, {variables}",
        ),
        (
            b"KVMSGD_\xff",
            "\"KVMSGD_\\xff\"; there are KVMSGD_CONFIG, {variables}",
        ),
    ];
    for (name, expected) in cases {
        let mut command = kvmsgd(&["--check"]);
        command.env(OsStr::from_bytes(name), "secret");
        assert_eq!(
            refused(command),
            format!("unknown variable {}", message(expected))
        );
    }
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    let cases: [(&[&str], &str); 11] = [
        (
            &["--client-max", "1"],
            "unknown flag \"--client-max\"; did you mean --clients-max?",
        ),
        (
            &["--clients_max=1"],
            "unknown flag \"--clients_max\"; did you mean --clients-max?",
        ),
        (
            &["--frobnicate"],
            "unknown flag \"--frobnicate\"; kvmsgd -h lists the flags",
        ),
        (&["-x"], "unknown flag \"-x\"; kvmsgd -h lists the flags"),
        (&["--clients-max"], "--clients-max: its value N is missing"),
        (&["-c"], "-c: its value FILE is missing"),
        (
            &["--print-config=yes"],
            "--print-config takes no value, but was given \"yes\"",
        ),
        (
            &["start"],
            "unexpected operand \"start\"; only flags are taken",
        ),
        (
            &["--", "-h"],
            "unexpected operand \"-h\"; only flags are taken",
        ),
        (&["--echo=1"], "--echo: echo is \"1\", but {bool}"),
        (&["-l", ":80"], "-l: listen is \":80\", but {listen}"),
    ];
    for (args, expected) in cases {
        assert_eq!(
            refused(kvmsgd(&[&["--check"], args].concat())),
            message(expected)
        );
    }
    let mut command = kvmsgd(&["--check", "--log"]);
    command.arg(OsStr::from_bytes(b"\xff"));
    assert_eq!(
        refused(command),
        message("--log: log is \"\\xff\", but {level}")
    );
}
