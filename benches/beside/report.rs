//! The table and the JSON in which a run is told.

use crate::finding::{Finding, Goal};
use serde_json::{Value, json};
use std::fmt::Write;

/// A row of which something is known.
#[derive(Debug)]
pub(crate) struct Measured {
    /// What it is chosen by.
    pub(crate) name: &'static str,
    /// What is done in it.
    pub(crate) work: &'static str,
    /// What was found, or what went wrong.
    pub(crate) outcome: Result<Vec<Finding>, String>,
}

/// What holds for the whole run.
#[derive(Debug, Default)]
pub(crate) struct Heading {
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) command: String,
    pub(crate) form: String,
    pub(crate) versions: String,
}

pub(crate) const COLUMNS: &str = "| row | work | measure | kvmsgd | beside it | ratio | goal | |\n\
    |---|---|---|---|---|---|---|---|\n";

/// The run as two tables in Markdown: of what has a goal, and of what is known beside that.
pub(crate) fn markdown(heading: &Heading, rows: &[Measured]) -> String {
    let Heading {
        date,
        machine,
        command,
        form,
        versions,
    } = heading;
    let goals = lines(rows, |finding| finding.goal != Goal::None);
    let others = lines(rows, |finding| finding.goal == Goal::None);
    let mut text =
        format!("`{command}`, {date}, {machine}; {versions}.\n{form}\n\n{COLUMNS}{goals}");
    for row in rows {
        if let Err(error) = &row.outcome {
            let error = error.replace(['|', '\n'], " ");
            let _ = writeln!(
                text,
                "| {} | {} | failed: {error} | | | | | |",
                row.name, row.work
            );
        }
    }
    let _ = write!(text, "\nMeasured too, without a goal:\n\n{COLUMNS}{others}");
    text
}

/// The lines of those findings that are wanted.
fn lines(rows: &[Measured], wanted: impl Fn(&Finding) -> bool) -> String {
    let mut lines = String::new();
    for row in rows {
        let findings = row
            .outcome
            .iter()
            .flatten()
            .filter(|finding| wanted(finding));
        for (at, finding) in findings.enumerate() {
            let (name, work) = if at == 0 {
                (row.name, row.work)
            } else {
                ("", "")
            };
            lines.push_str(&line(name, work, finding));
        }
    }
    lines
}

/// One line of the table.
pub(crate) fn line(name: &str, work: &str, finding: &Finding) -> String {
    let floor = finding
        .floor
        .map_or(String::new(), |floor| format!(", floor {}", rounded(floor)));
    let theirs = match finding.rounds.theirs.is_empty() {
        true => floor.trim_start_matches(", ").to_owned(),
        false => format!("{} {}{floor}", finding.beside, rounded(finding.theirs())),
    };
    let ratio = finding.ratio().map_or(String::new(), |ratio| {
        format!(
            "{:.2} ({:.2} to {:.2})",
            ratio.median, ratio.low, ratio.high
        )
    });
    format!(
        "| {name} | {work} | {}, {} | {} | {theirs} | {ratio} | {} | {} |\n",
        finding.measure,
        finding.unit,
        rounded(finding.ours()),
        finding.goal_text(),
        finding.verdict(),
    )
}

/// The run as JSON: every figure of every round.
pub(crate) fn json(heading: &Heading, rows: &[Measured]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| match &row.outcome {
            Ok(findings) => {
                let findings: Vec<Value> = findings.iter().map(Finding::to_json).collect();
                json!({ "row": row.name, "work": row.work, "findings": findings })
            }
            Err(error) => json!({ "row": row.name, "work": row.work, "error": error }),
        })
        .collect();
    json!({
        "command": heading.command,
        "date": heading.date,
        "machine": heading.machine,
        "versions": heading.versions,
        "form": heading.form,
        "rows": rows,
    })
}

/// A figure with three digits, or all of its whole ones, and commas between the thousands.
pub(crate) fn rounded(figure: f64) -> String {
    let decimals = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    grouped(&format!("{figure:.decimals$}"))
}

/// A number as it is written, with commas between the thousands of its whole part.
pub(crate) fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut grouped = String::new();
    for (at, sign) in whole.chars().enumerate() {
        let follows_digit = grouped.ends_with(|c: char| c.is_ascii_digit());
        if follows_digit && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(sign);
    }
    grouped + rest
}
