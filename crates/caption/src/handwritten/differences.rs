//! What the tests of the formulas share: random arrays, and central differences to hold gradients against.

/// A source of random sizes and arrays (SplitMix64), so that tests need no dependency and repeat themselves.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Draw(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of -1 to 1.
    fn number(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Numbers of -1 to 1.
    pub(crate) fn array(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.number()).collect()
    }

    /// Indices of `count` rows.
    pub(crate) fn indices(&mut self, len: usize, count: usize) -> Vec<i32> {
        (0..len).map(|_| (self.bits() % count as u64) as i32).collect()
    }

    /// Sizes of 1 to 5.
    pub(crate) fn sizes<const K: usize>(&mut self) -> [usize; K] {
        std::array::from_fn(|_| 1 + (self.bits() % 5) as usize)
    }
}

/// `Σ a b`: makes a scalar of an array, whose upstream gradient is the other array.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Panics unless a gradient agrees with central differences of `value` at `at`.
///
/// The error is measured against the largest entry of the gradient; with steps of 1e-5 the differences are true to
/// about 1e-10.
#[track_caller]
pub(crate) fn agree(name: &str, gradient: &[f64], at: &[f64], value: impl Fn(&[f64]) -> f64) {
    const STEP: f64 = 1e-5;
    assert_eq!(gradient.len(), at.len(), "{name} has the shape of what it is the gradient of");
    let mut moved = at.to_vec();
    let differences: Vec<f64> = (0..at.len())
        .map(|k| {
            moved[k] = at[k] + STEP;
            let above = value(&moved);
            moved[k] = at[k] - STEP;
            let below = value(&moved);
            moved[k] = at[k];
            (above - below) / (2.0 * STEP)
        })
        .collect();
    let largest = differences.iter().fold(1e-2, |largest: f64, entry| largest.max(entry.abs()));
    for (k, (formula, difference)) in gradient.iter().zip(&differences).enumerate() {
        let error = (formula - difference).abs() / largest;
        assert!(error <= 1e-8, "{name}[{k}]: formula {formula}, differences {difference}, error {error:e}");
    }
}
