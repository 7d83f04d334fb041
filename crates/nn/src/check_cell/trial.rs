//! What every property is tried on: a small cell with a ragged batch, and what is seen of a run.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape::check::project;
use tape::{Bundle, DType, Engine, MaybeVars, RunError, Tape, Tensor, Var, Vars, concat, try_grad};

use crate::any_cell::Erased;
use crate::cell::{Cell, unroll, zero_state};
use crate::init;
use crate::layout::{Layout, indices};
use crate::param::{Param, hash};
use crate::params::Params;
use crate::scope::Scope;
use crate::sequence::Sequence;

/// The scope of the cell's own parameters.
const CELL: &str = "cell";

/// The seed of what is random only in training.
const NOISE: u64 = 9;

/// How often properties that hold almost everywhere are tried, each time with other numbers.
pub(super) const POINTS: u64 = 3;

/// A cell whose type is hidden, so that the battery is compiled once. Unlike [`AnyCell`](crate::AnyCell) it may borrow,
/// and the first part of its state may have another shape than the hidden state.
pub(super) struct Subject<'c> {
    cell: Box<dyn Erased + 'c>,
    hidden: usize,
}

impl<'c> Subject<'c> {
    pub fn new(cell: impl Cell + 'c, hidden: usize) -> Subject<'c> {
        Subject { cell: Box::new(cell), hidden }
    }
}

impl Cell for Subject<'_> {
    type State<'t> = Vars<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> Vars<'t> {
        self.cell.start_parts(h0)
    }

    fn step<'t>(&self, state: Vars<'t>, x: Var<'t>) -> (Vars<'t>, Var<'t>) {
        self.cell.step_parts(&state, x, zero_state(x.tape(), 1, self.hidden))
    }
}

/// How a cell is declared in a scope, for inputs and a hidden state of these widths.
type Declare<'c> = dyn Fn(Scope<'_>, usize, usize) -> Subject<'c> + 'c;

/// A cell with its batch, all in `f64`.
pub(super) struct Trial<'c> {
    declare: &'c Declare<'c>,
    widths: [usize; 2],
    pub cell: Subject<'c>,
    /// The weights of the cell and, declared as weights too, the inputs and the first hidden state.
    pub params: Params,
    /// The inputs (N, T, D).
    pub x: Param,
    /// The first hidden state (N, H).
    pub h0: Param,
    pub layout: Layout,
    /// Whether the cell asks for noise.
    pub random: bool,
}

/// A tape of some parameters with the noise that all tapes have.
pub(super) fn noisy(params: &Params) -> Tape {
    params.tape().with_noise(NOISE)
}

/// What a run of a cell yields: the outputs (N, T, …), and those parts of the last state (N, …) that are not whole
/// numbers.
pub(super) struct Shown<'t> {
    pub outputs: Var<'t>,
    pub last: Vars<'t>,
}

