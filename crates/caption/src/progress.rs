//! What a person sees while a captioner is trained, in a captioner's words; where it is shown is the business of
//! [`lab::progress`].

use std::io::Write;
use std::time::Duration;

use lab::progress::{self, Speed, Text, Trend, digits, duration, percent};

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

/// Shows how a training stands; made at its start, told of each step, finished at its end.
#[derive(Debug)]
pub struct Progress {
    epochs: u64,
    steps: u64,
    speed: Speed,
    /// Of the loss per token.
    trend: Trend,
    view: progress::Progress,
}

impl Progress {
    /// A view of a training of so many epochs and steps, of which `done` steps were made before it was resumed.
    pub fn new(epochs: u64, steps: u64, done: u64) -> Self {
        Progress::on(progress::Progress::new(steps, done), epochs, steps, done)
    }

    /// The same in plain lines, wherever they go.
    pub fn to_lines(epochs: u64, steps: u64, done: u64, out: Box<dyn Write + Send>) -> Self {
        Progress::on(progress::Progress::to_lines(out), epochs, steps, done)
    }

    fn on(view: progress::Progress, epochs: u64, steps: u64, done: u64) -> Self {
        Progress { epochs, steps, speed: Speed::starting_at(done), trend: Trend::default(), view }
    }

    /// Shows the state after a step.
    pub fn report(&mut self, step: &Step) {
        self.speed.add(self.view.elapsed(), step.step, step.captions);
        let snapshot = Snapshot {
            epoch: (step.epoch, self.epochs),
            step: (step.step, self.steps),
            loss_per_caption: step.loss_per_caption,
            loss_per_token: step.loss_per_token,
            captions_per_second: self.speed.per_second(),
            remaining: self.speed.remaining(self.steps),
        };
        self.trend.push(step.loss_per_token);
        let trend = &self.trend;
        let text = || Text {
            standing: standing(&snapshot),
            outlook: outlook(&snapshot),
            trend: format!("loss/token {trend}"),
        };
        self.view.report(snapshot.step, text);
    }

    /// Lines that stay in sight until others take their place, such as sample captions.
    pub fn pin(&mut self, lines: &[String]) {
        self.view.pin(lines);
    }

    /// Prints a line that stays, such as a result; a bar moves below it.
    pub fn println(&mut self, text: &str) {
        self.view.println(text);
    }

    /// Ends the view; of a bar its last text stays.
    pub fn finish(self) {
        self.view.finish();
    }
}

/// How a training stands.
#[derive(Clone, Copy)]
struct Snapshot {
    /// The pass over the data, from 1, and how many there will be.
    epoch: (u64, u64),
    /// Steps done, and how many there will be.
    step: (u64, u64),
    loss_per_caption: f64,
    loss_per_token: f64,
    /// Speed, once it is known.
    captions_per_second: Option<f64>,
    /// How long the rest will take, once it is known.
    remaining: Option<Duration>,
}

/// Where the training is and what it has learned; 80 columns hold it.
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
fn outlook(snapshot: &Snapshot) -> String {
    let speed = snapshot.captions_per_second.map(|speed| {
        let speed = if speed < 100.0 { digits(speed) } else { format!("{speed:.0}") };
        format!("  {speed} captions/s")
    });
    let remaining = snapshot.remaining.filter(|_| snapshot.step.0 < snapshot.step.1);
    let remaining = remaining.map(|remaining| format!("  {} left", duration(remaining)));
    speed.unwrap_or_default() + &remaining.unwrap_or_default()
}

#[cfg(test)]
mod tests {
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
        let check = |snapshot: &Snapshot, expected: &str| {
            assert_eq!(standing(snapshot) + &outlook(snapshot), expected);
        };
        let start = snapshot();
        check(&start, "epoch 1/10  step 1/400 (0%)  loss 79.50/caption 6.910/token");
        let slow = Snapshot { captions_per_second: Some(0.75), ..start };
        check(&slow, "epoch 1/10  step 1/400 (0%)  loss 79.50/caption 6.910/token  0.7500 captions/s");
        let underway = Snapshot {
            epoch: (3, 10),
            step: (1200, 4000),
            loss_per_caption: 31.4159,
            loss_per_token: 2.7184,
            captions_per_second: Some(812.3),
            remaining: Some(Duration::from_secs(133)),
        };
        check(
            &underway,
            "epoch 3/10  step 1200/4000 (30%)  loss 31.42/caption 2.718/token  812 captions/s  2m 13s left",
        );
        let end = Snapshot { step: (400, 400), remaining: Some(Duration::ZERO), ..start };
        check(&end, "epoch 1/10  step 400/400 (100%)  loss 79.50/caption 6.910/token");
        let lost = Snapshot { loss_per_caption: f64::NAN, loss_per_token: f64::INFINITY, ..start };
        check(&lost, "epoch 1/10  step 1/400 (0%)  loss NaN/caption inf/token");
    }
}
