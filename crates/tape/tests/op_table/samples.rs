//! Samples of every operation: operands, how it is recorded, and the plain loop that says what it computes.
//!
//! A new operation, function of an element or of a pair, or part of a scan does not compile here before it has
//! samples; [`of`] is where to begin. All properties in the files beside this one then hold it.

use std::ops::Range;
use std::rc::Rc;

use tape::ops::{
    Axes, Barrier, Binary, Concat, CrossEntropy, CrossEntropyGradient, Dot, Expand, Fold, Gather, LogSoftmax,
    Max, Op, Operation, Pad, Pick, Place, Reshape, ScatterAdd, Slice, Softmax, Sum, Transpose, Unary, Unfold,
};
use tape::{Custom, DType, Dim, Shape, Tape, Tensor, Var, Windows};

use crate::arrays::{Array, indices};
use crate::{custom, loops, programs};

type Record = dyn for<'t> Fn(&[Var<'t>]) -> Var<'t>;
type Plain = dyn Fn(&[Array]) -> Array;

/// Something recorded, with operands to try it on and a plain loop for it.
pub struct Sample {
    pub label: String,
    pub operation: Operation,
    /// The operation, where the sample is that alone.
    pub op: Option<Op>,
    pub operands: Vec<Operand>,
    pub record: Rc<Record>,
    pub plain: Rc<Plain>,
    /// Whether no gradient flows, on purpose.
    pub cut: bool,
}

#[derive(Clone)]
pub enum Operand {
    Real { sizes: Vec<usize>, range: Range<f64> },
    Indices(Array),
}

pub fn real(sizes: &[usize]) -> Operand {
    Operand::Real { sizes: sizes.to_vec(), range: -1.5..1.5 }
}

pub fn rows(sizes: &[usize], numbers: &[i32]) -> Operand {
    let numbers = numbers.iter().map(|number| f64::from(*number)).collect();
    Operand::Indices(Array { sizes: sizes.to_vec(), numbers })
}

impl Operand {
    /// Draws from another range, where the operation is smooth.
    pub fn range(self, range: Range<f64>) -> Operand {
        match self {
            Operand::Real { sizes, .. } => Operand::Real { sizes, range },
            indices => indices,
        }
    }

    pub fn is_real(&self) -> bool {
        matches!(self, Operand::Real { .. })
    }

    /// The operand's values; real ones spread over the range without repetition, other ones for each `salt`.
    pub fn array(&self, salt: usize) -> Array {
        match self {
            Operand::Indices(indices) => indices.clone(),
            Operand::Real { sizes, range } => {
                // Multiples of the golden ratio modulo one never come close to each other.
                let at = |place: usize| ((place + 17 * salt + 1) as f64 * 0.618_033_988_749_895).fract();
                let numbers = 0..indices(sizes).len();
                let numbers = numbers.map(|k| range.start + (range.end - range.start) * at(k)).collect();
                Array { sizes: sizes.clone(), numbers }
            }
        }
    }

    pub fn tensor(&self, array: &Array, dtype: DType) -> Tensor {
        array.tensor(if self.is_real() { dtype } else { DType::I32 })
    }
}

impl Sample {
    /// A sample of an operation.
    pub fn new(
        op: impl Into<Op>,
        operands: Vec<Operand>,
        plain: impl Fn(&[Array]) -> Array + 'static,
    ) -> Sample {
        let op: Op = op.into();
        let recorded = op.clone();
        let record: Rc<Record> = Rc::new(move |v| v[0].tape().push(recorded.clone(), v));
        let sizes: Vec<String> =
            operands.iter().map(|operand| format!("{:?}", operand.array(0).sizes)).collect();
        let label = format!("{} {} of {}", op.name(), op.attributes(), sizes.join(" and "));
        let (operation, plain, op) = (op.operation(), Rc::new(plain), Some(op));
        Sample { label, operation, op, operands, record, plain, cut: false }
    }

