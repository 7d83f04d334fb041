//! `caption doctor`: every fault of some data at once.

use std::process::ExitCode;

use caption::data::DataError;
use caption::data::doctor::{examine, free_memory};
use caption::data::fault::{printable, summary};
use clap::Args;

use crate::Outcome;
use crate::bar::Bar;
use crate::data::DataChoice;

/// Notes that are printed.
const NOTED: usize = 5;

/// Name every fault of pictures and captions at once, with what mends it.
#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    data: DataChoice,
}

impl Doctor {
    /// Prints the faults; fails where there is one.
    pub fn run(&self) -> Outcome {
        let Some(path) = self.data.data.clone() else {
            let problem = "say what to examine; rendered scenes have no faults to find";
            return Err(DataError::new("without --data", problem).into());
        };
        let bar = Bar::new("pictures decoded");
        let found = examine(&path, &self.data.wishes(), free_memory(), &|done, total| bar.show(done, total));
        bar.finish();
        println!("data: {}", found.about);
        if let Some(usable) = found.usable {
            println!(
                "      {} captions of {} pictures can be used, {} words; training will need about {:.0} MB",
                usable.captions,
                usable.pictures,
                usable.words,
                1e-6 * usable.bytes as f64
            );
        }
        print!("{}", summary(&found.faults, &path));
        for note in found.notes.iter().take(NOTED) {
            println!("note: {}", printable(note));
        }
        if found.notes.len() > NOTED {
            println!("note: {} more pictures are there under several names", found.notes.len() - NOTED);
        }
        match found.faults.len() {
            0 => println!("no fault was found"),
            1 => println!("1 fault"),
            count => println!("{count} faults"),
        }
        Ok(if found.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
