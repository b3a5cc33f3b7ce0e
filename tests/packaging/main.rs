//! Installs, looks at what is there, and uninstalls; runs the services as far as that can be done.

#![forbid(unsafe_code)]

#[path = "../common/tools.rs"]
mod tools;

mod services;
mod stage;

use stage::{TOP, folder, listing, make, output, read, run};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use tools::tool;

/// What `make install PREFIX=/usr` puts where, and with which mode.
const INSTALLED: [(&str, u32); 14] = [
    ("usr/bin/kvmsg-cli", 0o755),
    ("usr/bin/kvmsgd", 0o755),
    ("usr/lib/systemd/system/kvmsgd.service", 0o644),
    ("usr/share/bash-completion/completions/kvmsg-cli", 0o644),
    ("usr/share/doc/kvmsg/CHANGELOG.md", 0o644),
    ("usr/share/doc/kvmsg/LICENSE", 0o644),
    ("usr/share/doc/kvmsg/README.md", 0o644),
    ("usr/share/doc/kvmsg/examples/kvmsg.toml", 0o644),
    ("usr/share/fish/vendor_completions.d/kvmsg-cli.fish", 0o644),
    ("usr/share/man/man1/kvmsg-cli.1", 0o644),
    ("usr/share/man/man5/kvmsg.toml.5", 0o644),
    ("usr/share/man/man7/kvmsg.7", 0o644),
    ("usr/share/man/man8/kvmsgd.8", 0o644),
    ("usr/share/zsh/site-functions/_kvmsg-cli", 0o644),
];

const PAGES: [&str; 4] = [
    "man1/kvmsg-cli.1",
    "man5/kvmsg.toml.5",
    "man7/kvmsg.7",
    "man8/kvmsgd.8",
];

fn installed_but(service: &str) -> Vec<String> {
    let others = INSTALLED
        .iter()
        .filter(|(path, _)| !path.ends_with(".service"));
    let service = (!service.is_empty()).then(|| service.to_owned());
    let mut paths: Vec<_> = others
        .map(|(path, _)| path.to_string())
        .chain(service)
        .collect();
    paths.sort();
    paths
}

#[test]
fn install_puts_every_file_in_its_place_and_uninstall_takes_them_all() {
    let Some(gmake) = tool("make") else { return };
    let root = folder("places");
    let destdir = format!("DESTDIR={}", root.display());
    make(&gmake, &["install", &destdir, "PREFIX=/usr"]);
    assert_eq!(listing(&root), INSTALLED.map(|(path, _)| path));
    for (path, mode) in INSTALLED {
        let meta = fs::metadata(root.join(path)).expect("it is there");
        assert_eq!(meta.permissions().mode() & 0o7777, mode, "{path}");
        assert_ne!(meta.len(), 0, "{path}");
    }
    for program in ["kvmsgd", "kvmsg-cli"] {
        let version = format!("{program} {}\n", env!("CARGO_PKG_VERSION"));
        let installed = root.join("usr/bin").join(program);
        assert_eq!(output(installed, &["--version"]), version);
    }

    make(&gmake, &["uninstall", &destdir, "PREFIX=/usr"]);
    assert_eq!(listing(&root), [""; 0]);
}

#[test]
fn the_directories_can_be_chosen() {
    let Some(gmake) = tool("make") else { return };
    let root = folder("chosen");
    let destdir = format!("DESTDIR={}", root.display());
    let chosen = [
        &destdir,
        "BINDIR=/b",
        "MANDIR=/m",
        "DOCDIR=/d",
        "UNITDIR=/u",
        "BASHDIR=/c",
        "ZSHDIR=/z",
        "FISHDIR=/f",
    ];
    make(&gmake, &[&["install"], &chosen[..]].concat());
    for path in [
        "b/kvmsgd",
        "m/man8/kvmsgd.8",
        "d/examples/kvmsg.toml",
        "u/kvmsgd.service",
        "c/kvmsg-cli",
        "z/_kvmsg-cli",
        "f/kvmsg-cli.fish",
    ] {
        assert!(root.join(path).is_file(), "{path}");
    }
    make(&gmake, &[&["uninstall"], &chosen[..]].concat());
    assert_eq!(listing(&root), [""; 0]);
}

#[test]
fn a_place_may_hold_blanks() {
    let Some(gmake) = tool("make") else { return };
    let root = folder("with blanks");
    let destdir = format!("DESTDIR={}", root.display());
    make(&gmake, &["install", &destdir, "PREFIX=/usr"]);
    assert_eq!(listing(&root).len(), INSTALLED.len());
    make(&gmake, &["uninstall", &destdir, "PREFIX=/usr"]);
    assert_eq!(listing(&root), [""; 0]);
}

