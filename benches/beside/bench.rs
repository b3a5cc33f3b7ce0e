//! What is compared with what, and the turns that the sides take.

use crate::children::Child;
use crate::figures::Rounds;
use crate::finding::{Finding, Goal};
use crate::form::Form;
use crate::options::Options;
use crate::server::{Kind, Side};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the C compiler may take.
const COMPILE: Duration = Duration::from_secs(60);

/// Everything that a row needs to know.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) form: Form,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
    pub(crate) floor: Side,
}

impl Bench {
    /// Finds the programs and builds the floor, in `out`.
    ///
    /// # Errors
    ///
    /// Says what is missing and how to install it, or what the compiler said.
    pub(crate) fn new(options: &Options, built: &str, out: &Path) -> Result<Bench, String> {
        let against = options.against.clone();
        let mut needed = vec![
            ("redis-benchmark", "redis-tools"),
            ("cc", "gcc and libc6-dev"),
        ];
        if against.is_none() {
            needed.push(("redis-server", "redis-server"));
        }
        let missing = needed.iter().filter(|(tool, _)| find(tool).is_none());
        let missing: Vec<String> = missing
            .map(|(tool, package)| format!("{tool} is missing: on Debian, install {package}"))
            .collect();
        if !missing.is_empty() {
            return Err(missing.join("\n"));
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
        })
    }

    /// Measures both sides in every round, and lets them take turns in going first.
    ///
    /// # Errors
    ///
    /// Returns the first of `measure`.
    pub(crate) fn rounds<T>(
        &self,
        mut measure: impl FnMut(&Side) -> Result<T, String>,
    ) -> Result<Vec<(T, T)>, String> {
        let mut rounds = Vec::new();
        for round in 0..self.form.rounds {
            rounds.push(if round % 2 == 0 {
                let ours = measure(&self.ours)?;
                (ours, measure(&self.theirs)?)
            } else {
                let theirs = measure(&self.theirs)?;
                (measure(&self.ours)?, theirs)
            });
        }
        Ok(rounds)
    }

    /// A finding about one figure of what the rounds measured.
    pub(crate) fn finding<T>(
        &self,
        rounds: &[(T, T)],
        (measure, unit): (&str, &'static str),
        figure: impl Fn(&T) -> f64,
        goal: Goal,
    ) -> Finding {
        let mut figures = Rounds::default();
        for (ours, theirs) in rounds {
            figures.push(figure(ours), figure(theirs));
        }
        Finding {
            measure: measure.to_owned(),
            unit,
            rounds: figures,
            beside: self.theirs.name.clone(),
            floor: None,
            goal,
        }
    }
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
