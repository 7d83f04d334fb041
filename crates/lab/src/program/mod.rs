//! The program `lab`, for cells of one's own too: checks, times and compares recurrent cells.
//!
//! A file with a cell becomes the whole program by one line, `cargo run --release -- compare --cells mine,gru`:
//!
//! ```no_run
//! use nn::{GruResetAfter, NamedCell};
//!
//! fn main() -> std::process::ExitCode {
//!     lab::program::run(vec![NamedCell::new("mine", "a cell of my own", GruResetAfter::new)])
//! }
//! ```
//!
//! Exit code 0 when all went well, 1 for a failure with one message on standard error, 2 for usage.

mod check;
mod compare;
mod list;
mod report;
mod tasks;
mod time;

use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use nn::{NamedCell, cells};

use crate::compare::CompareError;

/// A laboratory for recurrent cells.
#[derive(Parser)]
#[command(name = "lab", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check whether cells are right: gradients, and every way through time.
    Check(check::Check),
    /// Time the loss and all gradients of cells, in turns.
    Time(time::Time),
    /// Compare cells on tasks; a comparison that was interrupted goes on with the trainings that are missing.
    Compare(compare::Compare),
    /// Write the report of a comparison, which may still be running.
    Report(report::Report),
    /// List the cells and the tasks.
    List(list::List),
}

/// Does what the command line says, with some cells beside those of the literature. One of the same name takes the place of
/// that of the literature.
pub fn run(own: Vec<NamedCell>) -> ExitCode {
    let known = |cell: &NamedCell| own.iter().any(|one| one.name == cell.name);
    let literature = cells::all().into_iter().filter(|cell| !known(cell));
    let cells: Vec<NamedCell> = own.iter().cloned().chain(literature).collect();
    let arguments = match Arguments::from_arg_matches(&usage(&cells).get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    // A reader that has seen enough, such as `head`, ends the program without a word.
    sigpipe::reset();
    let result = match arguments.command {
        Command::Check(check) => check.run(&cells),
        Command::Time(time) => time.run(&cells),
        Command::Compare(compare) => compare.run(&cells),
        Command::Report(report) => report.run(),
        Command::List(list) => list.run(&cells),
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

/// The command line, which takes these cells.
fn usage(cells: &[NamedCell]) -> clap::Command {
    let value = |cell: &NamedCell| PossibleValue::new(cell.name.clone()).help(cell.about.clone());
    let names = PossibleValuesParser::new(cells.iter().map(value));
    ["check", "time", "compare"].into_iter().fold(Arguments::command(), |usage, command| {
        usage.mut_subcommand(command, |command| {
            command.mut_arg("cells", |argument| argument.value_parser(names.clone()))
        })
    })
}

/// The cells of these names, all of which are there.
fn chosen(names: &[String], cells: &[NamedCell]) -> Vec<NamedCell> {
    names.iter().filter_map(|name| cells.iter().find(|cell| cell.name == *name).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::GruResetAfter;

    #[test]
    fn cells_of_ones_own_stand_beside_those_of_the_literature() {
        let mine = NamedCell::new("mine", "a cell of my own", GruResetAfter::new);
        let cells: Vec<NamedCell> = [mine].into_iter().chain(cells::all()).collect();
        let parse = |line: &str| usage(&cells).try_get_matches_from(line.split(' '));
        let matches = parse("lab compare --out x --cells mine,gru").unwrap();
        let Ok(Arguments { command: Command::Compare(_) }) = Arguments::from_arg_matches(&matches) else {
            panic!("a comparison")
        };
        parse("lab check --cells mine").unwrap();
        let refused = parse("lab time --cells yours").unwrap_err().to_string();
        assert!(refused.contains("yours") && refused.contains("mine"), "{refused}");
        assert_eq!(chosen(&["gru".into(), "mine".into()], &cells).len(), 2);
    }
}
