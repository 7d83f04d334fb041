//! Tasks from the words of a command line.

use std::str::FromStr;

use crate::tasks::{self, Task};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_belong_to_the_task_before_them() {
        let check = |text: &str, expected: &[&str]| {
            let words: Vec<String> = expected.iter().map(|word| word.to_string()).collect();
            assert_eq!(text.parse(), Ok(TaskWords(words)));
        };
        check("copy,adding", &["copy", "adding"]);
        check("copy:delay=5,kinds=3, adding", &["copy:delay=5,kinds=3", "adding"]);
        check("adding:steps=5,copy:delay=5,symbols=2,", &["adding:steps=5", "copy:delay=5,symbols=2"]);
        let error = "kinds=3,adding".parse::<TaskWords>().unwrap_err();
        assert!(error.contains("there is no task `kinds=3`"), "{error}");
        // One file whose name has a comma, not a file and a task.
        let error = "text:file=no/a,copy".parse::<TaskWords>().unwrap_err();
        assert!(error.contains("no/a,copy"), "{error}");
    }
}
