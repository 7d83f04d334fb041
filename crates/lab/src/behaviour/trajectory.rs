//! What a cell goes through on given inputs, and gradients through any one step of it.
//!
//! The states before all steps come from one run through time. A step on any of them is then recorded by itself, whenever
//! it is asked for, and a gradient through many steps is a product of gradients through one:
//!
//! ```text
//! u ∂s_t/∂s_{t-k} = ((u J_t) J_{t-1}) … J_{t-k+1}        J_t = ∂s_t/∂s_{t-1}
//! ```
//!
//! So the program is as small for a thousand steps as for one, numbers can be scaled between the steps, and the vectors u
//! are rows of a batch: as many as are wanted at once. The cell must treat each row by itself, as all cells here do.
//!
//! All of it is in `f64`, and without noise.

use std::fmt;

use nn::{Cell, Layout, Params, Sequence, zero_state};
use tape::tensor::Slice;
use tape::{Bundle, DType, Engine, RunError, Tape, Tensor, Var, Vars, concat, scan, try_grad};

/// A cell on its way through sequences.
///
/// The state that is meant here is all that is carried: each part flattened, one after another, S numbers. A part that a
/// step hands on as it got it, such as a memory to look at, is none of it, nor are integers.
///
/// ```
/// use lab::behaviour::Trajectory;
/// use nn::{Layout, Lstm, Params, Sequence};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = Lstm::new(params.scope("lstm"), 1, 4);
/// // One sequence of ten steps, a number each.
/// let trajectory = Trajectory::follow(&cell, &params, 4, |tape| {
///     let numbers = (0..10).map(|t| (t as f64).sin());
///     Sequence::new(tape.input_numbers([10, 1], numbers), &Layout::full(1, 10))
/// })?;
/// assert_eq!(trajectory.state_size(), 8);
/// # Ok::<(), tape::RunError>(())
/// ```
pub struct Trajectory<'c, C> {
    cell: &'c C,
    hidden: usize,
    pub(super) params: Params,
    pub(super) engine: Engine,
    layout: Layout,
    /// What the cell saw, (R, D).
    inputs: Tensor,
    /// What it said, (R, …).
    outputs: Tensor,
    /// The parts of its state before each step, (R, …) each.
    states: Vec<Tensor>,
    /// Which of them are carried.
    carried: Vec<bool>,
}

impl<C> fmt::Debug for Trajectory<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trajectory { hidden, layout, states, carried, .. } = self;
        let mut debug = f.debug_struct("Trajectory");
        debug.field("hidden", hidden).field("layout", layout).field("parts", &states.len());
        debug.field("carried", carried).finish_non_exhaustive()
    }
}

/// One recorded step of some rows.
pub(super) struct Step<'t> {
    /// The carried parts of the state before it.
    pub before: Vars<'t>,
    /// The same parts after it.
    pub after: Vars<'t>,
    /// What it says.
    pub output: Var<'t>,
}

