//! `lab`: compares the recurrent cells of the literature.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::program::run(Vec::new())
}
