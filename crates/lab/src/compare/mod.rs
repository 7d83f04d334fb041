//! Cells side by side on tasks: the same budget, several seeds, the best learning rate of each.
//!
//! For each cell and task,
//!
//! 1. the hidden width is found that a budget of parameters allows ([`hidden_width`]);
//! 2. seed 0, which is not measured, is trained a little with each learning rate; the rate with the least held-out loss at
//!    the end is the one for this cell on this task;
//! 3. the seeds 1, 2, … are trained with it and measured ([`train`]).
//!
//! Trainings share nothing, so they run beside one another, each on one thread, and their results do not depend on how
//! many do. Each is a line of `metrics.jsonl` as soon as it has ended. Whoever stops the program at any moment loses the
//! trainings that are running and no other: the same comparison in the same folder goes on with those that are missing.

mod error;
mod estimate;
pub mod experiment;
mod matching;
mod progress_view;
mod queue;
pub mod record;
mod remote;
mod results;
mod training;
mod view;

pub use error::CompareError;
pub use experiment::{BaselineAt, CellFacts, Experiment, Settings, Size, TaskFacts};
pub use matching::{hidden_width, parameters};
pub use progress_view::ProgressView;
pub use record::{AtLength, BeforeAndAfter, Outcome, Point, Purpose, Record};
pub use results::{CSV, read};
pub use training::{Trial, train};
pub use view::{Job, Left, Outline, View};

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nn::{Exchange, NamedCell};
use serde::{Deserialize, Serialize};
use tape::RunError;

use crate::run_dir::RunDir;
use crate::tasks::Task;
use experiment::first_twice;
use remote::Seat;

/// Cells, tasks, and how every cell is trained on every task.
///
/// ```
/// use lab::compare::{Comparison, Settings, Size};
/// use lab::tasks::Adding;
/// use nn::{GruResetAfter, NamedCell, VanillaRnn};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let out = folder.path().join("first");
/// let comparison = Comparison {
///     cells: vec![
///         NamedCell::new("rnn", "one tanh", VanillaRnn::new),
///         NamedCell::new("mine", "a gated unit", GruResetAfter::new),
///     ],
///     tasks: vec![Box::new(Adding { steps: 5 })],
///     settings: Settings { size: Size::Hidden(8), seeds: 2, steps: 20, sweep_steps: 10, ..Settings::default() },
/// };
/// let records = comparison.run(&out, 2, &mut ())?;
/// assert_eq!(records.len(), 2 * (3 + 2), "three learning rates and two seeds of two cells");
/// println!("{}", lab::report::Comparison::new(comparison.experiment(), records).text());
/// # Ok::<(), lab::compare::CompareError>(())
/// ```
pub struct Comparison {
    /// The cells, each with a name of its own, in the order in which they are shown.
    pub cells: Vec<NamedCell>,
    /// The tasks, each with a name of its own, in the order in which they are shown.
    pub tasks: Vec<Box<dyn Task>>,
    /// How every cell is trained on every task.
    pub settings: Settings,
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { cells, tasks, settings } = self;
        let tasks: Vec<String> = tasks.iter().map(|task| task.name()).collect();
        f.debug_struct("Comparison")
            .field("cells", cells)
            .field("tasks", &tasks)
            .field("settings", settings)
            .finish()
    }
}

impl Comparison {
    /// What is written down of the comparison.
    pub fn experiment(&self) -> Experiment {
        let facts = |cell: &NamedCell| CellFacts { name: cell.name.clone(), about: cell.about.clone() };
        Experiment {
            cells: self.cells.iter().map(facts).collect(),
            tasks: self.tasks.iter().map(|task| TaskFacts::of(task.as_ref())).collect(),
            settings: self.settings.clone(),
        }
    }

    /// Does all trainings that the folder `out` does not hold yet, on so many threads; gives all of them, in the order of
    /// tasks and cells.
    ///
    /// # Errors
    /// If there is nothing to compare, a cell has no width near the budget, the folder holds something else or cannot be
    /// written, a task holds a value that a model cannot take, or the view asked to stop. What was finished is kept.
    ///
    /// # Panics
    /// If a cell does, as with a mistake in its shapes.
    pub fn run(&self, out: &Path, threads: usize, view: &mut dyn View) -> Result<Vec<Record>, CompareError> {
        self.run_with(out, threads, Vec::new(), view)
    }

    /// The same, where the other ranks of an exchange do trainings too, so many at a time as each says by its `threads`. All of them
    /// must have the same comparison. The first alone writes and watches, and has the records in the end; the others have none.
    ///
    /// # Errors
    /// As for [`run`](Comparison::run), and if ranks cannot reach each other.
    ///
    /// # Panics
    /// As [`run`](Comparison::run) does.
    pub fn run_on_ranks(
        &self,
        exchange: &Arc<Exchange>,
        out: &Path,
        threads: usize,
        view: &mut dyn View,
    ) -> Result<Option<Vec<Record>>, CompareError> {
        let seats = remote::seats(exchange, threads).map_err(CompareError::Ranks)?;
        if exchange.rank() > 0 {
            let pairs = self.pairs()?;
            let train = |slot: Slot| self.train(&pairs, slot, |_, _| ControlFlow::Continue(()));
            return remote::serve(exchange, threads, train).map(|()| None).map_err(CompareError::Ranks);
        }
        let result = self.run_with(out, threads, seats.clone(), view);
        remote::dismiss(&seats).map_err(CompareError::Ranks)?;
        result.map(Some)
    }

