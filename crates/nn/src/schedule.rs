//! Learning rates over the course of training: pure functions of the step, and one rule that watches a loss.
//!
//! A schedule gives a factor for the base rate, so that one shape serves any rate:
//!
//! ```
//! use nn::schedule;
//!
//! let (base, steps) = (1e-3, 1000);
//! let rate = |step| base * schedule::warmup(step, 100) * schedule::cosine(step, steps, 0.1);
//! assert_eq!(rate(0), 1e-5);
//! assert!(rate(99) > 0.97e-3 && (rate(1000) - 1e-4).abs() < 1e-12);
//! ```
//!
//! Steps are counted from 0: the factor of `step` is that of the update which follows `step` others.

use std::f64::consts::PI;

/// `factor` to the power of the full periods of `every` steps that have passed.
///
/// # Panics
/// If `every` is 0.
#[track_caller]
pub fn step_decay(step: usize, every: usize, factor: f64) -> f64 {
    assert!(every > 0, "a rate that decays every 0 steps");
    factor.powf((step / every) as f64)
}

/// `(step + 1) / steps` up to 1: a linear rise, whose first update is not lost to a rate of 0.
pub fn warmup(step: usize, steps: usize) -> f64 {
    if step < steps { (step + 1) as f64 / steps as f64 } else { 1.0 }
}

/// Half a cosine from 1 at step 0 to `last` at `steps` and after (Loshchilov and Hutter, "SGDR", 2017,
/// <https://arxiv.org/abs/1608.03983>, without restarts).
pub fn cosine(step: usize, steps: usize, last: f64) -> f64 {
    let passed = if step < steps { step as f64 / steps as f64 } else { 1.0 };
    last + (1.0 - last) * 0.5 * (1.0 + (PI * passed).cos())
}

/// A factor that falls when a loss has not improved for a while.
///
/// ```
/// use nn::schedule::Plateau;
///
/// let mut plateau = Plateau::new(2, 0.5);
/// let factors = [3.0, 2.0, 2.5, 2.0, 1.0].map(|loss| plateau.observe(loss));
/// assert_eq!(factors, [1.0, 1.0, 1.0, 0.5, 0.5]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plateau {
    /// After how many losses in a row that are no better than the best the factor falls.
    pub patience: usize,
    /// What it is then multiplied by.
    pub decay: f64,
    /// The least loss so far; infinite before the first.
    pub best: f64,
    /// How many losses have not been better since the best one, or since the factor fell.
    pub waited: usize,
    /// The present factor.
    pub factor: f64,
}

impl Plateau {
    /// A rule that has seen no loss. After `patience` losses that are no better, the factor falls.
    pub fn new(patience: usize, decay: f64) -> Plateau {
        Plateau { patience, decay, best: f64::INFINITY, waited: 0, factor: 1.0 }
    }

    /// Takes a loss of held-out data and returns the factor. A loss that is not a number is no better.
    pub fn observe(&mut self, loss: f64) -> f64 {
        if loss < self.best {
            (self.best, self.waited) = (loss, 0);
            return self.factor;
        }
        self.waited += 1;
        if self.waited >= self.patience {
            (self.factor, self.waited) = (self.factor * self.decay, 0);
        }
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn a_decay_by_steps_falls_at_whole_periods() {
        let found = [0, 9, 10, 19, 20].map(|step| step_decay(step, 10, 0.5));
        assert_eq!(found, [1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn a_cosine_begins_flat_and_ends_flat() {
        close(cosine(0, 8, 0.2), 1.0);
        // A quarter of the way the wave is at 45 degrees.
        close(cosine(2, 8, 0.2), 0.2 + 0.8 * (0.5 + 0.5 * 0.5f64.sqrt()));
        close(cosine(4, 8, 0.2), 0.6);
        assert_eq!([8, 9].map(|step| cosine(step, 8, 0.2)), [0.2, 0.2]);
        assert_eq!(cosine(0, 0, 0.3), 0.3);
    }

    #[test]
    fn a_warm_up_reaches_the_rate_with_its_last_step() {
        assert_eq!([0, 1, 3, 4].map(|step| warmup(step, 4)), [0.25, 0.5, 1.0, 1.0]);
        assert_eq!(warmup(0, 0), 1.0);
    }

    #[test]
    fn a_loss_that_is_no_number_counts_as_no_better() {
        let mut plateau = Plateau::new(1, 0.1);
        assert_eq!([f64::NAN, 1.0].map(|loss| plateau.observe(loss)), [0.1, 0.1]);
        close(plateau.observe(2.0), 0.01);
        assert_eq!(plateau.best, 1.0);
    }
}
