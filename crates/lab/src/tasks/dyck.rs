//! Balanced brackets: at each step the bracket that may be closed next (Suzgun et al., "LSTM networks can perform dynamic
//! counting", 2019, <https://arxiv.org/abs/1906.03648>; Bhattamishra et al., "On the ability and limitations of
//! transformers to recognize formal languages", 2020, <https://arxiv.org/abs/2009.11264>; Hewitt et al., "RNNs can generate
//! bounded hierarchical languages with optimal memory", 2020, <https://arxiv.org/abs/2010.07515>).
//!
//! ```text
//! shows   ( [ ] ( ) ) [ …       a balanced word
//! asks    ) ] ) ) ) . ] …       the bracket that closes the last open one, or that none is open
//! ```
//!
//! The papers ask for the set of brackets that may come next. Every opening one always may, and of the closing ones one or
//! none, so that the set is one of these classes. One kind of bracket asks for a counter, two for a stack.
//!
//! Every balanced word of a length is equally likely: with r steps left and d brackets open, the next one opens with
//! probability (d + 2)(r - d) / (2 r (d + 1)) (Arnold and Sleep, "Uniform random generation of balanced parenthesis strings",
//! 1980, <https://doi.org/10.1145/357084.357091>). Training is on lengths from 2 on, the tests are on longer words.
//!
//! All steps count. What an opening bracket asks for is plain, so the closing ones are judged; of one kind those alone that
//! leave at most one open, because elsewhere "not balanced" is right nearly always.
//!
//! A baseline needs to know how often a closing bracket leaves d open. In all words of m pairs together, that happens
//! (2d + 3) / (2m + 1) · C(2m + 1, m - d - 1) times: cut before and after that bracket, a word is 2d + 3 balanced words with
//! m - d - 1 pairs between them. Divided by the number of words, C(2m + 1, m) / (2m + 1), it is a mean of
//!
//! ```text
//! d = 0    3 m / (m + 2)
//! d = 1    5 m (m - 1) / ((m + 2)(m + 3))
//! ```

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::settings::{LONGEST, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Steps, Task, entropy};

/// The bracket that may be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dyck {
    /// How many kinds of brackets there are. Symbols are the opening ones, then the closing ones; answers are that none is
    /// open, then the closing ones.
    pub kinds: usize,
    /// Steps of the longest word that is trained on, at least 2; a balanced word has an even number.
    pub steps: usize,
}

impl Dyck {
    /// Words of up to 40 steps with so many kinds of brackets.
    pub fn with_kinds(kinds: usize) -> Dyck {
        Dyck { kinds, steps: 40 }
    }

    /// Pairs of a word that is at most as long, but not empty.
    fn pairs(length: usize) -> usize {
        (length / 2).max(1)
    }

    fn sequence(&self, pairs: usize, generator: &mut ChaCha8Rng) -> Steps {
        let mut steps = Steps::default();
        let mut open = Vec::new();
        for left in (1..=2 * pairs).rev() {
            let depth = open.len();
            let opens = generator.random_range(0..2 * left * (depth + 1)) < (depth + 2) * (left - depth);
            let symbol = if opens {
                open.push(generator.random_range(0..self.kinds));
                open[depth]
            } else {
                self.kinds + open.pop().expect("with none open the next one opens")
            };
            let answer = open.last().map_or(0, |kind| kind + 1);
            let judged = !opens && (self.kinds > 1 || open.len() < 2);
            if judged { steps.judge(symbol, answer) } else { steps.count(symbol, answer) }
        }
        steps
    }
}

impl Task for Dyck {
    fn name(&self) -> String {
        full_name(&format!("dyck{}", self.kinds), *self, Dyck::with_kinds(self.kinds))
    }

    fn about(&self) -> String {
        let Dyck { kinds, steps } = self;
        format!("say which of {kinds} kinds of brackets may be closed, at each of up to {steps} steps")
    }

    fn source(&self) -> &'static str {
        "Suzgun et al., LSTM networks can perform dynamic counting, 2019, https://arxiv.org/abs/1906.03648; \
         Bhattamishra et al., 2020, https://arxiv.org/abs/2009.11264"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(2 * self.kinds)
    }

    fn outputs(&self) -> Kind {
        Kind::Symbols(self.kinds + 1)
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
            let pairs = generator.random_range(1..=Dyck::pairs(length));
            self.sequence(pairs, generator)
        }))
    }

    fn draw_held_out(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        Batch::of_symbols((0..sequences).map(|_| self.sequence(Dyck::pairs(length), generator)))
    }

    fn baseline(&self, length: usize) -> Baseline {
        let (pairs, kinds) = (Dyck::pairs(length) as f64, self.kinds as f64);
        let none_left = 3.0 * pairs / (pairs + 2.0);
        let one_left = 5.0 * pairs * (pairs - 1.0) / ((pairs + 2.0) * (pairs + 3.0));
        let balanced = none_left / (2.0 * pairs);
        let mut shares = vec![(1.0 - balanced) / kinds; self.kinds];
        shares.push(balanced);
        let judged = if self.kinds == 1 { none_left + one_left } else { pairs };
        let balanced = none_left / judged;
        Baseline {
            loss: entropy(&shares),
            score: balanced.max((1.0 - balanced) / kinds),
            strategy: "says each answer as often as it is right, whatever was shown".into(),
        }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![Setting { name: "steps", range: 2..=LONGEST, value: &mut self.steps }]
    }
}
