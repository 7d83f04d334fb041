//! `lab`: compares recurrent cells on tasks.
//!
//! Exit code 0 when all went well, 1 for a failure with one message on standard error, 2 for usage.

mod choose;
mod compare;
mod list;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::compare::CompareError;

/// A laboratory for recurrent cells.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare cells on tasks; a comparison that was interrupted goes on with the trainings that are missing.
    Compare(compare::Compare),
    /// List the cells and the tasks.
    List(list::List),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Compare(compare) => compare.run(),
        Command::List(list) => list.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a command returns: an exit code, or why it could not do its work.
type Outcome = Result<ExitCode, CompareError>;
