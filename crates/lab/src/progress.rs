//! What a person sees while a run goes: a bar on a terminal, plain lines in a file or a pipe.
//!
//! On a terminal a bar over one line is redrawn in place on standard error. Elsewhere a plain line goes to standard output at the
//! start, at each twentieth of the way and at least once a minute, with no carriage return and no escape code in it.
//! [`line`](fn@line) makes the text of both and knows no clock.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// The pass over the data, from 1, and how many there will be.
    pub epoch: (u64, u64),
    /// Steps done, and how many there will be.
    pub step: (u64, u64),
    /// The loss summed over a caption, averaged over captions.
    pub loss_per_caption: f64,
    /// The loss averaged over words.
    pub loss_per_token: f64,
    /// Speed, once it is known.
    pub captions_per_second: Option<f64>,
    /// How long the rest will take, once it is known.
    pub remaining: Option<Duration>,
}

/// One line for people, without a line end.
///
/// ```
/// use lab::progress::{Snapshot, line};
/// let snapshot = Snapshot {
///     epoch: (3, 10),
///     step: (1200, 4000),
///     loss_per_caption: 31.4159,
///     loss_per_token: 2.71828,
///     captions_per_second: Some(812.3),
///     remaining: Some(std::time::Duration::from_secs(133)),
/// };
/// assert_eq!(
///     line(&snapshot),
///     "epoch 3/10  step 1200/4000 (30%)  loss 31.42/caption 2.718/token  812 captions/s  2m 13s left",
/// );
/// ```
pub fn line(snapshot: &Snapshot) -> String {
    format!("{}{}", standing(snapshot), pace(snapshot))
}

/// Where the run is and what it has learned; 80 columns hold it.
fn standing(snapshot: &Snapshot) -> String {
    let Snapshot { epoch, step, loss_per_caption, loss_per_token, .. } = snapshot;
    let (caption, token) = (digits(*loss_per_caption), digits(*loss_per_token));
    let percent = percent(*step);
    format!(
        "epoch {}/{}  step {}/{} ({percent}%)  loss {caption}/caption {token}/token",
        epoch.0, epoch.1, step.0, step.1
    )
}

/// How fast it goes and how long it will take, as far as that is known.
fn pace(snapshot: &Snapshot) -> String {
    let speed = snapshot.captions_per_second.map(|speed| {
        let speed = if speed < 100.0 { digits(speed) } else { format!("{speed:.0}") };
        format!("  {speed} captions/s")
    });
    let remaining = snapshot.remaining.filter(|_| snapshot.step.0 < snapshot.step.1);
    let remaining = remaining.map(|remaining| format!("  {} left", duration(remaining)));
    speed.unwrap_or_default() + &remaining.unwrap_or_default()
}

/// Whole percents, rounded down, so that 100 means done.
fn percent((done, all): (u64, u64)) -> u64 {
    let percent = if all == 0 { 100 } else { u128::from(done) * 100 / u128::from(all) };
    percent.min(100) as u64
}

/// Four significant digits, which is what a loss moves in.
fn digits(number: f64) -> String {
    match number.abs() {
        size if !size.is_finite() => number.to_string(),
        0.0 => "0".to_string(),
        size if !(0.000_099_995..9_999_999.5).contains(&size) => format!("{number:.3e}"),
        size => {
            let before = size.log10().floor() as i32 + 1;
            format!("{number:.*}", usize::try_from(4 - before).unwrap_or(0))
        }
    }
}

/// The two largest units of a time.
fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

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
                bar.set_prefix(pace(&snapshot));
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

/// When the next plain line is due.
#[derive(Debug, Default)]
struct Pace {
    /// The time and the twentieth of the last line.
    last: Option<(Duration, u64)>,
}

impl Pace {
    const SILENCE: Duration = Duration::from_secs(60);

    fn is_due(&mut self, now: Duration, step: (u64, u64)) -> bool {
        let twentieth = percent(step) / 5;
        let due = self.last.is_none_or(|(time, last)| last < twentieth || now >= time + Self::SILENCE);
        if due {
            self.last = Some((now, twentieth));
        }
        due
    }
}

/// How fast it goes, over the last steps: the first ones are slow, and a machine's load changes.
#[derive(Debug)]
struct Speed {
    /// Time, steps and captions after each of the last reports, oldest first.
    samples: std::collections::VecDeque<(Duration, u64, u64)>,
}

impl Speed {
    /// Reports that are looked back on.
    const SAMPLES: usize = 100;

    fn starting_at(done: u64) -> Self {
        Speed { samples: [(Duration::ZERO, done, 0)].into() }
    }

