//! Runs the daemon on every kind of setting.

mod documents;
mod mistakes;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use kvmsg::config::keys::KEYS;

const BYTES: (u64, u64) = (65_536, 1 << 40);
const SECONDS: (u64, u64) = (1, 86_400);

/// Every numeric key, its range, and whether it may also be 0.
const RANGES: [(&str, (u64, u64), bool); 13] = [
    ("clients_max", (1, 100_000), false),
    ("clients_bytes_max", BYTES, false),
    ("request_bytes_max", BYTES, false),
    ("values_bytes_max", BYTES, false),
    ("store_bytes_max", BYTES, true),
    ("outbox_bytes_max", BYTES, false),
    ("history_bytes", BYTES, true),
    ("sync_interval_ms", (10, 3_600_000), false),
    ("write_timeout_secs", SECONDS, false),
    ("request_timeout_secs", SECONDS, false),
    ("linger_secs", SECONDS, false),
    ("progress_secs", SECONDS, false),
    ("drain_secs", SECONDS, false),
];

/// A command of the daemon in an empty environment, but for a file of settings that is empty:
/// what lies in /etc on the machine of the test does not matter.
fn kvmsgd(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvmsgd"));
    command
        .env_clear()
        .env("KVMSGD_CONFIG", "/dev/null")
        .stdin(Stdio::null())
        .args(args);
    command
}

/// A file of settings with that text, and its path as one types it.
fn file(name: &str, text: impl AsRef<[u8]>) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

/// What a run prints that succeeds.
fn printed(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stderr), "", "{command:?}");
    assert_eq!(status.code(), Some(0), "{command:?}");
    String::from_utf8(stdout).unwrap()
}

/// The one line that a run prints that refuses its settings.
fn refused(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{command:?}: {message}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{command:?}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        !message.contains(|c: char| c.is_control() && c != '\n'),
        "{message:?}"
    );
    message
        .strip_prefix("kvmsgd: ")
        .unwrap()
        .strip_suffix('\n')
        .unwrap()
        .to_string()
}

/// The line of a listing that begins with a key.
fn line<'a>(listing: &'a str, key: &str) -> &'a str {
    let start = format!("{key} = ");
    listing
        .lines()
        .find(|line| line.starts_with(&start))
        .unwrap()
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

fn variable(key: &str) -> String {
    format!("KVMSGD_{}", key.to_uppercase())
}

#[test]
fn help_and_version_cannot_fail() {
    let help = printed(kvmsgd(&["-h"]));
    assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    assert!(help.contains("\nusage: kvmsgd [-c FILE] "), "{help}");
    for key in &KEYS {
        assert!(
            help.contains(&format!(" {} ", flag(key.name))),
            "{}",
            key.name
        );
    }
    for args in [
        &["--help", "--bogus"][..],
        &["--log", "loud", "-h"],
        &["-hx"],
    ] {
        let mut command = kvmsgd(args);
        command
            .env("KVMSGD_BOGUS", "")
            .env("KVMSGD_CONFIG", "/nonexistent");
        assert_eq!(printed(command), help);
    }
    for args in [
        &["-V"][..],
        &["--version", "operand"],
        &["-c", "/nonexistent", "-V"],
    ] {
        assert_eq!(
            printed(kvmsgd(args)),
            concat!("kvmsgd ", env!("CARGO_PKG_VERSION"), "\n")
        );
    }
}

#[test]
fn reader_that_has_gone_is_no_failure() {
    for args in ["--help", "--version", "--check", "--print-config"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = kvmsgd(&[args]).stdout(writer).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.len()),
            (Some(0), 0),
            "{args}"
        );
    }
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = kvmsgd(&["-V"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn listing_names_values_and_sources_and_can_be_loaded() {
    let listing = printed(kvmsgd(&["--print-config"]));
    assert_eq!(listing.lines().count(), KEYS.len());
    assert_eq!(
        line(&listing, "listen"),
        "listen = \"127.0.0.1:8080\"  # default"
    );
    assert_eq!(line(&listing, "echo"), "echo = false  # default");

    let path = file(
        "some.toml",
        "# some\n\nlinger_secs = 3\nlisten = [\"[::1]:0\", \"a.b:1\"]\n",
    );
    let mut command = kvmsgd(&["-c", &path, "--print-config", "--log=warn", "--check"]);
    command
        .env("KVMSGD_ECHO", "true")
        .env("KVMSGD_CLIENTS_MAX", "20_000");
    let listing = printed(command);
    assert_eq!(
        line(&listing, "linger_secs"),
        format!("linger_secs = 3  # {path}:3")
    );
    let listen = format!("listen = [\"[::1]:0\", \"a.b:1\"]  # {path}:4");
    assert_eq!(line(&listing, "listen"), listen);
    assert_eq!(line(&listing, "echo"), "echo = true  # KVMSGD_ECHO");
    assert_eq!(
        line(&listing, "clients_max"),
        "clients_max = 20000  # KVMSGD_CLIENTS_MAX"
    );
    assert_eq!(line(&listing, "log"), "log = \"warn\"  # --log");

    let again = printed(kvmsgd(&[
        "-c",
        &file("again.toml", &listing),
        "--print-config",
    ]));
    let values = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split("  # ").next().unwrap().to_string())
            .collect()
    };
    assert_eq!(values(&again), values(&listing));
}

