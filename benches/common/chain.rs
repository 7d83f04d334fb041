//! A chain of links `x = tanh(x w + b)`, three operations each, on values so small that arithmetic is next to nothing.

use unspool::tape::{Packing, Tape, Var, Vars, grad, scan};

/// Links of a chain.
pub const LINKS: usize = 10_000;

/// x, w and b at the start, the same in every element.
pub const VALUES: [f32; 3] = [0.5, 0.9, 0.1];

/// How a chain gets onto a tape.
#[derive(Clone, Copy)]
pub enum Form {
    /// Link by link, as in a plain loop of Rust.
    OneByOne,
    /// Once, as the step of a loop.
    Scan,
}

/// The sum of a chain's last elements, and what it is differentiated by.
pub struct Chain<'t> {
    pub loss: Var<'t>,
    inputs: [Var<'t>; 3],
}

impl<'t> Chain<'t> {
    /// Records a chain of so many elements side by side.
    pub fn record(tape: &'t Tape, form: Form, elements: usize) -> Chain<'t> {
        let input = |value: f32| tape.input_numbers([1, elements], (0..elements).map(|_| f64::from(value)));
        let [x, w, b] = VALUES.map(input);
        let last = match form {
            Form::OneByOne => (0..LINKS).fold(x, |x, _| (x * w + b).tanh()),
            Form::Scan => scan(&Packing::uniform(LINKS, 1), x, (), |x, ()| ((x * w + b).tanh(), ())).0,
        };
        Chain { loss: last.sum(), inputs: [x, w, b] }
    }

    /// The loss, and records its gradients.
    pub fn outputs(&self) -> Vars<'t> {
        [self.loss].into_iter().chain(grad(self.loss, &self.inputs)).collect()
    }
}
