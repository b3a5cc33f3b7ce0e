//! Helps while a line is being typed: completes, hints, and colours what is typed.

use super::complete;
use super::hint::{self, Hint};
use super::keys::{Found, Keys};
use super::palette::{Palette, paint};
use super::screen::Screen;
use super::watched::Watched;
use super::words;
use crate::verbs::Name;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::sync::Arc;

/// What the line editor calls while somebody types.
#[derive(Debug)]
pub struct Assist {
    /// Told when a line begins and ends.
    pub screen: Arc<Screen>,
    /// Asked for keys.
    pub keys: Keys,
    /// What can be unwatched.
    pub watched: Watched,
    /// How hints look; without colours there are none, for they would look like what was typed.
    pub palette: Palette,
}

impl Helper for Assist {}

impl Completer for Assist {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..pos).unwrap_or(line);
        let find = |verb: Name, beginning: &[u8]| match verb {
            Name::Unwatch => Found::among(&self.watched.prefixes(), beginning),
            _ => self.keys.starting(beginning),
        };
        Ok(complete::complete(typed, &find))
    }
}

impl Hinter for Assist {
    type Hint = Hint;

    /// Called first of all when a line begins, and whenever it changes.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Hint> {
        self.screen.edit();
        let is_wanted = pos == line.len() && !self.palette.is_plain();
        is_wanted.then(|| hint::hint(line)).flatten()
    }
}

impl Highlighter for Assist {
    /// A verb looks like one as soon as it is typed, and a word that is none as soon as it ends.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let start = line.len() - line.trim_ascii_start().len();
        let is_end = |letter: char| letter == ':' || letter.is_ascii_whitespace();
        let length = line[start..].find(is_end);
        let end = length.map_or(line.len(), |length| start + length);
        let style = match words::known_verb(&line.as_bytes()[start..end]) {
            Some(_) => self.palette.verb,
            None if length.is_some() && !line[start..].starts_with(['"', '\'']) => self.palette.bad,
            None => return Cow::Borrowed(line),
        };
        let (before, word, after) = (&line[..start], &line[start..end], &line[end..]);
        Cow::Owned(format!("{before}{}{after}", paint(style, word)))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(paint(self.palette.heading, prompt))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(paint(self.palette.faint, hint))
    }
}

impl Validator for Assist {
    /// Called when a line is accepted.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.screen.leave();
        Ok(ValidationResult::Valid(None))
    }
}
