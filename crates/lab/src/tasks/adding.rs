//! The adding problem (Hochreiter and Schmidhuber, "Long short-term memory", 1997, in the form of Le, Jaitly and Hinton,
//! "A simple way to initialize recurrent networks of rectified linear units", 2015, <https://arxiv.org/abs/1504.00941>).
//!
//! Each step shows a number between 0 and 1 and a mark. Two steps are marked, one in each half; after the last step the sum
//! of their numbers is to be said. Whoever always says 1, the mean of the sum, has a squared error of its variance, 1/6.

use nn::Layout;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::settings::{LONGEST, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Task, Values};

/// The sum of two marked numbers among many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Adding {
    /// Steps of a sequence, at least 2.
    pub steps: usize,
}

impl Default for Adding {
    /// 100 steps.
    fn default() -> Adding {
        Adding { steps: 100 }
    }
}

impl Task for Adding {
    fn name(&self) -> String {
        full_name("adding", *self, Adding::default())
    }

    fn about(&self) -> String {
        format!("say the sum of the two marked ones of {} numbers", self.steps)
    }

    fn source(&self) -> &'static str {
        "Hochreiter and Schmidhuber, Long short-term memory, 1997; Le et al., 2015, https://arxiv.org/abs/1504.00941"
    }

    fn inputs(&self) -> Kind {
        Kind::Numbers(2)
    }

    fn outputs(&self) -> Kind {
        Kind::Numbers(1)
    }

    fn measure(&self) -> Measure {
        Measure::SquaredError
    }

    fn length(&self) -> usize {
        self.steps
    }

    fn test_lengths(&self) -> Vec<usize> {
        [1, 2, 4].map(|times| times * self.steps).into()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        let (length, half) = (length.max(2), length.max(2) / 2);
        let mut inputs = Vec::with_capacity(sequences * length * 2);
        let mut targets = vec![0.0; sequences * length];
        let mut counted = vec![false; sequences * length];
        for sequence in 0..sequences {
            let marked = [generator.random_range(0..half), generator.random_range(half..length)];
            let mut sum = 0.0;
            for step in 0..length {
                let number: f32 = generator.random();
                let mark = f32::from(u8::from(marked.contains(&step)));
                sum += number * mark;
                inputs.extend([number, mark]);
            }
            let last = sequence * length + length - 1;
            (targets[last], counted[last]) = (sum, true);
        }
        Batch {
            layout: Layout::full(sequences, length),
            inputs: Values::Numbers(inputs),
            targets: Values::Numbers(targets),
            judged: counted.clone(),
            counted,
        }
    }

    fn baseline(&self, _length: usize) -> Baseline {
        Baseline { loss: 1.0 / 6.0, score: 1.0 / 6.0, strategy: "says 1, the mean of the sum".into() }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![Setting { name: "steps", range: 2..=LONGEST, value: &mut self.steps }]
    }
}
