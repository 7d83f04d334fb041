//! One step of training: loss, gradients, clipping and update as one program, run once.

mod error;
mod parts;

pub use error::{Severed, TrainError};
pub use parts::Parts;

use smallvec::SmallVec;
use tape::{Engine, NodeId, Run, RunError, Tape, Var, Vars, first_not_finite, try_grad, why_severed};

use crate::clip::{clip_by_global_norm, global_norm};
use crate::optim::{Optimizer, Updates};
use crate::outliers::Outliers;
use crate::param::Param;
use crate::params::Params;

/// What trains a model: an engine, an optimiser and a limit for the gradients.
///
/// ```
/// use nn::{Affine, Params, Sgd, Trainer};
/// use tape::{DType, Tensor};
///
/// let mut params = Params::seeded(DType::F32, 1);
/// let line = Affine::new(params.scope("line"), 1, 1);
/// let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
/// for _ in 0..200 {
///     trainer.step(&mut params, |tape| {
///         let x = tape.input(Tensor::new([3, 1], vec![-1.0f32, 0.0, 1.0]));
///         let y = tape.input(Tensor::new([3, 1], vec![-1.0f32, 1.0, 3.0]));
///         (line.apply(x) - y).square().mean()
///     })?;
/// }
/// assert!((params[line.w].number() - 2.0).abs() < 1e-3);
/// assert!((params[line.b].number() - 1.0).abs() < 1e-3);
/// # Ok::<(), nn::TrainError>(())
/// ```
#[derive(Debug)]
pub struct Trainer<O> {
    /// Runs the programs and keeps their plans; it may run others between steps.
    pub engine: Engine,
    /// The rule for new weights.
    pub optimizer: O,
    /// The largest norm of all gradients together; larger ones are scaled down to it.
    pub clip: Option<f64>,
    /// Leaves out steps whose gradients are far larger than those before.
    pub outliers: Option<Outliers>,
    /// Whether each value of each step is looked at before the step is run, so that the first one that is not finite is
    /// named. This takes many times as long.
    pub check_numbers: bool,
    /// Whether a loss may depend on some of the weights only. Where it may not, a weight that it does not depend on is an
    /// error: it would never learn. What is not to learn is [frozen](crate::Role::Frozen).
    pub partial: bool,
    /// Whether steps have noise, as at first. Without it dropout does nothing.
    pub noise: bool,
    /// How many steps were taken: each has noise of its own, such as for dropout. To go on with a training,
    /// set it to where that was.
    pub steps: u64,
}

/// What a step has computed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StepReport {
    /// The loss before the step.
    pub loss: f64,
    /// The norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// Whether the step was left out, as its gradients are far larger than those before.
    pub skipped: bool,
}

impl<O: Optimizer> Trainer<O> {
    /// A trainer without clipping. Declares the optimiser's slots, so all weights must be there.
    #[track_caller]
    pub fn new(params: &mut Params, optimizer: O) -> Trainer<O> {
        optimizer.declare(params);
        Trainer {
            engine: Engine::new(),
            optimizer,
            clip: None,
            noise: true,
            outliers: None,
            check_numbers: false,
            partial: false,
            steps: 0,
        }
    }

    /// The same trainer with gradients clipped to a norm of `limit`.
    pub fn with_clip(self, limit: f64) -> Trainer<O> {
        Trainer { clip: Some(limit), ..self }
    }

