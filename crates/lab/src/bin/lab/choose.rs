//! Cells and tasks from the words of a command line.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser};
use lab::tasks::{self, Task};

/// The names of the cells that can be compared.
pub fn cell_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        nn::cells::all().into_iter().map(|cell| PossibleValue::new(cell.name).help(cell.about)),
    )
}

/// Tasks as words, each of which names one.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskWords(pub Vec<String>);

impl FromStr for TaskWords {
    type Err = String;

    /// Takes words apart at commas: `copy:delay=50,kinds=4,adding` is two, because a setting belongs to the task before it.
    fn from_str(text: &str) -> Result<TaskWords, String> {
        let mut words: Vec<String> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match words.last_mut() {
                // A file's name takes all that follows it, so that it may have commas.
                Some(word) if word.contains("file=") || (part.contains('=') && !part.contains(':')) => {
                    *word = format!("{word},{part}");
                }
                _ => words.push(part.to_string()),
            }
        }
        match words.iter().try_for_each(|word| task(word).map(drop)) {
            Ok(()) => Ok(TaskWords(words)),
            Err(problem) => Err(problem),
        }
    }
}

/// The task that a word names.
pub fn task(word: &str) -> Result<Box<dyn Task>, String> {
    tasks::parse(word).map_err(|error| error.to_string())
}
