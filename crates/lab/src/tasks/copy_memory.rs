//! The copy memory problem (Hochreiter and Schmidhuber, "Long short-term memory", 1997, in the form of Arjovsky, Shah and
//! Bengio, "Unitary evolution recurrent neural networks", 2016, <https://arxiv.org/abs/1511.06464>).
//!
//! ```text
//! shows   3 1 7 …   _ _ _ … _ :   _ _ _ …        symbols, a delay of T with the mark at its end, blanks
//! asks    _ _ _ …   _ _ _ … _ _   3 1 7 …        blanks, then the symbols
//! ```
//!
//! All T + 20 steps count. Whoever knows when to say a symbol but none of the symbols has a loss of 10 ln 8 / (T + 20), and
//! is right at one of 8. Only the ten last steps are judged, because the others are blank.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::settings::{LONGEST, MOST_KINDS, Setting, full_name};
use super::{Baseline, Batch, Kind, Measure, Steps, Task};

/// Symbols to be said again after a delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CopyMemory {
    /// Steps from the last symbol to the mark that asks for them, at least 1.
    pub delay: usize,
    /// How many symbols there are to remember.
    pub symbols: usize,
    /// How many kinds of symbols there are; the blank and the mark come after them.
    pub kinds: usize,
}

impl Default for CopyMemory {
    /// 10 symbols of 8 kinds after 100 steps.
    fn default() -> CopyMemory {
        CopyMemory { delay: 100, symbols: 10, kinds: 8 }
    }
}

impl CopyMemory {
    fn sequence(&self, delay: usize, generator: &mut ChaCha8Rng) -> Steps {
        let (blank, mark) = (self.kinds, self.kinds + 1);
        let symbols: Vec<usize> = (0..self.symbols).map(|_| generator.random_range(0..self.kinds)).collect();
        let mut steps = Steps::default();
        symbols.iter().for_each(|symbol| steps.count(*symbol, blank));
        (1..delay).for_each(|_| steps.count(blank, blank));
        steps.count(mark, blank);
        symbols.iter().for_each(|symbol| steps.judge(blank, *symbol));
        steps
    }
}

impl Task for CopyMemory {
    fn name(&self) -> String {
        full_name("copy", *self, CopyMemory::default())
    }

    fn about(&self) -> String {
        let CopyMemory { delay, symbols, kinds } = self;
        format!("say {symbols} symbols of {kinds} kinds again after a delay of {delay} steps")
    }

    fn source(&self) -> &'static str {
        "Hochreiter and Schmidhuber, Long short-term memory, 1997; Arjovsky et al., 2016, https://arxiv.org/abs/1511.06464"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(self.kinds + 2)
    }

    fn outputs(&self) -> Kind {
        Kind::Symbols(self.kinds + 1)
    }

    fn measure(&self) -> Measure {
        Measure::Accuracy
    }

    fn length(&self) -> usize {
        self.delay
    }

    fn test_lengths(&self) -> Vec<usize> {
        [1, 2, 4].map(|times| times * self.delay).into()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        Batch::of_symbols((0..sequences).map(|_| self.sequence(length.max(1), generator)))
    }

    fn baseline(&self, length: usize) -> Baseline {
        let (symbols, kinds) = (self.symbols as f64, self.kinds as f64);
        let steps = length.max(1) as f64 + 2.0 * symbols;
        Baseline {
            loss: symbols * kinds.ln() / steps,
            score: 1.0 / kinds,
            strategy: "says blanks, then any symbols".into(),
        }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![
            Setting { name: "delay", range: 1..=LONGEST, value: &mut self.delay },
            Setting { name: "symbols", range: 1..=LONGEST, value: &mut self.symbols },
            Setting { name: "kinds", range: 2..=MOST_KINDS, value: &mut self.kinds },
        ]
    }
}