    /// Takes one step down the gradient of a loss that `record` puts on a tape of the parameters.
    ///
    /// # Errors
    /// If the loss, a gradient or a new value is not finite, a weight is severed from the loss, or a value cannot be taken.
    /// Weights and slots are then as they were.
    ///
    /// # Panics
    /// If the loss is not a single number or depends on no weight at all, or an operation has no gradient for what depends
    /// on a weight.
    #[track_caller]
    pub fn step(
        &mut self,
        params: &mut Params,
        record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>,
    ) -> Result<StepReport, TrainError> {
        let checked = {
            let tape = self.tape(params, 0);
            let loss = record(&tape);
            let used = gradients(params, &tape, loss);
            let program = self.program(params, &tape, loss, used);
            self.check_severed(params, loss, &program.used)?;
            if self.check_numbers {
                self.check_finite(&program.outputs)?;
            }
            match checked(&mut self.engine, params, &program) {
                Err(TrainError::Gradient { loss, .. }) => {
                    Err(self.name_gradients(params, loss, &program.used)?)
                }
                checked => checked,
            }
        };
        let (targets, report, run) = checked?;
        // Without the tape the store is alone with its tensors, and they are written in place.
        Ok(settle(&mut self.steps, &mut self.outliers, params, targets, report, &run))
    }

    /// The bytes that a step down the gradient of such a loss works in, beside weights and slots. Nothing is computed.
    ///
    /// # Panics
    /// As [`Trainer::step`] does.
    #[track_caller]
    pub fn bytes(&mut self, params: &Params, record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>) -> usize {
        let tape = self.tape(params, 0);
        let loss = record(&tape);
        let used = gradients(params, &tape, loss);
        let Program { outputs, .. } = self.program(params, &tape, loss, used);
        let wanted: Vec<NodeId> = outputs.iter().map(|output| output.id()).collect();
        self.engine.plan(&tape.graph(), &wanted).bytes()
    }

    /// The tape of a part of the next step. A step in one part is its own first.
    fn tape(&self, params: &Params, part: usize) -> Tape {
        let tape = params.tape();
        if !self.noise {
            return tape;
        }
        let seed = noise_seed(params.seed(), self.steps);
        tape.with_noise(if part == 0 { seed } else { noise_seed(seed, part as u64) })
    }

