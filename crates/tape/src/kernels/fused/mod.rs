//! The kernel for fused work: a small register machine that walks over tiles.
//!
//! A tile is some whole rows of the domain or a piece of a long one, small enough that the values in it
//! stay in the first-level cache. For each tile the machine reads the inputs, runs one vector loop for
//! each member, and only then writes the results; so a result may lie exactly where an input lies that has
//! the same shape. What does not depend on the row is computed once for all tiles.
//!
//! The domain is cut into pieces that do not depend on the number of threads. A sum is added up within
//! each piece, and then over the pieces in their order: so it has the same bits however many threads
//! shared the pieces.

mod code;
pub(super) mod loops;
mod machine;
#[cfg(test)]
mod tests;

use super::Threads;
use crate::dtype::{DType, with_real};
use crate::fused::Fused;
use crate::graph::NodeId;
use crate::shape::{Dim, Elements};

use code::Code;

/// Fused work made ready to run.
#[derive(Debug)]
pub(crate) struct Kernel {
    code: Code,
    dtype: DType,
    rows: Elements,
    width: Dim,
    /// Types and sizes of the inputs and of the results.
    inputs: Vec<(DType, Elements)>,
    results: Vec<(DType, Elements)>,
}

/// Where an input lies while a kernel runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    start: *const u8,
    len: usize,
    dtype: DType,
}

impl Source {
    /// Elements from an address on, which hold still while the kernel runs.
    pub fn at(start: *const u8, len: usize, dtype: DType) -> Source {
        Source { start, len, dtype }
    }

    fn bytes(self) -> std::ops::Range<usize> {
        let start = self.start.addr();
        start..start + self.len * self.dtype.bytes()
    }
}

/// Where a result goes while a kernel runs.
#[derive(Debug)]
pub(crate) struct Target {
    start: *mut u8,
    len: usize,
    dtype: DType,
}

impl Target {
    /// Elements from an address on, which nothing else touches while the kernel runs.
    pub fn at(start: *mut u8, len: usize, dtype: DType) -> Self {
        Target { start, len, dtype }
    }

    fn bytes(&self) -> std::ops::Range<usize> {
        let start = self.start.addr();
        start..start + self.len * self.dtype.bytes()
    }
}

impl Kernel {
    /// Compiles fused work of which the given nodes are wanted.
    ///
    /// # Panics
    /// If the work is none that [`Fused::check`] accepts, or a wanted node is none of its members.
    pub fn new(fused: &Fused, wanted: &[NodeId]) -> Kernel {
        let body = &fused.body;
        let domain = fused.domain().expect("fused work has a member");
        let size = |id: &NodeId| (body.node(*id).dtype, body.node(*id).shape.elements());
        Kernel {
            code: code::compile(fused, domain, wanted),
            dtype: domain.dtype,
            rows: domain.rows,
            width: domain.width,
            inputs: body.inputs.iter().map(size).collect(),
            results: wanted.iter().map(size).collect(),
        }
    }

    /// How many elements members compute in a step of `rows` rows.
    pub fn operations(&self, rows: usize) -> usize {
        self.code.tile.len() * self.rows.at(rows) * self.width.at(rows)
    }

    /// Runs the work, in a step of `rows` rows if it stands in a scan, from the inputs in the order of the
    /// body to the results in the order in which they were wanted.
    ///
    /// The error says which index is outside the scores.
    ///
    /// # Panics
    /// In debug builds, if an input or result has not the size that the work says, or the places overlap otherwise
    /// than by a result that lies exactly in the place of an input.
    pub fn run(
        &self,
        rows: usize,
        inputs: &[Source],
        results: &mut [Target],
        threads: Threads,
    ) -> Result<(), String> {
        if cfg!(debug_assertions) {
            self.check_places(rows, inputs, results);
        }
        let size = [self.rows.at(rows), self.width.at(rows)];
        with_real!(self.dtype, T => machine::run::<T>(&self.code, size, inputs, results, threads))
    }

    /// Inputs and results have the sizes that the work says; results lie apart from each other, and apart from an
    /// input or exactly in its place.
    fn check_places(&self, rows: usize, inputs: &[Source], results: &[Target]) {
        let given = inputs.iter().map(|input| (input.dtype, input.len));
        let expected = |sizes: &[(DType, Elements)]| {
            sizes.iter().map(|(dtype, size)| (*dtype, size.at(rows))).collect::<smallvec::SmallVec<[_; 16]>>()
        };
        assert!(given.eq(expected(&self.inputs)), "inputs of other sizes than the fused work says");
        let given = results.iter().map(|result| (result.dtype, result.len));
        assert!(given.eq(expected(&self.results)), "results of other sizes than the fused work says");
        for (index, result) in results.iter().enumerate() {
            let place = result.bytes();
            let apart = |other: &std::ops::Range<usize>| place.end <= other.start || other.end <= place.start;
            let fits = inputs.iter().map(|input| input.bytes()).all(|other| apart(&other) || other == place)
                && results[..index].iter().map(Target::bytes).all(|other| apart(&other));
            assert!(fits || place.is_empty(), "result {index} of fused work lies over another value");
        }
    }
}
