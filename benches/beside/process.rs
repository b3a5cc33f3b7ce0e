//! What /proc says of a server: its processor time and its memory.

use std::fs;
use std::time::Duration;

/// How many of the ticks in which `stat` counts make a second; Linux says so to all programs.
const TICKS_A_SECOND: u64 = 100;

/// The processor time that a process has used, in user and kernel, all its threads together.
///
/// # Errors
///
/// Says so if there is no such process, or /proc is not as expected.
pub(crate) fn cpu(pid: u32) -> Result<Duration, String> {
    // The scheduler counts nanoseconds; a kernel that does not tell them has ticks of 10 ms.
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| gone(pid, &error))?;
    let mut sum = Duration::ZERO;
    for task in tasks.flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        sum += Duration::from_nanos(nanoseconds(&text).unwrap_or_default());
    }
    if !sum.is_zero() {
        return Ok(sum);
    }
    let text = read(pid, "stat")?;
    let ticks = ticks(&text).ok_or_else(|| format!("/proc/{pid}/stat: {text:?}"))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
}

/// The resident memory of a process, in bytes. `status` tells it too, but counts it for each
/// processor apart, and not at once together: it may be wrong by hundreds of kilobytes (proc(5)).
///
/// # Errors
///
/// Says so if there is no such process, or /proc is not as expected.
pub(crate) fn resident(pid: u32) -> Result<f64, String> {
    let text = read(pid, "smaps_rollup")?;
    let bytes = resident_bytes(&text);
    bytes.ok_or_else(|| format!("/proc/{pid}/smaps_rollup: no Rss"))
}

fn read(pid: u32, name: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/{name}")).map_err(|error| gone(pid, &error))
}

fn gone(pid: u32, error: &dyn std::fmt::Display) -> String {
    format!("process {pid}: {error}")
}

/// The first figure of `schedstat`: time on a processor.
pub(crate) fn nanoseconds(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// utime and stime of `stat`. The name in parentheses may itself hold blanks and parentheses.
pub(crate) fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

pub(crate) fn resident_bytes(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find(|line| line.starts_with("Rss:"))?;
    let kib: f64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0)
}
