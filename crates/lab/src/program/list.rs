//! `lab list`: what there is to compare.

use std::process::ExitCode;

use clap::Args;
use nn::NamedCell;

use super::Outcome;
use crate::tasks;

/// List the cells and the tasks.
#[derive(Args)]
pub struct List {}

impl List {
    /// Prints each with its sentence.
    pub fn run(&self, cells: &[NamedCell]) -> Outcome {
        println!("cells");
        for cell in cells {
            println!("  {:<16} {}", cell.name, cell.about);
        }
        println!("\ntasks");
        for task in tasks::all() {
            println!("  {:<16} {}; {}", task.name(), task.about(), task.measure().name());
            println!("  {:<16} {}", "", task.source());
        }
        Ok(ExitCode::SUCCESS)
    }
}
