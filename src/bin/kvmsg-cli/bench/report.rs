//! Prints what a benchmark has found: figures, a plot of the latencies, or JSON.

use super::tally::Tally;
use super::watcher::Told;
use crate::options::Benching;
use crate::print::Form;
use crate::verbs::{Name, VERBS};
use hdrhistogram::Histogram;
use rustix::termios::tcgetwinsize;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

/// The percentiles that are named.
const PERCENTILES: [(&str, f64); 4] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

/// Where the plot's rows begin, in every power of ten.
const STEPS: [u64; 6] = [10, 15, 20, 30, 50, 70];

/// How wide the plot is where nobody says how wide the terminal is, and how wide at most.
const COLUMNS: usize = 80;

/// What stands around a bar, in columns.
const AROUND_COLUMNS: usize = 30;

/// What was asked, and what came of it.
pub struct Report<'a> {
    pub asked: &'a Benching,
    pub tally: &'a Tally,
    pub told: &'a Told,
    /// How long the requests took, all together.
    pub took: Duration,
    /// How long the watchers were told of changes.
    pub watched: Duration,
}

impl Report<'_> {
    /// Appends it in the form that was asked for.
    pub fn print(&self, form: Form, out: &mut Vec<u8>) {
        match form.json {
            true => form.json(&self.document(), out),
            false => out.extend_from_slice(self.text(!form.quiet).as_bytes()),
        }
    }

    fn per_second(&self) -> f64 {
        rate(self.tally.answered.get(), self.took)
    }

    fn document(&self) -> Value {
        let (asked, tally) = (self.asked, self.tally);
        let latencies = tally.latencies.borrow();
        let mut percentiles: Map<String, Value> = PERCENTILES
            .iter()
            .map(|(name, at)| {
                let value = microseconds(latencies.value_at_percentile(*at));
                ((*name).to_owned(), Value::from(value))
            })
            .collect();
        let max = Value::from(microseconds(latencies.max()));
        percentiles.insert("max".to_owned(), max);
        let mix = asked.mix.0.iter();
        let mix: Map<String, Value> = mix
            .map(|(name, share)| (word(*name).to_owned(), Value::from(*share)))
            .collect();
        json!({
            "requests": tally.answered.get(),
            "seconds": self.took.as_secs_f64(),
            "requests_per_second": self.per_second(),
            "latency_us": percentiles,
            "not_found": tally.not_found.get(),
            "refused": tally.refused.get(),
            "clients": asked.clients,
            "pipeline": asked.pipeline,
            "value_bytes": asked.value_bytes,
            "keyspace": asked.keyspace,
            "mix": mix,
            "watchers": asked.watchers,
            "notices": self.told.notices.get(),
            "notices_per_second": rate(self.told.notices.get(), self.watched),
            "revisions_lost": self.told.lost.get(),
        })
    }

    fn text(&self, has_plot: bool) -> String {
        let (asked, tally) = (self.asked, self.tally);
        let latencies = tally.latencies.borrow();
        let named = PERCENTILES.iter().map(|(name, at)| {
            let value = milliseconds(latencies.value_at_percentile(*at));
            format!("{name} {value}, ")
        });
        let latency = named.collect::<String>() + "max " + &milliseconds(latencies.max());
        let mix = asked.mix.0.iter();
        let mix: Vec<String> = mix
            .map(|(name, share)| format!("{}={share}", word(*name)))
            .collect();
        let mut rows = vec![
            (
                "requests",
                format!(
                    "{}, {}, {} clients, {} in flight, {} bytes, {} keys",
                    tally.answered.get(),
                    mix.join(","),
                    asked.clients,
                    asked.pipeline,
                    asked.value_bytes,
                    asked.keyspace
                ),
            ),
            ("took", format!("{:.3} s", self.took.as_secs_f64())),
            ("throughput", format!("{:.0} requests/s", self.per_second())),
            ("latency", format!("{latency} ms")),
            ("not found", tally.not_found.get().to_string()),
            ("refused", tally.refused.get().to_string()),
        ];
        if asked.watchers > 0 {
            let told = self.told;
            let per_second = rate(told.notices.get(), self.watched);
            rows.push((
                "watchers",
                format!(
                    "{}, told of {} changes, {per_second:.0} notices/s, {} revisions lost",
                    asked.watchers,
                    told.notices.get(),
                    told.lost.get()
                ),
            ));
        }
        let mut text = String::new();
        for (name, value) in rows {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{name:<11} {value}");
        }
        if has_plot {
            let columns = tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_col));
            let columns = columns.ok().filter(|columns| *columns > 0);
            plot(
                &latencies,
                columns.unwrap_or(COLUMNS).min(COLUMNS),
                &mut text,
            );
        }
        text
    }
}

