//! One run: every row that was chosen, each told as soon as it is known, and the results kept.

use crate::bench::Bench;
use crate::children;
use crate::finding::Finding;
use crate::folder::file_system;
use crate::options::{self, Asked, Options};
use crate::plot;
use crate::report::{self, Heading, Measured};
use crate::rows::{self, Row};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a run may take; the full form is meant to take a quarter of an hour.
const LIMIT: Duration = Duration::from_secs(3600);

/// How many descriptors a process may need that are not connections of a crowd.
const OTHERS: u64 = 300;

/// Measures what the arguments ask for; false if a row failed.
///
/// # Errors
///
/// Says what is wrong with the arguments, what is missing, or what cannot be written.
pub(crate) fn run(
    args: impl Iterator<Item = OsString>,
    built: &str,
    out: &Path,
) -> Result<bool, String> {
    let options = match options::read(args)? {
        Asked::Print(text) => {
            print!("{text}");
            return Ok(true);
        }
        Asked::Measure(options) => options,
    };
    let chosen = rows::choose(&options.rows)?;
    children::guard(LIMIT)?;
    let descriptors = raise_limit();
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let out = out.canonicalize().map_err(|error| error.to_string())?;
    let mut bench = Bench::new(&options, built, &out)?;
    let crowd = usize::try_from(descriptors.saturating_sub(OTHERS)).unwrap_or(usize::MAX);
    if crowd < bench.form.crowd {
        bench.form.crowd = crowd;
        println!("No more than {crowd} clients: a process can have {descriptors} descriptors.");
    }
    let begin = Instant::now();
    let measured: Vec<Measured> = chosen.iter().map(|row| measure(row, &bench)).collect();
    let heading = heading(&options, &bench, begin.elapsed());
    keep(&out, options.plot, &heading, &measured)?;
    Ok(measured.iter().all(|row| row.outcome.is_ok()))
}

/// Thousands of connections need as many descriptors, here and in the servers, which inherit the
/// limit. Returns how many there can be.
fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let held = if setrlimit(Resource::Nofile, raised).is_ok() {
        limit.maximum
    } else {
        limit.current
    };
    held.unwrap_or(u64::MAX)
}

fn measure(row: &Row, bench: &Bench) -> Measured {
    let begin = Instant::now();
    let outcome = (row.measure)(bench);
    match &outcome {
        Ok(findings) => tell(row, findings, begin.elapsed()),
        Err(error) => eprintln!("beside: {}: {error}", row.name),
    }
    Measured {
        name: row.name,
        work: row.work,
        outcome,
    }
}

fn tell(row: &Row, findings: &[Finding], took: Duration) {
    for finding in findings {
        print!("{}", report::line(row.name, row.work, finding));
    }
    println!("  ({} took {:.1} s)", row.name, took.as_secs_f64());
    let _ = std::io::stdout().flush();
}

fn heading(options: &Options, bench: &Bench, took: Duration) -> Heading {
    let Bench {
        form, ours, theirs, ..
    } = bench;
    let version = |path: &PathBuf| {
        let line = first_line(Command::new(path).arg("--version"));
        line.split(" sha=").next().unwrap_or_default().to_owned()
    };
    Heading {
        date: first_line(Command::new("date").arg("+%Y-%m-%d")),
        machine: machine(&bench.out),
        command: command(options),
        form: format!(
            "{}: medians of {} rounds, in {:.0} s; the ratio is the median of the rounds' ratios, \
             with the lowest and the highest.",
            form.name,
            form.rounds,
            took.as_secs_f64()
        ),
        versions: format!("{} beside {}", version(&ours.path), version(&theirs.path)),
    }
}

/// The command that does the same again.
fn command(options: &Options) -> String {
    let full = options.form.name == crate::form::FULL.name;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let variables = [
        ("FULL", full.then(|| "1".to_owned())),
        ("KVMSGD", path(&options.kvmsgd)),
        ("AGAINST", path(&options.against)),
        ("OWN", options.own_load.then(|| "1".to_owned())),
        ("PLOT", path(&options.plot)),
        (
            "ROWS",
            (!options.rows.is_empty()).then(|| format!("\"{}\"", options.rows.join(" "))),
        ),
    ];
    let given = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    given.fold("make bench".to_owned(), |command, (name, value)| {
        format!("{command} {name}={value}")
    })
}

fn machine(out: &Path) -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel
        .split('-')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let disk = file_system(out);
    format!("{cpus} processors ({model}), Linux {kernel}, data on {disk}")
}

/// The first line that a command prints; what it is in a table's heading, or nothing.
fn first_line(command: &mut Command) -> String {
    let output = command
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    text.lines().next().unwrap_or_default().to_owned()
}

fn write(path: &Path, text: String) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Keeps the table, every figure and the plot in `out`, and the plot also where it is wanted.
fn keep(
    out: &Path,
    plot: Option<PathBuf>,
    heading: &Heading,
    measured: &[Measured],
) -> Result<(), String> {
    for path in [Some(out.join("cost.svg")), plot].into_iter().flatten() {
        if let Some(svg) = plot::draw(heading, measured)? {
            write(&path, svg)?;
            println!("the plot of costs: {}", path.display());
        }
    }
    let table = report::markdown(heading, measured);
    println!("\n{table}");
    write(&out.join("beside.md"), table)?;
    let json = serde_json::to_string_pretty(&report::json(heading, measured));
    write(
        &out.join("beside.json"),
        json.map_err(|error| error.to_string())? + "\n",
    )?;
    println!("kept in {}/beside.md and beside.json", out.display());
    Ok(())
}