    /// A sample of what is made of several operations.
    pub fn program(
        operation: Operation,
        label: &str,
        operands: Vec<Operand>,
        record: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + 'static,
        plain: impl Fn(&[Array]) -> Array + 'static,
    ) -> Sample {
        let (label, record, plain) = (label.to_string(), Rc::new(record), Rc::new(plain));
        Sample { label, operation, op: None, operands, record, plain, cut: false }
    }

    pub fn arrays(&self) -> Vec<Array> {
        self.operands.iter().enumerate().map(|(salt, operand)| operand.array(salt)).collect()
    }

    /// The operands on a tape, and the result.
    pub fn on<'t>(&self, tape: &'t Tape) -> (Vec<Var<'t>>, Var<'t>) {
        let inputs = self.inputs(tape, &self.arrays());
        let result = (self.record)(&inputs);
        (inputs, result)
    }

    pub fn inputs<'t>(&self, tape: &'t Tape, arrays: &[Array]) -> Vec<Var<'t>> {
        let operands = self.operands.iter().zip(arrays);
        operands.map(|(operand, array)| tape.input(operand.tensor(array, tape.dtype()))).collect()
    }

    /// Those of some values that stand for real operands.
    pub fn real<T: Clone>(&self, values: &[T]) -> Vec<T> {
        let pairs = self.operands.iter().zip(values);
        pairs.filter(|(operand, _)| operand.is_real()).map(|(_, value)| value.clone()).collect()
    }
}

/// The samples of everything.
pub fn all() -> Vec<Sample> {
    Operation::ALL.iter().flat_map(|operation| of(*operation)).collect()
}

fn axes(axes: &[usize]) -> Axes {
    Axes::new(axes.iter().copied())
}

