//! What is compared with what, and the turns that the sides take.

use crate::children::Child;
use crate::finding::{Finding, Goal, Label};
use crate::form::Form;
use crate::options::Options;
use crate::server::{Kind, Side};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the C compiler may take.
const COMPILE: Duration = Duration::from_secs(60);

/// What a row comes to.
pub(crate) type Found = Result<Vec<Finding>, String>;

/// Everything that a row needs to know.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) form: Form,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
    pub(crate) floor: Side,
    /// Where folders for data are made.
    pub(crate) out: PathBuf,
    /// Whether PUT and GET come from our own generator instead of redis-benchmark.
    pub(crate) own_load: bool,
}

impl Bench {
    /// Finds the programs and builds the floor, in `out`.
    ///
    /// # Errors
    ///
    /// Says what is missing and how to install it, or what the compiler said.
    pub(crate) fn new(options: &Options, built: &str, out: &Path) -> Result<Bench, String> {
        let against = options.against.clone();
        if let Some(missing) = missing(against.is_none(), |tool| find(tool).is_some()) {
            return Err(missing);
        }
        let side = |kind, path, name: &str| Side {
            kind,
            path,
            name: name.to_owned(),
        };
        let ours = options.kvmsgd.clone().unwrap_or_else(|| built.into());
        let theirs = match against {
            Some(path) => side(Kind::Kvmsgd, path, "the other kvmsgd"),
            None => {
                let path = find("redis-server").unwrap_or_default();
                side(Kind::Redis, path, "redis-server")
            }
        };
        Ok(Bench {
            form: options.form,
            ours: side(Kind::Kvmsgd, ours, "kvmsgd"),
            theirs,
            floor: side(Kind::Floor, compile(out)?, "floor"),
            out: out.to_owned(),
            own_load: options.own_load,
        })
    }

    /// Measures both sides in every round, ours as the first of the two.
    ///
    /// # Errors
    ///
    /// Returns the first of `measure`.
    pub(crate) fn rounds<T>(
        &self,
        mut measure: impl FnMut(&Side) -> Result<T, String>,
    ) -> Result<Vec<[T; 2]>, String> {
        self.turns(|turn| measure([&self.ours, &self.theirs][turn]))
    }

    /// Measures both sides once: memory does not vary from round to round as time does.
    ///
    /// # Errors
    ///
    /// Returns the first of `measure`.
    pub(crate) fn once<T>(
        &self,
        mut measure: impl FnMut(&Side) -> Result<T, String>,
    ) -> Result<Vec<[T; 2]>, String> {
        Ok(vec![[measure(&self.ours)?, measure(&self.theirs)?]])
    }

    /// Measures several things in every round, each known by its number; another goes first each
    /// time, so that none is always the one after the same other.
    ///
    /// # Errors
    ///
    /// Returns the first of `measure`.
    pub(crate) fn turns<T, const N: usize>(
        &self,
        measure: impl FnMut(usize) -> Result<T, String>,
    ) -> Result<Vec<[T; N]>, String> {
        in_turns(self.form.rounds, measure)
    }

    /// The same for what is plotted, in fewer rounds.
    ///
    /// # Errors
    ///
    /// Returns the first of `measure`.
    pub(crate) fn turns_plotted<T, const N: usize>(
        &self,
        measure: impl FnMut(usize) -> Result<T, String>,
    ) -> Result<Vec<[T; N]>, String> {
        in_turns(self.form.rounds_plotted, measure)
    }

    /// A finding that compares both sides, which are the first two of a round.
    pub(crate) fn finding<T, const N: usize>(
        &self,
        label: Label,
        rounds: &[[T; N]],
        figure: impl Fn(&T) -> f64,
        goal: Goal,
    ) -> Finding {
        Finding::compare(label, rounds, [0, 1], figure, goal).beside(&self.theirs.name)
    }
}

fn in_turns<T, const N: usize>(
    rounds: usize,
    mut measure: impl FnMut(usize) -> Result<T, String>,
) -> Result<Vec<[T; N]>, String> {
    let round = |round| {
        let mut measured = [const { None }; N];
        for step in 0..N {
            let turn = (round + step) % N;
            measured[turn] = Some(measure(turn)?);
        }
        Ok(measured.map(|one| one.expect("each has had its turn")))
    };
    (0..rounds).map(round).collect()
}

/// What is not there of what is needed, and the Debian packages that bring it; one line each.
pub(crate) fn missing(redis: bool, is_there: impl Fn(&str) -> bool) -> Option<String> {
    let tools = [
        (true, "redis-benchmark", "redis-tools"),
        (true, "cc", "gcc libc6-dev"),
        (redis, "redis-server", "redis-server"),
    ];
    let missing = tools
        .iter()
        .filter(|(needed, tool, _)| *needed && !is_there(tool));
    let lines: Vec<String> = missing
        .map(|(_, tool, package)| format!("{tool} is missing: apt-get install {package}"))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Where a program is installed.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
    places.find(|place| place.is_file())
}

fn compile(out: &Path) -> Result<PathBuf, String> {
    let (source, program) = (out.join("floor.c"), out.join("floor"));
    let written = fs::write(&source, include_str!("floor.c"));
    written.map_err(|error| format!("{}: {error}", source.display()))?;
    let mut command = Command::new("cc");
    command.args(["-O2", "-o"]).args([&program, &source]);
    Child::start(command.stdout(Stdio::piped()))?.finish(COMPILE)?;
    Ok(program)
}
