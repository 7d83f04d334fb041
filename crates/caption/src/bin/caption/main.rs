//! `caption`: checks the gradients, trains captioners, and describes pictures.
//!
//! Exit code 0 when all went well, 1 for a failure with one message on standard error, 2 for usage.

mod bar;
mod check;
mod choices;
mod data;
mod decoding;
mod describe;
mod doctor;
mod encode;
mod evaluate;
mod overfit;
mod prepare;
mod ranks;
mod report;
mod runs;
mod score;
mod serve;
mod train;

use std::process::ExitCode;

use caption::error::Error;
use clap::{Parser, Subcommand};

/// An image captioner whose gradients are derived on a tape and held against hand-written formulas.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold autodiff against the hand-written formulas, differences and published numbers.
    Check(check::Check),
    /// Make pictures and captions ready to train on, in one file.
    Prepare(prepare::Prepare),
    /// Compute features of pictures by an image encoder in an ONNX file.
    Encode(encode::Encode),
    /// Name every fault of pictures and captions at once.
    Doctor(doctor::Doctor),
    /// Train a captioner; a run that was interrupted goes on where its last checkpoint stands.
    Train(train::Train),
    /// Describe the pictures of a split and score the captions against all references.
    Evaluate(evaluate::Evaluate),
    /// Describe pictures.
    Describe(describe::Describe),
    /// Write what a run has shown, or two runs, as one page that opens from disk.
    Report(report::Report),
    /// Describe pictures on a local page, and to programs beside it.
    Serve(serve::Serve),
    /// Score captions of any origin, from JSON files, against references.
    Score(score::Score),
    /// Learn 50 captions by heart, with CS231n's exact settings.
    Overfit(overfit::Overfit),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    // A reader that has seen enough, such as `head`, ends the program without a word. Clients of `serve` come and go.
    if !matches!(command, Command::Serve(_)) {
        sigpipe::reset();
    }
    let result = match command {
        Command::Check(check) => check.run(),
        Command::Prepare(prepare) => prepare.run(),
        Command::Encode(encode) => encode.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Train(train) => train.run(),
        Command::Evaluate(evaluate) => evaluate.run(),
        Command::Describe(describe) => describe.run(),
        Command::Report(report) => report.run(),
        Command::Serve(serve) => serve.run(),
        Command::Score(score) => score.run(),
        Command::Overfit(overfit) => overfit.run(),
    };
    ranks::end(result)
}

/// What a command returns: an exit code, or why it could not do its work.
type Outcome = Result<ExitCode, Error>;