/// The samples of an operation. There is one with an empty axis, one with axes of one and one with three axes.
pub fn of(operation: Operation) -> Vec<Sample> {
    match operation {
        Operation::Input => programs::inputs(),
        Operation::Scan | Operation::Part => programs::scans(operation),
        Operation::Fused => programs::fused(),
        Operation::Scalar => programs::scalars(),
        Operation::Unary => Unary::ALL.iter().flat_map(|op| unary(*op)).collect(),
        Operation::Binary => Binary::ALL.iter().flat_map(|op| binary(*op)).collect(),
        Operation::Dot => {
            let of = |left, right, x: &[usize], y: &[usize]| {
                let op = Dot { transpose_left: left, transpose_right: right };
                Sample::new(op, vec![real(x), real(y)], move |v| loops::dot(op, &v[0], &v[1]))
            };
            vec![
                of(false, false, &[2, 3], &[3, 4]),
                of(true, false, &[3, 2], &[3, 4]),
                of(false, true, &[2, 3], &[4, 3]),
                of(true, true, &[3, 2], &[4, 3]),
                of(false, false, &[2, 2, 3], &[2, 3, 1]),
                of(true, false, &[2, 3, 2], &[2, 3, 3]),
                of(false, true, &[2, 1, 3], &[2, 2, 3]),
                of(true, true, &[2, 3, 2], &[2, 4, 3]),
                of(false, false, &[1, 1], &[1, 1]),
                of(false, false, &[0, 3], &[3, 2]),
                of(false, false, &[2, 0], &[0, 2]),
            ]
        }
        Operation::Sum => {
            let of = |list: &'static [usize], x: &[usize]| {
                Sample::new(Sum { axes: axes(list) }, vec![real(x)], move |v| loops::sum(list, &v[0]))
            };
            vec![
                of(&[0], &[3, 2]),
                of(&[1], &[3, 2]),
                of(&[0, 1], &[3, 2]),
                of(&[0, 2], &[2, 3, 2]),
                of(&[1], &[2, 3, 2]),
                of(&[1], &[2, 0]),
                of(&[0], &[1]),
            ]
        }
        Operation::Max => {
            let of = |list: &'static [usize], x: &[usize]| {
                Sample::new(Max { axes: axes(list) }, vec![real(x)], move |v| loops::max(list, &v[0]))
            };
            vec![
                of(&[0], &[3, 2]),
                of(&[1], &[3, 4]),
                of(&[1, 3], &[2, 2, 2, 2]),
                of(&[0, 1], &[1, 1]),
                of(&[1], &[0, 2]),
            ]
        }
        Operation::Reshape => {
            let of = |x: &[usize], to: &'static [usize]| {
                Sample::new(Reshape::new(Shape::from(to)), vec![real(x)], move |v| loops::reshape(to, &v[0]))
            };
            vec![
                of(&[2, 3], &[3, 2]),
                of(&[2, 3, 2], &[2, 6]),
                of(&[4], &[2, 1, 2]),
                of(&[1], &[]),
                of(&[0, 3], &[3, 0]),
            ]
        }
        Operation::Expand => {
            let of = |x: &[usize], to: &'static [usize]| {
                Sample::new(Expand::new(Shape::from(to)), vec![real(x)], move |v| loops::expand(to, &v[0]))
            };
            vec![
                of(&[3], &[2, 3]),
                of(&[2, 1], &[2, 3]),
                of(&[], &[2]),
                of(&[1, 2, 1], &[3, 2, 2]),
                of(&[1], &[0]),
            ]
        }
        Operation::Transpose => {
            let of = |order: &'static [usize], x: &[usize]| {
                Sample::new(Transpose::new(order), vec![real(x)], move |v| loops::transpose(order, &v[0]))
            };
            vec![
                of(&[1, 0], &[2, 3]),
                of(&[2, 0, 1], &[2, 3, 4]),
                of(&[0, 2, 1], &[2, 3, 2]),
                of(&[0], &[3]),
                of(&[1, 0], &[1, 1]),
                of(&[1, 0], &[0, 2]),
            ]
        }
        Operation::Slice => {
            let of = |axis: usize, start: usize, len: usize, x: &[usize]| {
                let op = Slice { axis: axis as u8, start: start as u32, len: len as u32 };
                Sample::new(op, vec![real(x)], move |v| loops::slice(axis, start, len, &v[0]))
            };
            vec![
                of(0, 1, 2, &[4, 2]),
                of(1, 0, 1, &[2, 3]),
                of(1, 1, 2, &[2, 3, 2]),
                of(1, 1, 1, &[1, 3, 1]),
                of(0, 0, 1, &[1, 1]),
                of(0, 1, 0, &[2, 2]),
            ]
        }
        Operation::Pad => {
            let of = |axis: usize, before: usize, after: usize, x: &[usize]| {
                let op = Pad { axis: axis as u8, before: before as u32, after: after as u32 };
                Sample::new(op, vec![real(x)], move |v| loops::pad(axis, before, after, &v[0]))
            };
            vec![
                of(0, 1, 2, &[2, 2]),
                of(1, 0, 1, &[2, 3]),
                of(1, 2, 0, &[2, 1, 2]),
                of(1, 1, 1, &[1, 1]),
                of(0, 1, 1, &[0, 2]),
            ]
        }
        Operation::Concat => {
            let of = |axis: usize, parts: &[&[usize]]| {
                let op = Concat { axis: axis as u8 };
                let parts = parts.iter().map(|part| real(part)).collect();
                Sample::new(op, parts, move |v| loops::concat(axis, v))
            };
            vec![
                of(0, &[&[1, 2], &[3, 2]]),
                of(1, &[&[2, 1], &[2, 2], &[2, 0]]),
                of(1, &[&[2, 2, 2], &[2, 1, 2]]),
                of(0, &[&[1, 1]]),
            ]
        }
        Operation::Gather => {
            let of = |table: &[usize], index| {
                Sample::new(Gather, vec![real(table), index], |v| loops::gather(&v[0], &v[1]))
            };
            vec![
                of(&[4, 2], rows(&[3], &[1, 3, 1])),
                of(&[3], rows(&[2, 2], &[0, 2, 2, 1])),
                of(&[3, 2, 2], rows(&[2], &[2, 0])),
                of(&[1, 1], rows(&[1], &[0])),
                of(&[3, 2], rows(&[0], &[])),
            ]
        }
        Operation::ScatterAdd => {
            let of = |count: usize, x: &[usize], index| {
                let op = ScatterAdd { rows: Dim::new(count) };
                Sample::new(op, vec![real(x), index], move |v| loops::scatter_add(count, &v[0], &v[1]))
            };
            vec![
                of(4, &[3, 2], rows(&[3], &[1, 3, 1])),
                of(4, &[2, 2], rows(&[2, 2], &[0, 3, 3, 1])),
                of(3, &[2, 2, 2], rows(&[2], &[2, 2])),
                of(1, &[1, 1], rows(&[1], &[0])),
                of(2, &[0, 2], rows(&[0], &[])),
            ]
        }
        Operation::Pick => {
            let of =
                |x: &[usize], index| Sample::new(Pick, vec![real(x), index], |v| loops::pick(&v[0], &v[1]));
            vec![
                of(&[3, 4], rows(&[3], &[1, 3, 0])),
                of(&[2, 2, 3], rows(&[2, 2], &[0, 2, 1, 1])),
                of(&[1, 1], rows(&[1], &[0])),
                of(&[0, 4], rows(&[0], &[])),
            ]
        }
        Operation::Place => {
            let of = |width: usize, x: &[usize], index| {
                let op = Place { width: width as u32 };
                Sample::new(op, vec![real(x), index], move |v| loops::place(width, &v[0], &v[1]))
            };
            vec![
                of(4, &[3], rows(&[3], &[1, 3, 0])),
                of(3, &[2, 2], rows(&[2, 2], &[0, 2, 1, 1])),
                of(1, &[1], rows(&[1], &[0])),
                of(2, &[0], rows(&[0], &[])),
            ]
        }
        Operation::Softmax => by_rows(Softmax, loops::softmax),
        Operation::LogSoftmax => by_rows(LogSoftmax, loops::log_softmax),
        Operation::CrossEntropy => {
            let of = |x: &[usize], index| {
                Sample::new(CrossEntropy, vec![real(x), index], |v| loops::cross_entropy(&v[0], &v[1]))
            };
            vec![
                of(&[3, 4], rows(&[3], &[1, 3, 0])),
                of(&[2, 19], rows(&[2], &[18, 3])),
                of(&[2, 2, 3], rows(&[2, 2], &[0, 2, 1, 1])),
                of(&[1, 1], rows(&[1], &[0])),
                of(&[0, 4], rows(&[0], &[])),
            ]
        }
        Operation::CrossEntropyGradient => {
            let of = |x: &[usize], index, up: &[usize]| {
                Sample::new(CrossEntropyGradient, vec![real(x), index, real(up)], |v| {
                    loops::cross_entropy_gradient(&v[0], &v[1], &v[2])
                })
            };
            vec![
                of(&[3, 4], rows(&[3], &[1, 3, 0]), &[3]),
                of(&[2, 1, 3], rows(&[2, 1], &[0, 2]), &[2, 1]),
                of(&[1, 1], rows(&[1], &[0]), &[1]),
                of(&[0, 4], rows(&[0], &[]), &[0]),
            ]
        }
        Operation::Unfold => {
            let of = |size, stride, padding, x: &[usize]| {
                let windows = Windows { size, stride, padding };
                Sample::new(Unfold { windows }, vec![real(x)], move |v| loops::unfold(windows, &v[0]))
            };
            vec![
                of(3, 1, 1, &[2, 4, 3, 2]),
                of(2, 2, 0, &[1, 4, 4, 1]),
                of(3, 2, 1, &[1, 5, 4, 2]),
                of(1, 1, 2, &[1, 1, 1, 2]),
                of(2, 3, 0, &[1, 6, 5, 1]),
                of(2, 1, 0, &[0, 2, 2, 1]),
            ]
        }
        Operation::Fold => {
            let of = |size, stride, padding, [height, width]: [u16; 2], x: &[usize]| {
                let windows = Windows { size, stride, padding };
                Sample::new(Fold { windows, height, width }, vec![real(x)], move |v| {
                    loops::fold(windows, usize::from(height), usize::from(width), &v[0])
                })
            };
            vec![
                of(2, 1, 1, [2, 3], &[2, 3, 4, 8]),
                of(3, 2, 1, [5, 4], &[1, 3, 2, 18]),
                of(1, 1, 0, [1, 1], &[1, 1, 1, 1]),
                of(2, 1, 0, [2, 2], &[0, 1, 1, 4]),
            ]
        }
        Operation::Barrier => {
            let of = |x: &[usize]| Sample::new(Barrier, vec![real(x)], |v| v[0].clone());
            vec![of(&[2, 3]), of(&[2, 1, 2]), of(&[0, 2])]
        }
        Operation::Custom => {
            let of =
                |x: &[usize]| Sample::new(Custom::new(custom::Cube), vec![real(x)], |v| custom::plain(&v[0]));
            vec![of(&[2, 3]), of(&[2, 1, 2]), of(&[0, 2])]
        }
    }
}