    fn add(&mut self, now: Duration, step: u64, captions: u64) {
        let before = self.samples.back().map_or(0, |sample| sample.2);
        self.samples.push_back((now, step, before + captions));
        if self.samples.len() > Self::SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Seconds, steps and captions between the oldest and the newest sample.
    fn span(&self) -> Option<(f64, u64, u64)> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.0.saturating_sub(first.0).as_secs_f64();
        (seconds > 0.0).then(|| (seconds, last.1.saturating_sub(first.1), last.2 - first.2))
    }

    fn captions_per_second(&self) -> Option<f64> {
        self.span().map(|(seconds, _, captions)| captions as f64 / seconds)
    }

    fn remaining(&self, steps: u64) -> Option<Duration> {
        let (seconds, made, _) = self.span().filter(|(_, made, _)| *made > 0)?;
        let left = steps.saturating_sub(self.samples.back()?.1);
        Duration::try_from_secs_f64(seconds / made as f64 * left as f64).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            epoch: (1, 10),
            step: (1, 400),
            loss_per_caption: 79.5,
            loss_per_token: 6.9101,
            captions_per_second: None,
            remaining: None,
        }
    }

    #[test]
    fn a_line_tells_what_is_known() {
        let check = |snapshot: &Snapshot, expected: &str| assert_eq!(line(snapshot), expected);
        let start = snapshot();
        check(&start, "epoch 1/10  step 1/400 (0%)  loss 79.50/caption 6.910/token");
        let slow = Snapshot { captions_per_second: Some(0.75), ..start };
        check(&slow, "epoch 1/10  step 1/400 (0%)  loss 79.50/caption 6.910/token  0.7500 captions/s");
        let end = Snapshot { step: (400, 400), remaining: Some(Duration::ZERO), ..start };
        check(&end, "epoch 1/10  step 400/400 (100%)  loss 79.50/caption 6.910/token");
        let lost = Snapshot { loss_per_caption: f64::NAN, loss_per_token: f64::INFINITY, ..start };
        check(&lost, "epoch 1/10  step 1/400 (0%)  loss NaN/caption inf/token");
    }

    #[test]
    fn numbers_have_four_digits() {
        let check = |number: f64, expected: &str| assert_eq!(digits(number), expected);
        check(0.0, "0");
        check(0.001234567, "0.001235");
        check(0.00001234567, "1.235e-5");
        check(9.87654, "9.877");
        check(98.7654, "98.77");
        check(-987.654, "-987.7");
        check(98765.4, "98765");
        check(1.5e12, "1.500e12");
    }

    #[test]
    fn times_have_two_units() {
        let check = |seconds, expected: &str| assert_eq!(duration(Duration::from_secs(seconds)), expected);
        check(0, "0s");
        check(59, "59s");
        check(61, "1m 01s");
        check(3599, "59m 59s");
        check(3600, "1h 00m");
        check(90_000, "1d 01h");
    }

    #[test]
    fn percents_are_rounded_down_and_bounded() {
        let check = |step, expected| assert_eq!(percent(step), expected);
        check((0, 3), 0);
        check((2, 3), 66);
        check((399, 400), 99);
        check((5, 3), 100);
        check((0, 0), 100);
        check((u64::MAX, u64::MAX), 100);
    }

    #[test]
    fn plain_lines_come_first_at_each_twentieth_and_after_a_silence() {
        let mut pace = Pace::default();
        let mut due = |seconds, step| pace.is_due(Duration::from_secs(seconds), (step, 1000));
        let asked =
            [(0, 1), (1, 2), (2, 49), (3, 50), (4, 51), (62, 60), (63, 61), (64, 300), (65, 301), (66, 1000)];
        let lines: Vec<u64> =
            asked.into_iter().filter(|(seconds, step)| due(*seconds, *step)).map(|ask| ask.1).collect();
        assert_eq!(lines, [1, 50, 61, 300, 1000]);
    }

    #[test]
    fn the_speed_is_that_of_the_last_steps_since_the_start_or_the_resumption() {
        let mut speed = Speed::starting_at(1000);
        assert_eq!((speed.captions_per_second(), speed.remaining(2000)), (None, None));
        speed.add(Duration::from_secs(2), 1001, 64);
        assert_eq!(speed.captions_per_second(), Some(32.0));
        assert_eq!(speed.remaining(1011), Some(Duration::from_secs(20)));
        for step in 1..=200 {
            speed.add(Duration::from_secs(2) + Duration::from_millis(step * 100), 1001 + step, 64);
        }
        assert_eq!(speed.captions_per_second(), Some(640.0));
        assert_eq!(speed.remaining(1301), Some(Duration::from_secs(10)));
        assert_eq!(speed.remaining(1000), Some(Duration::ZERO));
    }

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
