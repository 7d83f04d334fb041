//! `caption check`: autodiff against everything that can contradict it.

use std::process::ExitCode;

use clap::Args;

use crate::Outcome;

/// Hold autodiff against the hand-written formulas, differences and published numbers.
#[derive(Args)]
pub struct Check {
    /// Decides the random shapes and values.
    #[arg(long, default_value_t = 231)]
    seed: u64,
}

impl Check {
    /// Prints the table; fails if a row does.
    pub fn run(&self) -> Outcome {
        let report = caption::check::run(self.seed)?;
        println!("{report}");
        Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
