//! Runs short benchmarks: what they ask, what they print of it, and how they end.

mod common;

use common::Daemon;
use common::cli::{Running, cli};
use common::terminal::{Home, Terminal};
use common::tools::tool;
use rustix::process::Signal;
use serde_json::Value;

/// Runs one, and returns what it prints as JSON.
#[track_caller]
fn bench(daemon: &Daemon, args: &[&str]) -> Value {
    let ran = daemon.cli(&[&["--json", "bench"], args].concat());
    ran.is(0, &ran.out, "");
    serde_json::from_slice(&ran.out).expect("it prints JSON")
}

fn keys(daemon: &Daemon) -> Vec<String> {
    let listed = daemon.cli(&["list"]).out;
    let listed = String::from_utf8(listed).expect("these keys are text");
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn as_many_requests_are_made_as_were_asked_for() {
    let daemon = Daemon::start(&[]);
    // The last ones are fewer than are in flight.
    let flags = ["-c", "7", "-n", "1003", "-P", "16", "-d", "5", "-r", "50"];
    let found = bench(&daemon, &flags);
    let numbers = [
        "requests",
        "clients",
        "pipeline",
        "value_bytes",
        "keyspace",
        "refused",
    ];
    let numbers = numbers.map(|name| found[name].as_u64());
    assert_eq!(numbers, [1003, 7, 16, 5, 50, 0].map(Some), "{found}");
    let stats = daemon.stats();
    assert_eq!((stats.get("values"), stats.get("revision")), (1003, 1003));
    let keys = keys(&daemon);
    assert!(keys.len() <= 50 && keys.len() > 40, "{keys:?}");
    for key in &keys {
        let digits = key.strip_prefix("bench:").expect("they begin so");
        assert!(digits.len() == 10 && digits.parse::<u64>().expect("a number") < 50);
    }
    let values = daemon.cli(&["get", &keys[0]]).out;
    assert!(values.starts_with(b"xxxxx\n"));
}

#[test]
fn the_figures_fit_each_other() {
    let daemon = Daemon::start(&[]);
    let found = bench(&daemon, &["-n", "3000"]);
    let number = |name: &str| {
        found[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: {found}"))
    };
    let rate = number("requests") / number("seconds");
    assert!(
        (number("requests_per_second") / rate - 1.0).abs() < 1e-6,
        "{found}"
    );
    let latency = |name: &str| found["latency_us"][name].as_f64().expect("a number");
    let latencies = ["p50", "p90", "p99", "p99.9", "max"].map(latency);
    assert!(latencies[0] > 0.0 && latencies.is_sorted(), "{found}");
    assert!(latencies[4] / 1e6 <= number("seconds"), "{found}");
    assert_eq!(found["mix"], serde_json::json!({ "put": 1 }));
}

#[test]
fn a_mix_asks_all_of_it_and_counts_what_found_nothing() {
    let daemon = Daemon::start(&[]);
    let mix = "put=4,get=2,update=1,remove=1,delete=1,ping=1";
    let found = bench(
        &daemon,
        &["-n", "4000", "-P", "8", "-r", "100", "--mix", mix],
    );
    assert_eq!(
        (found["requests"].as_u64(), found["refused"].as_u64()),
        (Some(4000), Some(0))
    );
    let revision = daemon.stats().get("revision");
    // Every change but a PUT may find nothing, and every GET; of the others, PING makes none.
    let most = 4000 - found["not_found"].as_u64().expect("a number");
    assert!((1400..most).contains(&revision), "{revision} of {found}");
    daemon
        .cli_fed(&["-q"], "put bench:0000000000 v\n")
        .prints("");
    let found = bench(&daemon, &["-n", "100", "-r", "1", "--mix", "get=1"]);
    assert_eq!(found["not_found"].as_u64(), Some(0));
    daemon.cli(&["-q", "delete", "bench:0000000000"]).prints("");
    let found = bench(&daemon, &["-n", "100", "-r", "1", "--mix", "get=1"]);
    assert_eq!(found["not_found"].as_u64(), Some(100));
}

#[test]
fn watchers_are_told_of_every_change_before_it_ends() {
    let daemon = Daemon::start(&[]);
    let found = bench(&daemon, &["-n", "2000", "-P", "8", "--watchers", "3"]);
    let number = |name: &str| {
        found[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {found}"))
    };
    assert_eq!(number("watchers"), 3);
    assert_eq!(number("notices") + 3 * number("revisions_lost"), 6000);
    assert!(found["notices_per_second"].as_f64().expect("a number") > 0.0);
    // Also if nothing changes.
    let found = bench(&daemon, &["-n", "10", "--watchers", "2", "--mix", "get=1"]);
    assert_eq!(found["notices"].as_u64(), Some(0));
}

#[test]
fn losses_of_watchers_are_counted() {
    let daemon = Daemon::start(&["--history-bytes", "0"]);
    let flags = [
        "-n",
        "30000",
        "-P",
        "100",
        "-d",
        "3000",
        "-r",
        "50",
        "--watchers",
        "40",
    ];
    let found = bench(&daemon, &flags);
    let number = |name: &str| {
        found[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {found}"))
    };
    assert_eq!(
        number("notices") + number("revisions_lost"),
        40 * 30_000,
        "{found}"
    );
}

#[test]
fn the_text_has_a_plot_unless_it_is_to_be_quiet_and_no_progress_in_a_pipe() {
    let daemon = Daemon::start(&[]);
    let printed = |args: &[&str]| {
        let ran = daemon.cli(args);
        ran.is(0, &ran.out, "");
        String::from_utf8(ran.out).expect("it prints text")
    };
    let quiet = printed(&["bench", "-q", "-n", "100", "-c", "2"]);
    let names: Vec<&str> = quiet
        .lines()
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(
        names,
        [
            "requests",
            "took",
            "throughput",
            "latency",
            "not found",
            "refused"
        ]
    );
    let first = "requests    100, put=1, 2 clients, 1 in flight, 3 bytes, 100000 keys\n";
    assert!(quiet.starts_with(first), "{quiet}");
    let text = printed(&["bench", "-n", "100", "-c", "2", "--watchers", "1"]);
    let (figures, plot) = text
        .split_once("\n\n")
        .expect("an empty line stands between");
    assert!(
        figures.contains("\nwatchers    1, told of 100 changes, "),
        "{figures}"
    );
    let share = |row: &str| {
        let (before, after) = row.split_once('%').expect("each row has its share");
        assert!(after.trim().bytes().all(|byte| byte == b'#'), "{row}");
        let share = before
            .rsplit(' ')
            .next()
            .and_then(|share| share.parse::<f64>().ok());
        share.expect("it is a number")
    };
    let all: f64 = plot.lines().map(share).sum();
    assert!((all - 100.0).abs() < 1.0, "{plot}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn refusals_are_counted_and_end_it_with_a_failure() {
    let daemon = Daemon::start(&["--store-bytes-max", "65536"]);
    let ran = daemon.cli(&["--json", "bench", "-n", "3000", "-d", "100", "-P", "10"]);
    let found: Value = serde_json::from_slice(&ran.out).expect("it prints JSON");
    let (requests, refused) = (found["requests"].as_u64(), found["refused"].as_u64());
    let kept = daemon.stats().get("values");
    assert_eq!(
        (requests, refused),
        (Some(3000), Some(3000 - kept)),
        "{found}"
    );
    assert_eq!(ran.code, Some(2));
    let why = format!(
        "kvmsg-cli: {} of 3000 requests were refused, the first with: ",
        3000 - kept
    );
    assert!(
        ran.err.starts_with(&why) && ran.err.contains("store_bytes_max"),
        "{ran:?}"
    );
}

#[test]
fn a_value_longer_than_the_server_takes_is_said_to_be() {
    let daemon = Daemon::start(&["--request-bytes-max", "65536"]);
    let ran = daemon.cli(&["bench", "-n", "100", "-d", "100000", "-c", "1"]);
    assert_eq!((ran.code, &ran.out[..]), (Some(2), &b""[..]));
    let why = "kvmsg-cli: 1 of 1 requests were refused, the first with: Protocol error: ";
    assert!(ran.err.starts_with(why), "{ran:?}");
}

#[test]
fn replies_that_are_much_longer_than_requests_do_not_block_it() {
    let daemon = Daemon::start(&[]);
    let flags = ["-r", "1", "-d", "65536", "-n", "160", "-P", "80", "-c", "2"];
    let found = bench(&daemon, &[&flags[..], &["--mix", "put=1,get=1"]].concat());
    assert_eq!(found["requests"].as_u64(), Some(160));
}

#[test]
fn a_clean_up_deletes_the_keys_of_benchmarks_and_no_others() {
    let daemon = Daemon::start(&[]);
    let others = "put bench:mine 1\nput bench:00000000001 1\nput user john\n";
    daemon.cli_fed(&["-q"], others).prints("");
    bench(&daemon, &["-n", "3000"]);
    assert!(keys(&daemon).len() > 2000);
    bench(&daemon, &["-n", "100", "-d", "0", "--cleanup"]);
    assert_eq!(keys(&daemon), ["bench:00000000001", "bench:mine", "user"]);
}

#[test]
fn a_server_that_is_not_there_or_is_full_is_said_at_once() {
    let (address, _held) = common::free_address();
    let address = address.to_string();
    let mut command = cli(&address);
    command.arg("bench");
    let ran = common::cli::run(command, "");
    let why = format!("kvmsg-cli: cannot connect to {address}: ");
    assert!(ran.code == Some(2) && ran.err.starts_with(&why), "{ran:?}");
    let daemon = Daemon::start(&["--clients-max", "10"]);
    daemon
        .cli(&["bench", "-c", "10"])
        .fails("max number of clients reached");
}

/// One that goes on until something happens, and has asked something already.
fn endless(daemon: &Daemon, args: &[&str]) -> Running {
    let mut command = cli(&daemon.address.to_string());
    command.args(["bench", "-q", "-n", "18446744073709551615", "-r", "10"]);
    let running = Running::start(command.args(["--mix", "ping=1,put=1,delete=1"]).args(args));
    common::until("it to ask", || {
        (daemon.stats().get("requests") > 1000).then_some(())
    });
    running
}

#[test]
fn a_server_that_stops_to_answer_is_given_up_in_time() {
    let daemon = Daemon::start(&[]);
    let running = endless(&daemon, &["--timeout", "0.5"]);
    daemon.signal(Signal::STOP);
    let address = daemon.address;
    let why = format!("{address}: the server did not answer within 0.5 seconds");
    running.end().fails(&why);
}

#[test]
fn a_server_that_goes_away_ends_it() {
    let daemon = Daemon::start(&[]);
    let (running, address) = (endless(&daemon, &[]), daemon.address);
    drop(daemon);
    let ran = running.end();
    assert!(ran.code == Some(2) && ran.out.is_empty(), "{ran:?}");
    assert!(
        ran.err.starts_with(&format!("kvmsg-cli: {address}: the ")),
        "{ran:?}"
    );
}

#[test]
fn a_terminal_shows_how_fast_it_is_and_an_interrupt_what_came_of_it() {
    let Some(tmux) = tool("tmux") else { return };
    for columns in [80, 40] {
        let (daemon, home) = (Daemon::start(&[]), Home::new());
        let address = daemon.address.to_string();
        let flags = [
            "bench",
            "-n",
            "1000000000",
            "--mix",
            "ping=1,put=1",
            "--cleanup",
        ];
        let args = [&["-s", &address], &flags[..]].concat();
        let terminal = Terminal::open(&tmux, &home, columns, &args);
        terminal.wait("the progress", |lines| {
            lines.len() == 1 && lines[0].contains(" requests/s [") && lines[0].contains("] 0% ")
        });
        terminal.press(&["C-c"]);
        assert_eq!(terminal.ended(), 0);
        // The terminal shows the key that was pressed, so the progress stays above.
        let screen = terminal.lines();
        assert!(
            screen.iter().any(|line| line.starts_with("requests    ")),
            "{screen:#?}"
        );
        let rows: Vec<&String> = screen.iter().filter(|line| line.contains("%")).collect();
        assert!(rows.iter().any(|row| row.ends_with("##")), "{screen:#?}");
        assert_eq!(keys(&daemon), [""; 0]);
        // Without an interrupt it goes.
        let args = ["-s", &address, "bench", "-n", "20000"];
        let terminal = Terminal::open(&tmux, &home, columns, &args);
        assert_eq!(terminal.ended(), 0);
        let screen = terminal.lines();
        assert!(screen[0].starts_with("requests    20000, "), "{screen:#?}");
        assert!(screen.iter().all(|line| !line.contains(" requests/s [")));
    }
}
