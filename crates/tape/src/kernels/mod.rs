//! The loops that the engine runs where the plain ones of the operations are too slow. Only here is
//! `unsafe` allowed, each block with its argument.

pub(crate) mod arena;
mod gemm;
mod pointwise;

pub use gemm::add_product;

use crate::dtype::with_real;
use crate::ops::{Io, Op};

/// Evaluates an operation by its fastest kernel.
pub(crate) fn run(op: &Op, mut io: Io<'_>) -> Result<(), String> {
    match op {
        Op::Dot(dot) => {
            let size = dot.size(&io.inputs[0].shape, io.shape);
            with_real!(io.dtype(), T => gemm::product::<T>(*dot, size, io.get(0), io.get(1), io.out()));
            Ok(())
        }
        Op::Binary(op) => pointwise::binary(*op, io),
        op => op.rule().expect("inputs and scans are run by the engine itself").eval(io),
    }
}
