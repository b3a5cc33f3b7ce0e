//! Finds the programs that some tests need beside the Rust toolchain.
//!
//! A test that lacks its tool is skipped, and says so; with KVMSG_TEST_STRICT=1 it fails.
//! `tests/skipped` reads the calls, so they name the tool literally, in the test that needs it.

#![allow(dead_code)] // no test needs all of this

use std::env;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// Where `name` is installed. None: there is no such tool, and the test returns without a word.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| {
            let executable = |meta: std::fs::Metadata| meta.permissions().mode() & 0o111 != 0;
            file.is_file() && file.metadata().is_ok_and(executable)
        });
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// Like [`tool`], for one that can be there and yet not be allowed to do what the test needs:
/// run with `probe` it must succeed.
pub(crate) fn tool_that(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let found = tool(name)?;
    let mut command = Command::new(&found);
    command
        .args(probe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return Some(found);
    }
    skip(&format!("`{name} {}` does not work here", probe.join(" ")));
    None
}

/// Says why the present test is skipped, past the capture of what passing tests print.
pub(crate) fn skip(why: &str) {
    assert!(
        env::var_os("KVMSG_TEST_STRICT").is_none_or(|strict| strict != "1"),
        "{why}"
    );
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "skipped: {test}: {why}");
}
