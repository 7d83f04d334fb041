//! `caption score`: captions of any origin against references, from JSON files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use caption::error::Error;
use caption::scoring::{Corpus, Scored};
use clap::Args;
use lab::files::write_atomically;

use crate::Outcome;

/// Stands for standard output where a file is asked for.
const STANDARD_OUTPUT: &str = "-";

/// Score captions of any origin.
#[derive(Args)]
pub struct Score {
    /// A JSON file {"id": "caption", ...}.
    #[arg(long, value_name = "FILE")]
    hypotheses: PathBuf,
    /// A JSON file {"id": ["caption", ...], ...}.
    #[arg(long, value_name = "FILE")]
    references: PathBuf,
    /// The text is words apart by spaces; else it is lower-cased, split and rid of punctuation.
    #[arg(long)]
    tokenized: bool,
    /// Write the numbers, of the corpus and of each id, to a JSON file; without FILE to standard output, and the
    /// table to standard error.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STANDARD_OUTPUT)]
    json: Option<PathBuf>,
}

impl Score {
    /// Prints the scores.
    pub fn run(&self) -> Outcome {
        let corpus = Corpus::read(&self.hypotheses, &self.references, self.tokenized)?;
        let scored = Scored::of(corpus, self.tokenized);
        scored.warnings.iter().for_each(|warning| eprintln!("caption: {warning}"));
        let Some(path) = &self.json else {
            println!("{scored}");
            return Ok(ExitCode::SUCCESS);
        };
        let mut json = serde_json::to_string_pretty(&scored)
            .map_err(|error| Error::Mismatch(format!("the scores cannot be written as JSON: {error}")))?;
        json.push('\n');
        if path == Path::new(STANDARD_OUTPUT) {
            eprintln!("{scored}");
            print!("{json}");
        } else {
            write_atomically(path, json.as_bytes())?;
            println!("{scored}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
