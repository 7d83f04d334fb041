//! Gradients of a cell: right, of every parameter, and through time.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape::check::{Compared, floor, furthest};
use tape::{Engine, RunError, Segments, Tape, Tensor, Var, Vars, try_grad};

use super::equalities::start_of_its_own;
use super::properties::{Measured, figure};
use super::trial::{POINTS, Shown, Trial, filled, noisy, numbers_of};
use crate::cell::{Cell, unroll_from, unroll_in_segments};
use crate::check::{self, CheckError};
use crate::layout::indices;
use crate::param::Param;
use crate::params::Params;

/// All weights of a tape and a direction, of length 1, in which all of them can be moved at once.
struct Direction<'t> {
    tape: &'t Tape,
    weights: Vec<(Var<'t>, Tensor)>,
    /// How far each entry of each weight goes.
    parts: Vec<Vec<f64>>,
}

impl<'t> Direction<'t> {
    fn new(tape: &'t Tape, params: &Params, seed: u64) -> Direction<'t> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |len| (0..len).map(|_| generator.random_range(-1.0..1.0)).collect();
        let mut parts: Vec<Vec<f64>> =
            params.weights().map(|param| draw(params[param].shape().len())).collect();
        let length = parts.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
        parts.iter_mut().flatten().for_each(|x| *x /= length);
        let weights = params.weights().map(|param| (param.on(tape), params[param].clone())).collect();
        Direction { tape, weights, parts }
    }

