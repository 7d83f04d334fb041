//! Which cell is the best on a task, and whether that may be chance.
//!
//! The best cell has the best mean score. It is *significantly* better when Welch's t-test tells it from every other cell,
//! with Holm's correction over all pairs of cells of the task, at p < 0.05. All pairs count, and not only those with the
//! best, because the best was chosen by looking at the same scores. Nothing is said to be significant while trainings are
//! missing, because looking again and again finds something in the end; nor of a cell that has diverged, whose other scores
//! are a selection. A cell all of whose trainings have diverged has no scores to test and is no rival.

use super::{Comparison, Standing};
use crate::statistics::{holm, mean, welch};

/// The largest corrected p that counts as a difference.
pub const LEVEL: f64 = 0.05;

/// What can be said of the best cell of a task.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// The best cell, by its place; the first of those with the same mean.
    pub best: usize,
    /// The others that have a score, in the order of the experiment.
    pub rivals: Vec<Rival>,
    /// Whether all trainings are done and none of the best cell has diverged.
    pub sound: bool,
}

/// A cell that is not the best.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rival {
    /// The cell, by its place.
    pub cell: usize,
    /// The corrected p of the difference from the best; none where one of them has fewer than two scores.
    pub p: Option<f64>,
}

impl Verdict {
    /// The verdict on a task; none while no cell has a score.
    pub fn on(comparison: &Comparison, task: usize) -> Option<Verdict> {
        let cells = comparison.experiment.cells.len();
        let standings: Vec<Standing<'_>> = (0..cells).map(|cell| comparison.standing(task, cell)).collect();
        let measure = comparison.experiment.tasks[task].measure;
        let means: Vec<Option<f64>> = standings.iter().map(|standing| mean(&standing.scores)).collect();
        let with_score: Vec<(usize, f64)> =
            means.iter().enumerate().filter_map(|(cell, mean)| mean.map(|mean| (cell, mean))).collect();
        let better =
            |best: (usize, f64), cell: (usize, f64)| if measure.better(cell.1, best.1) { cell } else { best };
        let best = with_score.iter().copied().reduce(better)?.0;

        let pairs: Vec<(usize, usize)> =
            (0..cells).flat_map(|one| (one + 1..cells).map(move |other| (one, other))).collect();
        let tested = pairs.into_iter().filter_map(|(one, other)| {
            Some(((one, other), welch(&standings[one].scores, &standings[other].scores)?.p))
        });
        let (pairs, p): (Vec<(usize, usize)>, Vec<f64>) = tested.unzip();
        let corrected = holm(&p);
        let against = |cell: usize| {
            let pair = (best.min(cell), best.max(cell));
            pairs.iter().position(|tested| *tested == pair).map(|place| corrected[place])
        };
        let rivals = with_score.iter().filter(|(cell, _)| *cell != best);
        let rivals = rivals.map(|(cell, _)| Rival { cell: *cell, p: against(*cell) }).collect();
        let done = standings.iter().all(|standing| standing.records.len() >= standing.seeds);
        Some(Verdict { best, rivals, sound: done && standings[best].diverged == 0 })
    }

    /// Whether the best is significantly better than every other cell.
    pub fn is_significant(&self) -> bool {
        let beaten = |rival: &Rival| rival.p.is_some_and(|p| p < LEVEL);
        self.sound && !self.rivals.is_empty() && self.rivals.iter().all(beaten)
    }
}