/// A range of latencies in nanoseconds, without its end, and how many requests took so long.
struct Row {
    from: u64,
    to: u64,
    count: u64,
}

/// The rows of the plot, from the first to the last that is not empty.
fn rows(latencies: &Histogram<u64>) -> Vec<Row> {
    // They begin at 10 ns; the first and the last take what lies outside.
    let powers = (0..11).flat_map(|power| STEPS.map(|step| step * 10_u64.pow(power)));
    let starts: Vec<u64> = powers.collect();
    let row = |ends: &[u64]| Row {
        from: ends[0],
        to: ends[1],
        count: 0,
    };
    let mut rows: Vec<Row> = starts.windows(2).map(row).collect();
    for step in latencies.iter_recorded() {
        let after = starts.partition_point(|start| *start <= step.value_iterated_to());
        let at = after.clamp(1, rows.len()) - 1;
        rows[at].count += step.count_since_last_iteration();
    }
    let last = rows.iter().rposition(|row| row.count > 0);
    rows.truncate(last.map_or(0, |last| last + 1));
    let first = rows.iter().position(|row| row.count > 0).unwrap_or(0);
    rows.split_off(first)
}

/// Appends the rows, behind an empty line, if there are any.
fn plot(latencies: &Histogram<u64>, columns: usize, text: &mut String) {
    let rows = rows(latencies);
    let Some(most) = rows.iter().map(|row| row.count).max() else {
        return;
    };
    let width = columns.saturating_sub(AROUND_COLUMNS).max(5) as u64;
    text.push('\n');
    for Row { from, to, count } in rows {
        let bar = "#".repeat((count * width).div_ceil(most) as usize);
        let share = 100.0 * count as f64 / latencies.len() as f64;
        let (from, to) = (milliseconds(from), milliseconds(to));
        let row = format!("{from:>7} to {to:>7} ms {share:>5.1}% {bar}");
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

fn word(name: Name) -> &'static str {
    let verb = VERBS.iter().find(|verb| verb.name == name);
    verb.map_or("", |verb| verb.word)
}

/// How many a second.
fn rate(count: u64, took: Duration) -> f64 {
    match took.is_zero() {
        true => 0.0,
        false => count as f64 / took.as_secs_f64(),
    }
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

/// Nanoseconds as milliseconds, in three digits or more.
fn milliseconds(nanoseconds: u64) -> String {
    let value = nanoseconds as f64 / 1e6;
    match nanoseconds {
        0..1_000_000 => format!("{value:.3}"),
        1_000_000..10_000_000 => format!("{value:.2}"),
        10_000_000..100_000_000 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_in_one_row_and_no_row_at_an_end_is_empty() {
        let mut latencies = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        assert!(rows(&latencies).is_empty());
        let some = [
            1,
            9,
            10,
            14_999,
            15_000,
            69_999,
            70_000,
            2_000_000_000,
            3_600_000_000_000,
        ];
        for (count, latency) in (1..).zip(some) {
            latencies.record_n(latency, count).unwrap();
        }
        let rows = rows(&latencies);
        let sum: u64 = rows.iter().map(|row| row.count).sum();
        assert_eq!(sum, latencies.len());
        let (first, last) = (&rows[0], &rows[rows.len() - 1]);
        assert_eq!((first.from, first.count, last.count), (10, 6, 9));
        let mut text = String::new();
        plot(&latencies, 40, &mut text);
        assert!(text.lines().all(|line| line.len() <= 40), "{text}");
        // The longest bar is that of the row in which two of them lie, as their digits tell.
        assert!(text.ends_with(" ms  20.0% #######\n"), "{text}");
    }
}
