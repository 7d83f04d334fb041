//! Measures a training step of the captioner, loss and all gradients, and prints it as a line of JSON.
//!
//! Made to be run beside other frameworks: with `--inputs` it reads the numbers that they were given, and beside the
//! times it prints the loss and the norm of each gradient, which must be theirs.
//!
//! `cargo run --release --example step_time -- --size s --cell rnn --threads 1`, or `-- --quick` for a short one.

#[path = "../benches/common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use common::{Case, L, PARAMETERS, S, XS};
use unspool::caption::model::CellKind;
use unspool::tape::Engine;

/// Measures a training step of the captioner, loss and all gradients, and prints it as a line of JSON.
#[derive(Parser)]
struct Arguments {
    /// The sizes of captioner and batch
    #[arg(long, value_parser = ["xs", "s", "l"], ignore_case = true, default_value = "s")]
    size: String,
    /// What carries the sentence from word to word
    #[arg(long, value_parser = ["rnn", "lstm"], default_value = "rnn")]
    cell: String,
    /// Threads that share the work
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), default_value = "1")]
    threads: u16,
    /// From the tape, or by the formulas that are written out by hand
    #[arg(long, value_parser = ["autodiff", "handwritten"], default_value = "autodiff")]
    form: String,
    /// A folder of raw little-endian elements, `W_proj.f32` and so on, `features.f32` and `captions.i32`
    #[arg(long)]
    inputs: Option<PathBuf>,
    /// The smallest size, a few times
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("step_time: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(arguments: &Arguments) -> Result<serde_json::Value, String> {
    let size = if arguments.quick { "xs" } else { &arguments.size.to_lowercase() };
    let workload = [XS, S, L].into_iter().find(|one| one.name.to_lowercase() == size).expect("a known size");
    let cell = if arguments.cell == "rnn" { CellKind::Rnn } else { CellKind::Lstm };
    let case = match &arguments.inputs {
        Some(folder) => Case::read(folder, workload, cell)?,
        None => Case::ragged(workload, cell),
    };
    let threads = usize::from(arguments.threads);
    let mut engine = Engine::with_threads(threads).map_err(|error| error.to_string())?;
    let (times, loss, norms) = if arguments.form == "autodiff" {
        let times = repeat(arguments.quick, || case.autodiff(&mut engine).number(0));
        let run = case.autodiff(&mut engine);
        let norms = (1..=PARAMETERS.len()).map(|output| norm(run.slice(output).typed()));
        (times, run.number(0), norms.collect::<Vec<f64>>())
    } else {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| error.to_string())?;
        let times = repeat(arguments.quick, || f64::from(pool.install(|| case.by_hand()).loss));
        let result = pool.install(|| case.by_hand());
        (times, f64::from(result.loss), result.gradients.named().map(|(_, gradient)| norm(gradient)).into())
    };
    let names = PARAMETERS.map(|(name, _)| name.to_string());
    let median = times[times.len() / 2];
    Ok(serde_json::json!({
        "peer": if arguments.form == "autodiff" { "unspool" } else { "unspool by hand" },
        "size": workload.name,
        "cell": arguments.cell,
        "threads": threads,
        "med_ms": 1e3 * median,
        "min_ms": 1e3 * times[0],
        "loss": loss,
        "grad_norm": names.into_iter().zip(norms).collect::<std::collections::BTreeMap<String, f64>>(),
        // Of the products, padding included, whether or not padding is computed.
        "gflops": 1e-9 * workload.flops(cell) as f64 / median,
        "peak_bytes": peak_bytes(),
    }))
}

/// The seconds that each of some steps takes, sorted.
fn repeat(quick: bool, mut step: impl FnMut() -> f64) -> Vec<f64> {
    let (least, long) = if quick { (3, Duration::ZERO) } else { (10, Duration::from_secs(3)) };
    // What is planned, allocated and paged in once is not part of a step.
    (0..2).for_each(|_| _ = step());
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < least || start.elapsed() < long {
        let begin = Instant::now();
        std::hint::black_box(step());
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}

fn norm(elements: &[f32]) -> f64 {
    elements.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// The most memory that this process has held, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}
