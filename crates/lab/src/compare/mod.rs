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

mod desk;
mod error;
mod estimate;
mod experiment;
mod matching;
mod progress_view;
mod queue;
mod record;
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
use std::sync::{Arc, Mutex, PoisonError};

use nn::{Exchange, NamedCell};
use tape::RunError;

use crate::run_dir::RunDir;
use crate::tasks::Task;
use desk::{Desk, Slot};
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

    /// Refuses what makes no comparison.
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
        self.check()?;
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
