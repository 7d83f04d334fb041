//! Zeros of both signs, infinities, what is not a number, the smallest numbers, ties, and indices outside of tables:
//! what each operation makes of them is stated here, and the interpreter, the engine and the plain loops agree on it
//! in both types. Whether a zero has a sign is not stated.
//!
//! - NaN in gives NaN out, but for comparisons (`step`, `greater`, `equal`), which are 0 with it, and `1^NaN`, which is 1.
//! - Of a maximum or minimum of two, the first has the gradient where they are equal or one is NaN. Along axes, the
//!   largest elements share it evenly; where one is NaN, the gradient of all that were compared is.
//! - Scores of -∞ have no share: probability 0, and a gradient of 0. A row that is -∞ everywhere, or has +∞ or NaN
//!   anywhere, is NaN everywhere.
//! - An index outside of a table is an error of the run.

use tape::ops::{Binary, Operation, Unary};
use tape::{DType, Engine, Tape, Tensor, Var, interpret, try_grad};

use crate::arrays::Array;
use crate::samples::{self, Operand, Sample};
use crate::{by_engine, close, loops, plainly};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

const TYPES: [DType; 2] = [DType::F64, DType::F32];

/// The smallest number of a type.
fn tiny(dtype: DType) -> f64 {
    if dtype == DType::F32 { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) }
}

/// Where functions of each element are stated.
fn points(dtype: DType) -> [f64; 6] {
    [0.0, -0.0, INF, -INF, NAN, tiny(dtype)]
}

