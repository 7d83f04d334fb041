//! Notes when instructions ran. A clock that is not running costs a comparison for each.

use std::time::Instant;

/// One run of an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// The instruction's number in the plan.
    pub instruction: usize,
    /// The rows of the step.
    pub rows: usize,
    /// Nanoseconds from the start of the run.
    pub begin: u64,
    /// How many nanoseconds it took.
    pub nanoseconds: u64,
}

/// What one thread notes.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    started: Option<Instant>,
    events: Vec<Event>,
}

impl Clock {
    /// Begins to note, counting from `origin`.
    pub fn start(&mut self, origin: Instant) {
        self.events.clear();
        self.started = Some(origin);
    }

    /// Runs if and only if another does, counting from the same origin; what was noted stays.
    pub fn follow(&mut self, other: &Clock) {
        if self.started != other.started {
            self.events.clear();
            self.started = other.started;
        }
    }

    /// Stops, and hands over what was noted.
    pub fn stop(&mut self) -> Vec<Event> {
        self.started = None;
        std::mem::take(&mut self.events)
    }

    /// The time, if it is noted.
    pub fn now(&self) -> Option<Instant> {
        self.started.map(|_| Instant::now())
    }

    /// Notes an instruction that began at a time given by [`Clock::now`] and is done.
    pub fn note(&mut self, begin: Option<Instant>, instruction: usize, rows: usize) {
        let (Some(origin), Some(begin)) = (self.started, begin) else { return };
        let nanoseconds = |from: Instant, to: Instant| (to - from).as_nanos() as u64;
        let (begin, nanoseconds) = (nanoseconds(origin, begin), nanoseconds(begin, Instant::now()));
        self.events.push(Event { instruction, rows, begin, nanoseconds });
    }
}
