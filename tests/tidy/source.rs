//! Reads the files of the tree, and takes Rust apart as far as the checks need it.

use std::fs;
use std::path::Path;

/// A file of the tree.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the top of the tree.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// All files at or beneath these places, in the order of their names.
pub(crate) fn files(places: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    for place in places {
        collect(place, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "nothing in {places:?}");
    found
}

fn collect(place: &str, found: &mut Vec<File>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    if path.is_file() {
        let bytes = fs::read(&path).expect("a file can be read");
        // What a failing property test leaves to be tried again is no source, but it is text.
        found.push(File::new(place, &String::from_utf8_lossy(&bytes)));
        return;
    }
    for entry in fs::read_dir(&path).unwrap_or_else(|error| panic!("{place}: {error}")) {
        let name = entry.expect("a folder can be read").file_name();
        collect(&format!("{place}/{}", name.to_string_lossy()), found);
    }
}

/// Rust without what stands in comments, strings and characters; its lines keep their numbers.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if let Some(len) = comment(rest)
            .or_else(|| string(rest))
            .or_else(|| character(rest))
        {
            code.push(' ');
            code.extend(rest[..len].chars().filter(|&c| c == '\n'));
            rest = &rest[len..];
        } else {
            let len = word.max(first.len_utf8());
            code.push_str(&rest[..len]);
            rest = &rest[len..];
        }
    }
    code
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment that `rest` begins with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.strip_prefix("/*")?;
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") if depth == 1 => return Some(at + 2),
            Some(b"*/") => depth -= 1,
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of the string literal, of any kind, that `rest` begins with.
fn string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !is_word(c))?;
    let (kind, after) = rest.split_at(prefix);
    if !["", "b", "c", "r", "br", "cr"].contains(&kind) {
        return None;
    }
    if kind.ends_with('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let body = after[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let len = body.find(&end).map_or(body.len(), |at| at + end.len());
        return Some(prefix + hashes + 1 + len);
    }
    let body = after.strip_prefix('"')?;
    let mut escaped = false;
    let end = body.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    Some(prefix + 1 + end.map_or(body.len(), |at| at + 1))
}

/// The length of the character literal that `rest` begins with; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?;
    let shortest = if first == '\\' { 2 } else { first.len_utf8() };
    let end = body.get(shortest..)?.find('\'')?;
    (first == '\\' || end == 0).then_some(1 + shortest + end + 1)
}

/// The words and signs of a text without comments, with their lines; `::` is one sign.
pub(crate) fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let len = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                _ => word,
            };
            tokens.push((number + 1, &rest[..len]));
            rest = rest[len..].trim_start();
        }
    }
    tokens
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = r##"a // "b"
        /* c /* d */ "e */ 'f' b"\"g" r#"h" "#i '"' '\'' '\u{7f}' &'j str 'é' "k
        l" m"##;
    let code = code(text);
    let expected = [
        (1, "a"),
        (2, "i"),
        (2, "&"),
        (2, "'"),
        (2, "j"),
        (2, "str"),
        (3, "m"),
    ];
    assert_eq!(tokens(&code), expected);
}