/// The values there.
fn values(op: Unary, t: f64) -> [f64; 6] {
    let half = std::f64::consts::LN_2;
    match op {
        Unary::Negate => [0.0, 0.0, -INF, INF, NAN, -t],
        Unary::Exp => [1.0, 1.0, INF, 0.0, NAN, 1.0],
        Unary::Ln => [-INF, -INF, INF, NAN, NAN, t.ln()],
        Unary::Tanh => [0.0, 0.0, 1.0, -1.0, NAN, t],
        Unary::Sigmoid => [0.5, 0.5, 1.0, 0.0, NAN, 0.5],
        Unary::Relu => [0.0, 0.0, INF, 0.0, NAN, t],
        Unary::Step => [0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
        Unary::Softplus => [half, half, INF, 0.0, NAN, half],
        Unary::Sqrt => [0.0, 0.0, INF, NAN, NAN, t.sqrt()],
        Unary::Square => [0.0, 0.0, INF, INF, NAN, 0.0],
        Unary::Recip => [INF, -INF, 0.0, 0.0, NAN, INF],
        Unary::Abs => [0.0, 0.0, INF, INF, NAN, t],
        Unary::Sign => [0.0, 0.0, 1.0, -1.0, NAN, 1.0],
        Unary::Sin => [0.0, 0.0, NAN, NAN, NAN, t],
        Unary::Cos => [1.0, 1.0, NAN, NAN, NAN, 1.0],
        Unary::Detach => [0.0, 0.0, INF, -INF, NAN, t],
    }
}

/// The slopes there; none where no gradient flows.
fn slopes(op: Unary, t: f64) -> Option<[f64; 6]> {
    Some(match op {
        Unary::Negate => [-1.0; 6],
        Unary::Exp => [1.0, 1.0, INF, 0.0, NAN, 1.0],
        Unary::Ln => [INF, -INF, 0.0, 0.0, NAN, INF],
        Unary::Tanh => [1.0, 1.0, 0.0, 0.0, NAN, 1.0],
        Unary::Sigmoid => [0.25, 0.25, 0.0, 0.0, NAN, 0.25],
        Unary::Relu => [0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
        Unary::Softplus => [0.5, 0.5, 1.0, 0.0, NAN, 0.5],
        Unary::Sqrt => [INF, -INF, 0.0, NAN, NAN, 0.5 / t.sqrt()],
        Unary::Square => [0.0, 0.0, INF, -INF, NAN, 2.0 * t],
        Unary::Recip => [-INF, -INF, 0.0, 0.0, NAN, -INF],
        Unary::Abs => [0.0, 0.0, 1.0, -1.0, NAN, 1.0],
        Unary::Sin => [1.0, 1.0, NAN, NAN, NAN, 1.0],
        Unary::Cos => [0.0, 0.0, NAN, NAN, NAN, -t],
        Unary::Step | Unary::Sign | Unary::Detach => return None,
    })
}

/// Where functions of each pair of elements are stated.
fn pairs(t: f64) -> [[f64; 2]; 9] {
    [[0.0, 0.0], [INF, -INF], [INF, INF], [-INF, 1.0], [NAN, 1.0], [1.0, NAN], [1.0, 1.0], [t, t], [0.0, INF]]
}

/// The values there.
fn of_pairs(op: Binary, t: f64) -> [f64; 9] {
    match op {
        Binary::Add => [0.0, NAN, INF, -INF, NAN, NAN, 2.0, 2.0 * t, INF],
        Binary::Sub => [0.0, INF, NAN, -INF, NAN, NAN, 0.0, 0.0, -INF],
        Binary::Mul => [0.0, -INF, INF, -INF, NAN, NAN, 1.0, 0.0, NAN],
        Binary::Div => [NAN, NAN, NAN, -INF, NAN, NAN, 1.0, 1.0, 0.0],
        Binary::Pow => [1.0, 0.0, INF, -INF, NAN, 1.0, 1.0, 1.0, 0.0],
        Binary::Maximum => [0.0, INF, INF, 1.0, NAN, NAN, 1.0, t, INF],
        Binary::Minimum => [0.0, -INF, INF, -INF, NAN, NAN, 1.0, t, 0.0],
        Binary::Greater => [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        Binary::Equal => [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        Binary::TanhGrad => [0.0, -INF, -INF, NAN, NAN, NAN, 0.0, t, NAN],
        Binary::SigmoidGrad => [0.0, -INF, -INF, NAN, NAN, NAN, 0.0, 0.0, NAN],
    }
}

/// Enough copies of some numbers that vectors of every width see each of them at every place, and a rest is left over.
fn repeated(numbers: &[f64]) -> Array {
    let len = 67;
    Array { sizes: vec![len], numbers: numbers.iter().copied().cycle().take(len).collect() }
}

#[track_caller]
fn check(wanted: &[Var<'_>], expected: &[Array], label: &str) {
    let limit = if wanted[0].dtype() == DType::F64 { 1e-14 } else { 1e-6 };
    for (found, way) in [(plainly(wanted), "interpreter"), (by_engine(wanted), "engine")] {
        for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
            close(found, expected, limit, &format!("{label}, {way}, number {number}"));
        }
    }
}

#[test]
fn functions_of_each_element_are_what_is_stated() {
    for dtype in TYPES {
        for op in Unary::ALL {
            let (x, t) = (repeated(&points(dtype)), tiny(dtype));
            close(&loops::map(&x, |x| loops::unary(*op, x)), &repeated(&values(*op, t)), 1e-15, "the loop");
            let tape = Tape::new(dtype);
            let x = tape.input(x.tensor(dtype));
            let y = tape.push(*op, &[x]);
            let gradient = try_grad(y.sum(), &[x]).expect("a sum is a single number").remove(0);
            let stated = slopes(*op, t);
            assert_eq!(gradient.is_some(), stated.is_some(), "{op:?}");
            let wanted: Vec<Var<'_>> = [y].into_iter().chain(gradient).collect();
            let expected: Vec<Array> =
                [values(*op, t)].into_iter().chain(stated).map(|row| repeated(&row)).collect();
            check(&wanted, &expected, &format!("{op:?} {dtype:?}"));
        }
    }
}

#[test]
fn functions_of_pairs_are_what_is_stated() {
    for dtype in TYPES {
        for op in Binary::ALL {
            let t = tiny(dtype);
            let side = |side: usize| repeated(&pairs(t).map(|pair| pair[side]));
            let expected = repeated(&of_pairs(*op, t));
            let plain = loops::pairs(&side(0), &side(1), |x, y| loops::binary(*op, x, y));
            close(&plain, &expected, 1e-15, &format!("{op:?}, the loop"));
            let tape = Tape::new(dtype);
            let [x, y] = [0, 1].map(|number| tape.input(side(number).tensor(dtype)));
            check(&[tape.push(*op, &[x, y])], &[expected], &format!("{op:?} {dtype:?}"));
        }
    }
}

#[test]
fn of_equals_the_first_has_the_gradient() {
    for op in [Binary::Maximum, Binary::Minimum] {
        for dtype in TYPES {
            let tape = Tape::new(dtype);
            let on = |numbers: [f64; 4]| tape.input(repeated(&numbers).tensor(dtype));
            let (x, y) = (on([1.0, INF, NAN, 1.0]), on([1.0, INF, 1.0, NAN]));
            let gradients = try_grad((tape.push(op, &[x, y]) * 3.0).sum(), &[x, y]).expect("a number");
            let wanted: Vec<Var<'_>> = gradients.into_iter().flatten().collect();
            check(&wanted, &[repeated(&[3.0]), repeated(&[0.0])], &format!("{op:?}"));
        }
    }
}

#[test]
fn the_largest_along_an_axis_share_the_gradient() {
    let row = |numbers: &[f64], largest: f64, gradient: &[f64]| {
        for dtype in TYPES {
            let tape = Tape::new(dtype);
            let x = tape.input(Tensor::from_f64(dtype, [1, numbers.len()], numbers));
            let y = x.max_along(&[1]);
            let dx = try_grad((y * 6.0).sum(), &[x]).expect("a number").remove(0).expect("it depends on x");
            let array =
                |sizes: &[usize], numbers: &[f64]| Array { sizes: sizes.to_vec(), numbers: numbers.to_vec() };
            let expected = [array(&[1], &[largest]), array(&[1, numbers.len()], gradient)];
            check(&[y, dx], &expected, &format!("max of {numbers:?}"));
        }
    };
    row(&[2.0, 1.0, 2.0], 2.0, &[3.0, 0.0, 3.0]);
    row(&[-INF, -INF], -INF, &[3.0, 3.0]);
    row(&[INF, 1.0, -INF], INF, &[6.0, 0.0, 0.0]);
    row(&[1.0, NAN, 3.0], NAN, &[NAN; 3]);
    row(&[NAN, 3.0], NAN, &[NAN; 2]);
}

#[test]
fn rows_of_scores_are_what_is_stated() {
    let (m, half) = (f64::from(f32::MAX), -std::f64::consts::LN_2);
    let cases: [(&[f64], &[f64], &[f64]); 7] = [
        (&[-INF, 0.0, 0.0], &[0.0, 0.5, 0.5], &[-INF, half, half]),
        (&[1000.0, 0.0, -1000.0], &[1.0, 0.0, 0.0], &[0.0, -1000.0, -2000.0]),
        (&[m, 0.0, -m], &[1.0, 0.0, 0.0], &[0.0, -m, -2.0 * m]),
        (&[5.0, -INF, -INF], &[1.0, 0.0, 0.0], &[0.0, -INF, -INF]),
        (&[-INF; 3], &[NAN; 3], &[NAN; 3]),
        (&[INF, 0.0, -INF], &[NAN; 3], &[NAN; 3]),
        (&[NAN, 0.0, 1.0], &[NAN; 3], &[NAN; 3]),
    ];
    for dtype in TYPES {
        for (scores, probabilities, logarithms) in cases {
            // A second row is wider than any vector, by scores that have no share.
            for spare in [0, 37] {
                let wide = |row: &[f64], fill: f64| {
                    let fill = if row.iter().all(|x| x.is_nan()) { NAN } else { fill };
                    let numbers: Vec<f64> = row.iter().copied().chain(vec![fill; spare]).collect();
                    // What is too large for the type is infinite.
                    let numbers = Tensor::from_f64(dtype, [1, numbers.len()], &numbers);
                    Array::of(&numbers)
                };
                let (p, l) = (wide(probabilities, 0.0), wide(logarithms, -INF));
                let tape = Tape::new(dtype);
                let given = {
                    let numbers: Vec<f64> = scores.iter().copied().chain(vec![-INF; spare]).collect();
                    tape.input(Tensor::from_f64(dtype, [1, numbers.len()], &numbers))
                };
                let label = format!("{dtype:?} scores {scores:?} and {spare} of -inf");
                check(&[given.softmax(), given.log_softmax()], &[p.clone(), l.clone()], &label);

                // Minus the logarithm of the share of each entry, and its gradient, `p - [i]`.
                for right in 0..scores.len() {
                    let index = tape.input(Tensor::new([1], vec![right as i32]));
                    let e = given.cross_entropy(index);
                    let de = try_grad(e.sum(), &[given]).expect("a number").remove(0).expect("it depends");
                    let minus = |(k, p): (usize, &f64)| if k == right { p - 1.0 } else { *p };
                    let gradient =
                        Array { numbers: p.numbers.iter().enumerate().map(minus).collect(), ..p.clone() };
                    let value = Array { sizes: vec![1], numbers: vec![-l.numbers[right]] };
                    check(&[e, de], &[value, gradient], &format!("{label}, right {right}"));
                }
            }
        }
    }
}

#[test]
fn scores_without_a_share_have_no_gradient() {
    for dtype in TYPES {
        let tape = Tape::new(dtype);
        let x = tape.input(Tensor::from_f64(dtype, [1, 3], &[-INF, 0.0, 0.0]));
        let w = tape.input(Tensor::from_f64(dtype, [1, 3], &[5.0, 1.0, 3.0]));
        let of_softmax = try_grad((x.softmax() * w).sum(), &[x]).expect("a number").remove(0).expect("some");
        // The logarithm of the first is infinite, so it is left out of the sum.
        let rest = (x.log_softmax() * w).slice(1, 1..3).sum();
        let of_logarithm = try_grad(rest, &[x]).expect("a number").remove(0).expect("some");
        let array = |numbers: [f64; 3]| Array { sizes: vec![1, 3], numbers: numbers.to_vec() };
        check(&[of_softmax, of_logarithm], &[array([0.0, -0.5, 0.5]), array([0.0, -1.0, 1.0])], "masked");
    }
}

/// What operations make of extremes beside what is stated above.
#[derive(PartialEq)]
enum Treated {
    /// Elements are moved and not computed with: all bits stay.
    Moved,
    /// The plain loop says it.
    AsTheLoop,
    /// Derivatives by other formulas than the loop's stand among the samples: interpreter and engine agree.
    Alike,
}

fn treated(operation: Operation) -> Treated {
    match operation {
        Operation::Input
        | Operation::Reshape
        | Operation::Expand
        | Operation::Transpose
        | Operation::Slice
        | Operation::Pad
        | Operation::Concat
        | Operation::Gather
        | Operation::Pick
        | Operation::Place
        | Operation::Unfold
        | Operation::Barrier => Treated::Moved,
        Operation::Fused
        | Operation::Scalar
        | Operation::Unary
        | Operation::Binary
        | Operation::Dot
        | Operation::Sum
        | Operation::Max
        | Operation::ScatterAdd
        | Operation::Fold
        | Operation::Softmax
        | Operation::LogSoftmax
        | Operation::CrossEntropy
        | Operation::CrossEntropyGradient
        | Operation::Custom => Treated::AsTheLoop,
        Operation::Scan | Operation::Part => Treated::Alike,
    }
}

/// The operands of a sample with an extreme in every place that `every` falls on, from the `salt`th extreme on.
fn extreme(sample: &Sample, dtype: DType, every: usize, salt: usize) -> Vec<Array> {
    let t = tiny(dtype);
    let extremes = [NAN, 0.0, INF, t, -0.0, -INF, -t, 1.0, 1.0];
    let spoil = |(operand, mut x): (&Operand, Array)| {
        if operand.is_real() {
            let places =
                x.numbers.iter_mut().enumerate().filter(|(place, _)| (place + salt).is_multiple_of(every));
            places.for_each(|(place, x)| *x = extremes[(place / every + salt) % extremes.len()]);
            x.numbers.iter_mut().for_each(|x| {
                if dtype == DType::F32 {
                    *x = f64::from(*x as f32)
                }
            });
        }
        x
    };
    sample.operands.iter().zip(sample.arrays()).map(spoil).collect()
}

#[test]
fn extremes_among_operands_are_treated_alike_everywhere() {
    for sample in samples::all() {
        let treated = treated(sample.operation);
        for dtype in TYPES {
            for (every, salt) in (0..9).map(|salt| (1 + salt % 4, salt)) {
                let arrays = extreme(&sample, dtype, every, salt);
                let tape = Tape::new(dtype);
                let inputs = sample.inputs(&tape, &arrays);
                let result = (sample.record)(&inputs);
                let label = format!("{} {dtype:?}, from extreme {salt}: {arrays:?}", sample.label);
                let (plain, fast) = (plainly(&[result]).remove(0), by_engine(&[result]).remove(0));
                let limit = match (&treated, dtype) {
                    (Treated::Moved, _) => 0.0,
                    (_, DType::F32) => 1e-5,
                    _ => 1e-12,
                };
                close(&fast, &plain, limit, &label);
                if treated != Treated::Alike {
                    // What is too large or too small for the type is so for the loop.
                    let expected = Array::of(&(sample.plain)(&arrays).tensor(dtype));
                    close(&plain, &expected, limit, &label);
                }
            }
        }
    }
}

#[test]
fn gradients_at_extremes_are_the_same_in_the_engine() {
    for sample in samples::all() {
        for dtype in TYPES {
            for (every, salt) in (0..9).map(|salt| (2 + salt % 3, salt)) {
                let arrays = extreme(&sample, dtype, every, salt);
                let tape = Tape::new(dtype);
                let inputs = sample.inputs(&tape, &arrays);
                let result = (sample.record)(&inputs);
                let gradients = try_grad(result.sum(), &sample.real(&inputs)).expect("a number");
                let wanted: Vec<Var<'_>> = gradients.into_iter().flatten().collect();
                let label = format!("{} {dtype:?}, from extreme {salt}: {arrays:?}", sample.label);
                for (fast, plain) in by_engine(&wanted).iter().zip(plainly(&wanted)) {
                    close(fast, &plain, if dtype == DType::F32 { 1e-4 } else { 1e-11 }, &label);
                }
            }
        }
    }
}

#[test]
fn an_index_outside_is_an_error_of_the_run() {
    let mut tried = 0;
    for sample in samples::all() {
        let outside = sample.operands.iter().position(|operand| !operand.is_real());
        let Some(operand) = outside.filter(|_| sample.op.is_some()) else { continue };
        for wrong in [-1.0, 99.0, f64::from(i32::MIN)] {
            for last in [false, true] {
                let mut arrays = sample.arrays();
                let indices = &mut arrays[operand].numbers;
                let Some(place) = (if last { indices.last_mut() } else { indices.first_mut() }) else {
                    continue;
                };
                *place = wrong;
                let tape = Tape::new(DType::F32);
                let result = (sample.record)(&sample.inputs(&tape, &arrays));
                let plain = interpret(&[result]).expect_err(&sample.label).to_string();
                assert!(plain.contains(&format!("index {wrong} at position ")), "{}: {plain}", sample.label);
                let fast = Engine::new().run(&[result]).map(|_| ()).expect_err(&sample.label).to_string();
                assert!(fast.contains(&format!("index {wrong} at position ")), "{}: {fast}", sample.label);
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
}
