//! A language model of characters (Sutskever, Martens and Hinton, "Generating text with recurrent neural networks", 2011;
//! Graves, "Generating sequences with recurrent neural networks", 2013, <https://arxiv.org/abs/1308.0850>).
//!
//! ```text
//! shows   s h e   w e n
//! asks    h e   w e n t       the next character
//! ```
//!
//! The first nine tenths of a text are trained on and the last tenth is kept out; windows are drawn anywhere in either, and
//! none reaches over the border. The vocabulary is that of the training part. Symbol 0 stands for any other character: it is
//! never trained, and what is kept out may have it. All steps count and are judged, in bits a character.
//!
//! The baseline says each character as often as the training part has it, after adding one to every count, so that what was
//! never seen is not impossible. Its loss is the exact mean over all windows of the part that is kept out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::settings::{LONGEST, Setting, full_name};
use super::tales::tales;
use super::{Baseline, Batch, Kind, Measure, Steps, Task, generator};
use crate::files::{FileError, read_text};

/// Steps of a window, where nothing else is asked for.
const USUAL_STEPS: usize = 100;

/// The longest file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 26;

/// The shortest text: its last tenth is a character and the next.
const FEWEST_CHARACTERS: usize = 20;

/// The next character of a text. Clones share the text.
#[derive(Clone, Debug)]
pub struct Text {
    /// Steps of a window.
    pub steps: usize,
    /// The file it was read from; none for the tales that come with the laboratory.
    file: Option<PathBuf>,
    parts: Arc<Parts>,
}

/// A text as symbols.
#[derive(Debug)]
struct Parts {
    /// The characters of symbols 1, 2, …, ascending.
    vocabulary: Vec<char>,
    training: Vec<usize>,
    held_out: Vec<usize>,
}

impl Default for Text {
    /// Windows of 100 steps of 120 tales that a grammar has told.
    fn default() -> Text {
        let tales = tales(120, &mut generator(0, 0));
        Text { steps: USUAL_STEPS, file: None, parts: Arc::new(Parts::of(&tales)) }
    }
}

impl Text {
    /// Windows of 100 steps of the text in a file, or as long as its last tenth where that is shorter.
    ///
    /// # Errors
    /// If it cannot be read, is not UTF-8, or has fewer than 20 characters.
    pub fn open(path: &Path) -> Result<Text, FileError> {
        let text = read_text(path, LARGEST_FILE)?;
        let count = text.chars().count();
        if count < FEWEST_CHARACTERS {
            let problem =
                if count == 0 { "is empty".into() } else { format!("is too short: {count} characters") };
            let advice =
                format!("give a text of at least {FEWEST_CHARACTERS} characters, and better 100,000");
            return Err(FileError::new(path, problem, advice));
        }
        let text = Text { steps: USUAL_STEPS, file: Some(path.into()), parts: Arc::new(Parts::of(&text)) };
        Ok(Text { steps: text.longest().min(USUAL_STEPS), ..text })
    }

    /// The character of a symbol; none for symbol 0, which stands for all that the training part does not have.
    pub fn character(&self, symbol: i32) -> Option<char> {
        let place = usize::try_from(symbol).ok()?.checked_sub(1)?;
        self.parts.vocabulary.get(place).copied()
    }

    /// Windows anywhere in a part.
    fn windows(&self, part: &[usize], count: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        let length = length.clamp(1, part.len() - 1);
        Batch::of_symbols((0..count).map(|_| {
            let window = &part[generator.random_range(0..part.len() - length)..][..=length];
            let mut steps = Steps::default();
            window.windows(2).for_each(|pair| steps.judge(pair[0], pair[1]));
            steps
        }))
    }

    /// The longest window of what is kept out.
    fn longest(&self) -> usize {
        self.parts.held_out.len() - 1
    }
}

impl Parts {
    /// The parts of a text that is long enough.
    fn of(text: &str) -> Parts {
        let mut training: Vec<char> = text.chars().collect();
        let held_out = training.split_off(training.len() - training.len() / 10);
        let mut vocabulary = training.clone();
        vocabulary.sort_unstable();
        vocabulary.dedup();
        let symbols = |part: Vec<char>| -> Vec<usize> {
            let symbol = |character| vocabulary.binary_search(&character).map_or(0, |place| place + 1);
            part.into_iter().map(symbol).collect()
        };
        Parts { training: symbols(training), held_out: symbols(held_out), vocabulary }
    }
}

impl Task for Text {
    fn name(&self) -> String {
        let usual = Text { steps: USUAL_STEPS, ..self.clone() };
        let name = full_name("text", self.clone(), usual);
        match &self.file {
            None => name,
            Some(file) => {
                let separator = if name.contains(':') { ',' } else { ':' };
                format!("{name}{separator}file={}", file.display())
            }
        }
    }

    fn about(&self) -> String {
        let text =
            self.file.as_ref().map_or("tales from a grammar".into(), |file| file.display().to_string());
        let kinds = self.parts.vocabulary.len();
        format!("say the next character of {text}, one of {kinds}, in windows of {} steps", self.steps)
    }

    fn source(&self) -> &'static str {
        "Sutskever, Martens and Hinton, Generating text with recurrent neural networks, 2011; Graves, 2013, \
         https://arxiv.org/abs/1308.0850"
    }

    fn inputs(&self) -> Kind {
        Kind::Symbols(self.parts.vocabulary.len() + 1)
    }

    fn outputs(&self) -> Kind {
        self.inputs()
    }

    fn measure(&self) -> Measure {
        Measure::Bits
    }

    fn length(&self) -> usize {
        self.steps
    }

    fn test_lengths(&self) -> Vec<usize> {
        let lengths = [1, 2, 4].map(|times| times * self.steps).into_iter();
        lengths.filter(|steps| *steps <= self.longest()).collect()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        self.windows(&self.parts.training, sequences, length, generator)
    }

    fn draw_held_out(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        self.windows(&self.parts.held_out, sequences, length, generator)
    }

    fn baseline(&self, length: usize) -> Baseline {
        let Parts { training, held_out, vocabulary } = &*self.parts;
        let mut counts = vec![1.0; vocabulary.len() + 1];
        training.iter().for_each(|symbol| counts[*symbol] += 1.0);
        let total: f64 = counts.iter().sum();
        // The loss of all that stands before a place, so that the loss of a window is a difference.
        let mut before = vec![0.0];
        for symbol in held_out {
            before.push(before[before.len() - 1] - (counts[*symbol] / total).ln());
        }
        let length = length.clamp(1, self.longest());
        let windows = held_out.len() - length;
        let losses = (0..windows).map(|start| before[start + length + 1] - before[start + 1]);
        let loss = losses.sum::<f64>() / (windows * length) as f64;
        Baseline {
            loss,
            score: loss / std::f64::consts::LN_2,
            strategy: "says each character as often as the training text has it".into(),
        }
    }

    fn settings(&mut self) -> Vec<Setting<'_>> {
        vec![Setting { name: "steps", range: 1..=self.longest().min(LONGEST), value: &mut self.steps }]
    }
}
