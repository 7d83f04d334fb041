//! Selective copying (Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023,
//! <https://arxiv.org/abs/2312.00752>; after Arjovsky et al., 2016, and Jing et al., 2019).
//!
//! ```text
//! shows   _ _ 3 _ 1 _ _ _ 7 … _    : : : …       symbols at random places among blanks, then marks
//! asks                             3 1 7 …       the symbols
//! ```
//!
//! Where a symbol stands tells nothing, so that a cell must see what is shown to know what to keep. The steps with marks
//! count and are judged. As in [`CopyMemory`](super::CopyMemory) there are 10 symbols of 8 kinds, so that the two can be
//! compared; the paper has 16 among 4096 steps.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::index;

use super::settings::{LONGEST, MOST_KINDS, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Steps, Task};

/// Symbols to be said again that stood among blanks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectiveCopy {
    /// Steps with symbols and blanks, at least as many as there are symbols.
    pub steps: usize,
    /// How many symbols there are to remember.
    pub symbols: usize,
    /// How many kinds of symbols there are; the blank and the mark come after them.
    pub kinds: usize,
}

impl Default for SelectiveCopy {
    /// 10 symbols of 8 kinds among 100 steps.
    fn default() -> SelectiveCopy {
        SelectiveCopy { steps: 100, symbols: 10, kinds: 8 }
    }
}

impl SelectiveCopy {
    fn sequence(&self, length: usize, generator: &mut ChaCha8Rng) -> Steps {
        let (blank, mark) = (self.kinds, self.kinds + 1);
        let mut places = index::sample(generator, length, self.symbols).into_vec();
        places.sort_unstable();
        let symbols: Vec<usize> = places.iter().map(|_| generator.random_range(0..self.kinds)).collect();
        let mut shown = vec![blank; length];
        places.iter().zip(&symbols).for_each(|(place, symbol)| shown[*place] = *symbol);
        let mut steps = Steps::default();
        shown.iter().for_each(|symbol| steps.show(*symbol));
        symbols.iter().for_each(|symbol| steps.judge(mark, *symbol));
        steps
    }
}

impl Task for SelectiveCopy {
    fn name(&self) -> String {
        full_name("selective_copy", *self, SelectiveCopy::default())
    }

    fn about(&self) -> String {
        let SelectiveCopy { steps, symbols, kinds } = self;
        format!("say {symbols} symbols of {kinds} kinds again that stood at any of {steps} steps")
    }

    fn source(&self) -> &'static str {
        "Gu and Dao, Mamba: linear-time sequence modeling with selective state spaces, 2023, https://arxiv.org/abs/2312.00752"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(self.kinds + 2)
    }

    fn outputs(&self) -> Kind {
        Kind::Symbols(self.kinds)
    }

    fn measure(&self) -> Measure {
        Measure::Accuracy
    }

    fn length(&self) -> usize {
        self.steps
    }

    fn test_lengths(&self) -> Vec<usize> {
        [1, 2, 4].map(|times| times * self.steps).into()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        let length = length.max(self.symbols);
        Batch::of_symbols((0..sequences).map(|_| self.sequence(length, generator)))
    }

    fn baseline(&self, _length: usize) -> Baseline {
        let kinds = self.kinds as f64;
        Baseline { loss: kinds.ln(), score: 1.0 / kinds, strategy: "says any symbols".into() }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![
            Setting { name: "steps", range: self.symbols..=LONGEST, value: &mut self.steps },
            Setting { name: "symbols", range: 1..=LONGEST, value: &mut self.symbols },
            Setting { name: "kinds", range: 2..=MOST_KINDS, value: &mut self.kinds },
        ]
    }
}
