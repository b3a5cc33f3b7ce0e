//! Explains the verbs: all of them in a list, or one with examples.

use super::advice;
use super::palette::{Palette, paint};
use super::words::{PLACES, capital, known_verbs, wrapped};
use crate::verbs::{Name, Verb};

/// How much an explanation is indented.
const INDENT: usize = 2;

/// What can be typed, as lines of at most so many columns.
pub fn operations(columns: usize, palette: &Palette) -> String {
    let mut text = format!("{}\n", paint(palette.heading, "Available operations:"));
    let width = known_verbs().map(|verb| verb.word.len()).max().unwrap_or(0);
    for verb in known_verbs() {
        let word = format!("{:width$}", verb.word.to_ascii_uppercase());
        let indent = width + 5;
        let help = wrapped(&capital(verb.help), columns.saturating_sub(indent), indent);
        text.push_str(&format!("  {} - {help}\n", paint(palette.verb, &word)));
    }
    let hint = "Type PUT:user:john or put user \"john smith\"; Tab completes, help VERB explains.";
    text.push_str(&format!("\n{}\n", wrapped(hint, columns, 0)));
    text
}

/// What there is to know of a verb, as lines of at most so many columns; the examples in both
/// syntaxes.
pub fn explained(verb: &Verb, columns: usize, palette: &Palette) -> String {
    let usage = format!("{} - {}", verb.usage(), verb.help);
    let usage = wrapped(&usage, columns.saturating_sub(INDENT), INDENT);
    let rest = usage.strip_prefix(verb.word).unwrap_or_default();
    let mut text = format!("{}{rest}\n", paint(palette.verb, verb.word));
    let is_known = PLACES.contains(&verb.place);
    for example in verb.examples {
        text.push_str(&format!("{:INDENT$}{example}\n", ""));
        if is_known && verb.fields.1 > 0 {
            let example = advice::with_colons(verb, example);
            text.push_str(&format!("{:INDENT$}{example}\n", ""));
        }
    }
    let more = match is_known {
        true => more(verb.name).to_owned(),
        false => format!("{}.", capital(verb.place.instead())),
    };
    if !more.is_empty() {
        text.push_str(&format!("{}\n", wrapped(&more, columns, 0)));
    }
    text
}

/// What else there is to know of a verb in the shell.
fn more(verb: Name) -> &'static str {
    match verb {
        Name::Get => {
            "Several values have numbers, unless colons were typed. NOT_FOUND: there is no such \
             key. A key with colons is typed as get user:1."
        }
        Name::Put => {
            "A value with blanks stands in quotes: put user \"john smith\". Behind colons it is \
             taken as it is: PUT:user:john smith."
        }
        Name::Update => "NOT_FOUND: there is no such key, or it does not hold OLD.",
        Name::Remove => {
            "The key goes with its last value. NOT_FOUND: there is no such key, or it does not \
             hold VALUE."
        }
        Name::Delete => "NOT_FOUND: there is no such key.",
        Name::List => "The first 1000 keys are shown. kvmsg-cli list prints all of them.",
        Name::Watch => {
            "At first all keys are watched. The first PREFIX replaces that, further ones add up. \
             Of more than 10 changes a second the rest is counted."
        }
        Name::Unwatch => "PREFIX is one that watch was given. Without it, nothing is watched.",
        Name::Stats => "kvmsg(7) says what each name means.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_keeps_to_the_columns_there_are() {
        let plain = Palette::default();
        for columns in [40, 80, 200] {
            let texts = known_verbs().map(|verb| explained(verb, columns, &plain));
            for text in texts.chain([operations(columns, &plain)]) {
                assert!(text.lines().all(|line| line.len() <= columns), "{text}");
            }
        }
        operations(0, &plain);
        let list = operations(80, &plain);
        let verbs = known_verbs().count();
        assert!(
            list.lines().count() <= verbs + 4,
            "one line a verb:\n{list}"
        );
    }

    #[test]
    fn a_plain_palette_writes_no_escapes() {
        assert!(!operations(80, &Palette::default()).contains('\x1b'));
    }
}