impl<'c, C: Cell> Trajectory<'c, C> {
    /// Runs a cell from a hidden state of zeros, `hidden` wide, over sequences that `inputs` puts on a tape.
    ///
    /// # Errors
    /// If the inputs hold what an operation cannot take, such as a symbol outside its table.
    ///
    /// # Panics
    /// If inputs and hidden state do not fit the cell, or there is no step.
    #[track_caller]
    pub fn follow(
        cell: &'c C,
        params: &Params,
        hidden: usize,
        inputs: impl for<'t> FnOnce(&'t Tape) -> Sequence<'t>,
    ) -> Result<Trajectory<'c, C>, RunError> {
        let params = params.cast(DType::F64);
        let mut engine = Engine::new();
        let (layout, inputs, outputs, states) = {
            let tape = params.tape();
            let Sequence { rows, layout } = inputs(&tape);
            assert!(layout.rows() > 0, "a trajectory needs a step at least");
            let start = cell.start(zero_state(&tape, layout.sequences(), hidden));
            let (_, (states, outputs)) = scan(layout.packing(), start, rows, |state, x| {
                let before = state.parts();
                let (next, output) = cell.step(state, x);
                (next, (before, output))
            });
            let wanted: Vars<'_> = [rows, outputs].into_iter().chain(states).collect();
            let run = engine.run(&wanted)?;
            let states: Vec<Tensor> = (2..wanted.len()).map(|part| run.tensor(part)).collect();
            (layout, run.tensor(0), run.tensor(1), states)
        };
        let carried = vec![true; states.len()];
        let mut trajectory =
            Trajectory { cell, hidden, params, engine, layout, inputs, outputs, states, carried };
        trajectory.carried = {
            let tape = trajectory.params.tape();
            let Step { before, after, .. } = trajectory.record(&tape, &[0]);
            let is_carried =
                |(before, after): (&Var<'_>, &Var<'_>)| before.id() != after.id() && before.dtype().is_real();
            before.iter().zip(&after).map(is_carried).collect()
        };
        Ok(trajectory)
    }

    /// How long each sequence is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many numbers are carried from step to step, S.
    pub fn state_size(&self) -> usize {
        self.widths().sum()
    }

    /// How many numbers each carried part of the state has.
    fn widths(&self) -> impl Iterator<Item = usize> {
        let carried = self.states.iter().zip(&self.carried).filter(|(_, carried)| **carried);
        carried.map(|(part, _)| part.shape().without_leading().len())
    }

    /// How many of the carried numbers are the hidden state, the first part: they come first.
    pub(super) fn hidden_size(&self) -> usize {
        if self.carried.first() == Some(&true) { self.widths().next().unwrap_or(0) } else { 0 }
    }

    /// The number of rows, R: steps of all sequences together.
    pub fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// The rows of a sequence from its first step to its last.
    ///
    /// # Panics
    /// If there is no such sequence.
    #[track_caller]
    pub fn rows_of(&self, sequence: usize) -> Vec<usize> {
        let (sequences, steps) = (self.layout.sequences(), self.layout.steps());
        assert!(sequence < sequences, "sequence {sequence} of {sequences}");
        let is_its = |place: usize| place / steps == sequence;
        self.layout.places().enumerate().filter(|(_, place)| is_its(*place)).map(|(row, _)| row).collect()
    }

    /// What the cell said in all steps, as an input of a tape.
    pub(super) fn outputs<'t>(&self, tape: &'t Tape) -> Sequence<'t> {
        Sequence::new(tape.input(self.outputs.clone()), &self.layout)
    }

    /// Records one step on the states and inputs of some rows, in any order and as often as they are named.
    pub(super) fn record<'t>(&self, tape: &'t Tape, rows: &[usize]) -> Step<'t> {
        let input = |tensor: &Tensor| tape.input(rows_of_tensor(tensor, rows));
        let before: Vars<'t> = self.states.iter().map(input).collect();
        // Any state of the cell says how its parts are put together; what it records is used by nobody.
        let form = self.cell.start(zero_state(tape, rows.len(), self.hidden));
        let (next, output) = self.cell.step(form.rebuild(&mut before.iter().copied()), input(&self.inputs));
        let carried = |vars: Vars<'t>| -> Vars<'t> {
            vars.into_iter().zip(&self.carried).filter(|(_, carried)| **carried).map(|(var, _)| var).collect()
        };
        Step { after: carried(next.parts()), before: carried(before), output }
    }

    /// Takes vectors back through one step: for each named row and its vector u (S) the vector u J, where J is the
    /// Jacobian (S, S) of the state after that step with respect to the state before it.
    ///
    /// # Errors
    /// If an operation meets a value that it cannot take.
    ///
    /// # Panics
    /// If there is not a vector for each row.
    #[track_caller]
    pub fn pull_back(&mut self, rows: &[usize], vectors: &[f64]) -> Result<Vec<f64>, RunError> {
        if self.state_size() == 0 {
            return Ok(Vec::new());
        }
        let tape = self.params.tape();
        let step = self.record(&tape, rows);
        let vectors = tape.input_numbers([rows.len(), self.state_size()], vectors.iter().copied());
        let before = gradient((join(&step.after) * vectors).sum(), &step.before);
        Ok(self.engine.run(&[before])?.tensor(0).to_f64())
    }
}

/// The gradients with respect to some values, side by side (n, S); zeros for what does not matter.
#[track_caller]
pub(super) fn gradient<'t>(of: Var<'t>, wrt: &[Var<'t>]) -> Var<'t> {
    let gradients = try_grad(of, wrt).expect("a sum over everything is a single number");
    let or_zeros =
        |(gradient, var): (Option<Var<'t>>, &Var<'t>)| gradient.unwrap_or_else(|| var.zeros_like());
    join(&gradients.into_iter().zip(wrt).map(or_zeros).collect::<Vars<'t>>())
}

/// Parts of a state (n, …) side by side, each row flattened: (n, S).
pub(super) fn join<'t>(parts: &[Var<'t>]) -> Var<'t> {
    let flat = |part: &Var<'t>| {
        let shape = part.shape();
        part.reshape([shape.dim(0).at(0), shape.without_leading().len()])
    };
    concat(&parts.iter().map(flat).collect::<Vars<'t>>(), 1)
}

/// Some rows of a tensor as a tensor of their own.
fn rows_of_tensor(tensor: &Tensor, rows: &[usize]) -> Tensor {
    let width = tensor.shape().without_leading().len();
    let mut chosen = Tensor::zeros(tensor.dtype(), tensor.shape().with_leading(rows.len().into()));
    let (source, mut target): (Slice<'_>, _) = (tensor.slice(), chosen.slice_mut());
    for (to, from) in rows.iter().enumerate() {
        target.part(to * width, width).copy_from(source.part(from * width, width));
    }
    chosen
}
