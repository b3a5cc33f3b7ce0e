//! Shows texts from outside in messages of one line, and guesses what a mistyped name meant.

use std::ffi::OsStr;
use std::path::Path;

/// How much of a text from outside is shown in a message, in bytes.
pub const SHOWN_BYTES_MAX: usize = 64;

/// The one of `known` that was most likely meant by `typed`, or none that comes near.
///
/// Case, dashes and underscores do not count; up to a third of the letters may be wrong,
/// missing, too many or swapped with their neighbour, and the beginning of a name will do.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| {
        text.to_lowercase()
            .replace('-', "_")
            .chars()
            .collect::<Vec<_>>()
    };
    if typed.len() > SHOWN_BYTES_MAX {
        return None; // nobody's slip of the finger, and the comparison is quadratic
    }
    let typed = plain(typed);
    let distances = known.map(|name| {
        let letters = plain(name);
        let begins = typed.len() >= 3 && letters.starts_with(&typed);
        (
            if begins {
                1
            } else {
                distance(&typed, &letters)
            },
            name,
        )
    });
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (typed.len() / 3).max(1)).then_some(name)
}

/// How many letters must be put, taken, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if swapped {
                    best.min(rows[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

/// `text` in quotes, escaped, and cut after [`SHOWN_BYTES_MAX`], for a message of one line.
pub fn quoted(text: &OsStr) -> String {
    let bytes = text.as_encoded_bytes();
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(_) if bytes.len() == SHOWN_BYTES_MAX => format!("\"{}\"", escaped(bytes)),
        Some(shown) => format!("\"{}\"...", escaped(whole_characters(shown))),
        None => format!("\"{}\"", escaped(bytes)),
    }
}

/// A path as it stands in a message of one line: as it is, but for what would not be seen.
pub fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}

/// `bytes` without a character at the end that was cut in two.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

/// `bytes` as text that holds no line end, control character or quote, at any length.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' => text.push(letter),
                _ => text.extend(letter.escape_debug()),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn slips_of_the_finger_are_understood() {
        let known = ["listen", "clients_max", "clients_bytes_max", "log"];
        let nearest = |typed| nearest(typed, known.into_iter());
        let cases = [
            ("client_max", "clients_max"),
            ("Clients-Max", "clients_max"),
            ("clinets_max", "clients_max"),
            ("clients_byte", "clients_bytes_max"),
            ("listne", "listen"),
            ("lo", "log"),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed), Some(meant), "{typed}");
        }
        for typed in ["", "port", "verbose", &"listen".repeat(1000)] {
            assert_eq!(nearest(typed), None, "{typed}");
        }
    }

    #[test]
    fn texts_become_one_short_line() {
        let quoted = |bytes: &[u8]| quoted(OsStr::from_bytes(bytes));
        assert_eq!(quoted(b""), r#""""#);
        assert_eq!(quoted(b"it's\n\t\x1b[m \"\\"), r#""it's\n\t\u{1b}[m \"\\""#);
        assert_eq!(quoted(b"\xffa\xc3"), r#""\xffa\xc3""#);
        assert_eq!(quoted("\u{fc}\u{202e}".as_bytes()), "\"\u{fc}\\u{202e}\"");
        let whole = "x".repeat(SHOWN_BYTES_MAX);
        assert_eq!(quoted(whole.as_bytes()), format!("\"{whole}\""));
        assert_eq!(
            quoted(format!("{whole}y").as_bytes()),
            format!("\"{whole}\"...")
        );
        let cut = format!("{}\u{fc}", &whole[1..]);
        assert_eq!(quoted(cut.as_bytes()), format!("\"{}\"...", &whole[1..]));
    }
}
