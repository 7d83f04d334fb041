//! Jobs over threads, where a job that is done may make others possible.
//!
//! The smallest job that is ready is always the next, so the order in which jobs begin does not depend on chance more
//! than it must; what they compute is theirs alone and does not depend on it at all.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Does all jobs on so many threads, and those that they bring. A job that breaks off lets no other begin. Each job is told the
/// number of the thread that does it.
///
/// # Panics
/// If a job does.
pub(super) fn work<J: Ord + Send>(
    threads: usize,
    jobs: impl IntoIterator<Item = J>,
    job: impl Fn(usize, J) -> ControlFlow<(), Vec<J>> + Sync,
) {
    let state = State { ready: jobs.into_iter().collect(), running: 0, stopped: false };
    let queue = Queue { state: Mutex::new(state), changed: Condvar::new() };
    thread::scope(|scope| {
        for thread in 0..threads.max(1) {
            let (queue, job) = (&queue, &job);
            scope.spawn(move || queue.work(&|next| job(thread, next)));
        }
    });
}

struct Queue<J> {
    state: Mutex<State<J>>,
    /// There are more jobs, or there will be none.
    changed: Condvar,
}

struct State<J> {
    ready: BTreeSet<J>,
    running: usize,
    stopped: bool,
}

impl<J: Ord> Queue<J> {
    /// What a thread does until nothing is left.
    fn work(&self, job: &impl Fn(J) -> ControlFlow<(), Vec<J>>) {
        let mut state = self.lock();
        while !state.stopped {
            if let Some(next) = state.ready.pop_first() {
                state.running += 1;
                drop(state);
                let done = {
                    let _end = StopOnPanic(self);
                    job(next)
                };
                state = self.lock();
                state.running -= 1;
                match done {
                    ControlFlow::Continue(more) => state.ready.extend(more),
                    ControlFlow::Break(()) => state.stopped = true,
                }
                self.changed.notify_all();
            } else if state.running > 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // Nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes those who wait for a job that will never be done.
struct StopOnPanic<'q, J: Ord>(&'q Queue<J>);

impl<J: Ord> Drop for StopOnPanic<'_, J> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().stopped = true;
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The jobs that are done when each `n` below 20 brings `2 n` and `2 n + 1`, and one of them breaks off.
    fn done(threads: usize, last: Option<u32>) -> Vec<u32> {
        let seen = Mutex::new(Vec::new());
        work(threads, [1], |thread, n: u32| {
            assert!(thread < threads);
            seen.lock().unwrap().push(n);
            if last == Some(n) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(if n < 20 { vec![2 * n, 2 * n + 1] } else { Vec::new() })
        });
        seen.into_inner().unwrap()
    }

    #[test]
    fn all_jobs_and_those_they_bring_are_done_once() {
        assert_eq!(done(1, None), (1..40).collect::<Vec<_>>());
        let mut jobs = done(4, None);
        jobs.sort_unstable();
        assert_eq!(jobs, (1..40).collect::<Vec<_>>());
        work(3, Vec::<u32>::new(), |_, _| ControlFlow::Continue(Vec::new()));
    }

    #[test]
    fn after_a_break_no_job_begins() {
        assert_eq!(done(1, Some(5)), [1, 2, 3, 4, 5]);
        assert!(done(4, Some(1)) == [1]);
    }

    #[test]
    fn a_panic_ends_the_others_too() {
        let panicked = std::panic::catch_unwind(|| {
            work(
                3,
                [1, 2],
                |_, n: u32| if n == 2 { panic!("as it should") } else { ControlFlow::Continue(vec![]) },
            );
        });
        assert!(panicked.is_err());
    }
}