impl<'c> Trial<'c> {
    /// A cell of a constructor for inputs and a hidden state of these widths, with sequences of these lengths.
    pub fn new(declare: &'c Declare<'c>, widths: [usize; 2], lengths: &[usize]) -> Trial<'c> {
        let mut params = Params::new(DType::F64);
        let cell = declare(params.scope(CELL), widths[0], widths[1]);
        let steps = lengths.iter().copied().max().unwrap_or(0);
        let mut scope = params.scope("check");
        let x = scope.weight("x", [lengths.len(), steps, widths[0]], init::uniform(1.0));
        let h0 = scope.weight("h0", [lengths.len(), widths[1]], init::uniform(1.0));
        let layout = Layout::new(steps, lengths);
        let mut trial = Trial { declare, widths, cell, params, x, h0, layout, random: false };
        trial.params = trial.at_point(0);
        trial.random = {
            let tape = trial.noisy();
            trial.unrolled(&tape);
            // The number of the next draw is how many there were.
            tape.noise().is_some_and(|(_, draws)| draws > 0)
        };
        trial
    }

    /// A cell of the same constructor with more and many sequences: even of a minimal GRU five million multiplications,
    /// which is enough for the engine to share them out to threads.
    pub fn large(&self) -> Trial<'c> {
        let lengths: Vec<usize> = (0..300).map(|n| 3 + n * 7 % 3).collect();
        Trial::new(self.declare, self.widths.map(|width| 8 * width), &lengths)
    }

    /// The parameters with all weights moved away from where they are, so that a bias of zero hides nothing.
    pub fn at_point(&self, point: u64) -> Params {
        let mut params = self.params.clone();
        for param in self.params.weights() {
            let mut generator = ChaCha8Rng::seed_from_u64(point);
            generator.set_stream(hash(self.params.name(param)));
            let mut value = self.params[param].clone();
            for number in value.as_mut_slice::<f64>() {
                let distance = generator.random_range(0.1..0.4);
                *number += if generator.random_bool(0.5) { distance } else { -distance };
            }
            params.set(param, value).expect("the shape is that of the parameter");
        }
        params
    }

    /// A tape without noise.
    pub fn quiet(&self) -> Tape {
        self.params.tape()
    }

    /// A tape with noise, the same for every tape.
    pub fn noisy(&self) -> Tape {
        noisy(&self.params)
    }

    /// The width of the hidden state, H.
    pub fn hidden(&self) -> usize {
        self.widths[1]
    }

    /// The batch.
    pub fn inputs<'t>(&self, tape: &'t Tape) -> Sequence<'t> {
        Sequence::pack(self.x.on(tape), &self.layout)
    }

    /// The cell over the batch.
    pub fn unrolled<'t>(&self, tape: &'t Tape) -> Shown<'t> {
        Shown::of(unroll(&self.cell, &self.inputs(tape), self.h0.on(tape)))
    }

    /// The cell over some sequences of the batch in this order.
    pub fn unrolled_rows<'t>(&self, tape: &'t Tape, rows: &[usize]) -> Shown<'t> {
        let pick = |param: Param| param.on(tape).gather(indices(tape, rows.len(), rows.iter().copied()));
        let lengths: Vec<usize> = rows.iter().map(|row| self.layout.lengths()[*row]).collect();
        let layout = Layout::new(self.layout.steps(), &lengths);
        Shown::of(unroll(&self.cell, &Sequence::pack(pick(self.x), &layout), pick(self.h0)))
    }

    /// The weights of the cell itself.
    pub fn own_weights(&self) -> Vec<Param> {
        self.params.weights().filter(|param| ![self.x, self.h0].contains(param)).collect()
    }

    /// How a gradient is called in reports.
    pub fn name_of(&self, param: Param) -> String {
        match param {
            _ if param == self.x => "the inputs".into(),
            _ if param == self.h0 => "the first state".into(),
            _ => format!("`{}`", self.params.name(param)),
        }
    }

    /// Everything that two runs which should agree are compared by: what was shown and the gradients of all weights.
    pub fn wanted<'t>(&self, shown: &Shown<'t>) -> Vars<'t> {
        let tape = shown.outputs.tape();
        let weights: Vars<'t> = self.params.weights().map(|param| param.on(tape)).collect();
        let gradients = try_grad(shown.number(), &weights).expect("a projection is a single number");
        shown.values().chain(filled(gradients, &weights)).collect()
    }

    /// How those are called.
    fn names(&self, parts: usize) -> Vec<String> {
        let outputs = std::iter::once("the outputs".to_string());
        let last = (0..parts).map(|part| format!("part {} of the last state", part + 1));
        let gradients = self.params.weights().map(|param| format!("the gradient of {}", self.name_of(param)));
        outputs.chain(last).chain(gradients).collect()
    }

    /// What a run yields and its gradients, by the engine.
    pub fn seen(&self, shown: &Shown<'_>) -> Result<Seen, RunError> {
        self.seen_by(Engine::new(), shown)
    }

    /// What a run yields and its gradients, by this engine.
    pub fn seen_by(&self, mut engine: Engine, shown: &Shown<'_>) -> Result<Seen, RunError> {
        let wanted = self.wanted(shown);
        let run = engine.run(&wanted)?;
        Ok(self.name(shown, (0..wanted.len()).map(|index| run.tensor(index)).collect()))
    }

    /// Computed values with their names.
    pub fn name(&self, shown: &Shown<'_>, values: Vec<Tensor>) -> Seen {
        Seen { names: self.names(shown.last.len()), values }
    }
}

