//! Measures a training step of the captioner, loss and all gradients, and prints it as a line of JSON.
//!
//! Made to be run beside other frameworks: with `--inputs` it reads the numbers that they were given, and beside the
//! times it prints the loss and the norm of each gradient, which must be theirs. `benches/peers/run` does that.
//!
//! `cargo run --release --example step_time -- --size s --cell rnn --threads 1`, or `-- --quick` for a short one.

#[path = "../benches/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use common::{ByHand, Case, Declared, L, Mgu, S, Step, Workload, XS};
use common::{declare_any, declare_gru, declare_gru_after, declare_mgu, peak_bytes, repeat, square};
use unspool::nn::{AnyCell, Cell, Scope};
use unspool::tape::Engine;

/// Measures a training step of the captioner, loss and all gradients, and prints it as a line of JSON.
#[derive(Parser)]
struct Arguments {
    /// The sizes of captioner and batch
    #[arg(long, value_parser = ["xs", "s", "l"], ignore_case = true, default_value = "s")]
    size: String,
    /// What carries the sentence from word to word; `mgu` stands for a user's own
    #[arg(long, value_parser = ["rnn", "lstm", "mgu", "gru", "gru-after"], default_value = "rnn")]
    cell: String,
    /// Threads that share the work
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), default_value = "1")]
    threads: u16,
    /// What is timed
    #[arg(long, default_value = "autodiff")]
    form: Form,
    /// A folder of raw little-endian elements, `W_proj.f32` and so on, `features.f32` and `captions.i32`
    #[arg(long)]
    inputs: Option<PathBuf>,
    /// How long to measure
    #[arg(long, default_value = "3")]
    seconds: f64,
    /// The smallest size, a few times
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Form {
    /// From the tape
    Autodiff,
    /// By the formulas that are written out by hand, step by step, over the same product kernel (not for a GRU)
    Handwritten,
    /// The products of the step and nothing else
    Products,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = &Arguments::parse();
    let named = |name| move |scope: Scope<'_>, workload| declare_any(scope, workload, name);
    let line = match arguments.cell.as_str() {
        "rnn" => measure(arguments, named("rnn"), Some(Case::<AnyCell>::by_hand)),
        "lstm" => measure(arguments, named("lstm"), Some(Case::<AnyCell>::by_hand)),
        "mgu" => measure(arguments, declare_mgu, Some(Case::<Mgu>::by_hand)),
        "gru" => measure(arguments, declare_gru, None),
        _ => measure(arguments, declare_gru_after, None),
    }?;
    println!("{line}");
    Ok(())
}

fn measure<C: Cell + Sync>(
    arguments: &Arguments,
    declare: impl FnOnce(Scope<'_>, Workload) -> Declared<C>,
    by_hand: Option<fn(&Case<C>) -> ByHand>,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let size = if arguments.quick { "xs" } else { &arguments.size.to_lowercase() };
    let workload = [XS, S, L].into_iter().find(|one| one.name.to_lowercase() == size).expect("a known size");
    let declare = |scope: Scope<'_>| declare(scope, workload);
    let case = match &arguments.inputs {
        Some(folder) => Case::read(folder, workload, declare)?,
        None => Case::ragged_with(workload, declare),
    };
    let threads = usize::from(arguments.threads);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let (least, seconds) = if arguments.quick { (3, 0.0) } else { (5, arguments.seconds) };
    let (peer, times, result) = match arguments.form {
        Form::Autodiff => {
            let mut engine = Engine::with_threads(threads)?;
            eprintln!("the plan needs {} bytes", case.plan(&mut engine).bytes());
            let times = repeat(least, seconds, || case.autodiff(&mut engine).number(0));
            let run = case.autodiff(&mut engine);
            let squares = (1..=case.weights.all.len()).map(|output| square(run.slice(output).typed()));
            ("unspool", times, Some((run.number(0), squares.collect::<Vec<f64>>())))
        }
        Form::Handwritten => {
            let by_hand = by_hand.ok_or("the formulas of this cell are not written out by hand")?;
            let times = repeat(least, seconds, || f64::from(pool.install(|| by_hand(&case)).loss));
            let ByHand { loss, gradients } = pool.install(|| by_hand(&case));
            ("unspool by hand", times, Some((loss.into(), gradients.iter().map(|one| square(one)).collect())))
        }
        Form::Products => {
            let mut step = Step::of(&case);
            ("products alone", repeat(least, seconds, || pool.install(|| step.multiply())), None)
        }
    };
    let (loss, squares) = result.unzip();
    let norms = squares.map(|squares| {
        let groups = case.weights.grouped(squares).into_iter();
        groups.map(|(name, parts)| (name, parts.iter().sum::<f64>().sqrt())).collect::<BTreeMap<_, _>>()
    });
    let median = times[times.len() / 2];
    Ok(serde_json::json!({
        "peer": peer, "size": workload.name, "cell": arguments.cell, "threads": threads,
        "med_ms": 1e3 * median, "min_ms": 1e3 * times[0],
        "loss": loss, "grad_norm": norms,
        // Of the products, padding included, whether or not padding is computed.
        "gflops": 1e-9 * case.flops() as f64 / median,
        "peak_bytes": peak_bytes(),
    }))
}
