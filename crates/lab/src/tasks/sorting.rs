//! Sorting: symbols to be said again in ascending order (the bucket sort of Delétang et al., "Neural networks and the
//! Chomsky hierarchy", 2023, <https://arxiv.org/abs/2207.02098>; as a problem for networks with memory: Graves et al.,
//! "Neural Turing machines", 2014, <https://arxiv.org/abs/1410.5401>).
//!
//! ```text
//! shows   5 2 7 2   : : : :       symbols, then as many marks
//! asks              2 2 5 7       the symbols, sorted
//! ```
//!
//! The steps with marks count and are judged. Training is on sequences of 1 symbol and more, the tests are on longer ones.
//!
//! The first answer is small more often than not, and the last large. Whoever knows that alone says at the j-th mark what the
//! j-th smallest of n symbols of k kinds is most often: it is at most v where at least j symbols are, so
//!
//! ```text
//! P(j-th smallest <= v) = P(Binomial(n, (v + 1) / k) >= j)
//! ```

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::settings::{LONGEST, MOST_KINDS, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Steps, Task, entropy};

/// Symbols in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sorting {
    /// Symbols of the longest sequence that is trained on.
    pub symbols: usize,
    /// How many kinds of symbols there are; the mark comes after them.
    pub kinds: usize,
}

impl Default for Sorting {
    /// Up to 10 symbols of 8 kinds.
    fn default() -> Sorting {
        Sorting { symbols: 10, kinds: 8 }
    }
}

impl Sorting {
    fn sequence(&self, length: usize, generator: &mut ChaCha8Rng) -> Steps {
        let mut symbols: Vec<usize> = (0..length).map(|_| generator.random_range(0..self.kinds)).collect();
        let mut steps = Steps::default();
        symbols.iter().for_each(|symbol| steps.show(*symbol));
        symbols.sort_unstable();
        symbols.iter().for_each(|symbol| steps.judge(self.kinds, *symbol));
        steps
    }
}

impl Task for Sorting {
    fn name(&self) -> String {
        full_name("sorting", *self, Sorting::default())
    }

    fn about(&self) -> String {
        let Sorting { symbols, kinds } = self;
        format!("say up to {symbols} symbols of {kinds} kinds again in order")
    }

    fn source(&self) -> &'static str {
        "Delétang et al., Neural networks and the Chomsky hierarchy, 2023, https://arxiv.org/abs/2207.02098"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(self.kinds + 1)
    }

    fn outputs(&self) -> Kind {
        Kind::Symbols(self.kinds)
    }

    fn measure(&self) -> Measure {
        Measure::Accuracy
    }

    fn length(&self) -> usize {
        self.symbols
    }

    fn test_lengths(&self) -> Vec<usize> {
        [1, 2, 4].map(|times| times * self.symbols).into()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        Batch::of_symbols((0..sequences).map(|_| {
            let length = generator.random_range(1..=length.max(1));
            self.sequence(length, generator)
        }))
    }

    fn draw_held_out(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        Batch::of_symbols((0..sequences).map(|_| self.sequence(length.max(1), generator)))
    }

    fn baseline(&self, length: usize) -> Baseline {
        let count = length.max(1);
        let at_most: Vec<Vec<f64>> =
            (1..=self.kinds).map(|kinds| binomial_tails(count, kinds as f64 / self.kinds as f64)).collect();
        let (mut loss, mut score) = (0.0, 0.0);
        for rank in 1..=count {
            let mut below = 0.0;
            let shares: Vec<f64> = at_most
                .iter()
                .map(|tails| tails[rank] - std::mem::replace(&mut below, tails[rank]))
                .collect();
            loss += entropy(&shares) / count as f64;
            score += shares.iter().copied().fold(0.0, f64::max) / count as f64;
        }
        Baseline { loss, score, strategy: "says at each place what stands there most often".into() }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![
            Setting { name: "symbols", range: 1..=LONGEST, value: &mut self.symbols },
            Setting { name: "kinds", range: 2..=MOST_KINDS, value: &mut self.kinds },
        ]
    }
}

/// P(Binomial(n, p) >= j) for j = 0, …, n, for p above 0 and at most 1.
fn binomial_tails(n: usize, p: f64) -> Vec<f64> {
    let mut tails = vec![1.0; n + 1];
    if p < 1.0 {
        let mut tail = 0.0;
        // In logarithms, because p^n is too small for a number: C(n, n - 1) = C(n, n) n / 1, and so on down.
        let mut ln_choose = 0.0;
        for j in (0..=n).rev() {
            tail += (ln_choose + j as f64 * p.ln() + (n - j) as f64 * (1.0 - p).ln()).exp();
            tails[j] = tail;
            ln_choose += (j as f64).ln() - ((n - j + 1) as f64).ln();
        }
    }
    tails
}
