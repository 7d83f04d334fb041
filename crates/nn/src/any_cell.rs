//! A cell of any type behind one type, and cells with names, so that a program can choose one while it runs.

use std::fmt;
use std::sync::Arc;

use tape::{Bundle, Var, Vars};

use crate::cell::Cell;
use crate::scope::Scope;

/// A cell whose type is not known. Its state is the parts of the cell's own state, one after another.
///
/// The first part of that state must have the shape of the hidden state: from it the cell is asked how the
/// parts belong together.
///
/// ```
/// use nn::{AnyCell, Cell, Lstm, Params, output_width};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = AnyCell::new(Lstm::new(params.scope("lstm"), 3, 4));
/// assert_eq!(output_width(&params, &cell, 3, 4), 4);
/// ```
#[derive(Clone)]
pub struct AnyCell(Arc<dyn Erased + Send + Sync>);

impl AnyCell {
    /// Hides the type of a cell.
    pub fn new(cell: impl Cell + Send + Sync + 'static) -> AnyCell {
        AnyCell(Arc::new(cell))
    }
}

impl Cell for AnyCell {
    type State<'t> = Vars<'t>;

    #[track_caller]
    fn start<'t>(&self, h0: Var<'t>) -> Vars<'t> {
        self.0.start_parts(h0)
    }

    #[track_caller]
    fn step<'t>(&self, state: Vars<'t>, x: Var<'t>) -> (Vars<'t>, Var<'t>) {
        self.0.step_parts(&state, x, state[0])
    }
}

impl fmt::Debug for AnyCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyCell")
    }
}

/// [`Cell`] without types of its own.
pub(crate) trait Erased {
    fn start_parts<'t>(&self, h0: Var<'t>) -> Vars<'t>;

    /// A step from the parts of a state. Any hidden state `h` tells how the parts belong together.
    fn step_parts<'t>(&self, state: &[Var<'t>], x: Var<'t>, h: Var<'t>) -> (Vars<'t>, Var<'t>);
}

impl<C: Cell> Erased for C {
    #[track_caller]
    fn start_parts<'t>(&self, h0: Var<'t>) -> Vars<'t> {
        self.start(h0).parts()
    }

    #[track_caller]
    fn step_parts<'t>(&self, state: &[Var<'t>], x: Var<'t>, h: Var<'t>) -> (Vars<'t>, Var<'t>) {
        // Any state of the cell says how its parts are put together; what it records is used by nobody.
        let form = self.start(h);
        let (state, output) = self.step(form.rebuild(&mut state.iter().copied()), x);
        (state.parts(), output)
    }
}

/// A kind of cell under a name: how to declare one.
///
/// ```
/// use nn::{GruResetAfter, NamedCell, Params};
/// use tape::DType;
///
/// let gru = NamedCell::new("mine", "A gated recurrent unit.", GruResetAfter::new);
/// let mut params = Params::new(DType::F32);
/// let cell = gru.declare(params.scope("cell"), 3, 4);
/// ```
#[derive(Clone)]
pub struct NamedCell {
    /// The name by which it is chosen.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    declare: Arc<Declare>,
}

type Declare = dyn Fn(Scope<'_>, usize, usize) -> AnyCell + Send + Sync;

impl NamedCell {
    /// A kind of cell whose constructor takes a scope, the width of the inputs and that of the hidden state.
    pub fn new<C: Cell + Send + Sync + 'static>(
        name: &str,
        about: &str,
        declare: impl Fn(Scope<'_>, usize, usize) -> C + Send + Sync + 'static,
    ) -> NamedCell {
        let declare = move |scope: Scope<'_>, inputs, hidden| AnyCell::new(declare(scope, inputs, hidden));
        NamedCell { name: name.into(), about: about.into(), declare: Arc::new(declare) }
    }

    /// Declares a cell of this kind.
    #[track_caller]
    pub fn declare(&self, scope: Scope<'_>, inputs: usize, hidden: usize) -> AnyCell {
        (self.declare)(scope, inputs, hidden)
    }
}

impl fmt::Debug for NamedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedCell").field(&self.name).finish()
    }
}
