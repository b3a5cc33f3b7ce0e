//! The rows that can be measured, each with its name.

use crate::bench::Bench;
use crate::finding::Finding;
use crate::throughput;

/// Something that can be measured by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// What it is chosen by.
    pub(crate) name: &'static str,
    /// What is done in it.
    pub(crate) work: &'static str,
    pub(crate) measure: fn(&Bench) -> Result<Vec<Finding>, String>,
}

const fn row(
    name: &'static str,
    work: &'static str,
    measure: fn(&Bench) -> Result<Vec<Finding>, String>,
) -> Row {
    Row {
        name,
        work,
        measure,
    }
}

/// All of them, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("put-1", "PUT, 1 in flight", throughput::put_1),
    row("get-1", "GET, 1 in flight", throughput::get_1),
    row("put-16", "PUT, 16 in flight", throughput::put_16),
    row("get-16", "GET, 16 in flight", throughput::get_16),
    row("put-64", "PUT, 64 in flight", throughput::put_64),
    row("get-64", "GET, 64 in flight", throughput::get_64),
];

/// Those that are meant: a word chooses the row of that name, and those whose names begin with it
/// and a dash. No words choose all.
///
/// # Errors
///
/// Names a word that chooses nothing, and what there is.
pub(crate) fn choose(words: &[String]) -> Result<Vec<Row>, String> {
    let chosen = |row: &Row, word: &String| {
        let rest = row.name.strip_prefix(word.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let useless = words
        .iter()
        .find(|word| !ROWS.iter().any(|row| chosen(row, word)));
    if let Some(word) = useless {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(format!("no row {word:?}; there are {}", names.join(" ")));
    }
    let rows = ROWS.iter().copied();
    Ok(rows
        .filter(|row| words.is_empty() || words.iter().any(|word| chosen(row, word)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Result<Vec<&'static str>, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let rows = choose(&words)?;
        Ok(rows.iter().map(|row| row.name).collect())
    }

    #[test]
    fn rows_are_chosen_by_name_or_by_how_it_begins() {
        assert_eq!(names(&["get-1"]), Ok(vec!["get-1"]));
        assert!(names(&["put"]).unwrap().contains(&"put-64"));
        assert_eq!(names(&[]).unwrap().len(), ROWS.len());
        assert!(names(&["pu"]).unwrap_err().contains("put-16"));
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(
                ROWS[..at].iter().all(|other| other.name != row.name),
                "{}",
                row.name
            );
        }
    }
}