    /// Does trainings on threads of this process and in seats of others.
    fn run_with(
        &self,
        out: &Path,
        threads: usize,
        seats: Vec<Seat>,
        view: &mut dyn View,
    ) -> Result<Vec<Record>, CompareError> {
        self.check()?;
        let pairs = self.pairs()?;
        let experiment = self.experiment();
        let run = RunDir::open(out, &experiment)?;
        let (_, records) = read(out)?;
        let pairs = Arc::new(pairs);
        let desk = Desk { comparison: self, pairs, run, view, records, problem: None };
        let jobs: Vec<Slot> = (0..desk.pairs.len()).flat_map(|pair| desk.missing(pair)).collect();
        let threads = threads.max(1);
        let outline = desk.outline(threads + seats.len());
        desk.view.begin(&outline);

        let desk = Mutex::new(desk);
        queue::work(threads + seats.len(), jobs, |thread, slot| {
            let seat = thread.checked_sub(threads).map(|seat| &seats[seat]);
            Desk::work(&desk, slot, seat)
        });
        let Desk { mut records, problem, .. } = desk.into_inner().unwrap_or_else(PoisonError::into_inner);
        results::sort(&mut records, &experiment);
        results::write_csv(out, &experiment, &records)?;
        problem.map_or(Ok(records), Err)
    }

    /// Does one training.
    fn train(
        &self,
        pairs: &[Pair<'_>],
        slot: Slot,
        watch: impl FnMut(u64, f64) -> ControlFlow<()>,
    ) -> Result<Option<Record>, RunError> {
        let Pair { cell, task, .. } = pairs[slot.pair];
        train(cell, task, &self.settings, &self.job(pairs, slot).trial, watch)
    }

    fn job(&self, pairs: &[Pair<'_>], slot: Slot) -> Job {
        let Pair { cell, task_name, hidden, .. } = &pairs[slot.pair];
        let Slot { purpose, seed, rate, .. } = slot;
        let learning_rate = self.settings.learning_rates[rate];
        Job {
            cell: cell.name.clone(),
            task: task_name.clone(),
            trial: Trial { purpose, seed, learning_rate, hidden: *hidden },
            steps: self.settings.steps_of(purpose),
        }
    }

    fn check(&self) -> Result<(), CompareError> {
        self.settings.check()?;
        let names = [
            ("cell", self.cells.iter().map(|cell| cell.name.clone()).collect::<Vec<_>>()),
            ("task", self.tasks.iter().map(|task| task.name()).collect()),
        ];
        for (kind, names) in names {
            let refused = |problem| Err(CompareError::Settings(problem));
            if names.is_empty() {
                return refused(format!("there is no {kind} to compare; give one or more"));
            }
            if let Some(name) = first_twice(&names) {
                return refused(format!("the {kind} `{name}` is given twice; give each once"));
            }
        }
        Ok(())
    }

    /// Each cell on each task, with the hidden width of the cell.
    fn pairs(&self) -> Result<Vec<Pair<'_>>, CompareError> {
        let mut pairs = Vec::new();
        for task in &self.tasks {
            for cell in &self.cells {
                let hidden = hidden_width(cell, task.as_ref(), self.settings.size)?;
                pairs.push(Pair { cell, task: task.as_ref(), task_name: task.name(), hidden });
            }
        }
        Ok(pairs)
    }
}

/// A cell on a task.
struct Pair<'a> {
    cell: &'a NamedCell,
    task: &'a dyn Task,
    task_name: String,
    hidden: usize,
}

/// A training in the order in which trainings are begun: pair after pair, the choice of the rate before the seeds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Slot {
    pair: usize,
    purpose: Purpose,
    seed: u64,
    /// The place of the learning rate in the settings.
    rate: usize,
}

/// Where trainings are handed out and records handed in.
struct Desk<'a> {
    comparison: &'a Comparison,
    pairs: Arc<Vec<Pair<'a>>>,
    run: RunDir,
    view: &'a mut dyn View,
    records: Vec<Record>,
    /// Why nothing is to be begun any more.
    problem: Option<CompareError>,
}