    /// Records what follows a loss and its gradients in a step.
    #[track_caller]
    fn program<'t>(
        &self,
        params: &Params,
        tape: &'t Tape,
        loss: Var<'t>,
        used: Gradients<'t>,
    ) -> Program<'t> {
        let raw: Vars<'_> = used.iter().map(|(_, gradient)| *gradient).collect();
        let (clipped, norm) = tape.scope("clip", || match self.clip {
            Some(limit) => clip_by_global_norm(&raw, limit),
            None => (raw.clone(), global_norm(&raw)),
        });
        let clipped: Gradients<'_> =
            used.iter().zip(clipped).map(|((param, _), gradient)| (*param, gradient)).collect();
        let updates = tape.scope("update", || self.optimizer.update(params, tape, &clipped));
        let values = updates.iter().map(|(_, value)| *value);
        let outputs = [loss, norm].into_iter().chain(values).collect();
        Program { used, updates, outputs }
    }

    /// Computes a loss without taking a step, and without noise.
    ///
    /// # Errors
    /// If a value cannot be taken, such as a word outside the vocabulary.
    pub fn evaluate(
        &mut self,
        params: &Params,
        record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>,
    ) -> Result<f64, RunError> {
        let tape = params.tape();
        let loss = record(&tape);
        Ok(self.engine.run(&[loss])?.number(0))
    }

    /// Names the weights that the loss does not depend on, where it has to depend on all.
    fn check_severed(
        &self,
        params: &Params,
        loss: Var<'_>,
        used: &[(Param, Var<'_>)],
    ) -> Result<(), TrainError> {
        if self.partial || used.len() == params.weights().count() {
            return Ok(());
        }
        let is_severed = |weight: &Param| used.iter().all(|(param, _)| param != weight);
        let severed = |weight: Param| Severed {
            name: params.name(weight).to_string(),
            why: why_severed(loss, weight.on(loss.tape())),
        };
        Err(TrainError::Severed(params.weights().filter(is_severed).map(severed).collect()))
    }

    /// Names the first of some values that is not finite.
    fn check_finite(&self, values: &[Var<'_>]) -> Result<(), TrainError> {
        match first_not_finite(values)? {
            Some(found) => Err(TrainError::NotFinite(Box::new(found))),
            None => Ok(()),
        }
    }

    /// The error that names the parameters with a gradient that is not finite.
    fn name_gradients(
        &mut self,
        params: &Params,
        loss: f64,
        used: &[(Param, Var<'_>)],
    ) -> Result<TrainError, RunError> {
        let norms: Vars<'_> = used.iter().map(|(_, gradient)| global_norm(&[*gradient])).collect();
        let run = self.engine.run(&norms)?;
        let bad = (0..used.len()).filter(|index| !run.number(*index).is_finite());
        let names = bad.map(|index| params.name(used[index].0).to_string()).collect();
        Ok(TrainError::Gradient { loss, names })
    }
}

/// The weights and slots that a step writes.
type Targets = SmallVec<[Param; 48]>;

/// Runs the program of a step and looks at what it has computed: what is to be written, and where it is. Of gradients that are
/// not finite no names are given.
fn checked<'e>(
    engine: &'e mut Engine,
    params: &Params,
    program: &Program<'_>,
) -> Result<(Targets, StepReport, Run<'e>), TrainError> {
    let run = engine.run(&program.outputs)?;
    let report = StepReport { loss: run.number(0), gradient_norm: run.number(1), skipped: false };
    if !report.loss.is_finite() {
        return Err(TrainError::Loss { loss: report.loss });
    }
    if !report.gradient_norm.is_finite() {
        return Err(TrainError::Gradient { loss: report.loss, names: Vec::new() });
    }
    let is_bad = |(output, _): &(usize, &Param)| run.slice(output + 2).first_not_finite().is_some();
    let targets: Targets = program.updates.iter().map(|(param, _)| *param).collect();
    let bad = targets.iter().enumerate().filter(is_bad);
    let names: Vec<String> = bad.map(|(_, param)| params.name(*param).to_string()).collect();
    if !names.is_empty() {
        return Err(TrainError::Update { names });
    }
    Ok((targets, report, run))
}

/// Counts a step and writes what it has computed, unless its gradients are far larger than those before.
fn settle(
    steps: &mut u64,
    outliers: &mut Option<Outliers>,
    params: &mut Params,
    targets: Targets,
    report: StepReport,
    run: &Run<'_>,
) -> StepReport {
    *steps += 1;
    if let Some(outliers) = outliers
        && outliers.note(report.gradient_norm)
    {
        return StepReport { skipped: true, ..report };
    }
    for (output, param) in targets.into_iter().enumerate() {
        params.write(param, run.slice(output + 2));
    }
    report
}

/// The seed of a step's noise: numbers as far apart as the seeds and steps are different (the finaliser of
/// SplitMix64, Steele et al., 2014).
fn noise_seed(seed: u64, step: u64) -> u64 {
    let mut x = seed.rotate_left(32) ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a step computes.
struct Program<'t> {
    used: Gradients<'t>,
    updates: Updates<'t>,
    /// The loss, the norm of the gradients, and the new values.
    outputs: SmallVec<[Var<'t>; 48]>,
}

/// Weights with their gradients.
type Gradients<'t> = SmallVec<[(Param, Var<'t>); 16]>;

/// The gradients with respect to all weights that the loss depends on.
#[track_caller]
fn gradients<'t>(params: &Params, tape: &'t Tape, loss: Var<'t>) -> Gradients<'t> {
    let vars: Vars<'t> = params.weights().map(|param| param.on(tape)).collect();
    let gradients = match try_grad(loss, &vars) {
        Ok(gradients) => gradients,
        // Not from a closure, which would name a line of this file and not the caller's.
        Err(error) => panic!("{error}"),
    };
    let used: Gradients<'t> =
        params.weights().zip(gradients).filter_map(|(param, gradient)| Some((param, gradient?))).collect();
    assert!(!used.is_empty(), "the loss depends on no weight: there is nothing to train");
    used
}