/// The parts of a state that are not whole numbers.
pub(super) fn numbers_of<'t>(state: &impl Bundle<'t>) -> Vars<'t> {
    let mut parts = state.parts();
    parts.retain(|part| part.dtype().is_real());
    parts
}

/// Gradients of zeros where there is none.
pub(super) fn filled<'t>(gradients: MaybeVars<'t>, weights: &[Var<'t>]) -> Vars<'t> {
    let gradients = gradients.into_iter().zip(weights);
    gradients.map(|(gradient, weight)| gradient.unwrap_or_else(|| weight.zeros_like())).collect()
}

impl<'t> Shown<'t> {
    /// From the outputs of all steps and the last state.
    pub fn of((outputs, last): (Sequence<'t>, impl Bundle<'t>)) -> Shown<'t> {
        Shown { outputs: outputs.to_padded(), last: numbers_of(&last) }
    }

    /// Batches one after another as one.
    pub fn joined(batches: &[Shown<'t>]) -> Shown<'t> {
        let join = |value: &dyn Fn(&Shown<'t>) -> Var<'t>| {
            concat(&batches.iter().map(value).collect::<Vars<'t>>(), 0)
        };
        let parts = batches.first().map_or(0, |batch| batch.last.len());
        Shown {
            outputs: join(&|batch| batch.outputs),
            last: (0..parts).map(|part| join(&|batch| batch.last[part])).collect(),
        }
    }

    /// The values, the outputs first.
    pub fn values(&self) -> impl Iterator<Item = Var<'t>> {
        std::iter::once(self.outputs).chain(self.last.iter().copied())
    }

    /// The same with each value changed.
    pub fn map(&self, change: impl Fn(Var<'t>) -> Var<'t>) -> Shown<'t> {
        Shown { outputs: change(self.outputs), last: self.last.iter().copied().map(change).collect() }
    }

    /// A single number that depends on every entry.
    pub fn number(&self) -> Var<'t> {
        self.values()
            .map(|value| project(value, 0))
            .reduce(|sum, number| sum + number)
            .expect("there are outputs")
    }
}

/// Computed values with their names.
pub(super) struct Seen {
    names: Vec<String>,
    values: Vec<Tensor>,
}

impl Seen {
    /// The largest distance of two entries, relative to the largest entry of their value or to one, and where it is.
    pub fn apart(&self, expected: &Seen) -> (f64, String) {
        let pairs = self.values.iter().zip(&expected.values);
        let distances = pairs.map(|(found, expected)| {
            let (found, expected) = (found.to_f64(), expected.to_f64());
            let size = expected.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
            let distance = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / size);
            // What is not a number is as far away as can be.
            distance.map(|d| if d.is_nan() { f64::INFINITY } else { d }).fold(0.0, f64::max)
        });
        self.largest(distances)
    }

    /// How many entries of a value have other bits, for the value that has the most of them.
    pub fn other_bits(&self, expected: &Seen) -> (f64, String) {
        let pairs = self.values.iter().zip(&expected.values);
        let counts = pairs.map(|(found, expected)| {
            let pairs = found.to_f64().into_iter().zip(expected.to_f64());
            pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count() as f64
        });
        self.largest(counts)
    }

    fn largest(&self, figures: impl Iterator<Item = f64>) -> (f64, String) {
        let further = |a: (f64, String), b: (f64, String)| if b.0 > a.0 { b } else { a };
        figures.zip(self.names.iter().cloned()).fold((0.0, String::new()), further)
    }
}
