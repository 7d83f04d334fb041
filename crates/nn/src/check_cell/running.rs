//! What must be the same in whichever way a program is run: with which passes, numbers and threads.

use tape::passes::{PIPELINE, Pass};
use tape::plan::Plan;
use tape::program::Program;
use tape::{DType, Engine, NodeId, RunError, Tensor, interpret};

use super::properties::{Measured, figure};
use super::trial::{Seen, Trial, noisy};

/// The engine with all passes, without `lift`, and without any gives what the interpreter gives.
pub(super) fn lifted(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let tape = trial.noisy();
    let shown = trial.unrolled(&tape);
    let wanted = trial.wanted(&shown);
    let plain = trial.name(&shown, interpret(&wanted)?);
    let outputs: Vec<NodeId> = wanted.iter().map(|var| var.id()).collect();
    let without_lift: Vec<Pass> = PIPELINE.iter().copied().filter(|(name, _)| *name != "lift").collect();
    let mut worst = (0.0, String::new());
    for (label, passes) in
        [("with all passes", PIPELINE), ("without `lift`", &without_lift), ("without passes", &[])]
    {
        let source = Program { graph: tape.graph().clone(), outputs: outputs.clone() };
        let mut engine = Engine::new();
        let run = engine.run_plan(&tape, Plan::with_passes(source, passes))?;
        let found: Vec<Tensor> = (0..wanted.len()).map(|index| run.tensor(index)).collect();
        let (distance, name) = trial.name(&shown, found).apart(&plain);
        if distance > worst.0 {
            worst = (distance, format!("{label}, in {name}"));
        }
    }
    Ok(figure(worst.0, worst.1))
}

/// Single precision gives what double precision gives, but for rounding.
pub(super) fn single_precision(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let single = noisy(&trial.params.cast(DType::F32));
    let double = trial.noisy();
    let (found, expected) = (trial.seen(&trial.unrolled(&single))?, trial.seen(&trial.unrolled(&double))?);
    let (distance, name) = found.apart(&expected);
    Ok(figure(distance, format!("in {name}")))
}

/// One thread and two give the same bits, for a cell that is large enough to be shared out.
pub(super) fn threads(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let Ok(pair) = Engine::with_threads(2) else {
        return Ok(Measured::NotApplicable("the system gives no further thread".into()));
    };
    let large = trial.large();
    let single = Engine::with_threads(1).expect("the calling thread is there");
    same_bits(&run_anew(&large, single)?, &run_anew(&large, pair)?)
}

/// A program that is recorded and run again gives the same bits.
pub(super) fn again(trial: &Trial<'_>) -> Result<Measured, RunError> {
    same_bits(&run_anew(trial, Engine::new())?, &run_anew(trial, Engine::new())?)
}

/// Records the cell in single precision and runs it.
fn run_anew(trial: &Trial<'_>, engine: Engine) -> Result<Seen, RunError> {
    let tape = noisy(&trial.params.cast(DType::F32));
    trial.seen_by(engine, &trial.unrolled(&tape))
}

fn same_bits(one: &Seen, other: &Seen) -> Result<Measured, RunError> {
    let (count, name) = other.other_bits(one);
    Ok(figure(count, format!("entries of {name} that have other bits")))
}
