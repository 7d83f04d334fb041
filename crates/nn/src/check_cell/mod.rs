//! Whether a cell is right, asked by one call: a battery of properties that every recurrence has.
//!
//! | property | what is compared |
//! |---|---|
//! | gradient along random directions | the derivative with central differences, all weights, inputs and the first state moved at once |
//! | gradient entry by entry | the gradient of each entry of them with central differences |
//! | second order | the gradient of a projection of the gradient with central differences of the gradient |
//! | the first input matters | the last output depends on the first input of its sequence |
//! | the first state matters | the last output depends on the state before the first step |
//! | a sequence equals its steps | `unroll` with a loop in Rust that calls `step` |
//! | lifted equals unlifted | the engine with all passes, without `lift` and without any with the interpreter |
//! | ragged equals one by one | a batch of different lengths with each sequence alone |
//! | rows in any order | the batch with the same batch in another order |
//! | reversed equals inputs reversed | `unroll_reverse` with `unroll` of each sequence turned round |
//! | a start equals a given state | `unroll` from h0 with `unroll_from` the state that `start` makes of it |
//! | a zero state equals an absent one | `unroll` from an h0 of zeros with `unroll_from` zeros in every part |
//! | recomputed equals plain | segments of time that are run again for the gradient with one that is not |
//! | truncated nowhere equals full | a gradient truncated at the whole length with the full one |
//! | truncation cuts | the last output has no gradient of the first input, which lies in another segment |
//! | every parameter receives a gradient | no weight is declared and then not used |
//! | f32 agrees with f64 | single precision with double |
//! | same bits from two threads | one thread with two, for widths eight times as large and 300 sequences, in `f32` |
//! | same bits from a second run | the program recorded and run twice, in `f32` |
//!
//! What is compared are the outputs of all steps, the last state and the gradients of all weights, of the inputs and of
//! the first state. All is computed in `f64` where nothing else is said, from seeded numbers, for four sequences of 1 to
//! 5 steps, with weights moved away from where they start, so that a bias of zero hides nothing. A difference at a
//! corner of the function, such as that of a rectifier, says nothing; where a first one disagrees, a second one decides
//! whose neighbours are twenty times closer. An influence, and the gradient of a weight, is sought at up to three points,
//! since a unit with a rectifier may be dead at one.
//!
//! **Cells that are random in training** are checked as in training: all tapes have noise from one seed. What steps,
//! batches of other rows and turned sequences draw is not the same by right; for such a cell these four properties are
//! those of evaluation, without noise, and the table says so.
//!
//! A cell takes about a tenth of a second where `tape` and `nn` are compiled with optimisation, and some ten times as long
//! where they are not.
//!
//! What it lacks on purpose: it cannot know what a cell is meant to compute. Hold the step to a plain loop for that.

mod equalities;
mod gradients;
mod properties;
mod report;
mod running;
mod trial;

pub use report::{CellFault, CellProperty, CellReport, Limit, Outcome};

use crate::cell::Cell;
use crate::scope::Scope;
use properties::BATTERY;
use trial::{Subject, Trial};

/// How far apart two ways to the same numbers may be in `f64`: the rounding of sums in another order.
pub const LIMIT_EQUAL: f64 = 1e-10;

/// How far `f32` may be from `f64`, relative to the largest entry of a value or to one.
pub const LIMIT_F32: f64 = 1e-4;

/// The lengths of the sequences: not sorted, one of a single step, and two alike, which change places when the order of
/// the batch is another.
const LENGTHS: [usize; 4] = [3, 5, 1, 5];

/// Checks the cell that a constructor declares for inputs of width 3 and a hidden state of width 4; the constructor has
/// to heed the widths that it is given, which are larger where threads are compared.
///
/// The report prints as a table. In a test, [`ok`](CellReport::ok) makes the first property that fails an error.
///
/// ```
/// use nn::{Cell, Param, Scope, check_cell, init};
/// use tape::Var;
///
/// /// h' = h + tanh(x W + h U) / 2
/// struct Drift {
///     w: Param,
///     u: Param,
/// }
///
/// impl Drift {
///     fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Drift {
///         Drift {
///             w: scope.weight("w", [inputs, hidden], init::fan_in()),
///             u: scope.weight("u", [hidden, hidden], init::fan_in()),
///         }
///     }
/// }
///
/// impl Cell for Drift {
///     type State<'t> = Var<'t>;
///
///     fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
///         let h = h + 0.5 * (x.dot(self.w) + h.dot(self.u)).tanh();
///         (h, h)
///     }
/// }
///
/// check_cell(Drift::new).ok()?;
///
/// // A cell that is chosen by name.
/// let lstm = nn::cells::named("lstm").expect("a cell of the list");
/// let report = check_cell(|scope, inputs, hidden| lstm.declare(scope, inputs, hidden));
/// assert!(report.passed(), "{report}");
/// # Ok::<(), nn::CellFault>(())
/// ```
///
/// # Panics
/// Where the cell does: a mistake of shapes panics at the line of the step that has it.
pub fn check_cell<C: Cell>(declare: impl Fn(Scope<'_>, usize, usize) -> C) -> CellReport {
    check_cell_sized(declare, 3, 4)
}

/// [`check_cell`] with other widths of inputs and hidden state, for a cell that does not take all: one with a residual
/// path is as wide as its inputs.
///
/// ```
/// use nn::{Residual, VanillaRnn, check_cell_sized};
///
/// check_cell_sized(|scope, inputs, hidden| Residual::new(VanillaRnn::new(scope, inputs, hidden)), 4, 4).ok()?;
/// # Ok::<(), nn::CellFault>(())
/// ```
///
/// # Panics
/// As [`check_cell`] does.
pub fn check_cell_sized<C: Cell>(
    declare: impl Fn(Scope<'_>, usize, usize) -> C,
    inputs: usize,
    hidden: usize,
) -> CellReport {
    let declare = |scope: Scope<'_>, inputs, hidden| Subject::new(declare(scope, inputs, hidden), hidden);
    let trial = Trial::new(&declare, [inputs, hidden], &LENGTHS);
    CellReport { properties: BATTERY.iter().map(|property| property.of(&trial)).collect() }
}
