//! `caption prepare`: pictures and captions made ready once, in one file to train on.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::data::stored::store;
use clap::Args;
use lab::files::plain_length;

use crate::Outcome;
use crate::data::{DataChoice, list_left_out};

/// Decode pictures, build the vocabulary and write one file to train on; what cannot be used is left out and listed.
#[derive(Args)]
pub struct Prepare {
    #[command(flatten)]
    data: DataChoice,
    /// The file to write, which is then a PATH for `--data`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Prepare {
    /// Writes the file, and says what is in it and what is not.
    pub fn run(&self) -> Outcome {
        let mut faults = Vec::new();
        let loaded = self.data.load_noting(&mut faults)?;
        let path = self.data.data.clone().unwrap_or_default();
        let description =
            if self.data.data.is_some() { path.display().to_string() } else { "rendered scenes".into() };
        store(&self.out, &loaded.data, &description)?;
        list_left_out("items", &faults, &path);
        println!(
            "wrote {}, {:.1} MB, of which training reads what a batch needs",
            self.out.display(),
            1e-6 * plain_length(&self.out)? as f64
        );
        Ok(ExitCode::SUCCESS)
    }
}
