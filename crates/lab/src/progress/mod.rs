//! What a person sees while a run goes: a bar on a terminal, plain lines in a file or a pipe.
//!
//! On a terminal a bar over one line is redrawn in place on standard error. Elsewhere a plain line goes to standard
//! output at the start, at each twentieth of the way and at least once a minute, with no carriage return and no escape
//! code in it. [`line`](fn@line) makes the text of both.

mod text;
mod timing;

pub use text::{Snapshot, line};

use std::io::{IsTerminal, Write};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use text::{outlook, standing};
use timing::{Pace, Speed};

/// What a step did, for [`Progress::report`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The pass over the data, from 1.
    pub epoch: u64,
    /// Steps done so far, this one included.
    pub step: u64,
    /// Captions learned from since the last report.
    pub captions: u64,
    /// The loss summed over a caption, averaged over captions.
    pub loss_per_caption: f64,
    /// The loss averaged over words.
    pub loss_per_token: f64,
}

/// Shows how a run stands; made at its start, told of each step, finished at its end.
pub struct Progress {
    epochs: u64,
    steps: u64,
    start: Instant,
    speed: Speed,
    view: View,
}

enum View {
    Bar(ProgressBar),
    Lines { out: Box<dyn Write + Send>, pace: Pace },
}

impl Progress {
    /// A view of a run of so many epochs and steps, of which `done` steps were made before it was resumed.
    pub fn new(epochs: u64, steps: u64, done: u64) -> Self {
        // With either of them elsewhere, codes or lines would land where nobody can use them.
        if std::io::stderr().is_terminal() && std::io::stdout().is_terminal() {
            let bar = ProgressBar::new(steps).with_position(done);
            // The message is cut to the terminal's width; were it to wrap, each redraw would leave a line behind.
            let style = ProgressStyle::with_template("{wide_bar}{prefix}\n{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Self::with_view(epochs, steps, done, View::Bar(bar))
        } else {
            Self::to_lines(epochs, steps, done, Box::new(std::io::stdout()))
        }
    }

    /// The same in plain lines, wherever they go.
    pub fn to_lines(epochs: u64, steps: u64, done: u64, out: Box<dyn Write + Send>) -> Self {
        Self::with_view(epochs, steps, done, View::Lines { out, pace: Pace::default() })
    }

    fn with_view(epochs: u64, steps: u64, done: u64, view: View) -> Self {
        Progress { epochs, steps, start: Instant::now(), speed: Speed::starting_at(done), view }
    }

    /// Shows the state after a step.
    pub fn report(&mut self, step: &Step) {
        let now = self.start.elapsed();
        self.speed.add(now, step.step, step.captions);
        let snapshot = Snapshot {
            epoch: (step.epoch, self.epochs),
            step: (step.step, self.steps),
            loss_per_caption: step.loss_per_caption,
            loss_per_token: step.loss_per_token,
            captions_per_second: self.speed.captions_per_second(),
            remaining: self.speed.remaining(self.steps),
        };
        match &mut self.view {
            View::Bar(bar) => {
                bar.set_position(step.step);
                bar.set_prefix(outlook(&snapshot));
                bar.set_message(standing(&snapshot));
            }
            View::Lines { out, pace } => {
                if pace.is_due(now, snapshot.step) {
                    print(out, &line(&snapshot));
                }
            }
        }
    }

    /// Prints a line that stays, such as a sample caption; a bar moves below it.
    pub fn println(&mut self, text: &str) {
        match &mut self.view {
            View::Bar(bar) => bar.suspend(|| print(&mut std::io::stdout(), text)),
            View::Lines { out, .. } => print(out, text),
        }
    }

    /// Ends the view; of a bar its last text stays.
    pub fn finish(self) {
        if let View::Bar(bar) = self.view {
            bar.finish_and_clear();
            if !bar.message().is_empty() {
                print(&mut std::io::stdout(), &(bar.message() + bar.prefix().as_str()));
            }
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
        let mut progress = Progress::to_lines(2, 200, 0, Box::new(out.clone()));
        for step in 1..=200 {
            let epoch = 1 + (step - 1) / 100;
            progress.report(&Step { epoch, step, captions: 32, loss_per_caption: 50.0, loss_per_token: 5.0 });
            if step == 100 {
                progress.println("a dog on a beach");
            }
        }
        progress.finish();
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 22, "the first, twenty more, and the sample:\n{text}");
        assert!(lines[0].starts_with("epoch 1/2  step 1/200 (0%)  loss 50.00/caption 5.000/token"), "{text}");
        assert_eq!(lines[11], "a dog on a beach");
        assert!(lines[21].starts_with("epoch 2/2  step 200/200 (100%)"), "{text}");
    }
}
