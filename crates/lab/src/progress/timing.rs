//! When a plain line is due, and how fast a run goes; both are told the time, so that tests need no clock.

use std::collections::VecDeque;
use std::time::Duration;

use super::text::percent;

/// When the next plain line is due.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The time and the twentieth of the last line.
    last: Option<(Duration, u64)>,
}

impl Pace {
    const SILENCE: Duration = Duration::from_secs(60);

    pub(super) fn is_due(&mut self, now: Duration, step: (u64, u64)) -> bool {
        let twentieth = percent(step) / 5;
        let due = self.last.is_none_or(|(time, last)| last < twentieth || now >= time + Self::SILENCE);
        if due {
            self.last = Some((now, twentieth));
        }
        due
    }
}

/// How fast it goes, over the last steps: the first ones are slow, and a machine's load changes.
#[derive(Debug)]
pub struct Speed {
    /// Time, steps and items after each of the last reports, oldest first.
    samples: VecDeque<(Duration, u64, u64)>,
}

impl Speed {
    /// Reports that are looked back on.
    const SAMPLES: usize = 100;

    /// A speed that is not known yet, of something that has made so many steps.
    pub fn starting_at(done: u64) -> Self {
        Speed { samples: [(Duration::ZERO, done, 0)].into() }
    }

    /// Notes the time after a step, and how many items, such as sequences, it has worked off.
    pub fn add(&mut self, now: Duration, step: u64, items: u64) {
        let before = self.samples.back().map_or(0, |sample| sample.2);
        self.samples.push_back((now, step, before + items));
        if self.samples.len() > Self::SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Seconds, steps and items between the oldest and the newest sample.
    fn span(&self) -> Option<(f64, u64, u64)> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.0.saturating_sub(first.0).as_secs_f64();
        (seconds > 0.0).then(|| (seconds, last.1.saturating_sub(first.1), last.2 - first.2))
    }

    /// Items a second, once it is known.
    pub fn per_second(&self) -> Option<f64> {
        self.span().map(|(seconds, _, items)| items as f64 / seconds)
    }

    /// How long it is to so many steps, once it is known.
    pub fn remaining(&self, steps: u64) -> Option<Duration> {
        let (seconds, made, _) = self.span().filter(|(_, made, _)| *made > 0)?;
        let left = steps.saturating_sub(self.samples.back()?.1);
        Duration::try_from_secs_f64(seconds / made as f64 * left as f64).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_first_at_each_twentieth_and_after_a_silence() {
        let mut pace = Pace::default();
        let mut due = |seconds, step| pace.is_due(Duration::from_secs(seconds), (step, 1000));
        let asked =
            [(0, 1), (1, 2), (2, 49), (3, 50), (4, 51), (62, 60), (63, 61), (64, 300), (65, 301), (66, 1000)];
        let lines: Vec<u64> =
            asked.into_iter().filter(|(seconds, step)| due(*seconds, *step)).map(|ask| ask.1).collect();
        assert_eq!(lines, [1, 50, 61, 300, 1000]);
    }

    #[test]
    fn the_speed_is_that_of_the_last_steps_since_the_start_or_the_resumption() {
        let mut speed = Speed::starting_at(1000);
        assert_eq!((speed.per_second(), speed.remaining(2000)), (None, None));
        speed.add(Duration::from_secs(2), 1001, 64);
        assert_eq!(speed.per_second(), Some(32.0));
        assert_eq!(speed.remaining(1011), Some(Duration::from_secs(20)));
        for step in 1..=200 {
            speed.add(Duration::from_secs(2) + Duration::from_millis(step * 100), 1001 + step, 64);
        }
        assert_eq!(speed.per_second(), Some(640.0));
        assert_eq!(speed.remaining(1301), Some(Duration::from_secs(10)));
        assert_eq!(speed.remaining(1000), Some(Duration::ZERO));
    }
}