#[test]
fn names_of_files_cannot_break_the_listing() {
    let path = file("odd\nname.toml", "echo = true\n");
    let listing = printed(kvmsgd(&["-c", &path, "--print-config"]));
    assert!(
        line(&listing, "echo").ends_with("odd\\nname.toml:1"),
        "{listing}"
    );
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let path = file(
        "precedence.toml",
        KEYS.each_ref()
            .map(|key| format!("{}\n", other(key.name, 1)))
            .concat(),
    );
    for key in KEYS.iter().map(|key| key.name) {
        let text = |n| other(key, n).split_once(" = ").unwrap().1.replace('"', "");
        let mut command = kvmsgd(&["-c", &path, "--print-config"]);
        assert!(line(&printed(kvmsgd(&["--print-config"])), key).ends_with("# default"));
        let expected = format!("{}  # {path}:", other(key, 1));
        assert!(line(&printed(command), key).starts_with(&expected), "{key}");

        command = kvmsgd(&["-c", &path, "--print-config"]);
        command.env(variable(key), text(2));
        let expected = format!("{}  # {}", other(key, 2), variable(key));
        assert_eq!(line(&printed(command), key), expected);

        command = kvmsgd(&[
            "-c",
            &path,
            "--print-config",
            &flag(key),
            &text(2),
            &flag(key),
            &text(3),
        ]);
        command.env(variable(key), text(2));
        let expected = format!("{}  # {}", other(key, 3), flag(key));
        assert_eq!(line(&printed(command), key), expected);
    }
}

/// A line of TOML that gives a key one of three values which are not its default.
fn other(key: &str, n: usize) -> String {
    match key {
        "listen" => format!("listen = \"localhost:{n}\""),
        "echo" => format!("echo = {}", n != 2),
        "data_dir" => format!("data_dir = \"/a/{n}\""),
        "sync" => format!("sync = {:?}", ["always", "never", "always"][n - 1]),
        "log" => format!("log = {:?}", ["error", "warn", "debug"][n - 1]),
        _ => format!("{key} = {}", 70_000 + n),
    }
}

#[test]
fn short_flag_and_commas_set_where_to_listen() {
    let listing = printed(kvmsgd(&["-l", "a:1, [::1]:2", "--print-config"]));
    assert_eq!(
        line(&listing, "listen"),
        "listen = [\"a:1\", \"[::1]:2\"]  # -l"
    );
}

#[test]
fn named_file_is_the_flags_then_the_variables() {
    let (a, b) = (
        file("a.toml", "drain_secs = 1\n"),
        file("b.toml", "drain_secs = 2\n"),
    );
    let mut command = kvmsgd(&["--print-config"]);
    command.env("KVMSGD_CONFIG", &a);
    assert_eq!(
        line(&printed(command), "drain_secs"),
        format!("drain_secs = 1  # {a}:1")
    );
    let mut command = kvmsgd(&["-c", "/nonexistent", "--config", &b, "--print-config"]);
    command.env("KVMSGD_CONFIG", &a);
    assert_eq!(
        line(&printed(command), "drain_secs"),
        format!("drain_secs = 2  # {b}:1")
    );
}

#[test]
fn ranges_hold_at_their_edges_in_every_source() {
    for (key, (lowest, highest), zero) in RANGES {
        for number in [lowest, highest] {
            accepts(key, number);
        }
        for number in [lowest - 1, highest + 1] {
            if number > 0 || !zero {
                refuses(key, number, (lowest, highest), zero);
            }
        }
        if zero {
            accepts(key, 0);
            refuses(key, 1, (lowest, highest), zero);
        }
    }
    let named = RANGES
        .iter()
        .map(|range| range.0)
        .chain(["listen", "data_dir", "sync", "echo", "log"]);
    assert_eq!(named.count(), KEYS.len());
}

fn accepts(key: &str, number: u64) {
    for (command, _) in sources(key, number) {
        assert_eq!(printed(command), "configuration OK\n", "{key} {number}");
    }
}

fn refuses(key: &str, number: u64, (lowest, highest): (u64, u64), zero: bool) {
    let or_zero = if zero { "0 or " } else { "" };
    let allowed = format!("but must be {or_zero}a whole number from {lowest} to {highest}");
    let shown = [
        format!("{number}"),
        format!("\"{number}\""),
        format!("\"{number}\""),
    ];
    for ((command, source), shown) in sources(key, number).into_iter().zip(shown) {
        assert_eq!(
            refused(command),
            format!("{source}: {key} is {shown}, {allowed}")
        );
    }
}

/// A check with a key set in the file, by its variable and by its flag, and how each is named.
fn sources(key: &str, number: u64) -> [(Command, String); 3] {
    let path = file(
        &format!("{key}-{number}.toml"),
        format!("\n{key} = {number}\n"),
    );
    let in_file = kvmsgd(&["-c", &path, "--check"]);
    let mut by_variable = kvmsgd(&["--check"]);
    by_variable.env(variable(key), number.to_string());
    let by_flag = kvmsgd(&["--check", &flag(key), &number.to_string()]);
    [
        (in_file, format!("{path}:2")),
        (by_variable, variable(key)),
        (by_flag, flag(key)),
    ]
}

#[test]
fn variables_of_others_are_left_alone() {
    let mut command = kvmsgd(&["--check"]);
    command
        .env("KVMSGD_PORT", "tcp://10.0.0.1:8080")
        .env("KVMSGD_PORT_8080_TCP", "x");
    command
        .env("KVMSGD_SERVICE_HOST", "10.0.0.1")
        .env("kvmsgd_bogus", "x")
        .env("KVMSG", "x");
    command.env("KVMSG_SERVER", "x");
    assert_eq!(printed(command), "configuration OK\n");
}
