//! The loops that the engine runs where the plain ones of the operations are too slow. Only here is
//! `unsafe` allowed, each block with its argument.

pub(crate) mod arena;
mod gemm;
mod math;
mod pointwise;
mod simd;
mod softmax;

pub use gemm::{Multiply, PackedMatrix, add_product, multiply_in_registers};

use crate::dtype::{DType, with_real};
use crate::ops::{Io, Op};

/// Who computes a product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Threads {
    /// The calling thread.
    #[allow(dead_code, reason = "for rows that are shared out to threads before")]
    One,
    /// The threads of the present pool, where the product is large enough.
    All,
}

/// Evaluates an operation by its fastest kernel.
pub(crate) fn run(op: &Op, mut io: Io<'_>) -> Result<(), String> {
    match op {
        Op::Dot(dot) => {
            let size = dot.size(&io.inputs[0].shape, io.shape);
            with_real!(io.dtype(), T => gemm::product::<T>(*dot, size, io.get(0), io.get(1), io.out(), Threads::All));
            Ok(())
        }
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
