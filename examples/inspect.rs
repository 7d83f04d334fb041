//! Looks inside a training step of the captioner: what was recorded, as text and as a drawing, what became of it and why, and
//! where the time of a run goes.
//!
//! `cargo run --release --example inspect -- --size s --cell rnn --explain --dump step.txt --dot step.dot --trace step.json`.
//! `dot -Tsvg step.dot` draws, and the trace is for `chrome://tracing` or Perfetto. `-- --quick` shows a little of each.

#[path = "../benches/common/mod.rs"]
mod common;

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;
use common::{Case, L, S, XS};
use unspool::lab::files::{FileError, write_atomically};
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
    /// Write what was recorded to this file: a line for each node, with its scope and source line
    #[arg(long)]
    dump: Option<PathBuf>,
    /// Write the same as a drawing for Graphviz
    #[arg(long)]
    dot: Option<PathBuf>,
    /// Write when each instruction ran to this file
    #[arg(long)]
    trace: Option<PathBuf>,
    /// The smallest size, and the beginnings of all texts
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

    // What was recorded, and after it the gradients.
    let (dump, drawing) = (tape.dump(), tape.listing(&outputs).graphviz());
    write(arguments.dump.as_deref(), &dump)?;
    write(arguments.dot.as_deref(), &drawing)?;

    // What became of it.
    let mut engine = Engine::with_threads(arguments.threads)?;
    let run = engine.run(&outputs)?;
    println!("loss {:.4} per caption", run.number(0));
    println!("{} instructions, {} bytes", run.plan().instructions(), run.plan().bytes());
    println!("products that each loop repeats in every step: {:?}", run.plan().products_in_loops());
    let plan = run.plan().dump();
    if arguments.plan {
        println!("{plan}");
    }
    if arguments.explain || arguments.quick {
        println!("{}", run.plan().explain().with_scopes(tape.scopes().clone()));
    }
    if arguments.quick {
        let texts = [("recorded", &dump), ("drawn", &drawing), ("planned", &plan)];
        texts
            .iter()
            .for_each(|(how, text)| println!("{how}, {} lines:\n{}\n", text.lines().count(), head(text)));
    }

    // Where the time goes.
    let profile = engine.profile(&outputs)?;
    println!("{profile}");
    write(arguments.trace.as_deref(), &profile.chrome_trace())?;
    Ok(())
}

fn write(file: Option<&Path>, text: &str) -> Result<(), FileError> {
    file.map_or(Ok(()), |file| write_atomically(file, text.as_bytes()))
}

/// The first lines of a text.
fn head(text: &str) -> String {
    text.lines().take(12).collect::<Vec<_>>().join("\n")
}