impl Desk<'_> {
    /// Has one training done, here or in a seat of another rank, and hands its record in; the trainings that are possible then.
    fn work(desk: &Mutex<Self>, slot: Slot, seat: Option<&Seat>) -> ControlFlow<(), Vec<Slot>> {
        let lock = || -> MutexGuard<'_, Self> { desk.lock().unwrap_or_else(PoisonError::into_inner) };
        let (comparison, pairs, job) = {
            let desk = lock();
            (desk.comparison, Arc::clone(&desk.pairs), desk.job(slot))
        };
        let record = match seat {
            Some(seat) => seat.train(slot).map(Some),
            None => {
                let record = comparison.train(&pairs, slot, |step, loss| {
                    let mut desk = lock();
                    if desk.problem.is_some() {
                        return ControlFlow::Break(());
                    }
                    let answer = desk.view.step(&job, step, loss);
                    desk.obey(answer)
                });
                let (cell, task) = (job.cell.clone(), job.task.clone());
                record.map_err(|error| CompareError::Run { cell, task, error })
            }
        };
        let mut desk = lock();
        match record {
            Ok(Some(record)) => desk.hand_in(slot, record),
            Ok(None) => ControlFlow::Break(()),
            Err(error) => desk.give_up(error),
        }
    }

    /// Records a training that has ended.
    fn hand_in(&mut self, slot: Slot, record: Record) -> ControlFlow<(), Vec<Slot>> {
        if let Err(error) = self.run.append(&record) {
            return self.give_up(error.into());
        }
        let answer = self.view.end(&record);
        self.records.push(record);
        self.obey(answer)?;
        // The last of the trainings that choose a rate makes those that are measured possible.
        let chosen = slot.purpose == Purpose::Sweep && self.missing_rates(slot.pair).is_empty();
        ControlFlow::Continue(if chosen { self.missing_seeds(slot.pair) } else { Vec::new() })
    }

    fn obey(&mut self, answer: ControlFlow<()>) -> ControlFlow<()> {
        if answer.is_break() && self.problem.is_none() {
            let trainings = (self.records.len(), self.trainings());
            self.problem = Some(CompareError::Stopped { trainings });
        }
        answer
    }

    fn give_up<T>(&mut self, problem: CompareError) -> ControlFlow<(), T> {
        self.problem.get_or_insert(problem);
        ControlFlow::Break(())
    }

    /// The trainings of a pair that can be done now and are not recorded.
    fn missing(&self, pair: usize) -> Vec<Slot> {
        let rates = self.missing_rates(pair);
        if rates.is_empty() { self.missing_seeds(pair) } else { rates }
    }

    fn missing_rates(&self, pair: usize) -> Vec<Slot> {
        let rates = 0..self.settings().rates_to_try().len();
        let slots = rates.map(|rate| Slot { pair, purpose: Purpose::Sweep, seed: 0, rate });
        slots.filter(|slot| self.record_of(*slot).is_none()).collect()
    }

    fn missing_seeds(&self, pair: usize) -> Vec<Slot> {
        let rate = self.best_rate(pair);
        let slots =
            (1..=self.settings().seeds).map(|seed| Slot { pair, purpose: Purpose::Measured, seed, rate });
        slots.filter(|slot| self.record_of(*slot).is_none()).collect()
    }

    /// The rate with the least held-out loss at the end; the smallest, when with all of them the loss ran away.
    fn best_rate(&self, pair: usize) -> usize {
        let rates = &self.settings().learning_rates;
        let loss = |rate: usize| {
            let record = self.record_of(Slot { pair, purpose: Purpose::Sweep, seed: 0, rate });
            record.and_then(Record::last).map_or(f64::INFINITY, |point| point.loss)
        };
        let order = |one: &usize, other: &usize| {
            loss(*one).total_cmp(&loss(*other)).then(rates[*one].total_cmp(&rates[*other]))
        };
        (0..rates.len()).min_by(order).unwrap_or(0)
    }

    fn record_of(&self, slot: Slot) -> Option<&Record> {
        let job = self.job(slot);
        self.records.iter().find(|record| job.is_of(record))
    }

    fn job(&self, slot: Slot) -> Job {
        self.comparison.job(&self.pairs, slot)
    }

    fn settings(&self) -> &Settings {
        &self.comparison.settings
    }

    /// How many trainings there are in all.
    fn trainings(&self) -> usize {
        self.pairs.len() * (self.settings().rates_to_try().len() + self.settings().seeds as usize)
    }

    fn outline(&self, threads: usize) -> Outline {
        let settings = self.settings();
        let whole =
            settings.rates_to_try().len() as u64 * settings.sweep_steps + settings.seeds * settings.steps;
        let left = self.pairs.iter().map(|Pair { cell, task_name, .. }| {
            let of_pair = |record: &&Record| (&record.cell, &record.task) == (&cell.name, task_name);
            let done: u64 =
                self.records.iter().filter(of_pair).map(|record| settings.steps_of(record.purpose)).sum();
            Left { cell: cell.name.clone(), task: task_name.clone(), steps: whole.saturating_sub(done) }
        });
        let left: Vec<Left> = left.collect();
        let all = whole * self.pairs.len() as u64;
        let done = all - left.iter().map(|left| left.steps).sum::<u64>();
        Outline {
            threads: threads.max(1),
            trainings: (self.records.len(), self.trainings()),
            steps: (done, all),
            left,
        }
    }
}
