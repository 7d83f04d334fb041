//! `lab check`: whether cells are right.

use std::process::ExitCode;

use clap::Args;
use nn::{NamedCell, check_cell};

use super::Outcome;

/// Check cells.
#[derive(Args)]
pub struct Check {
    /// The cells, such as rnn,lstm,gru.
    #[arg(long, value_name = "CELLS", value_delimiter = ',', required = true)]
    cells: Vec<String>,
}

impl Check {
    /// Prints the table of each; fails if a property of one does not hold.
    pub fn run(&self, cells: &[NamedCell]) -> Outcome {
        let mut well = true;
        for cell in super::chosen(&self.cells, cells) {
            let report = check_cell(|scope, inputs, hidden| cell.declare(scope, inputs, hidden));
            println!("{}: {}\n{report}", cell.name, cell.about);
            if let Err(fault) = report.ok() {
                println!("{fault}\n");
                well = false;
            }
        }
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
