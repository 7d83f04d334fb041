//! Runs programs.

use crate::error::RunError;
use crate::interpret::interpret;
use crate::record::Var;
use crate::tensor::{Slice, Tensor};

/// Runs programs from plans that it keeps.
#[derive(Debug, Default)]
pub struct Engine {}

/// The results of a run, which lie in the engine until the next one.
#[derive(Debug)]
pub struct Run<'e> {
    results: Vec<Tensor>,
    engine: std::marker::PhantomData<&'e ()>,
}

impl Engine {
    /// An engine without plans.
    pub fn new() -> Engine {
        Engine {}
    }

    /// Computes values of one tape.
    pub fn run(&mut self, outputs: &[Var<'_>]) -> Result<Run<'_>, RunError> {
        Ok(Run { results: interpret(outputs)?, engine: std::marker::PhantomData })
    }
}

impl Run<'_> {
    /// A result, borrowed.
    pub fn slice(&self, output: usize) -> Slice<'_> {
        self.results[output].slice()
    }

    /// A result as a tensor of its own.
    pub fn tensor(&self, output: usize) -> Tensor {
        self.results[output].clone()
    }

    /// A result that is a single number.
    pub fn number(&self, output: usize) -> f64 {
        self.results[output].number()
    }
}
