//! Installs into a folder of its own, and looks at what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The top of the tree.
pub(crate) const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// The program under test.
pub(crate) const KVMSGD: &str = env!("CARGO_BIN_EXE_kvmsgd");

/// An empty folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("packaging")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// Runs a program at the top of the tree, with nothing in the environment but PATH.
pub(crate) fn run(program: impl AsRef<Path>, args: &[&str]) -> Output {
    let mut command = Command::new(program.as_ref());
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .args(args)
        .current_dir(TOP)
        .env_clear()
        .env("PATH", path);
    command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()))
}

/// What a program prints, once it has succeeded.
#[track_caller]
pub(crate) fn output(program: impl AsRef<Path>, args: &[&str]) -> String {
    let output = run(&program, args);
    let (said, errors) = (
        String::from_utf8(output.stdout),
        String::from_utf8(output.stderr),
    );
    let (said, errors) = (said.expect("it is text"), errors.expect("it is text"));
    let command = format!("{} {}", program.as_ref().display(), args.join(" "));
    assert!(
        output.status.success(),
        "{command}: {}\n{errors}",
        output.status
    );
    said
}

/// Runs make with the program under test as what has been built, and no toolchain at hand.
#[track_caller]
pub(crate) fn make(make: &Path, args: &[&str]) -> String {
    let built = Path::new(KVMSGD)
        .parent()
        .expect("a program lies in a folder");
    let built = format!("BUILDDIR={}", built.display());
    let given = ["-s", "CARGO=false", &built];
    output(make, &[&given, args].concat())
}

/// All files and empty folders beneath `folder`, relative to it, in order.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, top: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder can be read") {
            let path = entry.expect("a folder can be read").path();
            let is_full =
                path.is_dir() && fs::read_dir(&path).is_ok_and(|mut dir| dir.next().is_some());
            if is_full {
                walk(&path, top, found);
            } else {
                let relative = path.strip_prefix(top).expect("what is found lies beneath");
                found.push(relative.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// What follows `key=` in a unit, from each of its lines.
pub(crate) fn unit_values(unit: &str, key: &str) -> Vec<String> {
    let values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(TOP).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
