//! What a person sees while something long goes on: a bar on a terminal, plain lines in a file or a pipe.
//!
//! On a terminal a bar is redrawn in place on standard error, with one line on how it stands, one on how it got there, and
//! lines that are pinned below. Elsewhere a plain line goes to standard output at the start, at each twentieth of the way
//! and at least once a minute, with no carriage return and no escape code in it. What the lines say is the caller's;
//! [`digits`] and [`duration`] write its numbers, a [`Trend`] what went before, and [`wrapped`] breaks what is long.

mod bar;
mod text;
mod timing;
mod trend;

pub(crate) use text::broken;
pub use text::{columns, digits, duration, percent, wrapped};
pub use timing::Speed;
pub use trend::Trend;

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use bar::Bar;
use timing::Pace;

/// Shows how something stands; made at its start, told of each step, finished at its end.
///
/// ```
/// use lab::progress::{Progress, Text};
/// let mut progress = Progress::new(3, 0);
/// for step in 1..=3 {
///     progress.report((step, 3), || Text { standing: format!("step {step}/3"), ..Text::default() });
/// }
/// progress.finish();
/// ```
pub struct Progress {
    start: Instant,
    view: View,
}

/// What is shown of a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// Where it stands; 80 columns should hold it.
    pub standing: String,
    /// How fast it goes and how long it will take; beside the bar on a terminal, after the standing elsewhere.
    pub outlook: String,
    /// How it got there, in one line below the standing; on a terminal only.
    pub trend: String,
}

enum View {
    Bar(Bar),
    Lines { out: Box<dyn Write + Send>, pace: Pace },
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = match self.view {
            View::Bar(_) => "a bar",
            View::Lines { .. } => "lines",
        };
        f.debug_struct("Progress").field("start", &self.start).field("view", &view).finish()
    }
}

impl Progress {
    /// A view of so many steps, of which `done` were made before.
    pub fn new(steps: u64, done: u64) -> Progress {
        // With either of them elsewhere, codes or lines would land where nobody can use them.
        if std::io::stderr().is_terminal() && std::io::stdout().is_terminal() {
            Progress { start: Instant::now(), view: View::Bar(Bar::new(steps, done)) }
        } else {
            Progress::to_lines(Box::new(std::io::stdout()))
        }
    }

    /// The same in plain lines, wherever they go.
    pub fn to_lines(out: Box<dyn Write + Send>) -> Progress {
        Progress { start: Instant::now(), view: View::Lines { out, pace: Pace::default() } }
    }

    /// Says how many steps there are, when that was not known at the start.
    pub fn set_length(&mut self, steps: u64) {
        if let View::Bar(bar) = &self.view {
            bar.set_length(steps);
        }
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Shows where it stands after so many of all steps; the text is only asked for when it is shown.
    pub fn report(&mut self, steps: (u64, u64), text: impl FnOnce() -> Text) {
        let now = self.elapsed();
        match &mut self.view {
            View::Bar(bar) => bar.show(steps.0, text()),
            View::Lines { out, pace } => {
                if pace.is_due(now, steps) {
                    let Text { standing, outlook, .. } = text();
                    print(out, &(standing + &outlook));
                }
            }
        }
    }

    /// Prints a line that stays, such as a sample or a result; a bar moves below it.
    pub fn println(&mut self, text: &str) {
        match &mut self.view {
            View::Bar(bar) => bar.aside(|| print(&mut std::io::stdout(), text)),
            View::Lines { out, .. } => print(out, text),
        }
    }

    /// Lines that stand below the bar until others take their place, such as samples; elsewhere each is printed.
    pub fn pin(&mut self, lines: &[String]) {
        match &mut self.view {
            View::Bar(bar) => bar.pin(lines),
            View::Lines { out, .. } => lines.iter().for_each(|line| print(out, &format!("  {line}"))),
        }
    }

    /// Ends the view; of a bar its last text and the pinned lines stay.
    pub fn finish(self) {
        if let View::Bar(bar) = self.view {
            bar.finish().iter().for_each(|line| print(&mut std::io::stdout(), line));
        }
    }
}

/// A reader that has gone, as `head` does, ends the lines and not the training.
fn print(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A file whose content can be looked at.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_piped_is_lines_and_nothing_else() {
        let out = Shared::default();
        let mut progress = Progress::to_lines(Box::new(out.clone()));
        for step in 1..=200 {
            let text = || Text {
                standing: format!("step {step}/200"),
                outlook: "  soon".to_string(),
                trend: "▇▅▂".to_string(),
            };
            progress.report((step, 200), text);
            if step == 100 {
                progress.pin(&["a dog on a beach".to_string()]);
            }
        }
        progress.finish();
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 22, "the first, twenty more, and the sample:\n{text}");
        assert_eq!(lines[0], "step 1/200  soon");
        assert_eq!(lines[11], "  a dog on a beach");
        assert_eq!(lines[21], "step 200/200  soon");
    }
}
