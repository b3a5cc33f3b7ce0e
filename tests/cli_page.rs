//! Types the examples of kvmsg-cli(1) and compares what they print.

mod common;

use common::Daemon;
use common::tools::tool;
use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../man/kvmsg-cli.1");

/// The commands that the page shows with what they print, in order.
fn examples() -> Vec<(String, String)> {
    let (_, section) = PAGE
        .split_once("\n.Sh EXAMPLES\n")
        .expect("it has examples");
    let (section, _) = section
        .split_once("\n.Sh ")
        .expect("another section follows");
    let mut found: Vec<(String, String)> = Vec::new();
    for block in section.split("\n.Bd -literal -offset indent\n").skip(1) {
        let (block, _) = block.split_once("\n.Ed").expect("a display ends");
        for line in block.lines().map(|line| line.replace("\\e", "\\")) {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push((command.to_owned(), String::new())),
                (None, Some((_, printed))) => *printed += &(line + "\n"),
                (None, None) => panic!("no command stands before {line:?}"),
            }
        }
    }
    found
}

#[test]
fn the_examples_print_what_the_page_shows() {
    let (Some(sh), Some(_), Some(_)) = (tool("sh"), tool("xargs"), tool("head")) else {
        return;
    };
    let daemon = Daemon::start(&[]);
    let programs = Path::new(env!("CARGO_BIN_EXE_kvmsg-cli")).parent().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("cat.jpg"), b"\xff\xd8\0\n").unwrap();
    let path = std::env::var("PATH").unwrap();
    let examples = examples();
    assert!(examples.len() > 10, "{examples:?}");
    for (command, printed) in examples {
        let mut shell = Command::new(&sh);
        shell
            .args(["-c", &command])
            .current_dir(&folder)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("KVMSG_SERVER", daemon.address.to_string())
            .stdin(Stdio::null());
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            (&said[..], &output.stderr[..]),
            (&printed[..], &b""[..]),
            "{command}"
        );
    }
    let copy = std::fs::read(folder.join("copy.jpg")).unwrap();
    assert_eq!(copy, b"\xff\xd8\0\n");
}
