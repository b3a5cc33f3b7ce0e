//! Colours what the shell says, or does not: on a terminal that wants none everything is plain.

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use std::io;

/// What each kind of text looks like. The styles of a plain palette are written as nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Palette {
    /// A verb in a list.
    pub verb: Style,
    /// A heading, and what introduces a reply.
    pub heading: Style,
    /// That something was done.
    pub good: Style,
    /// That there was nothing to act on.
    pub missing: Style,
    /// That something went wrong.
    pub bad: Style,
    /// A change made by somebody else.
    pub notice: Style,
    /// What is there only to help the eye.
    pub faint: Style,
}

impl Palette {
    /// The palette for standard output. `NO_COLOR`, `CLICOLOR` and `TERM` are honoured.
    pub fn of_stdout() -> Palette {
        match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => Palette::default(),
            // anstream colours any terminal where the variable CI is set.
            _ if is_dumb() => Palette::default(),
            _ => Palette::coloured(),
        }
    }

    fn coloured() -> Palette {
        let colour = |colour: AnsiColor| colour.on_default();
        Palette {
            verb: colour(AnsiColor::Cyan).bold(),
            heading: Style::new().bold(),
            good: colour(AnsiColor::Green),
            missing: colour(AnsiColor::Yellow),
            bad: colour(AnsiColor::Red),
            notice: colour(AnsiColor::Magenta),
            faint: colour(AnsiColor::BrightBlack),
        }
    }

    /// Whether this palette has no colours.
    pub fn is_plain(&self) -> bool {
        self.faint.is_plain()
    }
}

/// `text` in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether the terminal says of itself that it understands no escape sequences.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
