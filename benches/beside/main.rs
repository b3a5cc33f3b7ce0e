//! Measures kvmsgd beside redis-server: both on loopback, under the same load, in one run.
//!
//! `make bench` runs it; `--help` has its flags. Every comparison is made in rounds in which the
//! sides take turns, many times in each where our own generator compares their throughput, and
//! what counts is the median of the rounds' ratios: what disturbs the machine for longer than a
//! turn disturbs both. The table is printed, and kept with every figure under `target/bench`.

#![forbid(unsafe_code)]

mod figures;
mod form;
mod process;
mod folder;
mod children;
mod options;
mod wire;
mod finding;
mod report;
mod server;
mod keeping;
mod redis_benchmark;
mod fill;
mod load;
mod bench;
mod contest;
mod throughput;
mod lines;
mod watchers;
mod latency;
mod memory;
mod starting;
mod durable;
mod reloading;
mod pauses;
mod growth;
mod plot;
mod rows;
mod run;

use std::env;
use std::process::ExitCode;

/// The daemon that was built with this program.
const BUILT: &str = env!("CARGO_BIN_EXE_kvmsgd");

/// Where the results go.
const OUT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../bench");

fn main() -> ExitCode {
    match run::run(env::args_os().skip(1), BUILT, OUT.as_ref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            for line in error.lines() {
                eprintln!("beside: {line}");
            }
            ExitCode::from(2)
        }
    }
}
