//! Shows a person how far something has got, in one line on standard error that comes and goes.
//!
//! Where standard error is no terminal nothing of it is ever written.

use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::tcgetwinsize;
use std::io;

/// What a bar consists of.
const MARKS: &str = "=> ";

/// What stands around a bar, in columns, about.
const AROUND_COLUMNS: usize = 36;

/// How wide a bar is, in columns, at least and at most.
const BAR_COLUMNS: (usize, usize) = (4, 40);

/// A line that is drawn anew as things go on.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// How much of so many bytes is done; how many are done, if nobody knows of how many.
    pub fn of_bytes(total: Option<u64>) -> Progress {
        match total {
            Some(total) => Progress::of_count(total),
            None => {
                let template = "{msg}, {bytes}, {bytes_per_sec}";
                Progress::new(ProgressBar::no_length(), template)
            }
        }
    }

    /// How much of `total` is done.
    pub fn of_count(total: u64) -> Progress {
        let columns = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let (least, most) = BAR_COLUMNS;
        let width = columns.saturating_sub(AROUND_COLUMNS).clamp(least, most);
        let template = format!("{{msg}} [{{bar:{width}}}] {{percent}}% {{eta}}");
        Progress::new(ProgressBar::new(total), &template)
    }

    fn new(bar: ProgressBar, template: &str) -> Progress {
        // The templates above are right; a wrong one would only leave the usual one.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars(MARKS));
        }
        Progress(bar)
    }

    /// One that shows nothing.
    pub fn hidden() -> Progress {
        Progress(ProgressBar::hidden())
    }

    /// Whether anybody sees it.
    pub fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// So much is done now.
    pub fn reach(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Says something beside the bar.
    pub fn say(&self, text: String) {
        self.0.set_message(text);
    }

    /// Lets something else write to the terminal, above the line.
    pub fn aside(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
