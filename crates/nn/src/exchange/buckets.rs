//! The buckets of a step: filled part by part, handed over in their order as soon as they are whole, summed beside the program.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tape::tensor::{Slice, SliceMut};
use tape::{DType, Tensor};

use super::reduce::{Rows, Sharing, add, copied, sum_numbers, sum_rows};
use super::tree::Blocks;
use super::{ENDED, Exchange, Traffic, lock};

/// A program of an exchange is run by a `Trainer` alone, which opens the buckets.
const NOT_OPEN: &str = "this bucket of gradients is not open";

/// What a bucket holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// So many numbers.
    Numbers(usize),
    /// Rows of a table of so many rows, each so wide.
    Rows(usize, usize),
}

/// The buckets of a step that are being filled.
pub(super) struct Step {
    /// Which of the steps of this exchange it is.
    number: u64,
    sharing: Sharing,
    dtype: DType,
    /// The part that is being computed.
    part: usize,
    buckets: Vec<Bucket>,
    /// Those before were handed over. All ranks hand over in the same order.
    next: usize,
}

struct Bucket {
    form: Form,
    numbers: Blocks<Tensor>,
    rows: Vec<Rows>,
    /// How many of the rank's parts are missing.
    missing: usize,
}

/// Where sums are put up.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<Sums>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct Sums {
    /// The number of the step that they are of. Sums of one that was given up may come after the next was opened.
    step: u64,
    sums: Vec<Option<Result<Tensor, String>>>,
    pub traffic: Traffic,
    ended: bool,
}

impl Board {
    pub fn lock(&self) -> MutexGuard<'_, Sums> {
        lock(&self.state)
    }

    /// Lets nobody wait for what will never come.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

impl Exchange {
    /// The parts of a batch that this rank computes.
    pub(crate) fn parts_of(&self, parts: usize) -> Range<usize> {
        Sharing { parts, ranks: self.ranks, fixed: false }.of(self.rank)
    }

    /// Opens the buckets of a step; those of a rank without parts are begun at once.
    pub(crate) fn open(&self, parts: usize, fixed: bool, forms: &[Form], dtype: DType) -> Result<(), String> {
        let sharing = Sharing { parts, ranks: self.ranks, fixed };
        let missing = sharing.of(self.rank).len();
        let bucket =
            |form: &Form| Bucket { form: *form, numbers: Blocks::new(parts), rows: Vec::new(), missing };
        let number = {
            let mut state = self.board.lock();
            state.step += 1;
            state.sums = forms.iter().map(|_| None).collect();
            state.step
        };
        let buckets = forms.iter().map(bucket).collect();
        let mut step = lock(&self.step);
        self.hand_over(step.insert(Step { number, sharing, dtype, part: 0, buckets, next: 0 }))
    }

    /// Says which part is computed next.
    pub(crate) fn turn_to(&self, part: usize) {
        if let Some(step) = &mut *lock(&self.step) {
            step.part = part;
        }
    }

    /// Puts numbers of the present part into a bucket.
    pub(super) fn begin_numbers(&self, bucket: usize, numbers: &[Slice<'_>]) -> Result<(), String> {
        let len = numbers.iter().map(|numbers| numbers.len()).sum::<usize>();
        let mut flat = Tensor::zeros(numbers[0].dtype(), [len]);
        let (mut to, mut start) = (flat.slice_mut(), 0);
        for numbers in numbers {
            to.part(start, numbers.len()).copy_from(*numbers);
            start += numbers.len();
        }
        self.fill(bucket, |at, part| at.numbers.put((0, part), flat, add))
    }

    /// Puts rows of the present part into a bucket.
    pub(super) fn begin_rows(&self, bucket: usize, indices: &[i32], rows: Slice<'_>) -> Result<(), String> {
        let own = Rows { indices: indices.to_vec(), rows: copied(rows) };
        self.fill(bucket, |at, _| at.rows.push(own))
    }

    /// Puts what the present part has into a bucket, and has summed what is whole by it.
    fn fill(&self, bucket: usize, put: impl FnOnce(&mut Bucket, usize)) -> Result<(), String> {
        let mut step = lock(&self.step);
        let step = step.as_mut().ok_or(NOT_OPEN)?;
        let at = step.buckets.get_mut(bucket).filter(|at| at.missing > 0).ok_or(NOT_OPEN)?;
        put(at, step.part);
        at.missing -= 1;
        self.hand_over(step)
    }

    /// Has the buckets summed that are whole, in their order.
    fn hand_over(&self, step: &mut Step) -> Result<(), String> {
        let Step { number, sharing, dtype, .. } = *step;
        while let Some(bucket) = step.buckets.get_mut(step.next).filter(|bucket| bucket.missing == 0) {
            let (form, rows) = (bucket.form, std::mem::take(&mut bucket.rows));
            let numbers = std::mem::replace(&mut bucket.numbers, Blocks::new(sharing.parts));
            let (place, board) = (step.next, Arc::clone(&self.board));
            self.order(Box::new(move |collective| {
                let begin = Instant::now();
                let sum = match form {
                    Form::Numbers(len) => sum_numbers(collective, sharing, numbers, (len, dtype)),
                    Form::Rows(table, width) => sum_rows(collective, sharing, rows, (table, width), dtype),
                };
                let mut state = board.lock();
                state.traffic.buckets += 1;
                state.traffic.busy += begin.elapsed();
                state.traffic.bytes += sum.as_ref().map_or(0, |(_, bytes)| *bytes);
                if state.step == number {
                    state.sums[place] = Some(sum.map(|(sum, _)| sum));
                    board.changed.notify_all();
                }
            }))?;
            step.next += 1;
        }
        Ok(())
    }

    /// Waits for a sum. It can be asked for again until the next step is opened.
    pub(super) fn finish(&self, bucket: usize, mut out: SliceMut<'_>) -> Result<(), String> {
        let begin = Instant::now();
        let mut state = self.board.lock();
        loop {
            match state.sums.get(bucket) {
                None => return Err(NOT_OPEN.into()),
                Some(Some(Err(problem))) => return Err(problem.clone()),
                Some(Some(Ok(sum))) => {
                    out.copy_from(sum.slice());
                    state.traffic.waited += begin.elapsed();
                    return Ok(());
                }
                Some(None) if state.ended => return Err(ENDED.into()),
                Some(None) => state = self.board.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::exchange::Alone;

    #[test]
    fn a_sum_of_a_step_that_was_given_up_is_not_taken_for_one_of_the_next() {
        let exchange = Exchange::start(|| Ok(Box::new(Alone))).expect("one rank");
        let open = |forms: &[Form]| exchange.open(1, false, forms, DType::F64).expect("a step");
        let begin = |number: f64| exchange.begin_numbers(0, &[Slice::F64(&[number])]).expect("it is open");
        // The first step is given up while the thread of the exchange is busy with something else.
        let (go_on, wait) = channel::<()>();
        exchange.order(Box::new(move |_| _ = wait.recv())).expect("the thread is there");
        open(&[Form::Numbers(1)]);
        begin(1.0);
        open(&[Form::Numbers(1)]);
        go_on.send(()).expect("the thread waits");
        exchange.call(|_| ()).expect("all that was begun before is done");
        assert!(exchange.board.lock().sums[0].is_none());
        begin(2.0);
        let mut sum = [0.0];
        exchange.finish(0, SliceMut::F64(&mut sum)).expect("a sum");
        assert_eq!(sum, [2.0]);
    }
}
