//! One training of one cell on one task.
//!
//! The optimiser is Adam behind clipping. Its rate rises over the first twentieth of the steps and falls along a cosine to
//! a tenth. So the last weights are not those of one noisy step, a rate that is a little too large is forgiven, and a short
//! training that chooses a rate is a long one in small; with a constant rate, the best one depends on how long the training
//! is.
//!
//! What a training sees is decided by its seed alone: the first weights by the streams of their names, the batch of
//! each step by the stream of the step's number. Held-out sequences come from a seed of their own, the same for all
//! cells and seeds.

use std::ops::ControlFlow;
use std::time::Instant;

use nn::{Adam, NamedCell, Params, TrainError, Trainer, schedule};
use tape::{DType, Engine, RunError};

use super::{AtLength, BeforeAndAfter, Outcome, Point, Purpose, Record, Settings};
use crate::behaviour::{self, Behaviour, BehaviourError};
use crate::progress::digits;
use crate::sequence_model::{Judgement, SequenceModel};
use crate::statistics::median;
use crate::tasks::{Batch, Task, generator};

/// The seed of held-out sequences, which no training has: those count up from 0.
const HELD_OUT: u64 = u64::MAX;

/// The first seed that is measured.
const FIRST: u64 = 1;

/// Which training of a cell on a task it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trial {
    /// What it is for.
    pub purpose: Purpose,
    /// Decides the first weights and the batches.
    pub seed: u64,
    /// The highest learning rate, which is reached after a twentieth of the steps.
    pub learning_rate: f64,
    /// The width of the hidden state.
    pub hidden: usize,
}

/// Trains a cell on a task, on the calling thread alone, and says how it went.
///
/// For the first measured seed, 1, the record has what the cell does before the first step and after the last one.
///
/// After each step, `watch` is told its number and its loss; when it breaks off, there is no record. Of the settings,
/// those of a single training count.
///
/// ```
/// use std::ops::ControlFlow;
/// use lab::compare::{Purpose, Settings, Trial, train};
/// use lab::tasks::Adding;
///
/// let gru = nn::cells::named("gru").unwrap();
/// let settings = Settings { steps: 20, ..Settings::default() };
/// let trial = Trial { purpose: Purpose::Measured, seed: 1, learning_rate: 0.01, hidden: 8 };
/// let record = train(&gru, &Adding { steps: 5 }, &settings, &trial, |_, _| ControlFlow::Continue(()))?.unwrap();
/// assert!(record.last().unwrap().loss < 0.5);
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If the task holds a value that the model cannot take. A loss that is not finite any more is no error, but an outcome.
///
/// # Panics
/// If the cell does.
pub fn train(
    cell: &NamedCell,
    task: &dyn Task,
    settings: &Settings,
    trial: &Trial,
    mut watch: impl FnMut(u64, f64) -> ControlFlow<()>,
) -> Result<Option<Record>, RunError> {
    let mut training = Training::new(cell, task, settings, trial);
    let before = training.observe()?;
    let mut outcome = Outcome::Finished;
    while training.step < training.steps {
        match training.take_step()? {
            ControlFlow::Break(diverged) => {
                outcome = diverged;
                break;
            }
            ControlFlow::Continue(loss) if watch(training.step, loss).is_break() => return Ok(None),
            ControlFlow::Continue(_) => {}
        }
    }
    let after = training.observe()?;
    let mut record = training.record(outcome)?;
    record.behaviour = before.zip(after).map(|(before, after)| BeforeAndAfter { before, after });
    Ok(Some(record))
}

/// A training in its course.
struct Training<'a> {
    cell: &'a NamedCell,
    task: &'a dyn Task,
    settings: &'a Settings,
    trial: &'a Trial,
    params: Params,
    model: SequenceModel,
    trainer: Trainer<Adam>,
    held_out: Batch,
    /// Steps taken, and all.
    step: u64,
    steps: u64,
    curve: Vec<Point>,
    /// The losses of the steps since the last point, summed, and how many they are.
    since_point: (f64, u64),
    /// What each step has taken, in milliseconds.
    times: Vec<f64>,
}

impl<'a> Training<'a> {
    fn new(cell: &'a NamedCell, task: &'a dyn Task, settings: &'a Settings, trial: &'a Trial) -> Self {
        let mut params = Params::seeded(DType::F32, trial.seed);
        let model = SequenceModel::new(&mut params, task, cell, trial.hidden);
        let mut trainer = Trainer::new(&mut params, Adam::new(trial.learning_rate));
        trainer.clip = settings.clip;
        // Comparisons have work for all processors in other trainings, and models as small as these gain nothing.
        trainer.engine = Engine::with_threads(1).expect("the calling thread is there");
        let held_out = task.draw_held_out(settings.held_out, task.length(), &mut generator(HELD_OUT, 0));
        Training {
            cell,
            task,
            settings,
            trial,
            params,
            model,
            trainer,
            held_out,
            step: 0,
            steps: settings.steps_of(trial.purpose),
            curve: Vec::new(),
            since_point: (0.0, 0),
            times: Vec::new(),
        }
    }

