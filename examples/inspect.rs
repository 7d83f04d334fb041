//! Looks inside a training step of the captioner: the plan's size, what its loops repeat and why, and where the time of
//! a run goes.
//!
//! `cargo run --release --example inspect -- --size s --cell rnn --threads 1 --trace trace.json`; the trace is for
//! `chrome://tracing` or Perfetto. `-- --quick` for a short one.

#[path = "../benches/common/mod.rs"]
mod common;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use common::{Case, L, S, XS};
use unspool::tape::{Engine, Var};

/// Shows the plan of a training step of the captioner, loss and all gradients, and profiles it.
#[derive(Parser)]
struct Arguments {
    /// The sizes of captioner and batch
    #[arg(long, value_parser = ["xs", "s", "l"], default_value = "s")]
    size: String,
    /// What carries the sentence from word to word
    #[arg(long, value_parser = ["rnn", "lstm"], default_value = "rnn")]
    cell: String,
    /// Threads that share the work
    #[arg(long, default_value = "1")]
    threads: usize,
    /// Print the plan too
    #[arg(long)]
    plan: bool,
    /// Say what left the loops, and what holds the rest there
    #[arg(long)]
    explain: bool,
    /// Write when each instruction ran to this file
    #[arg(long)]
    trace: Option<PathBuf>,
    /// The smallest size
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let workload = match arguments.size.as_str() {
        _ if arguments.quick => XS,
        "xs" => XS,
        "l" => L,
        _ => S,
    };
    let case = Case::ragged(workload, &arguments.cell);
    let tape = case.params.tape();
    let loss = case.loss(&tape);
    let outputs: Vec<Var<'_>> = [loss].into_iter().chain(case.gradients(&tape, loss)).collect();

    let mut engine = Engine::with_threads(arguments.threads)?;
    let run = engine.run(&outputs)?;
    println!("loss {:.4} per caption", run.number(0));
    println!("{} instructions, {} bytes", run.plan().instructions(), run.plan().bytes());
    println!("products that each loop repeats in every step: {:?}", run.plan().products_in_loops());
    if arguments.plan {
        println!("{}", run.plan().dump());
    }
    if arguments.explain {
        println!("{}", run.plan().explain().with_scopes(tape.scopes().clone()));
    }
    let profile = engine.profile(&outputs)?;
    println!("{profile}");
    if let Some(path) = arguments.trace {
        std::fs::write(&path, profile.chrome_trace())?;
    }
    Ok(())
}
