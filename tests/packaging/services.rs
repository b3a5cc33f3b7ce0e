//! Checks what the service files promise, with the tools of their init systems.

use crate::stage::{KVMSGD, folder, make, output, read, run, unit_values};
use crate::tools::{tool, tool_that};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

const UNIT: &str = "etc/kvmsgd.service";

/// The largest clients_max that the settings allow.
const CLIENTS_MAX: u64 = 100_000;

#[test]
fn the_unit_runs_what_is_installed() {
    let Some(gmake) = tool("make") else { return };
    let root = folder("unit");
    make(
        &gmake,
        &[
            "install",
            &format!("DESTDIR={}", root.display()),
            "PREFIX=/usr",
        ],
    );
    let unit = read(root.join("usr/lib/systemd/system/kvmsgd.service"));
    assert_eq!(unit_values(&unit, "ExecStart"), ["/usr/bin/kvmsgd"]);
    assert!(root.join("usr/bin/kvmsgd").is_file());
}

#[test]
fn systemd_finds_no_fault_with_the_installed_unit() {
    let (Some(gmake), Some(analyze)) = (tool("make"), tool("systemd-analyze")) else {
        return;
    };
    let prefix = folder("verify");
    make(
        &gmake,
        &["install", &format!("PREFIX={}", prefix.display())],
    );
    let unit = prefix.join("lib/systemd/system/kvmsgd.service");
    let unit = unit.to_str().expect("the path is text");
    let verify = run(
        &analyze,
        &["verify", "--man=no", "--recursive-errors=no", unit],
    );
    assert!(
        verify.status.success() && verify.stderr.is_empty(),
        "{verify:#?}"
    );
}

#[test]
fn the_unit_is_confined() {
    let Some(analyze) = tool("systemd-analyze") else {
        return;
    };
    let args = ["security", "--offline=true", "--no-pager"];
    output(&analyze, &[&args[..], &["--threshold=20", UNIT]].concat());
    // The threshold is one that can be missed.
    let strict = run(&analyze, &[&args[..], &["--threshold=1", UNIT]].concat());
    assert!(!strict.status.success());
}

#[test]
fn the_unit_leaves_time_to_drain_and_descriptors_for_all() {
    let unit = read(UNIT);
    let number = |key: &str| -> u64 { unit_values(&unit, key)[0].parse().expect("a number") };
    let config = output(KVMSGD, &["-c", "kvmsg.toml", "--print-config"]);
    let setting = |key: &str| -> u64 {
        let line = config
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        let value = line
            .and_then(|line| line.split_whitespace().next())
            .expect("a setting");
        value.replace('_', "").parse().expect("a number")
    };
    assert!(number("TimeoutStopSec") > setting("drain_secs") + setting("linger_secs"));
    assert!(number("LimitNOFILE") > CLIENTS_MAX + 1000);
    let too_many = (CLIENTS_MAX + 1).to_string();
    assert!(
        !run(KVMSGD, &["--check", "--clients-max", &too_many])
            .status
            .success()
    );
}

/// The system calls that the unit allows, as systemd understands its SystemCallFilter.
fn allowed_calls(unit: &str, members: impl Fn(&str) -> BTreeSet<String>) -> BTreeSet<String> {
    let mut allowed = members("@default");
    for line in unit_values(unit, "SystemCallFilter") {
        let removes = line.starts_with('~');
        for name in line.trim_start_matches('~').split_whitespace() {
            let calls = members(name);
            if removes {
                allowed.retain(|call| !calls.contains(call));
            } else {
                allowed.extend(calls);
            }
        }
    }
    allowed
}

/// The calls of a group such as `@system-service`, those of the groups in it too.
fn group(name: &str, print: &dyn Fn(&str) -> String) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let printed = print(name);
    let lines = printed.lines().filter_map(|line| line.strip_prefix("    "));
    let members = lines.filter(|line| !line.starts_with('#'));
    members
        .flat_map(|member| group(member.trim(), print))
        .collect()
}

#[test]
fn a_filter_is_understood_as_systemd_does() {
    let unit = "SystemCallFilter=@a c\nSystemCallFilter=~@b\nSystemCallFilter=y\n";
    let print = |name: &str| match name {
        "@default" => "@default\n    # What all need\n    d\n".to_owned(),
        "@a" => "@a\n    x\n    @b\n".to_owned(),
        _ => "@b\n    y\n    z\n".to_owned(),
    };
    let allowed = allowed_calls(unit, |name| group(name, &print));
    assert_eq!(
        allowed.into_iter().collect::<Vec<_>>(),
        ["c", "d", "x", "y"]
    );
}

/// The names of the calls in what strace wrote.
fn traced_calls(trace: &str) -> BTreeSet<String> {
    let calls = trace.lines().filter_map(|line| {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let (name, _) = call.split_once('(')?;
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_')
            .then(|| name.to_owned())
    });
    calls.collect()
}

