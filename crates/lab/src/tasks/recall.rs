//! Multi-query associative recall (Arora et al., "Zoology: measuring and improving recall in efficient language models",
//! 2023, <https://arxiv.org/abs/2312.04927>).
//!
//! ```text
//! shows   b 3 d 1 a 7 …    _ d _ _ a _ b …      pairs of a key and a value, then each key once more among blanks
//! asks                       1     7   3        the value of the key
//! ```
//!
//! Keys differ from one another, and so do values. P pairs take 2 P steps, and the questions stand at random places of 2 P
//! more; in the paper the gaps before them follow a power law. Only the questions count. Whoever remembers which values were
//! shown, but not with which key, is right at one of P.

use rand::rngs::ChaCha8Rng;
use rand::seq::index;

use super::settings::{MOST_KINDS, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Steps, Task};

/// The values of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AssociativeRecall {
    /// How many pairs of a key and a value there are, at most one for each kind.
    pub pairs: usize,
    /// How many keys there are, and as many values. Symbols are the keys, the values, then the blank.
    pub kinds: usize,
}

impl Default for AssociativeRecall {
    /// 4 pairs of 16 keys and 16 values.
    fn default() -> AssociativeRecall {
        AssociativeRecall { pairs: 4, kinds: 16 }
    }
}

impl AssociativeRecall {
    /// So many pairs as there can be.
    fn possible(&self, pairs: usize) -> usize {
        pairs.clamp(1, self.kinds)
    }

    fn sequence(&self, pairs: usize, generator: &mut ChaCha8Rng) -> Steps {
        let blank = 2 * self.kinds;
        // A sample is in random order.
        let keys = index::sample(generator, self.kinds, pairs).into_vec();
        let values = index::sample(generator, self.kinds, pairs).into_vec();
        let mut asked = vec![None; 2 * pairs];
        let places = index::sample(generator, 2 * pairs, pairs);
        places.into_iter().enumerate().for_each(|(pair, place)| asked[place] = Some(pair));

        let mut steps = Steps::default();
        for (key, value) in keys.iter().zip(&values) {
            steps.show(*key);
            steps.show(self.kinds + value);
        }
        for asked in asked {
            match asked {
                Some(pair) => steps.judge(keys[pair], values[pair]),
                None => steps.show(blank),
            }
        }
        steps
    }
}

impl Task for AssociativeRecall {
    fn name(&self) -> String {
        full_name("recall", *self, AssociativeRecall::default())
    }

    fn about(&self) -> String {
        let AssociativeRecall { pairs, kinds } = self;
        format!("say the values of keys after {pairs} pairs of {kinds} keys and as many values")
    }

    fn source(&self) -> &'static str {
        "Arora et al., Zoology: measuring and improving recall in efficient language models, 2023, \
         https://arxiv.org/abs/2312.04927"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(2 * self.kinds + 1)
    }

    fn outputs(&self) -> Kind {
        Kind::Symbols(self.kinds)
    }

    fn measure(&self) -> Measure {
        Measure::Accuracy
    }

    fn length(&self) -> usize {
        self.pairs
    }

    fn test_lengths(&self) -> Vec<usize> {
        let lengths = [1, 2, 4].map(|times| times * self.pairs).into_iter();
        lengths.filter(|pairs| *pairs <= self.kinds).collect()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        let pairs = self.possible(length);
        Batch::of_symbols((0..sequences).map(|_| self.sequence(pairs, generator)))
    }

    fn baseline(&self, length: usize) -> Baseline {
        let pairs = self.possible(length) as f64;
        Baseline {
            loss: pairs.ln(),
            score: 1.0 / pairs,
            strategy: "says any of the values that were shown".into(),
        }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![
            Setting { name: "pairs", range: 1..=self.kinds, value: &mut self.pairs },
            Setting { name: "kinds", range: 2..=MOST_KINDS, value: &mut self.kinds },
        ]
    }
}
