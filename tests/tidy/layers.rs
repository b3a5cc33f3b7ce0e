//! Keeps the layers: a module imports only what stands above it in its parent's `mod` lines.

use crate::source::{File, code, tokens};
use std::collections::HashMap;

type Path = Vec<String>;

/// Every import, and every path in the code, that leads to a module further down.
///
/// A module may name its own children, and its parent's items; comments may name anything.
pub(crate) fn faults(files: &[File]) -> Vec<String> {
    let codes: Vec<(&File, String)> = files.iter().map(|file| (file, code(&file.text))).collect();
    let order: HashMap<Path, Vec<String>> = codes
        .iter()
        .map(|(file, code)| (module(&file.path), children(code)))
        .collect();
    let mut faults = Vec::new();
    for (file, code) in &codes {
        let here = module(&file.path);
        if !stands(&here, &order) {
            faults.push(format!("{}: no `mod` line names it", file.path));
            continue;
        }
        for (line, path) in references(&here, code) {
            if let Err(why) = allowed(&here, &path, &order) {
                faults.push(format!("{}:{line}: {why}", file.path));
            }
        }
    }
    faults.dedup();
    faults
}

/// Every line of lib.rs that is more than a doc and the order of the layers.
pub(crate) fn code_in_root(text: &str) -> Vec<String> {
    let code = code(text);
    let is_plain = |line: &&str| {
        let line = line.trim();
        line.is_empty() || line.starts_with("#![") || line.starts_with("pub mod ")
    };
    code.lines()
        .filter(|line| !is_plain(line))
        .map(str::to_owned)
        .collect()
}

/// The module that a file holds: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
fn module(path: &str) -> Path {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    inner
        .split('/')
        .filter(|&name| name != "lib" && name != "mod")
        .map(str::to_owned)
        .collect()
}

/// The modules that a file declares as files of their own.
fn children(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let declared = tokens
        .windows(3)
        .filter(|three| three[0].1 == "mod" && three[2].1 == ";");
    declared.map(|three| three[1].1.to_owned()).collect()
}

fn stands(module: &[String], order: &HashMap<Path, Vec<String>>) -> bool {
    let Some((name, parent)) = module.split_last() else {
        return true;
    };
    order
        .get(parent)
        .is_some_and(|children| children.contains(name))
}

/// Whether code in `here` may name what `path` leads to.
fn allowed(
    here: &[String],
    path: &[String],
    order: &HashMap<Path, Vec<String>>,
) -> Result<(), String> {
    let known = (0..=path.len())
        .rev()
        .find(|&len| order.contains_key(&path[..len]));
    let there = &path[..known.unwrap_or(0)];
    if there.is_empty() {
        return Err(format!(
            "`{}` is at the root, which holds nothing",
            path.join("::")
        ));
    }
    if here.starts_with(there) || there.starts_with(here) {
        return Ok(());
    }
    let shared = here.iter().zip(there).take_while(|(a, b)| a == b).count();
    let siblings = &order[&here[..shared]];
    let place = |name: &String| siblings.iter().position(|sibling| sibling == name);
    if place(&there[shared]) < place(&here[shared]) {
        return Ok(());
    }
    Err(format!(
        "`{}` stands below `{}`",
        there.join("::"),
        here.join("::")
    ))
}

/// The full paths that begin with `crate`, `self` or `super`, with their lines.
fn references(here: &[String], code: &str) -> Vec<(usize, Path)> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let mut here = here.to_vec();
    let mut depth = 0;
    let mut inline = Vec::new(); // the depths at which `mod name {` begins
    let mut found = Vec::new();
    for (at, &(line, token)) in tokens.iter().enumerate() {
        match token {
            "mod" if word(at + 2) == "{" => {
                here.push(word(at + 1).to_owned());
                inline.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                    here.pop();
                }
            }
            "crate" | "self" | "super" if word(at + 1) == "::" => {
                if at > 0 && word(at - 1) == "::" {
                    continue;
                }
                let mut paths = Vec::new();
                branch(&tokens, at, &here, &mut paths);
                found.extend(paths.into_iter().map(|path| (line, path)));
            }
            _ => {}
        }
    }
    found
}

/// Follows one branch of an import, from the token `at` on; says where it ends.
fn branch(tokens: &[(usize, &str)], mut at: usize, base: &[String], out: &mut Vec<Path>) -> usize {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let mut path = base.to_vec();
    loop {
        match word(at) {
            "{" => {
                at += 1;
                while !matches!(word(at), "}" | "") {
                    at = branch(tokens, at, &path, out);
                    at += usize::from(word(at) == ",");
                }
                return at + 1;
            }
            "crate" => path.clear(),
            "self" => {}
            "super" => drop(path.pop()),
            name => path.push(name.to_owned()),
        }
        if word(at + 1) != "::" {
            break;
        }
        at += 2;
    }
    out.push(path);
    // What may follow in an import: `as name`.
    at += 1;
    if word(at) == "as" { at + 2 } else { at }
}

#[cfg(test)]
fn tree(b: &str, c_d: &str) -> Vec<String> {
    let files = [
        File::new(
            "src/lib.rs",
            "//! Doc.\npub mod a;\npub mod b;\npub mod c;\n",
        ),
        File::new("src/a.rs", "pub struct A;"),
        File::new("src/b.rs", b),
        File::new("src/c/mod.rs", "pub mod d;\npub mod e;\npub struct C;"),
        File::new("src/c/d.rs", c_d),
        File::new("src/c/e.rs", "use crate::c::{self, d::D};"),
    ];
    faults(&files)
}

#[test]
fn what_stands_above_may_be_imported() {
    let b =
        "use crate::a::A;\n/// [`crate::c`]\nfn f() { \"crate::c\"; }\nmod tests { use super::*; }";
    assert_eq!(
        tree(b, "use super::C;\nuse crate::{a, b::B as X};"),
        [""; 0]
    );
}

#[test]
fn what_stands_below_may_not() {
    let below = ["src/b.rs:1: `c` stands below `b`"];
    assert_eq!(tree("use crate::c::C;", ""), below);
    assert_eq!(tree("use crate::{a::A, c::{C, d}};", "")[0], below[0]);
    assert_eq!(tree("fn f() { super::c::f() }", ""), below);
    assert_eq!(tree("mod tests { use super::super::c; }", ""), below);
    assert_eq!(
        tree("", "use super::e::E;"),
        ["src/c/d.rs:1: `c::e` stands below `c::d`"]
    );
    assert_eq!(
        tree("", "\nuse crate::{\n a,\n c::e};"),
        ["src/c/d.rs:2: `c::e` stands below `c::d`"]
    );
    assert_eq!(
        tree("use crate::X;", ""),
        ["src/b.rs:1: `X` is at the root, which holds nothing"]
    );
}

#[test]
fn every_file_is_a_module() {
    let files = [
        File::new("src/lib.rs", "pub mod a;"),
        File::new("src/b.rs", ""),
    ];
    assert_eq!(faults(&files), ["src/b.rs: no `mod` line names it"]);
}

#[test]
fn the_root_holds_modules_alone() {
    assert_eq!(
        code_in_root("//! Doc.\n#![forbid(unsafe_code)]\npub mod a; // why"),
        [""; 0]
    );
    assert_eq!(code_in_root("pub mod a;\npub use a::A;"), ["pub use a::A;"]);
}
