//! Running parity: whether the ones so far are odd in number (Delétang et al., "Neural networks and the Chomsky hierarchy",
//! 2023, <https://arxiv.org/abs/2207.02098>, where it is asked after the last step only).
//!
//! ```text
//! shows   1 0 1 1 0 …
//! asks    1 1 0 1 1 …
//! ```
//!
//! Two states and one rule, which a cell either has or has not: training is on lengths from 1 on, the tests are on longer
//! ones. All steps count. The last is judged, because the first ones are no longer than those of the training. Every bit is
//! drawn by itself, so both answers are equally frequent at each step.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::settings::{LONGEST, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Steps, Task};

/// Whether the ones so far are odd in number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parity {
    /// Steps of the longest sequence that is trained on.
    pub steps: usize,
}

impl Default for Parity {
    /// Up to 40 steps.
    fn default() -> Parity {
        Parity { steps: 40 }
    }
}

impl Parity {
    fn sequence(&self, length: usize, generator: &mut ChaCha8Rng) -> Steps {
        let mut steps = Steps::default();
        let mut odd = 0;
        for step in 1..=length {
            let bit = generator.random_range(0..2);
            odd ^= bit;
            if step < length { steps.count(bit, odd) } else { steps.judge(bit, odd) }
        }
        steps
    }
}

impl Task for Parity {
    fn name(&self) -> String {
        full_name("parity", *self, Parity::default())
    }

    fn about(&self) -> String {
        format!("say whether the ones so far are odd in number, at each of up to {} bits", self.steps)
    }

    fn source(&self) -> &'static str {
        "Delétang et al., Neural networks and the Chomsky hierarchy, 2023, https://arxiv.org/abs/2207.02098"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(2)
    }

    fn outputs(&self) -> Kind {
        Kind::Symbols(2)
    }

    fn measure(&self) -> Measure {
        Measure::Accuracy
    }

    fn length(&self) -> usize {
        self.steps
    }

    fn test_lengths(&self) -> Vec<usize> {
        [1, 2, 5].map(|times| times * self.steps).into()
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

    fn baseline(&self, _length: usize) -> Baseline {
        Baseline { loss: 2f64.ln(), score: 0.5, strategy: "says odd or even, whatever was shown".into() }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![Setting { name: "steps", range: 1..=LONGEST, value: &mut self.steps }]
    }
}
