//! What a person sees of a comparison: one bar or line for all of it, and each result as it comes.
//!
//! ```text
//! 7/30 trainings  copy rnn seed 2 step 300/2000 loss 0.1234, copy gru rate 0.01 step 40/500 loss 2.197  2m 13s left
//! copy  rnn  seed 1: accuracy 0.4531
//! ```

use std::ops::ControlFlow;
use std::time::Duration;

use super::estimate::Estimate;
use super::{Experiment, Job, Outcome, Outline, Purpose, Record, Settings, View};
use crate::progress::{Progress, Text, digits, duration};
use crate::tasks::Measure;

/// A view on a terminal, or as plain lines in a pipe.
#[derive(Debug)]
pub struct ProgressView {
    /// How each task is judged.
    measures: Vec<(String, Measure)>,
    settings: Settings,
    progress: Progress,
    estimate: Estimate,
    trainings: (usize, usize),
    steps: (u64, u64),
    running: Vec<Running>,
}

/// A training that is going on.
#[derive(Debug)]
struct Running {
    job: Job,
    step: u64,
    loss: f64,
    /// When the last step was reported.
    time: Duration,
}

impl ProgressView {
    /// A view of an experiment; it shows nothing before that begins.
    pub fn new(experiment: &Experiment) -> ProgressView {
        ProgressView::on(Progress::new(0, 0), experiment)
    }

    /// The same on a bar or on lines that are there.
    pub fn on(progress: Progress, experiment: &Experiment) -> ProgressView {
        ProgressView {
            measures: experiment.tasks.iter().map(|task| (task.name.clone(), task.measure)).collect(),
            settings: experiment.settings.clone(),
            progress,
            estimate: Estimate::default(),
            trainings: (0, 0),
            steps: (0, 0),
            running: Vec::new(),
        }
    }

    /// Ends the view.
    pub fn finish(self) {
        self.progress.finish();
    }

    fn show(&mut self) {
        let ProgressView { progress, estimate, trainings: (done, all), steps, running, .. } = self;
        progress.report(*steps, || {
            let running: Vec<String> = running.iter().map(Running::text).collect();
            let remaining = estimate.remaining(*all - *done).filter(|_| done < all);
            Text {
                standing: format!("{done}/{all} trainings  {}", running.join(", ")).trim_end().to_string(),
                outlook: remaining.map_or(String::new(), |time| format!("  {} left", duration(time))),
                ..Text::default()
            }
        });
    }
}

impl View for ProgressView {
    fn begin(&mut self, outline: &Outline) {
        self.estimate = Estimate::new(outline);
        (self.trainings, self.steps) = (outline.trainings, outline.steps);
        self.progress.set_length(outline.steps.1);
        self.show();
    }

    fn step(&mut self, job: &Job, step: u64, loss: f64) -> ControlFlow<()> {
        let now = self.progress.elapsed();
        // The first step of a training also plans: how long it took is not known, and says nothing of the others.
        let before = match self.running.iter_mut().find(|running| running.job == *job) {
            Some(running) => {
                (running.step, running.loss) = (step, loss);
                Some(std::mem::replace(&mut running.time, now))
            }
            None => {
                self.running.push(Running { job: job.clone(), step, loss, time: now });
                None
            }
        };
        self.estimate.done(&job.cell, &job.task, 1, before.map(|before| now.saturating_sub(before)));
        self.steps.0 += 1;
        self.show();
        ControlFlow::Continue(())
    }

    fn end(&mut self, record: &Record) -> ControlFlow<()> {
        self.trainings.0 += 1;
        let running = self.running.iter().position(|running| running.job.is_of(record));
        let seen = running.map_or(0, |index| self.running.remove(index).step);
        // What diverged leaves out steps that others take, and of another rank none is seen.
        let unseen = self.settings.steps_of(record.purpose).saturating_sub(seen);
        self.estimate.done(&record.cell, &record.task, unseen, None);
        self.steps.0 += unseen;
        let measure =
            self.measures.iter().find(|(task, _)| *task == record.task).map(|(_, measure)| *measure);
        self.progress.println(&line(record, measure));
        self.show();
        ControlFlow::Continue(())
    }
}

impl Running {
    fn text(&self) -> String {
        let Running { job, step, loss, .. } = self;
        let trial = trial(job.trial.purpose, job.trial.seed, job.trial.learning_rate);
        format!("{} {} {trial} step {step}/{} loss {}", job.task, job.cell, job.steps, digits(*loss))
    }
}

/// Which training of a cell on a task it is, in words.
fn trial(purpose: Purpose, seed: u64, learning_rate: f64) -> String {
    match purpose {
        Purpose::Sweep => format!("rate {learning_rate}"),
        Purpose::Measured => format!("seed {seed}"),
    }
}

/// A result as a line.
fn line(record: &Record, measure: Option<Measure>) -> String {
    let Record { cell, task, purpose, seed, learning_rate, .. } = record;
    let result = match (&record.outcome, record.last(), measure) {
        (Outcome::Diverged { step, problem }, _, _) => format!("diverged at step {step}: {problem}"),
        (_, Some(point), Some(measure)) => {
            let other = if measure == Measure::SquaredError {
                String::new()
            } else {
                format!(", loss {}", digits(point.loss))
            };
            format!("{} {}{other}", measure.name(), digits(point.score))
        }
        _ => "finished".to_string(),
    };
    format!("{task}  {cell}  {}: {result}", trial(*purpose, *seed, *learning_rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Trial;

    #[test]
    fn a_training_that_has_ended_has_no_steps_before_it_however_few_were_seen() {
        let settings = Settings { steps: 100, ..Settings::default() };
        let experiment = Experiment { cells: Vec::new(), tasks: Vec::new(), settings };
        let mut view = ProgressView::on(Progress::to_lines(Box::new(std::io::sink())), &experiment);
        view.begin(&Outline { trainings: (0, 3), steps: (0, 300), ..Outline::default() });
        let trial = |seed| Trial { purpose: Purpose::Measured, seed, learning_rate: 0.01, hidden: 4 };
        let job = |seed| Job { cell: "rnn".into(), task: "copy".into(), trial: trial(seed), steps: 100 };
        let record = |seed, step| Record {
            cell: "rnn".into(),
            task: "copy".into(),
            purpose: Purpose::Measured,
            seed,
            learning_rate: 0.01,
            hidden: 4,
            parameters: 1,
            outcome: Outcome::Diverged { step, problem: "the loss is NaN".into() },
            curve: Vec::new(),
            milliseconds_per_step: 1.0,
            bytes: 1,
            lengths: Vec::new(),
            behaviour: None,
        };
        // All steps, some, and none, as when the first one diverges or another rank has taken them.
        for (number, steps) in [(1, 100), (2, 7), (3, 0)] {
            for step in 1..=steps {
                assert!(view.step(&job(number), step, 0.5).is_continue());
            }
            assert!(view.end(&record(number, steps + 1)).is_continue());
            assert_eq!((view.trainings, view.steps), ((number as usize, 3), (100 * number, 300)));
        }
    }
}