#[test]
fn the_unit_allows_every_system_call_that_the_daemon_makes() {
    let Some(strace) = tool_that("strace", &["-f", "true"]) else {
        return;
    };
    let Some(analyze) = tool("systemd-analyze") else {
        return;
    };
    let folder = folder("calls");
    let trace = folder.join("trace");
    // The path of a socket has to be short, and that of the folder may be long.
    let place = File::open(&folder).expect("the folder is there");
    let notify = format!("/proc/self/fd/{}/notify", place.as_raw_fd());
    let manager = UnixDatagram::bind(notify).expect("the manager's socket");
    let patience = Some(Duration::from_secs(60));
    manager.set_read_timeout(patience).expect("a time to wait");

    let mut command = Command::new(strace);
    command.args(["-f", "-qq", "-o"]).arg(&trace);
    command.args([
        "sh",
        "-c",
        "echo $$; exec \"$0\" -l 127.0.0.1:0 --clients-max 2000 --data-dir data",
        KVMSGD,
    ]);
    command
        .env_remove("JOURNAL_STREAM")
        .env("NOTIFY_SOCKET", "notify")
        .current_dir(&folder);
    let mut daemon = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace");
    let mut out = BufReader::new(daemon.stdout.take().expect("it is piped"));
    let mut err = BufReader::new(daemon.stderr.take().expect("it is piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let pid = Pid::from_raw(line.trim().parse().expect("a process id")).expect("a process id");
    line.clear();
    err.read_line(&mut line).expect("a line");
    let address = line
        .trim()
        .strip_prefix("kvmsgd: listening on ")
        .expect(&line)
        .to_owned();
    assert_eq!(told(&manager), "READY=1");

    for request in ["PUT:a:b\nGET:a\nSTATS\n", "*1\r\n$4\r\nPING\r\n"] {
        let mut client = TcpStream::connect(&address).expect("a connection");
        client.write_all(request.as_bytes()).expect("it is sent");
        client.shutdown(Shutdown::Write).expect("it is ended");
        let mut reply = String::new();
        client.read_to_string(&mut reply).expect("a reply");
        assert!(!reply.is_empty());
    }
    for signal in [Signal::USR1, Signal::HUP, Signal::TERM] {
        kill_process(pid, signal).expect("the daemon runs");
    }
    assert!(told(&manager).contains("STOPPING=1"));
    let mut report = String::new();
    out.read_to_string(&mut report).expect("a report");
    assert!(report.ends_with("Server shutdown complete\n"), "{report}");
    assert!(daemon.wait().expect("an end").success());

    let print = |name: &str| output(&analyze, &["--no-pager", "syscall-filter", name]);
    let allowed = allowed_calls(&read(UNIT), |name| group(name, &print));
    let trace = read(trace);
    let made = traced_calls(&trace);
    assert!(
        made.contains("prlimit64") && made.contains("accept4"),
        "{made:?}"
    );
    let of_disk = ["fallocate", "fdatasync", "flock", "rename"];
    assert!(of_disk.iter().all(|&call| made.contains(call)), "{made:?}");
    let refused: Vec<_> = made.difference(&allowed).collect();
    assert!(refused.is_empty(), "{refused:?}");

    let families = unit_values(&read(UNIT), "RestrictAddressFamilies").join(" ");
    let sockets = trace.split("socket(AF_").skip(1);
    for family in sockets.filter_map(|call| call.split([',', ')']).next()) {
        let family = format!("AF_{family}");
        assert!(
            families.split(' ').any(|allowed| allowed == family),
            "{family}"
        );
    }
}

/// What the daemon tells its manager next.
fn told(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let len = manager.recv(&mut buffer).expect("a message");
    String::from_utf8_lossy(&buffer[..len])
        .trim_end()
        .to_owned()
}

#[test]
fn the_openrc_script_checks_the_settings_before_it_starts() {
    let Some(sh) = tool("sh") else { return };
    let start = |args: &str| {
        let script = "checkpath() { echo $* >&2; }; command=$1 command_args=$2; \
            . etc/kvmsgd.openrc && start_pre";
        run(&sh, &["-euc", script, "sh", KVMSGD, args])
    };
    let good = start("-c kvmsg.toml --log warn");
    assert!(good.status.success() && good.stdout.is_empty(), "{good:#?}");
    let made = "--directory --mode 0700 --owner kvmsg:kvmsg /var/lib/kvmsg\n";
    assert_eq!(String::from_utf8_lossy(&good.stderr), made);
    let bad = start("-c kvmsg.toml --log loud");
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&bad.stderr).contains("loud"),
        "{bad:#?}"
    );
}

#[test]
fn the_openrc_script_depends_on_what_there_is() {
    let Some(sh) = tool("sh") else { return };
    let script = "use() { echo use $*; }; after() { echo after $*; }; \
        . etc/kvmsgd.openrc; depend; echo $supervisor $command";
    let said = output(&sh, &["-euc", script]);
    assert_eq!(
        said,
        "use net logger\nafter firewall\nsupervise-daemon /usr/local/bin/kvmsgd\n"
    );
}
