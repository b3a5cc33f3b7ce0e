//! Shows what the server counts, in columns: names, figures, and what the large ones mean.

use super::palette::{Palette, paint};
use crate::print;
use kvmsg::client::Stat;

/// The units of sizes, each 1024 times the one before.
const SIZES: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// The units of time, in seconds, the largest first.
const TIMES: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];

/// A figure, in its columns.
struct Row {
    name: String,
    figure: String,
    is_number: bool,
    /// A size or a time, as it is read.
    readable: String,
}

/// The counters as lines of at most so many columns, if that can be. Where there is no room for
/// both, a size or a time is shown as it is read, and not in bytes or seconds.
pub fn figures(stats: &[(String, Stat)], columns: usize, palette: &Palette) -> String {
    let rows: Vec<Row> = stats.iter().map(row).collect();
    let widest = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let names = widest(|row| row.name.chars().count());
    let numbers = widest(|row| if row.is_number { row.figure.len() } else { 0 });
    let texts = widest(|row| if row.is_number { 0 } else { row.figure.len() });
    let readable = widest(|row| row.readable.len());
    // Two blanks stand before each column.
    let is_wide = names + texts.max(numbers + 2 + readable) + 4 <= columns;
    let mut text = String::new();
    for row in &rows {
        let name = paint(palette.verb, &format!("{:names$}", row.name));
        let line = match (is_wide, row.is_number, row.readable.is_empty()) {
            (true, true, false) => {
                let readable = paint(palette.faint, &row.readable);
                format!("  {name}  {:>numbers$}  {readable}", row.figure)
            }
            (true, true, true) => format!("  {name}  {:>numbers$}", row.figure),
            (true, false, _) => format!("  {name}  {}", row.figure),
            (false, _, false) => format!("{name}  {}", row.readable),
            (false, _, true) => format!("{name}  {}", row.figure),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn row((name, stat): &(String, Stat)) -> Row {
    let readable = match stat {
        Stat::Number(number) if name.ends_with("_bytes") => size(*number),
        Stat::Number(number) if name.ends_with("_seconds") => time(*number),
        _ => String::new(),
    };
    let (figure, is_number) = match stat {
        Stat::Number(number) => (number.to_string(), true),
        Stat::Text(text) => (print::escape(text.as_bytes()), false),
    };
    Row {
        name: print::escape(name.as_bytes()),
        figure,
        is_number,
        readable,
    }
}

/// A number of bytes in the largest unit of which there is one, with one digit behind the point;
/// nothing for less than 1024, which reads well enough.
fn size(bytes: u64) -> String {
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    // What would be rounded to 1024 is one of the next unit.
    while tenths >= 10_235 && unit + 1 < SIZES.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    match unit {
        0 => String::new(),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, SIZES[unit]),
    }
}

/// A time in its two largest units; nothing for less than a minute, which reads well enough.
fn time(seconds: u64) -> String {
    let Some(at) = TIMES.iter().position(|(unit, _)| seconds >= *unit) else {
        return String::new();
    };
    let Some((small, small_name)) = TIMES.get(at + 1) else {
        return String::new();
    };
    let (large, large_name) = TIMES[at];
    format!(
        "{}{large_name} {}{small_name}",
        seconds / large,
        seconds % large / small
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_readable() {
        let sizes = [
            (0, ""),
            (1023, ""),
            (1024, "1.0 KiB"),
            (65_536, "64.0 KiB"),
            (1_234_567, "1.2 MiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16777216.0 TiB"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
        let times = [
            (0, ""),
            (59, ""),
            (60, "1m 0s"),
            (3725, "1h 2m"),
            (86_400 * 400 + 3600, "400d 1h"),
        ];
        for (seconds, expected) in times {
            assert_eq!(time(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn figures_stand_in_columns_that_fit() {
        let number = |name: &str, number| (name.to_owned(), Stat::Number(number));
        let epoch = Stat::Text("0123456789abcdef".to_owned());
        let stats = [
            number("uptime_seconds", 3725),
            ("epoch".to_owned(), epoch),
            number("history_first_revision", 1),
            number("store_bytes", 12_345_678),
        ];
        let wide = "  \
            uptime_seconds              3725  1h 2m\n  \
            epoch                   0123456789abcdef\n  \
            history_first_revision         1\n  \
            store_bytes             12345678  11.8 MiB\n";
        assert_eq!(figures(&stats, 80, &Palette::default()), wide);
        let narrow = "\
            uptime_seconds          1h 2m\n\
            epoch                   0123456789abcdef\n\
            history_first_revision  1\n\
            store_bytes             11.8 MiB\n";
        assert_eq!(figures(&stats, 40, &Palette::default()), narrow);
    }
}
