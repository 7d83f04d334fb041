//! The loops that the engine runs where the plain ones of the operations are too slow. Only here is
//! `unsafe` allowed, each block with its argument.

pub(crate) mod arena;
pub(crate) mod clock;
pub(crate) mod fused;
mod gemm;
pub(crate) mod machine;
mod math;
mod pointwise;
mod scratch;
mod simd;
mod softmax;

pub use gemm::{Multiply, PackedMatrix, add_product, multiply_in_registers};

use crate::dtype::{DType, with_real};
use crate::ops::{Io, Op};

/// Who computes something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Threads {
    /// The calling thread.
    One,
    /// All threads of the present pool, where it pays.
    All,
}

/// Elements that a packed right operand takes.
pub(crate) fn packed_len(dtype: DType, k: usize, n: usize) -> usize {
    with_real!(dtype, T => gemm::packed_len::<T>(k, n))
}

/// Evaluates an operation by its fastest kernel.
pub(crate) fn run(op: &Op, io: Io<'_>) -> Result<(), String> {
    match op {
        Op::Unary(op) => {
            pointwise::unary(*op, io);
            Ok(())
        }
        Op::Binary(op) => pointwise::binary(*op, io),
        Op::Softmax(_) if io.dtype() == DType::F32 => {
            softmax::softmax(io);
            Ok(())
        }
        Op::LogSoftmax(_) if io.dtype() == DType::F32 => {
            softmax::log_softmax(io);
            Ok(())
        }
        op => op.rule().expect("inputs and scans are run by the engine itself").eval(io),
    }
}
