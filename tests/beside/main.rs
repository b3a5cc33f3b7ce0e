//! Holds the instruments of `make bench` to what they claim: the programs of benches/beside are
//! taken in here, part by part, and run once as a whole, small.

#![forbid(unsafe_code)]
#![allow(dead_code, reason = "the parts are those of a program of its own")]

#[path = "../../benches/beside/bench.rs"]
mod bench;
#[path = "../../benches/beside/children.rs"]
mod children;
#[path = "../../benches/beside/contest.rs"]
mod contest;
#[path = "../../benches/beside/durable.rs"]
mod durable;
#[path = "../../benches/beside/figures.rs"]
mod figures;
#[path = "../../benches/beside/fill.rs"]
mod fill;
#[path = "../../benches/beside/finding.rs"]
mod finding;
#[path = "../../benches/beside/folder.rs"]
mod folder;
#[path = "../../benches/beside/form.rs"]
mod form;
#[path = "../../benches/beside/growth.rs"]
mod growth;
#[path = "../../benches/beside/keeping.rs"]
mod keeping;
#[path = "../../benches/beside/latency.rs"]
mod latency;
#[path = "../../benches/beside/lines.rs"]
mod lines;
#[path = "../../benches/beside/load.rs"]
mod load;
#[path = "../../benches/beside/memory.rs"]
mod memory;
#[path = "../../benches/beside/options.rs"]
mod options;
#[path = "../../benches/beside/pauses.rs"]
mod pauses;
#[path = "../../benches/beside/plot.rs"]
mod plot;
#[path = "../../benches/beside/process.rs"]
mod process;
#[path = "../../benches/beside/redis_benchmark.rs"]
mod redis_benchmark;
#[path = "../../benches/beside/reloading.rs"]
mod reloading;
#[path = "../../benches/beside/report.rs"]
mod report;
#[path = "../../benches/beside/rows.rs"]
mod rows;
#[path = "../../benches/beside/run.rs"]
mod run;
#[path = "../../benches/beside/server.rs"]
mod server;
#[path = "../../benches/beside/starting.rs"]
mod starting;
#[path = "../../benches/beside/throughput.rs"]
mod throughput;
#[path = "../../benches/beside/watchers.rs"]
mod watchers;
#[path = "../../benches/beside/wire.rs"]
mod wire;

#[path = "../common/tools.rs"]
mod tools;

mod measuring;
mod telling;
mod whole;
