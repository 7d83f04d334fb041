//! Sequences of symbols that are written step by step.

use nn::Layout;

use super::{Batch, Values};

/// A sequence of symbols with the answers to them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Steps {
    shown: Vec<i32>,
    answers: Vec<i32>,
    counted: Vec<bool>,
    judged: Vec<bool>,
}

impl Steps {
    /// A step that shows a symbol and asks for nothing.
    pub fn show(&mut self, symbol: usize) {
        self.push(symbol, 0, false, false);
    }

    /// A step whose answer counts in the loss, but is not judged.
    pub fn count(&mut self, symbol: usize, answer: usize) {
        self.push(symbol, answer, true, false);
    }

    /// A step whose answer counts in the loss and is judged.
    pub fn judge(&mut self, symbol: usize, answer: usize) {
        self.push(symbol, answer, true, true);
    }

    fn push(&mut self, symbol: usize, answer: usize, counted: bool, judged: bool) {
        self.shown.push(symbol as i32);
        self.answers.push(answer as i32);
        self.counted.push(counted);
        self.judged.push(judged);
    }
}

impl Batch {
    /// Sequences of symbols as a batch, padded to the longest.
    ///
    /// ```
    /// use lab::tasks::{Batch, Steps, Values};
    ///
    /// let (mut short, mut long) = (Steps::default(), Steps::default());
    /// short.judge(3, 1);
    /// long.show(4);
    /// long.judge(5, 2);
    /// let batch = Batch::of_symbols([short, long]);
    /// assert_eq!(batch.layout.lengths(), [1, 2]);
    /// assert_eq!(batch.inputs, Values::Symbols(vec![3, 0, 4, 5]));
    /// assert_eq!(batch.judged, [true, false, false, true]);
    /// ```
    pub fn of_symbols(sequences: impl IntoIterator<Item = Steps>) -> Batch {
        let sequences: Vec<Steps> = sequences.into_iter().collect();
        let lengths: Vec<usize> = sequences.iter().map(|steps| steps.shown.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut all = Steps::default();
        for (number, mut steps) in sequences.into_iter().enumerate() {
            all.shown.append(&mut steps.shown);
            all.answers.append(&mut steps.answers);
            all.counted.append(&mut steps.counted);
            all.judged.append(&mut steps.judged);
            while all.shown.len() < (number + 1) * longest {
                all.show(0);
            }
        }
        Batch {
            layout: Layout::new(longest, &lengths),
            inputs: Values::Symbols(all.shown),
            targets: Values::Symbols(all.answers),
            counted: all.counted,
            judged: all.judged,
        }
    }
}
