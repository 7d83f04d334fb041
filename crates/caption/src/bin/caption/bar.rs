//! How much of a long work is done: a bar on a terminal, elsewhere lines.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::ranks::speaks;

/// A bar on a terminal; elsewhere a line every few seconds.
pub struct Bar {
    bar: ProgressBar,
    what: &'static str,
    /// When the last line was printed, where lines are.
    printed: Option<Mutex<Instant>>,
}

/// The time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Bar {
    /// A bar of things that are called so.
    pub fn new(what: &'static str) -> Bar {
        // Drawn on standard error, and hidden where that is no terminal.
        let bar = ProgressBar::new(0).with_message(what);
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}, {eta} left");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let printed = bar.is_hidden().then(|| Mutex::new(Instant::now()));
        Bar { bar, what, printed }
    }

    /// Shows that so many are done, of how many; may be called from several threads.
    pub fn show(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        // A thread that finds another printing has nothing to add.
        if speaks()
            && let Some(mut last) = self.printed.as_ref().and_then(|printed| printed.try_lock().ok())
            && last.elapsed() >= BETWEEN_LINES
        {
            *last = Instant::now();
            eprintln!("{done} of {total} {}", self.what);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
