//! `lab report`: the results of a comparison for a reader.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::report::{self, ReportFiles};

/// Write the report of a comparison, which may still be running.
#[derive(Args)]
pub struct Report {
    /// The folder of a comparison.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Report {
    /// Writes the page and the tables and says where they are.
    pub fn run(&self) -> Outcome {
        let files = report::write(&self.folder)?;
        print(&files);
        Ok(ExitCode::SUCCESS)
    }
}

/// Says where the files of a report are.
pub fn print(files: &ReportFiles) {
    println!("the report          {}", files.html.display());
    println!("tables for papers   {}, {}", files.latex.display(), files.markdown.display());
}
