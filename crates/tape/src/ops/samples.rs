//! Sample operands of every operation, and the tests that all operations share.

use std::ops::Range;

use super::{Op, Unary};
use crate::dtype::DType;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// An operation with operands to try it on.
pub(crate) struct Sample {
    pub op: Op,
    pub operands: Vec<Operand>,
}

pub(crate) enum Operand {
    Real { shape: Shape, range: Range<f64> },
    Indices(Tensor),
}

impl Sample {
    pub fn new(op: impl Into<Op>, operands: Vec<Operand>) -> Sample {
        Sample { op: op.into(), operands }
    }
}

impl Operand {
    /// Draws from another range than -1.5 to 1.5, where the operation is smooth.
    pub fn range(self, range: Range<f64>) -> Operand {
        match self {
            Operand::Real { shape, .. } => Operand::Real { shape, range },
            indices => indices,
        }
    }

    /// The operand's values; for real ones spread over the range without repetition.
    pub fn tensor(&self, dtype: DType, salt: usize) -> Tensor {
        match self {
            Operand::Indices(indices) => indices.clone(),
            Operand::Real { shape, range } => {
                // Multiples of the golden ratio modulo one never come close to each other.
                let at = |index: usize| ((index + 17 * salt + 1) as f64 * 0.618_033_988_749_895).fract();
                let number = |index| range.start + (range.end - range.start) * at(index);
                let numbers: Vec<f64> = (0..shape.len()).map(number).collect();
                Tensor::from_f64(dtype, shape, &numbers)
            }
        }
    }
}

pub(crate) fn real(dims: impl AsRef<[usize]>) -> Operand {
    Operand::Real { shape: Shape::from(dims.as_ref()), range: -1.5..1.5 }
}

pub(crate) fn indices(dims: impl AsRef<[usize]>, numbers: &[i32]) -> Operand {
    Operand::Indices(Tensor::new(Shape::from(dims.as_ref()), numbers))
}

/// The samples of all operations.
pub(crate) fn all() -> Vec<Sample> {
    [
        super::unary::samples(),
        super::binary::samples(),
        super::dot::samples(),
        super::sum::samples(),
        super::max::samples(),
        super::reshape::samples(),
        super::expand::samples(),
        super::transpose::samples(),
        super::slice::samples(),
        super::pad::samples(),
        super::concat::samples(),
        super::barrier::samples(),
        super::gather::samples(),
        super::pick::samples(),
        super::softmax::samples(),
        super::log_softmax::samples(),
        super::cross_entropy::samples(),
        super::unfold::samples(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

mod tests {
    use super::*;
    use crate::check;
    use crate::engine::Engine;
    use crate::grad::try_grad;
    use crate::interpret::interpret;
    use crate::program::Program;
    use crate::record::Tape;
    use crate::text::parse;
    use crate::var::Var;

    fn each_sample(test: impl Fn(&str, &Sample)) {
        for sample in all() {
            let shapes: Vec<String> = sample
                .operands
                .iter()
                .map(|operand| operand.tensor(DType::F64, 0).shape().to_string())
                .collect();
            let label =
                format!("{} {} of {}", sample.op.name(), sample.op.attributes(), shapes.join(" and "));
            test(&label, &sample);
        }
    }

    fn tensors(sample: &Sample, dtype: DType) -> Vec<Tensor> {
        sample.operands.iter().enumerate().map(|(salt, operand)| operand.tensor(dtype, salt)).collect()
    }

    fn apply<'t>(sample: &Sample, vars: &[Var<'t>]) -> Var<'t> {
        vars[0].tape().push(sample.op.clone(), vars)
    }

    fn value(sample: &Sample, dtype: DType) -> Tensor {
        let tape = Tape::new(dtype);
        let vars: Vec<Var<'_>> = tensors(sample, dtype).into_iter().map(|x| tape.input(x)).collect();
        interpret(&[apply(sample, &vars)]).expect("samples can be evaluated").remove(0)
    }

    #[test]
    fn every_operation_has_samples() {
        let variant = |op: &Op| format!("{op:?}").split('(').next().expect("a variant").to_string();
        let sampled: Vec<String> = all().iter().map(|sample| variant(&sample.op)).collect();
        // Numbers have no operands, parts belong to scans, and custom operations to users.
        let exempt = ["Scalar", "Part", "Custom"];
        for operation in super::super::OPERATIONS {
            assert!(
                exempt.contains(operation) || sampled.iter().any(|op| op == operation),
                "{operation} has no samples: write them in its file and add them to `all`"
            );
        }
    }

    #[test]
    fn gradients_agree_with_central_differences() {
        each_sample(|label, sample| {
            if sample.op == Op::Unary(Unary::Detach) {
                return; // Its gradient is zero on purpose.
            }
            check::grad(&tensors(sample, DType::F64), |vars| apply(sample, vars))
                .unwrap_or_else(|error| panic!("{label}: {error}"));
        });
    }

    #[test]
    fn gradients_of_gradients_agree_with_central_differences() {
        each_sample(|label, sample| {
            check::second_order(&tensors(sample, DType::F64), |vars| apply(sample, vars))
                .unwrap_or_else(|error| panic!("{label}: {error}"));
        });
    }

    #[test]
    fn the_engine_agrees_with_the_interpreter() {
        each_sample(|label, sample| {
            for (dtype, limit) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
                let tape = Tape::new(dtype);
                let vars: Vec<Var<'_>> = tensors(sample, dtype).into_iter().map(|x| tape.input(x)).collect();
                let result = apply(sample, &vars);
                let real: Vec<Var<'_>> = vars.iter().copied().filter(|var| var.dtype().is_real()).collect();
                let gradients = try_grad(result.square().sum(), &real).expect("a sum is a single number");
                let wanted: Vec<Var<'_>> =
                    std::iter::once(result).chain(gradients.into_iter().flatten()).collect();
                let plain = interpret(&wanted).expect("samples can be evaluated");
                let mut engine = Engine::new();
                let run = engine.run(&wanted).expect("samples can be evaluated");
                for (index, plain) in plain.iter().enumerate() {
                    let fast = run.tensor(index);
                    assert_eq!(fast.shape(), plain.shape(), "{label}");
                    for (a, b) in fast.to_f64().iter().zip(plain.to_f64()) {
                        assert!((a - b).abs() <= limit * (1.0 + b.abs()), "{label}: {a} is not {b}");
                    }
                }
            }
        });
    }

    #[test]
    fn programs_with_their_gradients_are_read_as_they_are_written() {
        each_sample(|label, sample| {
            for dtype in [DType::F32, DType::F64] {
                let tape = Tape::new(dtype);
                let vars: Vec<Var<'_>> = tensors(sample, dtype).into_iter().map(|x| tape.input(x)).collect();
                let y = apply(sample, &vars);
                let real: Vec<Var<'_>> = vars.into_iter().filter(|var| var.dtype().is_real()).collect();
                let gradients = try_grad(y.sum(), &real).expect("a sum is a single number");
                let outputs = gradients.iter().flatten().map(|var| var.id()).collect();
                let program = Program { graph: tape.graph().clone(), outputs };
                let text = program.to_string();
                let read = parse(&text).unwrap_or_else(|error| panic!("{label}: {error}\n{text}"));
                assert!(read == program, "{label}\n{text}");
            }
        });
    }

    #[test]
    fn both_types_agree() {
        each_sample(|label, sample| {
            let (single, double) = (value(sample, DType::F32).to_f64(), value(sample, DType::F64).to_f64());
            for (a, b) in single.iter().zip(&double) {
                assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{label}: {a} in f32, {b} in f64");
            }
        });
    }
}
