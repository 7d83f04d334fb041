//! How long the rest of a comparison will take: the steps that are left, each weighted by what a step of its cell on its
//! task has taken so far.
//!
//! A pair of which no step was measured yet counts as others on its task, or else as all others. It is told the time.

use std::time::Duration;

use super::Outline;

/// Steps that are left and times of those that were taken.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    threads: usize,
    pairs: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    cell: String,
    task: String,
    left: u64,
    measured: u64,
    seconds: f64,
}

impl Estimate {
    pub(super) fn new(outline: &Outline) -> Estimate {
        let pair = |left: &super::Left| Pair {
            cell: left.cell.clone(),
            task: left.task.clone(),
            left: left.steps,
            measured: 0,
            seconds: 0.0,
        };
        Estimate { threads: outline.threads.max(1), pairs: outline.left.iter().map(pair).collect() }
    }

    /// So many steps of a cell on a task are done; how long they took, where that is known.
    pub(super) fn done(&mut self, cell: &str, task: &str, steps: u64, time: Option<Duration>) {
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.cell == cell && pair.task == task) {
            pair.left = pair.left.saturating_sub(steps);
            if let Some(time) = time {
                pair.measured += steps;
                pair.seconds += time.as_secs_f64();
            }
        }
    }

    /// How long the rest will take when so many trainings are left, once something is known.
    pub(super) fn remaining(&self, trainings: usize) -> Option<Duration> {
        let step = |pair: &Pair| {
            let own = self.mean(|other| std::ptr::eq(other, pair));
            own.or_else(|| self.mean(|other| other.task == pair.task)).or_else(|| self.mean(|_| true))
        };
        let seconds: Option<f64> = self
            .pairs
            .iter()
            .filter(|pair| pair.left > 0)
            .map(|pair| Some(pair.left as f64 * step(pair)?))
            .sum();
        // The last trainings leave threads without work.
        let threads = self.threads.min(trainings.max(1));
        Duration::try_from_secs_f64(seconds? / threads as f64).ok()
    }

    /// The mean seconds of a step of some pairs.
    fn mean(&self, of: impl Fn(&Pair) -> bool) -> Option<f64> {
        let pairs = self.pairs.iter().filter(|pair| of(pair));
        let (steps, seconds) =
            pairs.fold((0, 0.0), |(steps, seconds), pair| (steps + pair.measured, seconds + pair.seconds));
        (steps > 0).then(|| seconds / steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Left;

    #[test]
    fn steps_are_weighted_by_the_time_of_their_cell_and_task() {
        let left = |cell: &str, task: &str| Left { cell: cell.into(), task: task.into(), steps: 100 };
        let left = vec![left("rnn", "copy"), left("lstm", "copy"), left("rnn", "adding")];
        let mut estimate = Estimate::new(&Outline { threads: 2, left, ..Outline::default() });
        let check = |estimate: &Estimate, trainings, seconds: Option<u64>| {
            assert_eq!(estimate.remaining(trainings), seconds.map(Duration::from_secs));
        };
        check(&estimate, 3, None);
        // 90, 100 and 100 steps of a second each, on two threads, then on one.
        estimate.done("rnn", "copy", 10, Some(Duration::from_secs(10)));
        check(&estimate, 3, Some(145));
        check(&estimate, 1, Some(290));
        // The other cell on this task is three times as slow, the other task is like the mean of all: 2 s a step.
        estimate.done("lstm", "copy", 10, Some(Duration::from_secs(30)));
        check(&estimate, 3, Some((90 + 90 * 3 + 100 * 2) / 2));
        // What ends early is done, and says nothing of the time.
        estimate.done("rnn", "adding", 100, None);
        estimate.done("lstm", "copy", 90, None);
        check(&estimate, 1, Some(90));
        estimate.done("rnn", "copy", 1000, None);
        check(&estimate, 0, Some(0));
    }
}