    fn vars(&self) -> Vars<'t> {
        self.weights.iter().map(|(var, _)| *var).collect()
    }

    /// Puts all weights a distance along the direction away from where they were.
    fn move_by(&self, distance: f64) {
        for ((var, value), part) in self.weights.iter().zip(&self.parts) {
            let mut moved = value.clone();
            for (number, part) in moved.as_mut_slice::<f64>().iter_mut().zip(part) {
                *number += distance * part;
            }
            self.tape.set(*var, moved);
        }
    }

    /// The sum of all gradients times the direction.
    fn project(&self, gradients: &[Option<Var<'t>>]) -> Var<'t> {
        let zero = self.tape.number(0.0);
        let terms =
            gradients.iter().zip(&self.parts).filter_map(|(gradient, part)| Some(((*gradient)?, part)));
        terms.fold(zero, |sum, (gradient, part)| {
            let part = self.tape.input_numbers(gradient.shape(), part.iter().copied());
            sum + (gradient * part).sum()
        })
    }
}

/// The derivative along random directions, all weights, inputs and the first state at once.
pub(super) fn along_directions(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let mut worst = Compared::default();
    for seed in 0..3 {
        let tape = trial.noisy();
        let number = trial.unrolled(&tape).number();
        let direction = Direction::new(&tape, &trial.params, seed);
        let gradients = try_grad(number, &direction.vars()).expect("a projection is a single number");
        let derivative = direction.project(&gradients);
        let mut engine = Engine::new();
        let derivative = engine.run(&[derivative])?.number(0);
        let moved_by = |distance: f64| -> Result<Vec<f64>, RunError> {
            direction.move_by(distance);
            Ok(vec![engine.run(&[number])?.number(0)])
        };
        let compared = furthest(&[derivative], floor(&[derivative]), moved_by)?;
        if compared.error >= worst.error {
            worst = compared;
        }
    }
    let Compared { gradient, difference, error, .. } = worst;
    Ok(figure(error, format!("the derivative is {gradient:e}, the central difference {difference:e}")))
}

/// The gradient of every entry of every weight, of the inputs and of the first state.
pub(super) fn entry_by_entry(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let tape = trial.noisy();
    match check::entry_by_entry(&trial.params, &tape, trial.unrolled(&tape).number()) {
        Ok(error) => Ok(figure(error, "")),
        Err(CheckError::Run(error)) => Err(error),
        Err(CheckError::Apart { name, entry, gradient, difference, error }) => Ok(figure(
            error,
            format!(
                "`{name}`, entry {entry}: the gradient is {gradient:e}, the central difference {difference:e}"
            ),
        )),
    }
}

/// With `g` the gradient and `v` a direction, the gradient of `g v` is the derivative of `g` along `v`.
pub(super) fn second_order(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let tape = trial.noisy();
    let number = trial.unrolled(&tape).number();
    let direction = Direction::new(&tape, &trial.params, 1);
    let weights = direction.vars();
    let gradients = try_grad(number, &weights).expect("a projection is a single number");
    let second = try_grad(direction.project(&gradients), &weights).expect("a projection is a single number");
    let [first, second] = [gradients, second].map(|gradients| filled(gradients, &weights));
    let mut engine = Engine::new();
    let mut numbers = |of: &[Var<'_>]| -> Result<Vec<f64>, RunError> {
        let run = engine.run(of)?;
        Ok((0..of.len()).flat_map(|index| run.tensor(index).to_f64()).collect())
    };
    let derivatives = numbers(&second)?;
    let Compared { entry, gradient, difference, error } =
        furthest(&derivatives, floor(&derivatives), |distance| {
            direction.move_by(distance);
            numbers(&first)
        })?;
    let (param, entry) = entry_of(&trial.params, entry);
    Ok(figure(
        error,
        format!(
            "{}, entry {entry}: the gradient of the gradient is {gradient:e}, the central difference {difference:e}",
            trial.name_of(param)
        ),
    ))
}

/// The weight to which an entry of all weights one after another belongs, and its number there.
fn entry_of(params: &Params, mut entry: usize) -> (Param, usize) {
    for param in params.weights() {
        let len = params[param].shape().len();
        if entry < len {
            return (param, entry);
        }
        entry -= len;
    }
    unreachable!("there are as many derivatives as entries")
}

/// The gradient of a single number by a value that may have none.
fn gradient<'t>(of: Var<'t>, by: Var<'t>) -> Option<Var<'t>> {
    try_grad(of, &[by]).expect("it is a single number")[0]
}

/// The largest entry of some gradients; one that is not a number is the largest.
fn largest(gradients: &[Option<Var<'_>>]) -> Result<f64, RunError> {
    let gradients: Vars<'_> = gradients.iter().copied().flatten().collect();
    let mut engine = Engine::new();
    let run = engine.run(&gradients)?;
    let numbers = (0..gradients.len()).flat_map(|index| run.tensor(index).to_f64());
    Ok(numbers.map(f64::abs).fold(0.0, |largest, x| if x > largest || x.is_nan() { x } else { largest }))
}

/// A number of the last outputs of the sequences that have more than two steps.
fn of_last_outputs<'t>(trial: &Trial<'_>, shown: &Shown<'t>) -> Var<'t> {
    let (shape, lengths, steps) = (shown.outputs.shape(), trial.layout.lengths(), trial.layout.steps());
    let width = shape.len() / (lengths.len() * steps);
    let is_last = |row: usize| lengths[row / steps] > 2 && row % steps == lengths[row / steps] - 1;
    let weight =
        |index: usize| if is_last(index / width) { 0.5 + (index as f64 * 0.755).fract() } else { 0.0 };
    let weights = shown.outputs.tape().input_numbers(shape.clone(), (0..shape.len()).map(weight));
    (shown.outputs * weights).sum()
}

/// The gradient of the first inputs of those sequences.
fn by_first_inputs<'t>(trial: &Trial<'_>, of: Var<'t>) -> Option<Var<'t>> {
    let lengths = trial.layout.lengths();
    let longer: Vec<usize> = (0..lengths.len()).filter(|row| lengths[*row] > 2).collect();
    let gradient = gradient(of, trial.x.on(of.tape()))?;
    Some(gradient.gather(indices(of.tape(), longer.len(), longer)).slice(1, 0..1))
}

/// The first point at which something has an influence, and how large that is.
fn somewhere(trial: &Trial<'_>, influence: impl Fn(&Tape) -> Result<f64, RunError>) -> Result<f64, RunError> {
    for point in 0..POINTS {
        let found = influence(&noisy(&trial.at_point(point)))?;
        if found != 0.0 {
            return Ok(found);
        }
    }
    Ok(0.0)
}

/// Whether the last output of a sequence depends on its first input.
pub(super) fn first_input_matters(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let influence = somewhere(trial, |tape| {
        let last = of_last_outputs(trial, &trial.unrolled(tape));
        largest(&[by_first_inputs(trial, last)])
    })?;
    Ok(figure(influence, "no last output depends on the first input of its sequence"))
}

/// Whether the last output of a sequence depends on the state before the first step, and that on the hidden state.
pub(super) fn first_state_matters(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let of_start = somewhere(trial, |tape| {
        let start = trial.cell.start(trial.h0.on(tape));
        let parts = numbers_of(&start);
        let last = of_last_outputs(trial, &Shown::of(unroll_from(&trial.cell, &trial.inputs(tape), start)));
        largest(&try_grad(last, &parts).expect("a sum is a single number"))
    })?;
    // A cell with a start of its own need not look at the hidden state.
    if of_start == 0.0 || start_of_its_own(trial)?.is_some() {
        return Ok(figure(of_start, "no last output depends on the state before the first step"));
    }
    let of_hidden = somewhere(trial, |tape| {
        let last = of_last_outputs(trial, &trial.unrolled(tape));
        largest(&[gradient(last, trial.h0.on(tape))])
    })?;
    Ok(figure(of_hidden, "`start` does not look at the hidden state that it is given"))
}

/// Whether truncation keeps gradients of the last outputs from the first inputs.
pub(super) fn truncation_cuts(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let tape = trial.noisy();
    let segments = Segments::truncated(2);
    let run = unroll_in_segments(&trial.cell, &trial.inputs(&tape), trial.h0.on(&tape), segments);
    let found = largest(&[by_first_inputs(trial, of_last_outputs(trial, &Shown::of(run)))])?;
    Ok(figure(found, "a last output has a gradient of an input in another segment"))
}

/// Whether every weight of the cell has an influence at some point.
pub(super) fn every_parameter(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let mut severed = Vec::new();
    for param in trial.own_weights() {
        let influence =
            somewhere(trial, |tape| largest(&[gradient(trial.unrolled(tape).number(), param.on(tape))]))?;
        if influence == 0.0 {
            severed.push(trial.name_of(param));
        }
    }
    Ok(figure(severed.len() as f64, format!("no gradient reaches {}", severed.join(", "))))
}
