//! Steps whose gradients are far larger than those before them, found by the norm of all gradients together.
//!
//! ```text
//! r = max(1 / (n + 1), 0.03)             n norms so far: first a plain mean, then one that forgets
//! far if norm > μ + z σ                  not among the first 25
//! x = min(norm, μ + z σ)
//! μ' = μ + r (x - μ)      σ²' = (1 - r) (σ² + r (x - μ)²)
//! ```
//!
//! Mean and deviation are those of ZClip (Kumar et al., 2025, <https://arxiv.org/abs/2504.02507>), which scales such gradients
//! down where this leaves the step out. What is taken note of never lies beyond the limit, so that one spike does not hide
//! the next; and a norm that has risen for good is taken as usual after a while.

/// Norms before any is judged.
const WARM_UP: u64 = 25;

/// The least share of a new norm in the mean.
const SHARE: f64 = 0.03;

/// What gradient norms usually are, and which of them are far from that. A checkpoint of a training holds it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outliers {
    /// From how many standard deviations above the mean a norm is far from it.
    pub limit: f64,
    /// Norms that were seen.
    pub seen: u64,
    /// Those of them that were far.
    pub skipped: u64,
    /// The mean of the norms.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
}

impl Outliers {
    /// Nothing seen yet.
    pub fn beyond(limit: f64) -> Outliers {
        Outliers { limit, seen: 0, skipped: 0, mean: 0.0, variance: 0.0 }
    }

    /// Takes note of a norm; whether it is far from those before. One that is not finite is far, and no note is taken of it.
    ///
    /// ```
    /// let mut outliers = nn::Outliers::beyond(4.0);
    /// assert!((0..25).all(|step| !outliers.note(1.0 + 0.1 * f64::from(step % 2))));
    /// assert!(outliers.note(2.0));
    /// assert!(!outliers.note(1.1));
    /// assert_eq!(outliers.skipped, 1);
    /// ```
    pub fn note(&mut self, norm: f64) -> bool {
        if !norm.is_finite() {
            return true;
        }
        let most = self.mean + self.limit * self.variance.sqrt();
        let far = self.seen >= WARM_UP && norm > most;
        let taken = if far { most } else { norm };
        let share = (1.0 / (self.seen + 1) as f64).max(SHARE);
        let change = taken - self.mean;
        self.mean += share * change;
        self.variance = (1.0 - share) * (self.variance + share * change * change);
        self.seen += 1;
        self.skipped += u64::from(far);
        far
    }
}
