//! Measures what it costs to know the keys in byte order, and what a growing table costs.
//!
//! `cargo bench --bench keys` prints two tables. Each structure is measured in processes of its
//! own, in rounds that take turns, and the medians of the rounds are printed.

#![forbid(unsafe_code)]

mod orders;
mod stores;

use kvmsg::list::First;
use std::env;
use std::process::Command;

/// How often each structure is measured.
const ROUNDS: usize = 3;

/// What a child process measures, and the name of each.
const ORDERS: [&str; 6] = [
    "no order",
    "BTreeSet beside",
    "radix tree beside (blart)",
    "radix tree beside (patricia_tree)",
    "sorted runs",
    "as built: made when asked",
];
const STORES: [&str; 2] = ["one hash table", "as built"];

fn main() {
    // Cargo passes flags of its own; a child is given one name.
    let child = env::args().skip_while(|arg| arg != "--measure").nth(1);
    match child {
        Some(name) if STORES.contains(&&*name) => print(&stores::measure(&name)),
        Some(name) => print(&orders::measure(&name)),
        None => {
            println!("A million keys of 16 bytes in random order, values of 16 bytes.\n");
            table(&ORDERS, &orders::COLUMNS);
            println!("\nTwo million keys being created, then a million looked up.\n");
            table(&STORES, &stores::COLUMNS);
        }
    }
}

fn print(figures: &[f64]) {
    let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
    println!("{}", figures.join(" "));
}

/// Measures each, in turns, and prints the medians.
fn table(names: &[&str], columns: &[&str]) {
    let mut rounds = vec![Vec::new(); names.len()];
    for _ in 0..ROUNDS {
        for (name, rounds) in names.iter().zip(&mut rounds) {
            rounds.push(child(name));
        }
    }
    println!("| structure | {} |", columns.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for (name, rounds) in names.iter().zip(&rounds) {
        let cells: Vec<String> = (0..columns.len())
            .map(|at| cell(median(rounds, at)))
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn child(name: &str) -> Vec<f64> {
    let me = env::current_exe().expect("the program has a path");
    let output = Command::new(me).args(["--measure", name]).output();
    let output = output.expect("it can start itself");
    assert!(output.status.success(), "{name}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("figures are text");
    let figures = text.split_whitespace().map(|figure| figure.parse());
    let figures: Result<_, _> = figures.collect();
    figures.expect("figures are numbers")
}

/// The median of one column; what a structure cannot do is not a number.
fn median(rounds: &[Vec<f64>], at: usize) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn cell(figure: f64) -> String {
    match figure {
        figure if figure.is_nan() => "-".into(),
        figure if figure < 10.0 => format!("{figure:.2}"),
        figure => format!("{figure:.0}"),
    }
}

/// A key of 16 bytes that stands for a number, as random as its hash.
fn key(n: usize) -> [u8; 16] {
    let mut mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 29;
    let text = format!("{mixed:016x}");
    let mut key = [0; 16];
    key.copy_from_slice(text.as_bytes());
    key
}

/// What the process holds in memory, in bytes.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has /proc");
    let line = text.lines().find(|line| line.starts_with("Rss:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.expect("/proc says what is resident") * 1024.0
}

/// A key with itself as its value, packed as the store packs it.
fn packed(key: &[u8]) -> Box<[u8]> {
    let first = First::new(key, key).expect("it is short");
    let mut bytes = vec![0; first.size()];
    first.write(&mut bytes);
    bytes.into()
}
