//! Where the trainings of a comparison are handed out and their records handed in: what is missing, what a record makes
//! possible, and when nothing is to be begun any more.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::remote::Seat;
use super::{CompareError, Comparison, Job, Left, Outline, Pair, Purpose, Record, Settings, View};
use crate::run_dir::RunDir;

/// A training in the order in which trainings are begun: pair after pair, the choice of the rate before the seeds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Slot {
    /// The place of the cell and the task among all pairs.
    pub pair: usize,
    pub purpose: Purpose,
    pub seed: u64,
    /// The place of the learning rate in the settings.
    pub rate: usize,
}

/// Where trainings are handed out and records handed in.
pub(super) struct Desk<'a> {
    pub comparison: &'a Comparison,
    pub pairs: Arc<Vec<Pair<'a>>>,
    pub run: RunDir,
    pub view: &'a mut dyn View,
    pub records: Vec<Record>,
    /// Why nothing is to be begun any more.
    pub problem: Option<CompareError>,
}

impl Desk<'_> {
    /// Has one training done, here or in a seat of another rank, and hands its record in; the trainings that are possible then.
    pub fn work(desk: &Mutex<Self>, slot: Slot, seat: Option<&Seat>) -> ControlFlow<(), Vec<Slot>> {
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
    pub fn missing(&self, pair: usize) -> Vec<Slot> {
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

    pub fn outline(&self, threads: usize) -> Outline {
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