#[test]
fn the_service_file_is_that_of_the_init_system() {
    let Some(gmake) = tool("make") else { return };
    let root = folder("init");
    let destdir = format!("DESTDIR={}", root.display());
    for (init, service) in [("INIT=openrc", "etc/init.d/kvmsgd"), ("INIT=none", "")] {
        make(&gmake, &["install", &destdir, "PREFIX=/usr", init]);
        assert_eq!(listing(&root), installed_but(service), "{init}");
        if !service.is_empty() {
            assert_eq!(
                fs::metadata(root.join(service))
                    .unwrap()
                    .permissions()
                    .mode()
                    & 0o777,
                0o755
            );
            assert!(
                read(root.join(service)).contains(":=/usr/bin/kvmsgd}"),
                "{init}"
            );
        }
        make(&gmake, &["uninstall", &destdir, "PREFIX=/usr", init]);
        assert_eq!(listing(&root), [""; 0], "{init}");
    }
    let refused = run(&gmake, &["-n", "install", "INIT=runit"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("systemd, openrc or none"));
}

#[test]
fn what_others_put_there_survives() {
    let Some(gmake) = tool("make") else { return };
    let root = folder("others");
    let destdir = format!("DESTDIR={}", root.display());
    let theirs = [
        "etc/kvmsg/kvmsg.toml",
        "usr/bin/other",
        "usr/share/doc/kvmsg/NOTES",
    ];
    for path in theirs {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), path).unwrap();
    }
    for goal in ["install", "install", "uninstall", "uninstall"] {
        make(&gmake, &[goal, &destdir, "PREFIX=/usr"]);
        for path in theirs {
            assert_eq!(read(root.join(path)), path, "after {goal}");
        }
    }
    assert_eq!(listing(&root), theirs);
}

#[test]
fn without_destdir_no_directory_goes_but_our_own() {
    let Some(gmake) = tool("make") else { return };
    let prefix = folder("prefix");
    let place = format!("PREFIX={}", prefix.display());
    fs::create_dir_all(prefix.join("bin")).unwrap();
    make(&gmake, &["install", &place]);
    assert!(prefix.join("share/doc/kvmsg/examples/kvmsg.toml").is_file());
    make(&gmake, &["uninstall", &place]);
    let man = ["man1", "man5", "man7", "man8"].map(|part| format!("share/man/{part}"));
    let left = [
        "bin",
        "lib/systemd/system",
        "share/bash-completion/completions",
        "share/doc",
        "share/fish/vendor_completions.d",
    ];
    let shells = ["share/zsh/site-functions".to_owned()];
    let left = [&left.map(str::to_owned)[..], &man, &shells].concat();
    assert_eq!(listing(&prefix), left);
}

#[test]
fn the_manual_pages_are_readable() {
    let (Some(gmake), Some(mandoc)) = (tool("make"), tool("mandoc")) else {
        return;
    };
    let root = folder("pages");
    make(
        &gmake,
        &[
            "install",
            &format!("DESTDIR={}", root.display()),
            "PREFIX=/usr",
        ],
    );
    for page in PAGES {
        let path = root.join("usr/share/man").join(page);
        let args = ["-T", "html", "-W", "warning", path.to_str().unwrap()];
        let text = output(&mandoc, &args);
        assert!(text.contains("kvmsg"), "{page}: {text}");
        // The places that the pages name are those of this installation.
        for named in read(&path)
            .lines()
            .filter_map(|line| line.strip_prefix(".It Pa /usr/"))
        {
            assert!(
                root.join("usr").join(named).is_file(),
                "{page}: /usr/{named}"
            );
        }
    }
}

#[test]
fn make_help_lists_every_target() {
    let Some(gmake) = tool("make") else { return };
    let makefile = read("Makefile");
    let help = make(&gmake, &["help"]);
    let phony = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY: "))
        .unwrap();
    for target in phony.split(' ') {
        assert!(
            help.lines()
                .any(|line| line.starts_with(&format!("{target} "))),
            "{target}"
        );
    }
}

#[test]
fn make_server_and_make_client_hand_their_arguments_on() {
    let Some(gmake) = tool("make") else { return };
    for (target, program) in [("server", "kvmsgd"), ("client", "kvmsg-cli")] {
        let commands = make(&gmake, &["-n", target, "ARGS=-x 127.0.0.1:0 --y"]);
        let run = format!("/{program} -x 127.0.0.1:0 --y");
        assert!(
            commands.lines().any(|line| line.ends_with(&run)),
            "{commands}"
        );
    }
}

#[test]
fn missing_tools_are_named_before_the_tests_run() {
    let found = ["sh", "dirname", "find", "awk", "sort"].map(tool);
    let bin = folder("tools");
    for tool in found {
        let Some(tool) = tool else { return };
        symlink(&tool, bin.join(tool.file_name().unwrap())).unwrap();
    }
    let mut skipped = Command::new(bin.join("sh"));
    let output = skipped
        .arg("tests/skipped")
        .current_dir(TOP)
        .env("PATH", &bin)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<&str> = said.lines().collect();
    let at = lines
        .iter()
        .position(|&line| line == "mandoc is not installed; skipping:")
        .unwrap();
    assert_eq!(
        lines[at + 1],
        "    packaging::the_manual_pages_are_readable"
    );
    assert!(!said.contains("awk is"), "{said}");
}

#[test]
fn a_missing_tool_skips_a_test_unless_none_may_be_skipped() {
    let test = |strict: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_manual_pages_are_readable", "--nocapture"]);
        command
            .env("PATH", "/nowhere")
            .env("KVMSG_TEST_STRICT", strict)
            .output()
            .unwrap()
    };
    let (lax, strict) = (test("0"), test("1"));
    assert!(lax.status.success(), "{lax:?}");
    let said = "skipped: the_manual_pages_are_readable: make is not installed\n";
    assert!(
        String::from_utf8_lossy(&lax.stderr).contains(said),
        "{lax:?}"
    );
    assert!(!strict.status.success(), "{strict:?}");
}