fn by_rows(op: impl Into<Op> + Copy, plain: fn(&Array) -> Array) -> Vec<Sample> {
    let of = |x: &[usize]| Sample::new(op, vec![real(x)], move |v| plain(&v[0]));
    vec![of(&[2, 3]), of(&[2, 19]), of(&[2, 2, 1]), of(&[2, 1, 3]), of(&[0, 3])]
}

fn unary(op: Unary) -> Vec<Sample> {
    let range = match op {
        Unary::Ln | Unary::Sqrt | Unary::Recip => 0.4..2.0,
        Unary::Relu | Unary::Step | Unary::Abs | Unary::Sign => 0.2..1.5,
        Unary::Negate
        | Unary::Exp
        | Unary::Tanh
        | Unary::Sigmoid
        | Unary::Softplus
        | Unary::Square
        | Unary::Sin
        | Unary::Cos
        | Unary::Detach => -1.5..1.5,
    };
    let of = |x: &[usize], range: Range<f64>| {
        let plain = move |v: &[Array]| loops::map(&v[0], |x| loops::unary(op, x));
        let sample = Sample::new(op, vec![real(x).range(range)], plain);
        Sample { cut: op == Unary::Detach, ..sample }
    };
    let mut samples = vec![of(&[2, 3], range.clone()), of(&[2, 1, 9], range.clone()), of(&[0, 2], range)];
    if matches!(op, Unary::Relu | Unary::Step | Unary::Abs | Unary::Sign | Unary::Recip) {
        samples.push(of(&[5], -1.5..-0.2));
    }
    samples
}

fn binary(op: Binary) -> Vec<Sample> {
    let of = |x: Operand, y: Operand| {
        let plain = move |v: &[Array]| loops::pairs(&v[0], &v[1], |x, y| loops::binary(op, x, y));
        Sample::new(op, vec![x, y], plain)
    };
    // Apart from each other, and positive: smooth for all.
    let smaller = |sizes: &[usize]| real(sizes).range(0.3..1.2);
    let larger = |sizes: &[usize]| real(sizes).range(1.3..2.5);
    vec![
        of(smaller(&[2, 3]), larger(&[2, 3])),
        of(larger(&[2, 3]), smaller(&[3])),
        of(smaller(&[2, 1]), larger(&[1, 3])),
        of(larger(&[]), smaller(&[2])),
        of(smaller(&[3]), larger(&[])),
        of(larger(&[0, 3]), smaller(&[3])),
        of(smaller(&[2, 1, 2]), larger(&[2, 3, 2])),
        of(larger(&[2, 2, 3]), smaller(&[2, 1, 1])),
        of(larger(&[2, 2, 3]), smaller(&[1, 2, 1])),
        of(larger(&[1, 1]), smaller(&[1])),
    ]
}