    /// The sequences of a step, counted from 1.
    fn batch(&self, step: u64) -> Batch {
        self.task.draw(self.settings.batch, self.task.length(), &mut generator(self.trial.seed, step))
    }

    /// Takes one step, and looks at held-out sequences when it is time; its loss, or how the training has ended.
    fn take_step(&mut self) -> Result<ControlFlow<Outcome, f64>, RunError> {
        let diverged = |step, problem| Ok(ControlFlow::Break(Outcome::Diverged { step, problem }));
        let batch = self.batch(self.step + 1);
        self.trainer.optimizer.learning_rate =
            self.trial.learning_rate * factor(self.step as usize, self.steps as usize);
        let (model, start) = (&self.model, Instant::now());
        let loss = match self.trainer.step(&mut self.params, |tape| model.loss(tape, &batch)) {
            Ok(report) => report.loss,
            Err(TrainError::Run(error)) => return Err(error),
            Err(TrainError::Loss { loss }) => return diverged(self.step + 1, format!("the loss is {loss}")),
            // A cell with a weight that its steps do not use: a mistake in its program, not an outcome.
            Err(error @ TrainError::Severed(_)) => panic!("{error}"),
            Err(TrainError::Gradient { loss, names }) => {
                let names = names.join(", ");
                return diverged(
                    self.step + 1,
                    format!("the loss is {}, but the gradients of {names} are not finite", digits(loss)),
                );
            }
            Err(error) => return diverged(self.step + 1, error.to_string()),
        };
        self.times.push(1e3 * start.elapsed().as_secs_f64());
        self.step += 1;
        self.since_point = (self.since_point.0 + loss, self.since_point.1 + 1);
        if self.step.is_multiple_of(self.settings.evaluate_every) || self.step == self.steps {
            let (sum, count) = std::mem::take(&mut self.since_point);
            let (engine, measure) = (&mut self.trainer.engine, self.task.measure());
            let Judgement { loss, score } =
                self.model.judge(engine, &self.params, &self.held_out, measure)?;
            if !loss.is_finite() {
                return diverged(self.step + 1, format!("the loss on held-out sequences is {loss}"));
            }
            let seconds = 1e-3 * self.times.iter().sum::<f64>();
            self.curve.push(Point {
                step: self.step,
                seconds,
                training_loss: sum / count as f64,
                loss,
                score,
            });
        }
        Ok(ControlFlow::Continue(loss))
    }

    /// What the cell does with the weights as they are: for the first seed that is measured, which stands for the others.
    fn observe(&self) -> Result<Option<Behaviour>, RunError> {
        let Trial { purpose, seed, .. } = *self.trial;
        if (purpose, seed) != (Purpose::Measured, FIRST) {
            return Ok(None);
        }
        match behaviour::observe(&self.params, &self.model, self.task, HELD_OUT) {
            Ok(behaviour) => Ok(Some(behaviour)),
            // Such a cell has nothing to show.
            Err(BehaviourError::NotFinite { .. }) => Ok(None),
            Err(BehaviourError::Run(error)) => Err(error),
        }
    }

    /// What the training has shown but the behaviour of the cell.
    fn record(mut self, outcome: Outcome) -> Result<Record, RunError> {
        let measured = self.trial.purpose == Purpose::Measured && outcome == Outcome::Finished;
        let mut lengths = Vec::new();
        for length in self.task.test_lengths().into_iter().filter(|_| measured) {
            let mut draws = generator(HELD_OUT, length as u64);
            let batch = self.task.draw_held_out(self.settings.held_out, length, &mut draws);
            let (engine, measure) = (&mut self.trainer.engine, self.task.measure());
            let Judgement { loss, score } = self.model.judge(engine, &self.params, &batch, measure)?;
            lengths.push(AtLength { length, loss, score });
        }
        let (model, batch) = (&self.model, self.batch(1));
        let working = self.trainer.bytes(&self.params, |tape| model.loss(tape, &batch));
        let held: usize = self.params.iter().map(|entry| 4 * entry.value.shape().len()).sum();
        Ok(Record {
            cell: self.cell.name.clone(),
            task: self.task.name(),
            purpose: self.trial.purpose,
            seed: self.trial.seed,
            learning_rate: self.trial.learning_rate,
            hidden: self.trial.hidden,
            parameters: self.params.weight_count(),
            outcome,
            curve: self.curve,
            milliseconds_per_step: median(&self.times).unwrap_or(f64::NAN),
            bytes: working + held,
            lengths,
            behaviour: None,
        })
    }
}

/// What the learning rate is multiplied by at a step, counted from 0.
fn factor(step: usize, steps: usize) -> f64 {
    schedule::warmup(step, steps / 20) * schedule::cosine(step, steps, 0.1)
}
